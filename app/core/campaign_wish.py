"""What an issue says about a campaign: where the change is wanted, how many parts at once, and for how much money.

    repositories:            each a part; `owner/*` means all of an owner in which who asks may write
    - octo/cat
    - [ ] octo/dog-*
    parts: src/billing tests/billing, src/shipping
    limit: 3
    budget: $20

The same as headings, as issue forms write them: `### Repositories`, with one in each line. A ticked box is done.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from pydantic import BaseModel

from app.core.task import Task

NAME: Final = "migrate"
"""The blueprint that campaigns are made of."""
USUAL_LIMIT: Final = 3
"""Pull requests that come at once: people have to review them."""
MOST_AT_ONCE: Final = 20
MOST_PARTS: Final = 100
"""Of one campaign: its table has to fit in a comment, and its parts into an hour of what GitHub allows."""
MOST_USD: Final = 10_000.0
"""More is more likely a slip of the finger."""

_LINE: Final = re.compile(
    r"^ {0,3}(?:[-*+•] +)?\*{0,2}(repositories|parts|limit|budget)\*{0,2}:\*{0,2}[ \t]*(.*)$", re.IGNORECASE
)
_HEADING: Final = re.compile(r"^ {0,3}#{1,6}[ \t]+(repositories|parts|limit|budget)[ \t]*:?[ \t]*$", re.IGNORECASE)
_ITEM: Final = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,4}[.)])[ \t]+(?:\[(?P<box>[ xX])\][ \t]+)?(?P<text>\S.*)$")
_REPOSITORY: Final = re.compile(
    r"(?:https?://[^/\s]+/)?(?P<owner>[A-Za-z0-9][A-Za-z0-9_-]{0,99})/(?P<name>[A-Za-z0-9._*?-]{1,100}?)(?:\.git)?/?"
)
_USD: Final = re.compile(r"\$?\s*(\d{1,6}(?:\.\d{1,2})?)\s*(?:\$|usd|us dollars|dollars?)?[.,;]?", re.IGNORECASE)
_SAID: Final = re.compile(r"\b(limit|budget):[ \t]*(\$?[ \t]*[\d.]+)", re.IGNORECASE)
"""Behind the command, in one line with other words."""
_GAPS: Final = re.compile(r"\n(?:[ \t]*\n){2,}")
_LISTS: Final = frozenset({"repositories", "parts"})

Fault = Literal["", "no budget", "budget", "limit", "entry", "too many"]


class Wish(BaseModel, frozen=True):
    """A campaign as it was asked for."""

    repositories: tuple[str, ...] = ()
    """As `owner/name`, where the name may hold `*` and `?`; none: the repository of the issue."""
    parts: tuple[str, ...] = ()
    """Globs of what may be changed in each part, several of one part with spaces between; none: all of a repository."""
    limit: int = USUAL_LIMIT
    budget_usd: float = 0.0
    body: str = ""
    """What is wanted, without the lines that say where."""
    fault: Fault = ""
    """What is the matter with it."""
    at_fault: str = ""
    """The words that are."""


class Spot(BaseModel, frozen=True):
    """Where one part of a campaign works."""

    full_name: str
    within: str = ""
    """Globs of what may be changed; empty: everything."""


def wish_of(task: Task) -> Wish | None:
    """The campaign that the task asks for; None if it is about one repository as a whole, as others are."""
    return wish_in(task.body, task.instructions)


def wish_in(body: str, instructions: str) -> Wish | None:
    """The same of a text and of what was said behind the command."""
    reading = _Reading()
    for line in body.replace("\r\n", "\n").split("\n"):
        reading.take(line)
    said = reading.said
    repositories = tuple(dict.fromkeys(found for found in said["repositories"] if found))
    parts = tuple(dict.fromkeys(said["parts"]))
    if not repositories and len(parts) < 2 and not reading.wrong:
        return None
    numbers = {name: values[0] for name in ("limit", "budget") if (values := said[name])}
    numbers |= {name.lower(): value for name, value in _SAID.findall(instructions)}
    wish = Wish(repositories=repositories, parts=parts, body=reading.rest)
    return _with_numbers(wish, numbers.get("limit"), numbers.get("budget"), reading.wrong)


def places_begin(text: str) -> int:
    """Where in a text the first line begins that says where a change is wanted; its end, if there is none."""
    at = 0
    for line in text.splitlines(keepends=True):
        found = _LINE.match(line.rstrip()) or _HEADING.match(line.rstrip())
        if found and found[1].lower() in _LISTS:
            return at
        at += len(line)
    return len(text)


def spots(repositories: Sequence[str], parts: Sequence[str]) -> list[Spot]:
    """Each part in each repository, in the order in which they were named."""
    return [Spot(full_name=name, within=within) for name in repositories for within in parts or ("",)]


class _Reading:
    """A text, line by line."""

    def __init__(self) -> None:
        self.said: dict[str, list[str]] = {"repositories": [], "parts": [], "limit": [], "budget": []}
        self.wrong: list[str] = []
        """Entries of the list of repositories that are none."""
        self._rest: list[str] = []
        self._under = ""
        """What the lines are about that come next; a list goes on until something else comes."""
        self._is_heading = False

    @property
    def rest(self) -> str:
        return _GAPS.sub("\n\n", "\n".join(self._rest)).strip()

    def take(self, line: str) -> None:
        key = _LINE.match(line)
        heading = _HEADING.match(line)
        if found := key or heading:
            self._under, self._is_heading = found[1].lower(), heading is not None
            if key and key[2].strip():
                self._add(key[2].split(",") if self._under in _LISTS else [key[2]])
                self._under = ""
            return
        if self._under and line.strip():
            if self._goes_on(line):
                return
            self._under = ""
        self._rest.append(line)

    def _goes_on(self, line: str) -> bool:
        """Whether the line belongs to what was begun, which then has it."""
        item = _ITEM.match(line)
        if self._under not in _LISTS:
            self._add([line])
            self._under = ""
            return True
        if item:
            if (item["box"] or " ") == " ":
                self._add([item["text"]])
            return True
        if line.lstrip().startswith("#") or not self._is_heading:
            return False
        self._add(line.split(","))
        return True

    def _add(self, entries: Iterable[str]) -> None:
        for entry in entries:
            text = " ".join(entry.replace("`", " ").strip(" \t<>").rstrip(".,;").split())
            if self._under == "repositories":
                found = _REPOSITORY.fullmatch(text)
                if found:
                    self.said["repositories"].append(f"{found['owner']}/{found['name']}")
                elif text:
                    self.wrong.append(text)
            elif text:
                self.said[self._under].append(text)


def _with_numbers(wish: Wish, limit: str | None, budget: str | None, wrong: Sequence[str]) -> Wish:
    """The wish with its numbers, or with what is the matter with them."""
    count = len(wish.repositories) * max(len(wish.parts), 1)
    at_once = USUAL_LIMIT if limit is None else _number(limit)
    found = _USD.fullmatch((budget or "").strip())
    usd = float(found[1]) if found else 0.0
    fault: tuple[Fault, str] = ("", "")
    if wrong:
        fault = ("entry", wrong[0])
    elif count > MOST_PARTS:
        fault = ("too many", str(count))
    elif not 1 <= at_once <= MOST_AT_ONCE:
        fault = ("limit", limit or "")
    elif budget is None:
        fault = ("no budget", "")
    elif not 0 < usd <= MOST_USD:
        fault = ("budget", budget)
    numbers = {"limit": at_once, "budget_usd": usd} if not fault[0] else {}
    return wish.model_copy(update={**numbers, "fault": fault[0], "at_fault": fault[1][:200]})


def _number(said: str) -> int:
    """A whole number of a few digits; 0 if it is none."""
    text = said.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
