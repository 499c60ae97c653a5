"""Links in a text to what stands in the same repository on GitHub, and what was found behind them."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal
from urllib.parse import unquote

from pydantic import BaseModel

from app.core.fence import fence_for
from app.core.hidden import one_line, strip_hidden
from app.core.task import Person
from app.core.tokens import CHARACTERS

MOST_LINKS: Final = 8
"""Of one task. An issue that links to more is a list, and no task."""
MOST_TOKENS: Final = 4_000
"""All of what is behind the links together."""
_MOST_OF_ONE: Final = 1_000
"""Tokens of one link."""
_LONGEST_TEXT: Final = 100_000
"""Characters of a text that is searched for links; GitHub takes 65,536."""
_CODE: Final = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)
_URL: Final = re.compile(r"https?://[^/\s<>()\"']+/(?P<name>[\w.-]+/[\w.-]+)/(?P<rest>[^\s<>\"'`]+)")
_TALK: Final = re.compile(r"(?:issues|pull)/(\d{1,9})(?:/[a-z]+)?(?:#(issuecomment-|discussion_r)(\d{1,15}))?(?![\w/])")
_FILE: Final = re.compile(r"blob/([\w.@+-]{1,200})/([^#?\s]{1,1000}?)(?:#L(\d{1,6})(?:-L(\d{1,6}))?)?[).,;:!?\]]*")
_SHORT: Final = re.compile(r"(?<![\w/&#.-])(?:(?P<name>[\w.-]+/[\w.-]+)#|#|GH-)(?P<number>\d{1,9})(?!\w)")


class Link(BaseModel, frozen=True):
    """One place in the repository that a text points at."""

    kind: Literal["issue", "comment", "remark", "file"]
    """`issue` is an issue or a pull request, `remark` a comment at a line of a change."""
    number: int = 0
    comment_id: int = 0
    path: str = ""
    ref: str = ""
    """Branch, tag or commit of a file."""
    first: int = 0
    last: int = 0
    """Lines of a file; 0 for all of it."""


class Said(BaseModel, frozen=True):
    """An issue, a pull request or a comment, as it stands now. Hidden parts are removed."""

    url: str
    """The page for people."""
    author: Person | None
    """None if the account is gone."""
    title: str = ""
    """Of an issue or a pull request."""
    state: str = ""
    """Of an issue or a pull request: `open` or `closed`."""
    body: str
    at: datetime
    edited_at: datetime | None = None
    """When a comment was changed last. GitHub does not tell it of the text of an issue."""


class Chunk(BaseModel, frozen=True):
    """What was read behind a link, and what is known of where it comes from."""

    source: str
    """The page for people, or path and ref of a file."""
    author: str = ""
    is_trusted: bool = False
    """Whether who wrote it may write here. It is data all the same."""
    at: datetime | None = None
    """When it was written."""
    read_at: datetime
    sha256: str = ""
    """Of the text as it was found, whole."""
    text: str = ""
    missing: str = ""
    """Why there is no text."""

    @property
    def origin(self) -> str:
        """Where it comes from, on one line."""
        who = f" by {one_line(self.author)}" if self.author else ""
        may = "who may write here" if self.is_trusted else "who may not write here"
        when = f", {self.at:%Y-%m-%d %H:%M} UTC" if self.at else ""
        return f"{one_line(self.source)}{who}{f' ({may})' if who else ''}{when}, sha256 {self.sha256[:12]}"


def links(text: str, repository: str, number: int = 0) -> tuple[Link, ...]:
    """What a text points at in `repository` (`owner/name`), in its order; never at `number` itself.

    A short `#12` in code is no link; an address is one anywhere.
    """
    text = text[:_LONGEST_TEXT]
    name = repository.casefold()
    found = dict(_addresses(text, name))
    found |= {at: link for at, link in _short(text, name) if at not in found}
    unique = dict.fromkeys(link for _, link in sorted(found.items(), key=lambda one: one[0]))
    return tuple(link for link in unique if link.kind != "issue" or link.number != number)[:MOST_LINKS]


def told(chunks: tuple[Chunk, ...]) -> str:
    """The chunks, each fenced as data below where it comes from; at most MOST_TOKENS together."""
    parts: list[str] = []
    room = MOST_TOKENS * CHARACTERS
    for chunk in chunks:
        if chunk.missing:
            part = f"{one_line(chunk.source)}: {chunk.missing}"
        else:
            text = chunk.text[: min(_MOST_OF_ONE * CHARACTERS, max(room, 0))]
            cut = "\n[the rest is left out]" if len(text) < len(chunk.text) else ""
            shown = strip_hidden(text).strip("\n")
            fence = fence_for(shown)
            part = f"From {chunk.origin}:\n{fence}text\n{shown}\n{fence}{cut}"
        if len(part) <= room:
            parts.append(part)
            room -= len(part)
    return "\n\n".join(parts)


def _addresses(text: str, name: str) -> Iterator[tuple[int, Link]]:
    for url in _URL.finditer(text):
        if url["name"].casefold() != name:
            continue
        if talk := _TALK.match(url["rest"]):
            kind: Literal["issue", "comment", "remark"] = (
                "issue" if not talk[2] else "comment" if talk[2] == "issuecomment-" else "remark"
            )
            yield url.start(), Link(kind=kind, number=int(talk[1]), comment_id=int(talk[3] or 0))
        elif (file := _FILE.fullmatch(url["rest"])) and _is_inside(path := unquote(file[2])):
            first = int(file[3] or 0)
            yield url.start(), Link(kind="file", path=path, ref=file[1], first=first, last=int(file[4] or first))


def _is_inside(path: str) -> bool:
    return not {"", ".", "..", ".git"} & set(path.split("/")) and path.isprintable()


def _short(text: str, name: str) -> Iterator[tuple[int, Link]]:
    blind = [(found.start(), found.end()) for pattern in (_CODE, _URL) for found in pattern.finditer(text)]
    for short in _SHORT.finditer(text):
        if any(begin <= short.start() < end for begin, end in blind):
            continue
        if (short["name"] or name).casefold() == name and int(short["number"]):
            yield short.start(), Link(kind="issue", number=int(short["number"]))
