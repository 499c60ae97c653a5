"""`poetry.lock`, by Poetry."""

import re
from collections.abc import Iterator
from shlex import quote
from typing import Any, Final

from packaging.utils import canonicalize_name

from blueprints.dependency.plan import Plan, Project, planned
from blueprints.dependency.updaters.python import PYTHON, admits, declared, locked, respecified, table, toml
from blueprints.dependency.wish import Wish

_MANIFEST: Final = "pyproject.toml"
_LOCK: Final = "poetry.lock"
_TOOL: Final = f"uv tool run --quiet --python {PYTHON} poetry --no-interaction --quiet"
"""Poetry is not part of the box; the newest one reads what older ones wrote."""
_OPERATOR: Final = re.compile(r"\s*(\^|~|==|>=|)\s*\d")


class Poetry:
    """`Updater` by Poetry."""

    name = "Poetry"
    ecosystem = "pypi"
    manifests = (_MANIFEST, _LOCK)

    def before(self, project: Project, name: str) -> str | None:
        """As `Updater` says."""
        return locked(project.text(_LOCK), name) or None

    def plan(self, project: Project, wish: Wish) -> Plan:
        """As `Updater` says. What is wanted is written anew in any case: only so Poetry takes this very version."""
        text = project.text(_MANIFEST)
        commands = []
        for option, constraint in _wanted(text, wish.name):
            found = _OPERATOR.match(constraint)
            operator = found[1] if found else "^"
            wanted = f"{wish.name}@{operator or '=='}{wish.version}"
            commands.append(f"{_TOOL} add --lock {option}{quote(wanted)}")
        for place, standard in declared(text, wish.name):
            if not admits(standard.specifier, wish.version):
                spec = respecified(standard.specifier, wish.version)
                where = f"--optional {quote(place[1])} " if place[:1] == ("--optional",) else ""
                commands.append(f"{_TOOL} add --lock {where}{quote(f'{wish.name}{spec}')}")
        if not commands:
            commands.append(f"{_TOOL} update --lock {quote(wish.name)}")
        return planned(self, project, wish, commands, files=(_MANIFEST,), locks=(_LOCK,))


def _wanted(text: str, name: str) -> Iterator[tuple[str, str]]:
    """Where Poetry's own tables want a package: the option that names the place, and what is let in."""
    poetry = table(toml(text), "tool", "poetry")
    places: list[tuple[str, Any]] = [("", poetry.get("dependencies"))]
    places += [
        (f"--group {quote(group)} ", table(said, "dependencies")) for group, said in table(poetry, "group").items()
    ]
    places.append(("--group dev ", poetry.get("dev-dependencies")))
    for option, packages in places:
        for key, said in table(packages).items():
            if canonicalize_name(key) == canonicalize_name(name):
                yield option, str(said.get("version", "")) if isinstance(said, dict) else str(said)
