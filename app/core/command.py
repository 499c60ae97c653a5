"""The grammar of `/minion …` in comments.

    /minion                         asks for help
    /minion <word> [instructions]   the word names a blueprint; instructions go on to the next command or the end

A command stands at the beginning of a line, after three spaces at most. What a reader sees as quoted, as code or not
at all is no command: block quotes (with the lines that belong to them without a `>`), fenced and indented code, HTML.
Where the reading is in doubt, nothing is found: a person can write the command again, a run cannot be unstarted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel


class Command(BaseModel, frozen=True):
    """What somebody asked for."""

    word: str
    """In lower case; empty if `/minion` stood alone or in front of something that is no word."""
    instructions: str = ""


_COMMAND = re.compile(r" {0,3}/minion(?=\s|$)[ \t]*(.*)", re.IGNORECASE | re.ASCII | re.DOTALL)
_WORD = re.compile(r"([a-z0-9][a-z0-9_-]{0,49})(?:[:,.!]*(?=\s)|[:,.!]*$)", re.IGNORECASE | re.ASCII)
_MARKERS = re.compile(r"[ \t]*(?:(?:[-+*]|\d{1,9}[.)])[ \t]+)*")
"""White space and list markers, in which quotes and fences may begin."""
_FENCE = re.compile(r"(`{3,})[^`]*$|(~{3,})")
_HTML = re.compile(r"<[a-z/!?]", re.IGNORECASE | re.ASCII)
_HTML_UNTIL = (
    (
        re.compile(r"<(?:pre|script|style|textarea)\b", re.IGNORECASE),
        re.compile(r"</(?:pre|script|style|textarea)>", re.IGNORECASE),
    ),
    (re.compile(r"<\?"), re.compile(r"\?>")),
    (re.compile(r"<!\[CDATA\["), re.compile(r"\]\]>")),
)
_COMMENT_END = re.compile("-->")


def parse(text: str) -> Command | None:
    """Answer with the first command in a comment, or None if there is none."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    starts = [number for number in _readable(lines) if _COMMAND.match(lines[number])]
    if not starts:
        return None
    first = starts[0]
    end = starts[1] if len(starts) > 1 else len(lines)
    match = _COMMAND.match("\n".join(lines[first:end]))
    rest = match.group(1) if match else ""
    word = _WORD.match(rest)
    if word is None:
        return Command(word="", instructions=rest.strip())
    return Command(word=word.group(1).lower(), instructions=rest[word.end() :].strip())


def _readable(lines: list[str]) -> Iterator[int]:
    """Numbers of the lines that a reader certainly sees as plain text."""
    reading = _Reading()
    for number, line in enumerate(lines):
        if reading.shows(line):
            yield number
        if reading.in_doubt:
            return


class _Reading:
    """Where we are in a text, line by line."""

    def __init__(self) -> None:
        self.in_doubt = False
        """Whether two readers could go on differently from here."""
        self._fence = ""
        self._fence_column = 0
        self._until: re.Pattern[str] | None = None
        """Nothing is readable up to and with the line in which this is found."""
        self._block: Literal["", "quote", "html"] = ""
        """What goes on up to the next empty line."""

    def shows(self, line: str) -> bool:
        """Take the next line; answer whether it is plain text, seen as such by everybody."""
        if self._fence:
            self._go_on_in_fence(line)
            return False
        if self._until is not None:
            if self._until.search(line):
                self._until = None
                self._begin_comment(line)
            return False
        start = _MARKERS.match(line)
        column = start.end() if start else 0
        content = line[column:]
        if fence := _FENCE.match(content):
            # It ends a quote, but in HTML it may be only text.
            self.in_doubt = self._block == "html"
            self._fence, self._fence_column, self._block = fence.group(1) or fence.group(2), column, ""
            return False
        if not content:
            self._block = ""
        was_open = not self._block
        self._begin_block(content)
        hidden = self._begin_comment(line) and content.startswith("<!--")
        return was_open and not self._block and not hidden

    def _go_on_in_fence(self, line: str) -> None:
        content = line.strip(" \t")
        column = len(line) - len(line.lstrip(" \t"))
        if content and column < self._fence_column:
            # Either code that stands further left, or the end of the list in which the fence stood.
            self.in_doubt = True
        elif (
            column <= self._fence_column + 3 and len(content) >= len(self._fence) and not content.strip(self._fence[0])
        ):
            # Further right it ends only a fence that stands in a list.
            self.in_doubt = column > 3
            self._fence = ""

    def _begin_block(self, content: str) -> None:
        if content.startswith(">"):
            self._block = self._block or "quote"
        elif _HTML.match(content) and not content.startswith("<!--"):
            self._block = "html"
            self._until = next(
                (end for begin, end in _HTML_UNTIL if begin.match(content) and not end.search(content)), None
            )

    def _begin_comment(self, line: str) -> bool:
        """Whether there is a comment in the line; it may go on in the next ones."""
        start = line.rfind("<!--")
        if start >= 0 and line.find("-->", start + 2) < 0:
            self._until = _COMMENT_END
        return start >= 0
