"""Write a blueprint that works, with its test: something to change rather than something to begin."""

from importlib import resources
from pathlib import Path
from string import Template
from typing import Final

from app.core.errors import SettingsError
from app.registry import NAME, load

_FILES: Final = {
    "blueprint.py": "blueprint.txt",
    "change.md": "change.txt",
    "README.md": "readme.txt",
    "script.yaml": "script.txt",
    "test_{name}.py": "test.txt",
}
"""What is written, and the text that it is made of."""


def write(name: str, folder: Path) -> list[Path]:
    """Write the blueprint `name` in a folder of its own below `folder`; answer with its files.

    Raises SettingsError if the name cannot be used, or is taken.
    """
    if not NAME.fullmatch(name):
        raise SettingsError(f"{name!r} cannot be its name: take small letters, digits and _, a letter first.")
    if name in load():
        raise SettingsError(f"There is a blueprint {name!r} already. Choose another name.")
    own = folder / name
    if own.exists():
        raise SettingsError(f"{own} is there already. Choose another name, or take it away.")
    own.mkdir(parents=True)
    facts = {"name": name, "title": name.replace("_", " ").capitalize(), "state": name.title().replace("_", "")}
    written = []
    for file, text in _FILES.items():
        path = own / file.format(name=name)
        path.write_text(_Named(_text(text)).substitute(facts), encoding="utf-8")
        written.append(path)
    return written


class _Named(Template):
    """`@@name` instead of `$name`, which the prompts themselves have."""

    delimiter = "@@"


def _text(file: str) -> str:
    return resources.files("app.new_blueprint").joinpath("template", file).read_text(encoding="utf-8")
