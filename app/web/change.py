"""A change as it is shown: file by file, line by line, and of a large one the beginning."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from markupsafe import escape

MOST_LINES: Final = 5_000
"""Shown of a change; guards let pass less than this by default."""
MOST_WIDE: Final = 2_000
"""Bytes shown of a line."""
MOST_BYTES: Final = 600_000
"""Of a change as it stands on the page, in HTML: with the rest of it, a page stays under 2 MB."""
_UNSEEN: Final = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f]"
)
"""What makes a line look like another one; it is written out."""


@dataclass
class File:
    """What was changed in one file."""

    name: str
    lines: list[tuple[str, str]] = field(default_factory=list)
    """Each with the name of its style."""
    added: int = 0
    deleted: int = 0

    @property
    def key(self) -> str:
        """Its id on the page."""
        return f"f-{hashlib.sha256(self.name.encode()).hexdigest()[:12]}"


def files(patch: bytes) -> list[File]:
    """The files of a patch, as far as they are shown."""
    found: list[File] = []
    for style, line in diff(patch):
        if style == "header" and line.startswith("diff --git "):
            found.append(File(_name(line)))
        if not found:  # no patch of git's
            found.append(File(""))
        file = found[-1]
        if style != "header" or not line.startswith(("diff --git ", "index ", "--- ", "+++ ")):
            file.lines.append((style, line))
        file.added += style == "added"
        file.deleted += style == "deleted"
    return found


def diff(patch: bytes) -> Iterator[tuple[str, str]]:
    """The lines of a patch, each with the name of its style; of a large one the beginning and a remark.

    Only a line feed ends a line, as git counts: others would let a line pass for several of other styles.
    """
    styles = {"+": "added", "-": "deleted", "@": "place"}
    in_header = False
    *lines, rest = patch.split(b"\n", MOST_LINES)
    left, shown = len(rest), 0
    for raw in lines:
        if shown > MOST_BYTES:
            left += len(raw) + 1
            continue
        line = raw[:MOST_WIDE].decode("utf-8", "replace") + (" […]" if len(raw) > MOST_WIDE else "")
        if line.startswith("diff --git"):
            in_header = True
        elif line.startswith("@@"):
            in_header = False
        style = "header" if in_header else styles.get(line[:1], "same")
        line = _UNSEEN.sub(lambda match: ascii(match[0])[1:-1], line)
        shown += len(escape(line).encode())  # five times the line, where it is all quotes
        yield style, line
    if left:
        yield "header", f"… {left:,} more bytes are left out here."


def _name(header: str) -> str:
    """The file that a line `diff --git a/x b/x` is about."""
    rest = header.removeprefix("diff --git ")
    half = rest[len(rest) // 2 + 1 :]  # both names are the same, but for a file that was moved
    return half.removeprefix("b/") if rest == f"a/{half[2:]} {half}" else rest.rpartition(" b/")[2].strip('"')
