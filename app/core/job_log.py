"""What matters of the log of a CI job: around its errors, and its end. In the words of GitHub Actions' runner."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from app.core.visible import visible

MOST: Final = 6_000
"""Characters that are kept of one log: some hundred lines, in which hardly a failure does not find room."""
_LONGEST_LINE: Final = 400
_BEFORE: Final = 30
"""Lines before an error; compilers and test runners tell what they mean above it."""
_BEHIND: Final = 8
_END: Final = 25
"""Lines at the end, where runners sum up."""
_LONGEST_GROUP: Final = 3
"""Lines that a group may have without being folded."""

_STAMP: Final = re.compile(r"^\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ?")
_COMMAND: Final = re.compile(r"^##\[(?P<word>[a-z]+)\](?P<rest>.*)$")
_ERROR: Final = re.compile(
    r"^##\[error\]"
    r"|^(?:FAILED|ERROR)\b|^FAIL\b|^--- FAIL|\bTraceback \(most recent|^E  "
    r"|(?:^|[\s:\]])(?:[Ee]rror|fatal)(?:\[\w+\]| [A-Z]{1,10}\d+)?:|\b[A-Z][A-Za-z]*(?:Error|Exception):"
    r"|^not ok\b|panicked at|^\s*[\u2715\u2716\u00d7\u2717] "
)
"""Words by which common tools begin what went wrong. Nothing in it grows with the square of a line."""


def trimmed(log: str, most: int = MOST) -> str:
    """At most `most` characters of the log, and a note where something was left out.

    Without the runner's time stamps and terminal codes; groups in which nothing went wrong are one line.
    """
    said = [_STAMP.sub("", line) for line in visible(log).rstrip("\n").split("\n")]
    lines = [line[:_LONGEST_LINE] for line in _folded(said)]
    text = "\n".join(_chosen(lines, _kept(lines)))
    if len(text) <= most:
        return text
    # The first error is mostly the cause of the others, and the end sums up: what is between them goes first.
    head, tail = most * 2 // 3, most // 3 - 60
    return f"{text[:head]}\n… {len(text) - head - tail:,} characters are left out here …\n{text[-tail:]}"


def _folded(lines: Sequence[str]) -> Iterator[str]:
    """The lines with each group that says nothing of an error as one line; the runner's own marks as words."""
    title, inside = "", list[str]()
    is_open = False
    for line in lines:
        command = _COMMAND.match(line)
        word = command["word"] if command else ""
        if word in {"group", "endgroup"}:
            if is_open:
                yield from _group(title, inside)
            title, inside, is_open = (command["rest"].strip() if command else ""), [], word == "group"
        elif is_open:
            inside.append(line)
        else:
            yield line
    if is_open:
        yield from _group(title, inside)


def _group(title: str, inside: Sequence[str]) -> Iterator[str]:
    if len(inside) <= _LONGEST_GROUP or any(_ERROR.search(line) for line in inside):
        yield f"▸ {title}"
        yield from inside
    else:
        yield f"▸ {title} ({len(inside)} lines)"


def _kept(lines: Sequence[str]) -> list[bool]:
    kept = [at >= len(lines) - _END for at in range(len(lines))]
    for at, line in enumerate(lines):
        if _ERROR.search(line):
            first, last = max(0, at - _BEFORE), min(len(lines), at + _BEHIND + 1)
            kept[first:last] = [True] * (last - first)
    return kept


def _chosen(lines: Sequence[str], kept: Sequence[bool]) -> Iterator[str]:
    out = 0
    for line, is_kept in zip(lines, kept, strict=True):
        if not is_kept:
            out += 1
            continue
        if out:
            yield f"… {out} lines are left out here …"
            out = 0
        yield line.removeprefix("##[error]") if line.startswith("##[error]") else line
