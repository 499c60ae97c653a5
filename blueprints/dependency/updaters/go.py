"""`go.mod`, by go."""

import re
from shlex import quote
from typing import Final

from blueprints.dependency.plan import Plan, Project, planned
from blueprints.dependency.wish import Wish

_MANIFEST: Final = "go.mod"
_REQUIRED: Final = r"(?m)^\s*(?:require\s+)?{}\s+v(\S+)"
_MAJOR: Final = re.compile(r"/v(\d+)$")


class Go:
    """`Updater` by go."""

    name = "go"
    ecosystem = "go"
    manifests = (_MANIFEST, "go.sum")

    def before(self, project: Project, name: str) -> str | None:
        """As `Updater` says. A module whose name ends in another major version is the same to whoever asks."""
        module = _module(project.text(_MANIFEST), name)
        found = re.search(_REQUIRED.format(re.escape(module)), project.text(_MANIFEST)) if module else None
        return found[1].removesuffix("+incompatible") if found else None

    def plan(self, project: Project, wish: Wish) -> Plan:
        """As `Updater` says. From version 2 on, another major version is another module, whose imports code names.

        The old one then stays until the code is adapted: go would take away what nothing imports.
        """
        module = _module(project.text(_MANIFEST), wish.name)
        wanted = _named(module, wish.version)
        commands = [f"go get {quote(f'{wanted}@v{wish.version}')}"]
        if wanted == module:
            commands.append("go mod tidy")
        return planned(self, project, wish, commands, files=(_MANIFEST, "go.sum"), name=wanted)


def _module(text: str, name: str) -> str:
    """The module as the manifest names it; empty if it does not."""
    for module in (name, *(f"{_MAJOR.sub('', name)}/v{major}" for major in range(2, 100)), _MAJOR.sub("", name)):
        if re.search(_REQUIRED.format(re.escape(module)), text):
            return module
    return ""


def _named(module: str, version: str) -> str:
    """https://go.dev/ref/mod#major-version-suffixes"""
    major = re.match(r"\d+", version)
    bare = _MAJOR.sub("", module)
    if module.startswith("gopkg.in/") or major is None or int(major[0]) < 2 or version.endswith("+incompatible"):
        return module
    return f"{bare}/v{major[0]}"
