"""What git says about a change, as data."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from app.core.diff import HUNK, unquoted
from app.core.patch import AddedLine, Change, FileChange

STATUS: Final = {"A": Change.ADDED, "M": Change.MODIFIED, "D": Change.DELETED, "T": Change.MODIFIED}
"""Git's letters; T is a file that became a link, or the other way round."""


def raw_entries(out: bytes) -> list[tuple[str, str, str, str, str]]:
    """(old mode, new mode, new object, status, path) for each file of `git diff-tree --raw -z`."""
    parts = out.split(b"\0")
    entries = []
    for meta, path in zip(parts[::2], parts[1::2], strict=False):
        old_mode, new_mode, _, new, status = meta.decode().removeprefix(":").split(" ")
        entries.append((old_mode, new_mode, new, status, path.decode(errors="surrogateescape")))
    return entries


def line_counts(out: bytes) -> dict[str, tuple[int, int] | None]:
    """(added, deleted) for each path of `git diff-tree --numstat -z`; None for a binary file."""
    counts: dict[str, tuple[int, int] | None] = {}
    for record in out.split(b"\0"):
        if record:
            added, deleted, path = record.split(b"\t", 2)
            binary = added == b"-"
            counts[path.decode(errors="surrogateescape")] = None if binary else (int(added), int(deleted))
    return counts


def files(
    raw: bytes, numstat: bytes, sizes: Mapping[str, int], submodules: Sequence[str] = ()
) -> tuple[FileChange, ...]:
    """Every file of a change. `sizes` gives bytes by object name; `submodules` are paths of those that are laid out."""
    counts = line_counts(numstat)
    found = []
    for old_mode, new_mode, new, status, path in raw_entries(raw):
        count = counts.get(path, (0, 0))
        added, deleted = count or (0, 0)
        found.append(
            FileChange(
                path=path,
                change=STATUS[status],
                old_mode=old_mode,
                new_mode=new_mode,
                binary=count is None,
                added=added,
                deleted=deleted,
                size=sizes.get(new, 0),
                submodule=next((each for each in submodules if path == each or path.startswith(f"{each}/")), ""),
            )
        )
    return tuple(found)


def added_lines(data: bytes) -> Iterator[AddedLine]:
    """Every line that a patch adds. Hunks are counted out, so that no line of a file passes for a header."""
    path, number, old_left, new_left = "", 0, 0, 0
    for ended in io.BytesIO(data):  # line by line: the list of all of them takes many times the memory of the patch
        line = ended.removesuffix(b"\n")
        if old_left > 0 or new_left > 0:
            if line.startswith(b"+"):
                yield AddedLine(path=path, line=number, text=line[1:].decode(errors="replace"))
            if line[:1] in {b"+", b" "}:
                number += 1
                new_left -= 1
            if line[:1] in {b"-", b" "}:
                old_left -= 1
        elif line.startswith(b"+++ "):
            path = unquoted(line[4:]).removeprefix("b/")
        elif hunk := HUNK.match(line):
            number = int(hunk[3])
            old_left, new_left = int(hunk[2] or 1), int(hunk[4] or 1)
