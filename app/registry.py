"""Every blueprint of an installation: ours, those of installed packages, and those in a folder of the operator's.

They are loaded once, at start. What is wrong with one is told with whose it is, and nothing starts: a run must not be
the first to find out.
"""

import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from app.agent.prompt import load_prompt
from app.agent.prompt import names as prompt_names
from app.agent.tools.all_tools import chosen
from app.core.blueprint import Blueprint
from app.core.errors import BlueprintError, SettingsError
from app.core.events import HELP
from blueprints import BLUEPRINTS

GROUP: Final = "minions.blueprints"
"""Of entry points: `NAME = "package.module:BLUEPRINT"`."""
PACKAGE: Final = "team_blueprints"
"""By which the modules in the operator's folder are imported, and import each other."""
NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
"""What can be written behind `/minion`, as a label, and as a folder that Python imports."""

Blueprints = Mapping[str, Blueprint[Any]]


def load(folder: Path | None = None) -> Blueprints:
    """All of them, by name. Raises SettingsError if there is no such folder, and BlueprintError."""
    found: dict[str, Blueprint[Any]] = dict(BLUEPRINTS)
    whose = dict.fromkeys(found, "Minions itself")
    for owner, name, blueprint in (*_of_packages(), *_of_folder(folder)):
        one = _checked(owner, name, blueprint)
        if name in found:
            raise BlueprintError(f"{owner}: {whose[name]} has a blueprint {name!r} already. Give it another name.")
        found[name], whose[name] = one, owner
    return found


def package_of(name: str, folder: Path | None = None) -> str:
    """The package in which a blueprint that `load` found lies, with what belongs to it."""
    for point in entry_points(group=GROUP):
        if point.name == name:
            module = importlib.import_module(point.module)
            return module.__name__ if hasattr(module, "__path__") else module.__name__.rpartition(".")[0]
    if folder is not None and name not in BLUEPRINTS:
        return f"{PACKAGE}.{name}"
    return f"blueprints.{name}"


def check_wiring(blueprints: Blueprints) -> None:
    """Raise BlueprintError if an agent node wants a prompt or a tool that there is not: at start, not in a run."""
    for blueprint in blueprints.values():
        for node in blueprint.edges:
            if node.agent:
                prompt_names(load_prompt(node.module, node.agent.prompt))
                chosen(node.agent.tools)


def _of_packages() -> Iterator[tuple[str, str, object]]:
    """Of each installed package that says it has some: whose, name, and what is there."""
    for point in sorted(entry_points(group=GROUP), key=lambda one: (_package(one), one.name)):
        owner = f"Package {_package(point)}, blueprint {point.name}"
        yield owner, point.name, _loaded(owner, point.load)


def _of_folder(folder: Path | None) -> Iterator[tuple[str, str, object]]:
    if folder is None:
        return
    if not folder.is_dir():
        raise SettingsError(f"MINIONS_BLUEPRINTS_FOLDER names {folder}, which is no folder.")
    _make_importable(folder.resolve())
    for file in sorted(folder.glob("*/blueprint.py")):
        name, owner = file.parent.name, f"Folder {file.parent}"
        if not NAME.fullmatch(name):
            raise BlueprintError(f"{owner}: {_ill_named(name)}")
        module = _loaded(owner, lambda name=name: importlib.import_module(f"{PACKAGE}.{name}.blueprint"))
        if not hasattr(module, "BLUEPRINT"):
            raise BlueprintError(f"{owner}: blueprint.py has no BLUEPRINT.")
        yield owner, name, module.BLUEPRINT


def _make_importable(folder: Path) -> None:
    """Have `team_blueprints` be this folder. What was imported from another one is forgotten."""
    known = sys.modules.get(PACKAGE)
    if known is not None and list(known.__path__) == [str(folder)]:
        return
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]
    package = ModuleType(PACKAGE, "Blueprints of this installation's operator.")
    package.__path__ = [str(folder)]
    sys.modules[PACKAGE] = package
    importlib.invalidate_caches()


def _loaded(owner: str, load: Any) -> Any:
    """What is there. Whatever somebody else's code raises when it is imported is told as theirs."""
    try:
        return load()
    except BlueprintError as error:
        raise BlueprintError(f"{owner}: {error}", detail=error.detail) from error
    except Exception as error:
        raise BlueprintError(f"{owner}: it cannot be imported: {type(error).__name__}: {error}") from error


def _checked(owner: str, name: str, found: object) -> Blueprint[Any]:
    if not isinstance(found, Blueprint):
        raise BlueprintError(f"{owner}: what is there is no Blueprint, but of the type {type(found).__name__}.")
    if not NAME.fullmatch(name) or name == HELP:
        raise BlueprintError(f"{owner}: {_ill_named(name)}")
    if found.name != name:
        raise BlueprintError(f"{owner}: the blueprint calls itself {found.name!r}; both must be the same.")
    try:
        check_wiring({name: found})
    except BlueprintError as error:
        raise BlueprintError(f"{owner}: {error}", detail=error.detail) from error
    return found


def _ill_named(name: str) -> str:
    return f"{name!r} cannot be its name: take small letters, digits and _, a letter first, and not {HELP!r}."


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"
