"""`package.json`, by npm or pnpm."""

import json
import re
from collections.abc import Iterator, Mapping
from shlex import quote
from typing import Any, Final

from blueprints.dependency.plan import Plan, Project, planned
from blueprints.dependency.wish import Wish

_MANIFEST: Final = "package.json"
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
    manifests = (_MANIFEST, "package-lock.json", "npm-shrinkwrap.json")

    def before(self, project: Project, name: str) -> str | None:
        """As `Updater` says."""
        if not project.has(_MANIFEST) or any(map(project.has, ("pnpm-lock.yaml", "yarn.lock", "bun.lock"))):
            return None
        packages = _read(project.text(_lock(project))).get("packages") if _lock(project) else None
        entry = packages.get(f"node_modules/{name}") if isinstance(packages, Mapping) else None
        if isinstance(entry, Mapping):
            return str(entry.get("version", ""))
        return next((_bare(spec) for _, spec in _wanted(project, name)), None)

    def plan(self, project: Project, wish: Wish) -> Plan:
        """As `Updater` says. Scripts of packages are not run: `set_up` does that, as it does before."""
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
    manifests = (_MANIFEST, "pnpm-lock.yaml")

    def before(self, project: Project, name: str) -> str | None:
        """As `Updater` says."""
        if not project.has("pnpm-lock.yaml"):
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
        return planned(self, project, wish, commands, files=(_MANIFEST,), locks=("pnpm-lock.yaml",))


def _lock(project: Project) -> str:
    return next((name for name in ("package-lock.json", "npm-shrinkwrap.json") if project.has(name)), "")


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
