"""Files of requirements: those that pip-tools or uv compiled are compiled anew, the others are edited in place."""

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from shlex import quote
from typing import Final

from blueprints.dependency.plan import Plan, Project, planned
from blueprints.dependency.updaters.python import (
    PYTHON,
    admits,
    lines_with,
    respecified,
    version_in,
    written,
)
from blueprints.dependency.wish import Wish

_TEXTS: Final = ("*requirements*.txt", "constraints*.txt")
_SOURCES: Final = ("*requirements*.in",)
_COMPILED: Final = re.compile(r"(?m)\A(?:#.*\n){0,12}?#\s+(?P<by>uv pip compile|pip-compile)\b(?P<how>[^\n]*)")
"""How both tools begin what they write."""


class PipTools:
    """`Updater` by pip-tools, or by uv in its manner: `x.in` is compiled to `x.txt`."""

    name = "pip-tools"
    ecosystem = "pypi"
    manifests = (*_SOURCES, *_TEXTS)

    def before(self, project: Project, name: str) -> str | None:
        """As `Updater` says. What is compiled in without being wanted by itself counts, too."""
        for _, target in _pairs(project):
            for _, _, found in lines_with(project.text(target), name):
                return version_in(found.specifier)
        return None

    def plan(self, project: Project, wish: Wish) -> Plan:
        """As `Updater` says."""
        pairs = list(_pairs(project))
        commands = [edit for source, _ in pairs for edit in _edits(project, source, wish, only_if_needed=True)]
        pinned = quote(f"{wish.name}=={wish.version}")
        for source, target in pairs:
            if not any(lines_with(project.text(target), wish.name)):
                continue
            header = _COMPILED.match(project.text(target))
            hashes = "--generate-hashes " if header and "--generate-hashes" in header["how"] else ""
            tool = f"uv tool run --quiet --python {PYTHON} --from pip-tools pip-compile --quiet --output-file"
            if header and header["by"] == "uv pip compile":
                tool = f"uv pip compile --quiet --python {PYTHON} --output-file"
            commands.append(f"{tool} {quote(target)} {hashes}--upgrade-package {pinned} {quote(source)}")
        return planned(
            self, project, wish, commands, files=[source for source, _ in pairs], locks=[target for _, target in pairs]
        )


class Requirements:
    """`Updater` of files that people write by hand: the line gets another version, in the manner of the old one."""

    name = "requirements"
    ecosystem = "pypi"
    manifests = _TEXTS

    def before(self, project: Project, name: str) -> str | None:
        """As `Updater` says. Hashes cannot be written by hand, so such a file is nobody's."""
        found = [one for file in _by_hand(project) for one in lines_with(project.text(file), name)]
        if not found or any("--hash" in line or line.rstrip().endswith("\\") for _, line, _ in found):
            return None
        return version_in(found[0][2].specifier)

    def plan(self, project: Project, wish: Wish) -> Plan:
        """As `Updater` says."""
        commands = [edit for file in _by_hand(project) for edit in _edits(project, file, wish, only_if_needed=False)]
        return planned(self, project, wish, commands, files=_by_hand(project))


def _pairs(project: Project) -> Iterator[tuple[str, str]]:
    """Each source with what is compiled from it, which says so at its beginning."""
    names = sorted(project.names())
    for source in names:
        target = f"{source.removesuffix('.in')}.txt"
        if source.endswith(".in") and target in names and _COMPILED.match(project.text(target)):
            yield source, target


def _by_hand(project: Project) -> list[str]:
    compiled = {target for _, target in _pairs(project)}
    names = [name for name in sorted(project.names()) if any(fnmatch(name, glob) for glob in _TEXTS)]
    return [name for name in names if name not in compiled and not _COMPILED.match(project.text(name))]


def _edits(project: Project, file: str, wish: Wish, *, only_if_needed: bool) -> Iterator[str]:
    """A command for each line that has to change. The line is known from the base commit, so it is named by number."""
    for number, line, wanted in lines_with(project.text(file), wish.name):
        spec = respecified(wanted.specifier, wish.version)
        if not spec or (only_if_needed and admits(wanted.specifier, wish.version)):
            continue
        comment = re.search(r"\s+#.*$", line)
        new = f"{written(wanted, spec)}{comment[0].rstrip() if comment else ''}"
        escaped = re.sub(r"([\\/&])", r"\\\1", new)
        yield f"sed -i {quote(f'{number}s/.*/{escaped}/')} {quote(file)}"
