"""Which files of a commit a work tree holds, where a repository wants less than all of them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Final

_FOLDER: Final = re.compile(r"(?![ /-])[^*?\[\]\\\x00-\x1f\x7f]{1,300}(?<![ /])")
"""Nothing that is a pattern to git, an option, or an absolute path."""


def is_folder_name(name: str) -> bool:
    """Whether this can be the name of a folder inside a repository, such as `libs/parser`."""
    return _FOLDER.fullmatch(name) is not None and {"", ".", "..", ".git"}.isdisjoint(name.split("/"))


@dataclass(frozen=True)
class Layout:
    """The files that lie directly in the root, all in `folders`, and those directly in a folder above one of them.

    That is the cone mode of https://git-scm.com/docs/git-sparse-checkout. Without folders it is every file.
    """

    folders: tuple[str, ...] = ()
    submodules: bool = False
    """Whether it holds the files of submodules, too."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return not self.folders

    @property
    def name(self) -> str:
        """Empty for everything, else 16 hexadecimal digits: the same for the same folders in another order."""
        return "" if self.is_whole else sha256("\0".join(sorted(set(self.folders))).encode()).hexdigest()[:16]

    def holds(self, path: str) -> bool:
        """Whether the file at `path` is in the work tree."""
        return self.left_out(path) is None

    def left_out(self, path: str) -> str | None:
        """The topmost folder that is left out and holds the file at `path`; None if the tree holds the file."""
        if self.is_whole:
            return None
        for folder in _above(path):
            if folder in self.folders:
                return None
            if folder not in self._passed:
                return folder
        return None

    def split(self, paths: Iterable[str]) -> tuple[list[str], list[str]]:
        """Of all paths of a commit, those of files that are left out, and the topmost folders that are, sorted."""
        skipped, folders = [], set[str]()
        for path in paths:
            if (folder := self.left_out(path)) is not None:
                skipped.append(path)
                folders.add(folder)
        return skipped, sorted(folders)

    def patterns(self) -> str:
        """The same in the words of git's file `info/sparse-checkout`."""
        return "".join(f"{line}\n" for line in self._patterns())

    @cached_property
    def _passed(self) -> frozenset[str]:
        """Folders on the way to those that are held."""
        return frozenset(outer for folder in self.folders for outer in _above(folder))

    def _patterns(self) -> Iterator[str]:
        if self.is_whole:
            yield "/*"
            return
        yield from ("/*", "!/*/")
        for folder in sorted(self._passed | set(self.folders)):
            if not any(outer in self.folders for outer in _above(folder)):
                yield f"/{folder}/"
                if folder not in self.folders:
                    yield f"!/{folder}/*/"


def _above(path: str) -> Iterator[str]:
    """The folders of a path, the topmost first."""
    cut = path.find("/")
    while cut > 0:
        yield path[:cut]
        cut = path.find("/", cut + 1)
