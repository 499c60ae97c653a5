"""Reads a unified diff as `git diff` writes it: which lines of which file went, and which came."""

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

HUNK: Final = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_SECTION: Final = re.compile(rb"^diff --git ", re.MULTILINE)
"""Lines of files begin with a sign, and lines of binary patches have no blanks."""
_ESCAPES: Final = {b"a": 7, b"b": 8, b"t": 9, b"n": 10, b"v": 11, b"f": 12, b"r": 13, b'"': 34, b"\\": 92}


@dataclass(frozen=True)
class Line:
    """One line that went or came."""

    number: int
    """From 1: before the change for a line that went, after it for one that came."""
    text: str
    """Without its line end; bytes that are no UTF-8 replaced."""


@dataclass
class Hunk:
    """One piece of a file's diff."""

    start: int
    """Line before the change at which it begins."""
    old_lines: int
    """How many lines it stands for before the change."""
    new_start: int
    new_lines: int
    removed: list[Line] = field(default_factory=list)
    added: list[Line] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    """All of its lines after the change, unchanged ones among them."""
    _kept: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether all of its lines were taken."""
        old, new = self._kept + len(self.removed), len(self.after)
        return old >= self.old_lines and new >= self.new_lines

    def take(self, line: bytes) -> None:
        """Take the next line of the patch that belongs to it."""
        sign, text = line[:1], line[1:].decode(errors="replace")
        if sign == b"\\":  # "No newline at end of file"
            return
        if sign == b"-":
            self.removed.append(Line(self.start + self._kept + len(self.removed), text))
            return
        if sign == b"+":
            self.added.append(Line(self.new_start + len(self.after), text))
        else:
            self._kept += 1
        self.after.append(text)


@dataclass
class FileDiff:
    """What happened to the lines of one file."""

    hunks: list[Hunk] = field(default_factory=list)

    @property
    def removed(self) -> Sequence[Line]:
        """Lines that went."""
        return [line for hunk in self.hunks for line in hunk.removed]

    @property
    def added(self) -> Sequence[Line]:
        """Lines that came."""
        return [line for hunk in self.hunks for line in hunk.added]

    def applied(self, before: str) -> str:
        """The text after the change. A missing line end at the end is not told apart."""
        old = before.split("\n")
        new: list[str] = []
        at = 0
        for hunk in self.hunks:
            # A hunk that only adds names the line behind which it does.
            start = hunk.start - 1 if hunk.old_lines else hunk.start
            new += [*old[at:start], *hunk.after]
            at = start + hunk.old_lines
        return "\n".join([*new, *old[at:]])


def file_diffs(data: bytes) -> dict[str, FileDiff]:
    """Every file of a patch whose lines are told, by path; binary ones and mere changes of mode have no hunks."""
    found: dict[str, FileDiff] = {}
    for path, hunk in _hunks(data):
        found.setdefault(path, FileDiff()).hunks.append(hunk)
    return found


def sections(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Each file of a patch as `git diff` wrote it, with its path; one that became a link has two.

    Put together again, some of them are a patch that `git apply` takes.
    """
    begins = [match.start() for match in _SECTION.finditer(data)]
    for begin, end in pairwise([*begins, len(data)]):
        section = data[begin:end]
        both = section.partition(b"\n")[0].removeprefix(b"diff --git ")
        yield unquoted(both[: (len(both) - 1) // 2]).removeprefix("a/"), section


def _hunks(data: bytes) -> Iterator[tuple[str, Hunk]]:
    """Lines are counted out, so that no line of a file passes for a header."""
    old_path = path = ""
    hunk: Hunk | None = None
    for ended in io.BytesIO(data):
        line = ended.removesuffix(b"\n")
        if hunk is not None:
            hunk.take(line)
            if hunk.is_whole:
                yield path, hunk
                hunk = None
        elif line.startswith(b"--- "):
            old_path = unquoted(line[4:]).removeprefix("a/")
        elif line.startswith(b"+++ "):
            path = unquoted(line[4:]).removeprefix("b/")
            path = old_path if path == "/dev/null" else path
        elif begun := HUNK.match(line):
            old, old_lines, new, new_lines = (int(part or 1) for part in begun.groups())
            hunk = Hunk(old, old_lines, new, new_lines)


def unquoted(name: bytes) -> str:
    """A file name as git writes it in a patch: in C's quotes if it holds anything but plain characters."""
    if not name.startswith(b'"'):
        return name.removesuffix(b"\t").decode(errors="surrogateescape")

    def character(escape: re.Match[bytes]) -> bytes:
        code = escape[1]
        return bytes([int(code, 8) if len(code) == 3 else _ESCAPES[code]])

    inner = name.removesuffix(b"\t").removeprefix(b'"').removesuffix(b'"')
    return re.sub(rb'\\([0-7]{3}|[abtnvfr"\\])', character, inner).decode(errors="surrogateescape")
