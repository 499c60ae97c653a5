"""`package.json`, by npm or pnpm."""

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from shlex import quote
from typing import Any, Final

from blueprints.dependency.plan import Plan, Project, planned
from blueprints.dependency.wish import Wish

_MANIFEST: Final = "package.json"
_LOCKS: Final = ("package-lock.json", "npm-shrinkwrap.json")
_PNPM_LOCK: Final = "pnpm-lock.yaml"
_OTHER_LOCKS: Final = (_PNPM_LOCK, "yarn.lock", "bun.lock", "bun.lockb")
_KINDS: Final = {
    "dependencies": "--save-prod",
    "devDependencies": "--save-dev",
    "optionalDependencies": "--save-optional",
    "peerDependencies": "--save-peer",
}
"""Tables of a manifest, and how both tools are told of them."""
_PINNED_TOOL: Final = re.compile(r"pnpm@\d+(?:\.\d+){0,2}")
_PNPM: Final = "pnpm@10"
"""Where neither the box nor the repository says which; it reads lock files of the last three major versions."""


class Npm:
    """`Updater` by npm, with its lock file or without one."""

    name = "npm"
    ecosystem = "npm"
    manifests = (_MANIFEST, *_LOCKS, *_OTHER_LOCKS)

    def before(self, project: Project, name: str) -> str | None:
        """As `Updater` says."""
        if not project.has(_MANIFEST) or _is_locked_otherwise(project):
            return None
        wanted = next((_bare(spec) for _, spec in _wanted(project, name)), None)
        lock = _lock(project)
        if wanted is None and (not project.has(lock) or _is_a_members(project, name)):
            return None
        packages = _packages(project, lock)
        places = (f"{_seen_from(project, lock)}/node_modules/{name}", f"node_modules/{name}")
        entry = next((packages[place] for place in places if place in packages), None)
        return str(entry.get("version", "")) if isinstance(entry, Mapping) else wanted

    def plan(self, project: Project, wish: Wish) -> Plan:
        """As `Updater` says. Scripts of packages are not run: `set_up` does that, as it does before.

        In a folder that is a member of a workspace npm writes the lock file above it.
        """
        lock = _lock(project)
        quiet = f"--ignore-scripts --no-audit --no-fund {'--package-lock-only' if lock else '--no-package-lock'}"
        commands = [
            f"npm install {quiet} {_KINDS[table]} {_style(spec)} {quote(f'{wish.name}@{wish.version}')}"
            for table, spec in _wanted(project, wish.name)
        ] or [f"npm update {quiet} {quote(wish.name)}"]
        if not lock:  # without one, npm would install what it is not asked for here
            keys = [(table, f"{_prefix(spec)}{wish.version}") for table, spec in _wanted(project, wish.name)]
            commands = [f"npm pkg set {quote(f'{table}[{wish.name}]={spec}')}" for table, spec in keys]
        return planned(self, project, wish, commands, files=(_MANIFEST,), locks=(lock,) if lock else ())


class Pnpm:
    """`Updater` by pnpm."""

    name = "pnpm"
    ecosystem = "npm"
    manifests = (_MANIFEST, _PNPM_LOCK)

    def before(self, project: Project, name: str) -> str | None:
        """As `Updater` says."""
        if not _pnpm_lock(project):
            return None
        return next((_bare(spec) for _, spec in _wanted(project, name)), None)

    def plan(self, project: Project, wish: Wish) -> Plan:
        """As `Updater` says. The repository's own version of pnpm, where it names one."""
        said = str(_read(project.text(_MANIFEST)).get("packageManager", ""))
        found = _PINNED_TOOL.match(said)
        tool = f"npx --yes {found[0] if found else _PNPM}"
        tool = tool if found else f"$(command -v pnpm || echo {tool})"
        commands = [
            f"{tool} add --lockfile-only --ignore-scripts {_KINDS[table]} {_style(spec)} "
            f"{quote(f'{wish.name}@{wish.version}')}"
            for table, spec in _wanted(project, wish.name)
        ]
        return planned(self, project, wish, commands, files=(_MANIFEST,), locks=(_pnpm_lock(project),))


def _lock(project: Project) -> str:
    """The lock file that holds what the project wants: its own, or that of a workspace that it is a member of."""
    if own := next((name for name in _LOCKS if project.has(name)), ""):
        return own
    for lock in project.above(*_LOCKS):
        if _seen_from(project, lock) in _packages(project, lock):
            return lock
    return ""


def _seen_from(project: Project, lock: str) -> str:
    """The project's folder, as a lock file above it says it."""
    return posixpath.relpath(project.folder or ".", posixpath.dirname(project.path(lock)) or ".")


def _is_locked_otherwise(project: Project) -> bool:
    """Here, or by a workspace above, of which it cannot be seen whether the project is a member."""
    return any(map(project.has, _OTHER_LOCKS)) or (not _lock(project) and any(project.above(*_OTHER_LOCKS)))


def _pnpm_lock(project: Project) -> str:
    if project.has(_PNPM_LOCK):
        return _PNPM_LOCK
    for lock in project.above(_PNPM_LOCK):
        if re.search(rf"(?m)^  '?{re.escape(_seen_from(project, lock))}'?:", project.text(lock)):
            return lock
    return ""


def _packages(project: Project, lock: str) -> Mapping[str, Any]:
    packages = _read(project.text(lock)).get("packages") if lock else None
    return packages if isinstance(packages, Mapping) else {}


def _is_a_members(project: Project, name: str) -> bool:
    """Whether a member of the workspace wants the package: there it is updated."""
    members = (key for key in _packages(project, _lock(project)) if key and "node_modules" not in key.split("/"))
    return any(any(_wanted(Project(project.path(member), project.texts), name)) for member in members)


@lru_cache(maxsize=16)
def _read(text: str) -> Mapping[str, Any]:
    try:
        said = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _wanted(project: Project, name: str) -> Iterator[tuple[str, str]]:
    """Tables of the manifest that want a package, and what they let in; not of one that a file or a place gives."""
    said = _read(project.text(_MANIFEST))
    for table in _KINDS:
        packages = said.get(table)
        spec = packages.get(name) if isinstance(packages, Mapping) else None
        if isinstance(spec, str) and not re.match(r"[a-z]+:|\.|/", spec):
            yield table, spec


def _prefix(spec: str) -> str:
    found = re.match(r"\s*(\^|~|>=)?", spec)
    return found[1] or "" if found else ""


def _style(spec: str) -> str:
    """How what is let in is to be written: as before, as far as the tools know that."""
    prefix = _prefix(spec)
    if prefix == "~":
        return "--save-prefix='~'"
    return "--save-exact" if re.fullmatch(r"\s*=?v?\d+\.\d+\.\d+\S*\s*", spec) else "--save-prefix='^'"


def _bare(spec: str) -> str:
    found = re.search(r"\d[\w.+-]*", spec)
    return found[0] if found else ""
