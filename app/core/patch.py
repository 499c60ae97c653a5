"""A change as data: what leaves the box."""

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from pydantic import BaseModel

from app.core.diff import sections

MOST_LINES: Final = 20_000
"""No repository can allow a change with more changed lines than this, so nobody has to hold more of them in memory."""


class Change(StrEnum):
    """What happened to a file."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"


class FileChange(BaseModel, frozen=True):
    """One file of a patch."""

    path: str
    """Relative to the tree, with `/`; bytes that are not UTF-8 as surrogate escapes."""
    change: Change
    old_mode: str
    """Git's mode before: `100644`, `100755`, `120000` (symlink), `160000` (submodule); `000000` if it was not there."""
    new_mode: str
    binary: bool
    added: int
    """Lines added; 0 for a binary file."""
    deleted: int
    size: int = 0
    """Bytes of the file afterwards; 0 if it was deleted."""
    submodule: str = ""
    """Path of the submodule that the file belongs to, which is another repository; empty for a file of this one."""


class AddedLine(BaseModel, frozen=True):
    """A line that the change adds."""

    path: str
    line: int
    """Line number in the file afterwards, from 1."""
    text: str


class Patch(BaseModel, frozen=True):
    """The whole change of a work tree against its base commit."""

    data: bytes = b""
    """As `git diff --binary --full-index --no-renames` writes it; `git apply` takes it. Empty if nothing changed."""
    files: tuple[FileChange, ...] = ()
    added_lines: tuple[AddedLine, ...] = ()
    """In order, those of small binary files last.

    Of a change that adds more than `MOST_LINES`, which is always stopped for its size, the first ones.
    """

    @property
    def is_empty(self) -> bool:
        """Whether nothing changed."""
        return not self.files

    @property
    def added(self) -> int:
        """Lines added in all files."""
        return sum(file.added for file in self.files)

    @property
    def deleted(self) -> int:
        """Lines deleted in all files."""
        return sum(file.deleted for file in self.files)

    def without(self, paths: Collection[str]) -> "Patch":
        """The same change, but for these files."""
        if not any(file.path in paths for file in self.files):
            return self
        return Patch(
            data=b"".join(section for path, section in sections(self.data) if path not in paths),
            files=tuple(file for file in self.files if file.path not in paths),
            added_lines=tuple(line for line in self.added_lines if line.path not in paths),
        )
