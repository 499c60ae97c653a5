"""What one updater is to do, and what the files of a repository say that decides it."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from pydantic import BaseModel

from blueprints.dependency.wish import Wish

Texts = Mapping[str, str]
"""Manifests and lock files of the base commit, by path."""


class Plan(BaseModel, frozen=True):
    """An update that is ready to be made."""

    updater: str
    """For people: `uv`, `npm`."""
    ecosystem: str
    """`pypi`, `npm`, `go` or `crates`."""
    name: str
    before: str = ""
    """The version so far; empty if the files do not tell it."""
    after: str
    folder: str = ""
    """Of the manifest; empty for the root."""
    commands: tuple[str, ...]
    """For a shell in `folder`. Everything in them that others wrote is quoted."""
    files: tuple[str, ...]
    """Paths from the root that the commands may change."""
    locks: tuple[str, ...] = ()
    """Those of them that only the tool may write."""


@dataclass(frozen=True)
class Project:
    """A folder with manifests."""

    folder: str
    texts: Texts
    """Of the whole repository."""

    def path(self, name: str) -> str:
        """From the root."""
        return posixpath.normpath(posixpath.join(self.folder, name))

    def above(self, *names: str) -> Iterator[str]:
        """Those of these files that lie in a folder above this one, as seen from here, the nearest first."""
        for up in range(1, len(PurePosixPath(self.folder).parts) + 1):
            yield from (path for name in names if self.has(path := f"{'../' * up}{name}"))

    def text(self, name: str) -> str:
        """Of a file in the folder; empty if there is none."""
        return self.texts.get(self.path(name), "")

    def has(self, name: str) -> bool:
        """Whether there is such a file in the folder."""
        return self.path(name) in self.texts

    def names(self) -> Iterator[str]:
        """Of files that lie directly in the folder."""
        for path in self.texts:
            if str(PurePosixPath(path).parent) == (self.folder or "."):
                yield PurePosixPath(path).name


class Updater(Protocol):
    """One ecosystem's own tool."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    @property
    def ecosystem(self) -> str:
        """As in `Plan`."""
        ...

    @property
    def manifests(self) -> tuple[str, ...]:
        """Globs of the names of files that it reads."""
        ...

    def before(self, project: Project, name: str) -> str | None:
        """The version of a package as the project has it, empty if that is not told; None if it does not have it."""
        ...

    def plan(self, project: Project, wish: Wish) -> Plan:
        """How to update a package that `before` knows to the version of the wish, which is exact."""
        ...


def planned(
    updater: Updater,
    project: Project,
    wish: Wish,
    commands: Iterable[str],
    *,
    files: Iterable[str] = (),
    locks: Iterable[str] = (),
    name: str = "",
) -> Plan:
    """The plan of an updater that runs these commands. `files` and `locks` are paths from the project's folder.

    `name` is what the package is called afterwards, where that is not as the wish calls it.
    """
    only_tool = tuple(map(project.path, locks))
    return Plan(
        updater=updater.name,
        ecosystem=updater.ecosystem,
        name=name or wish.name,
        before=updater.before(project, wish.name) or "",
        after=wish.version,
        folder=project.folder,
        commands=tuple(commands),
        files=(*map(project.path, files), *only_tool),
        locks=only_tool,
    )


def folders(paths: Iterable[str]) -> list[str]:
    """Folders in which these files lie, the root first, then the flat ones."""
    found = {str(PurePosixPath(path).parent) for path in paths}
    return sorted((("" if folder == "." else folder) for folder in found), key=lambda each: (each.count("/"), each))
