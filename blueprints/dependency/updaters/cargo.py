"""`Cargo.toml`, by cargo."""

import re
from collections.abc import Iterator
from shlex import quote
from typing import Any, Final

from blueprints.dependency.plan import Plan, Project, planned
from blueprints.dependency.updaters.python import entry, table, toml
from blueprints.dependency.wish import Wish

_MANIFEST: Final = "Cargo.toml"
_LOCK: Final = "Cargo.lock"
_KINDS: Final = {"dependencies": "", "dev-dependencies": "--dev ", "build-dependencies": "--build "}


class Cargo:
    """`Updater` by cargo."""

    name = "cargo"
    ecosystem = "crates"
    manifests = (_MANIFEST, _LOCK)

    def before(self, project: Project, name: str) -> str | None:
        """As `Updater` says."""
        if found := entry(project.text(_LOCK), name):
            return found
        return next((spec.strip("^~=> ") for _, spec in _wanted(project.text(_MANIFEST), name)), None)

    def plan(self, project: Project, wish: Wish) -> Plan:
        """As `Updater` says: the manifest is left alone where it lets the new version in already."""
        pinned = quote(f"{wish.name}@{wish.version}")
        commands = [
            f"cargo add --quiet {option}{pinned}"
            for option, spec in _wanted(project.text(_MANIFEST), wish.name)
            if not admits(spec, wish.version)
        ]
        if not project.has(_LOCK):
            return planned(self, project, wish, commands, files=(_MANIFEST,))
        commands.append(f"cargo update --quiet --package {quote(wish.name)} --precise {quote(wish.version)}")
        return planned(self, project, wish, commands, files=(_MANIFEST,), locks=(_LOCK,))


def admits(spec: str, version: str) -> bool:
    """Whether Cargo's default, `^`, lets a version in; other operators are written anew.

    https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html#default-requirements
    """
    bare = spec.strip().removeprefix("^").strip()
    if not re.fullmatch(r"\d+(?:\.\d+){0,2}", bare):
        return bare == f"={version}"
    low = [int(part) for part in bare.split(".")]
    new = [int(part) for part in re.findall(r"\d+", version)[:3]]
    fixed = next((at + 1 for at, part in enumerate(low) if part), len(low))
    return new[:fixed] == low[:fixed] and new >= low


def _wanted(text: str, name: str) -> Iterator[tuple[str, str]]:
    """Where the manifest wants a crate from the registry, and what it lets in."""
    said: Any = toml(text)
    for kind, option in _KINDS.items():
        one = table(said, kind).get(name)
        spec = one.get("version") if isinstance(one, dict) else one
        if isinstance(spec, str):
            yield option, spec
