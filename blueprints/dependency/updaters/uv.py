"""`uv.lock`, by uv; and projects without a lock file that have a `pyproject.toml`, whose tool is uv, too."""

from shlex import quote
from typing import Final

from blueprints.dependency.plan import Plan, Project, planned
from blueprints.dependency.updaters.python import PYTHON, admits, declared, locked, respecified, version_in, written
from blueprints.dependency.wish import Wish

_MANIFEST: Final = "pyproject.toml"
_LOCK: Final = "uv.lock"
_OTHER_LOCKS: Final = ("poetry.lock", "pdm.lock")


class Uv:
    """`Updater` by uv, where it locks."""

    name = "uv"
    ecosystem = "pypi"
    manifests = (_MANIFEST, _LOCK)

    def before(self, project: Project, name: str) -> str | None:
        """As `Updater` says. What is locked without being wanted by itself counts, too."""
        if not project.has(_LOCK):
            return None
        return locked(project.text(_LOCK), name) or None

    def plan(self, project: Project, wish: Wish) -> Plan:
        """As `Updater` says: the manifest is left alone where it lets the new version in already."""
        commands = [
            f"uv add --quiet --frozen --python {PYTHON} {' '.join(map(quote, option))} {quote(written(wanted, spec))}"
            for option, wanted in declared(project.text(_MANIFEST), wish.name)
            if not admits(wanted.specifier, wish.version) and (spec := respecified(wanted.specifier, wish.version))
        ]
        pinned = quote(f"{wish.name}=={wish.version}")
        commands.append(f"uv lock --quiet --python {PYTHON} --upgrade-package {pinned}")
        tidied = (" ".join(command.split(" ")).replace("  ", " ") for command in commands)
        return planned(self, project, wish, tidied, files=(_MANIFEST,), locks=(_LOCK,))


class Unlocked:
    """`Updater` by uv, where nothing is locked: only the manifest is changed."""

    name = "uv, without a lock file"
    ecosystem = "pypi"
    manifests = (_MANIFEST, _LOCK, *_OTHER_LOCKS)

    def before(self, project: Project, name: str) -> str | None:
        """As `Updater` says."""
        if any(map(project.has, (_LOCK, *_OTHER_LOCKS))):
            return None
        found = declared(project.text(_MANIFEST), name)
        return version_in(found[0].requirement.specifier) if found else None

    def plan(self, project: Project, wish: Wish) -> Plan:
        """As `Updater` says."""
        commands = []
        for option, wanted in declared(project.text(_MANIFEST), wish.name):
            spec = respecified(wanted.specifier, wish.version) or f">={wish.version}"
            words = ["uv", "add", "--quiet", "--frozen", "--python", PYTHON, *option, written(wanted, spec)]
            commands.append(" ".join(map(quote, words)))
        return planned(self, project, wish, commands, files=(_MANIFEST,))
