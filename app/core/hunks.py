"""The lines of a patch with their numbers: for who reads a change, and for who says something about a place in it.

A patch is data of a stranger: hunks are counted out, so that no line of a file passes for a header.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from app.core.diff import HUNK, unquoted
from app.core.patch import Patch

_LONGEST_LINE: Final = 400
"""Characters of a line that are shown to a model: of minified code, nobody reads more."""


@dataclass(frozen=True)
class Line:
    """One line of a hunk."""

    path: str
    mark: str
    """`+`, `-`, or a blank for a line that stays."""
    number: int
    """In the file afterwards, from 1; 0 for a line that is deleted."""
    text: str


def lines(data: bytes) -> Iterator[Line]:
    """Every line that a patch in git's form shows, in order."""
    path, number, old_left, new_left = "", 0, 0, 0
    for ended in io.BytesIO(data):  # line by line: the list of all of them takes many times the memory of the patch
        line = ended.removesuffix(b"\n")
        mark = line[:1]
        if (old_left > 0 or new_left > 0) and mark in {b"+", b"-", b" "}:
            is_new = mark != b"-"
            yield Line(path, mark.decode(), number if is_new else 0, line[1:].decode(errors="replace"))
            number += is_new
            new_left -= is_new
            old_left -= mark != b"+"
        elif line.startswith(b"--- "):
            path = unquoted(line[4:]).removeprefix("a/")
        elif line.startswith(b"+++ ") and line != b"+++ /dev/null":
            path = unquoted(line[4:]).removeprefix("b/")
        elif hunk := HUNK.match(line):
            number = int(hunk[3])
            old_left, new_left = int(hunk[2] or 1), int(hunk[4] or 1)


def places(patch: Patch) -> Mapping[str, frozenset[int]]:
    """For each file of a change the lines that its diff shows, by their numbers afterwards.

    None for one that is deleted, binary, or only moved to another mode: of such a file only the whole can be spoken of.
    """
    found: dict[str, set[int]] = {file.path: set() for file in patch.files}
    for line in lines(patch.data):
        if line.number and line.path in found:
            found[line.path].add(line.number)
    return {path: frozenset(numbers) for path, numbers in found.items()}


def numbered(patch: Patch, most: int) -> str:
    """The change as a reader is shown it: each file, and its lines with their numbers; `most` characters of it."""
    parts: list[str] = []
    room = most
    shown = {file.path: f"{file.path} ({file.change.value}, +{file.added} -{file.deleted})" for file in patch.files}
    path, last = "", 0
    for line in lines(patch.data):
        rows = []
        if line.path != path:
            path, last = line.path, 0
            rows.append(f"== {shown.pop(path, path)}")
        elif line.number > last + 1:
            rows.append("   …")
        last = line.number or last
        number = str(line.number) if line.number else ""
        rows.append(f"{number:>6} {line.mark} {line.text[:_LONGEST_LINE]}")
        room -= sum(len(row) + 1 for row in rows)
        if room < 0:
            parts.append("[the rest of the change is not shown here: read the files]")
            break
        parts += rows
    return "\n".join([*parts, *(f"== {title}, without lines to show" for title in shown.values())])
