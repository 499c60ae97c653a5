"""The lines of a patch with their numbers: for who reads a change, and for who says something about a place in it.

A patch is data of a stranger: hunks are counted out, so that no line of a file passes for a header.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
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
    before: int = 0
    """In the file before the change, from 1; 0 for a line that came."""


def lines(data: bytes) -> Iterator[Line]:
    """Every line that a patch in git's form shows, in order."""
    path, number, before, old_left, new_left = "", 0, 0, 0, 0
    for ended in io.BytesIO(data):  # line by line: the list of all of them takes many times the memory of the patch
        line = ended.removesuffix(b"\n")
        mark = line[:1]
        if (old_left > 0 or new_left > 0) and mark in {b"+", b"-", b" "}:
            is_new, is_old = mark != b"-", mark != b"+"
            text = line[1:].decode(errors="replace")
            yield Line(path, mark.decode(), number if is_new else 0, text, before if is_old else 0)
            number += is_new
            before += is_old
            new_left -= is_new
            old_left -= is_old
        elif line.startswith(b"--- "):
            path = unquoted(line[4:]).removeprefix("a/")
        elif line.startswith(b"+++ ") and line != b"+++ /dev/null":
            path = unquoted(line[4:]).removeprefix("b/")
        elif hunk := HUNK.match(line):
            before, number = int(hunk[1]), int(hunk[3])
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


def by_file(data: bytes) -> Mapping[str, Sequence[Line]]:
    """The lines that a patch shows of each file, in order."""
    found: dict[str, list[Line]] = {}
    for line in lines(data):
        found.setdefault(line.path, []).append(line)
    return found


def before(shown: Sequence[Line], number: int) -> int:
    """Where a line of a file stood before the change, of which `shown` are its lines; of one that came, the place."""
    return _across(shown, number, lambda line: line.number, lambda line: line.before)


def afterwards(shown: Sequence[Line], number: int) -> int:
    """Where a line of a file before the change stands now; of one that went, the place."""
    return _across(shown, number, lambda line: line.before, lambda line: line.number)


def _across(shown: Sequence[Line], number: int, own: Callable[[Line], int], other: Callable[[Line], int]) -> int:
    at = next((at for at, line in enumerate(shown) if own(line) == number), None)
    if at is None:  # the change does not show it
        above = takewhile(lambda line: own(line) <= number, shown)
        return max(number + sum(bool(other(line)) - bool(own(line)) for line in above), 1)
    if stands := other(shown[at]):
        return stands
    begin = next((each + 1 for each in range(at - 1, -1, -1) if shown[each].mark == " "), 0)
    # What stands in its place, else what stands above it, else below.
    near = [*takewhile(lambda line: line.mark != " ", shown[begin:]), *reversed(shown[:begin]), *shown[at:]]
    return next((stands for line in near if (stands := other(line))), 1)


def around(shown: Sequence[Line], number: int, *, is_before: bool = False, most: int = 3) -> Sequence[Line]:
    """A line of a file as its change shows it, with at most so many above and below; nothing if it does not show it.

    `is_before` says that `number` is that of a line before the change.
    """
    at = next((at for at, one in enumerate(shown) if (one.before if is_before else one.number) == number > 0), None)
    if at is None:
        return ()
    first = last = at
    while first and at - first < most and not _is_gap(shown[first - 1], shown[first]):
        first -= 1
    while last + 1 < len(shown) and last - at < most and not _is_gap(shown[last], shown[last + 1]):
        last += 1
    return shown[first : last + 1]


def _is_gap(one: Line, following: Line) -> bool:
    """Whether lines between the two are not shown."""
    return one.mark == following.mark == " " and following.number != one.number + 1


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
