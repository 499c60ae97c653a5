"""Replace a passage of a file, byte for byte."""

import asyncio
import difflib
import heapq
import re
import unicodedata
from typing import Final, Self

from pydantic import Field, model_validator

from app.agent.tools.exact import NotText, Text, shared
from app.agent.tools.syntax import introduced
from app.agent.tools.tool import Arguments, Desk, Told, Tool, clipped

_MOST_BYTES: Final = 10_000_000
_MOST_PLACES: Final = 20
_MOST_REPLACED: Final = 2_000
"""Places in one call; each is looked at with the lines around it."""
_MOST_COMPARED: Final = 1_000_000
"""Old lines times new lines: what difflib takes a second for, if they are chosen to make it slow."""
_MOST_SEARCHED: Final = 20_000
"""Lines in which near misses are looked for."""
_CONTEXT: Final = 3
_MOST_DIFF: Final = 6_000
_NEAR_PLACES: Final = 3
_NEAR_LINES: Final = 20
"""How much of a near miss is shown."""
_NEAR_ENOUGH: Final = 0.6
"""difflib's own rule of thumb for a close match."""
_NUMBERED: Final = re.compile(r" *\d+\t")
_SAME: Final = str.maketrans("\u2018\u2019\u201c\u201d\u2010\u2013\u2014\u2212", "''\"\"----")
"""Typographic quotes and dashes, which models write as those of the keyboard."""
_MOST_STRANGE: Final = 5


class Replacement(Arguments, frozen=True):
    """A passage and what it becomes."""

    old: str = Field(
        min_length=1, max_length=200_000, description="The passage as `read` shows it, without the line numbers."
    )
    new: str = Field(max_length=200_000, description="What stands there afterwards; empty deletes the passage.")
    all: bool = Field(default=False, description="Replace every occurrence. Otherwise there must be exactly one.")


class EditArguments(Arguments, frozen=True):
    """A file, and one replacement or several."""

    path: str = Field(max_length=4_096)
    old: str = Field(
        default="", max_length=200_000, description="The passage as `read` shows it, without the line numbers."
    )
    new: str = Field(
        default="", max_length=200_000, description="What stands there afterwards; empty deletes the passage."
    )
    all: bool = Field(default=False, description="Replace every occurrence. Otherwise there must be exactly one.")
    edits: list[Replacement] = Field(
        default_factory=list,
        max_length=20,
        description="Instead of old and new: several replacements, one after the other; all of them are made, or none.",
    )

    @model_validator(mode="after")
    def _is_one_form(self) -> Self:
        if bool(self.edits) == bool(self.old):
            raise ValueError("give `old` and `new`, or `edits`")
        if self.old and "new" not in self.model_fields_set:
            raise ValueError("`new` is missing; it is empty where the passage is to be deleted")
        return self

    @property
    def replacements(self) -> list[Replacement]:
        """What is to be done, in order."""
        return self.edits or [Replacement(old=self.old, new=self.new, all=self.all)]


async def _run(arguments: EditArguments, desk: Desk) -> Told:
    data = await desk.workspace.read(arguments.path)
    if b"\0" in data:
        return Told(f"{arguments.path} is binary (or UTF-16): it cannot be edited as text.", ok=False)
    if len(data) > _MOST_BYTES:
        return Told(f"{arguments.path} has {len(data):,} bytes: change it with bash.", ok=False)
    told, changed = await asyncio.to_thread(_edited, arguments, data)  # looking for near misses takes a while
    if changed is not None:
        await desk.workspace.write(arguments.path, changed)
    return told


def _edited(arguments: EditArguments, data: bytes) -> tuple[Told, bytes | None]:
    """What to say, and the file's new bytes if anything changes."""
    before = text = Text.of(data)
    many = len(arguments.replacements)
    for number, replacement in enumerate(arguments.replacements, 1):
        changed = _replaced(arguments.path, text, replacement)
        if isinstance(changed, str):
            which = f"Edit {number} of {many}: " if many > 1 else ""
            return Told(f"{which}{changed}", ok=False), None
        text = Text.of(data := changed)
    broken = introduced(arguments.path, before.view, text.view)
    return Told("\n".join(filter(None, [clipped(diff(arguments.path, before, text), _MOST_DIFF), broken]))), data


def _replaced(path: str, text: Text, wanted: Replacement) -> bytes | str:
    """The file's new bytes, or why there are none."""
    old, new = wanted.old.replace("\r\n", "\n"), wanted.new.replace("\r\n", "\n")
    if old == new:
        return "`old` and `new` are the same: nothing to do."
    places = text.places(old)
    if not places:
        return _not_found(path, text, old)
    if len(places) > 1 and not wanted.all:
        return _ambiguous(text, places)
    if len(places) > _MOST_REPLACED:
        return f"`old` stands {len(places):,} times in the file: replace it with bash."
    try:
        return text.replaced(places, old, new)
    except NotText as error:
        return f"{path}: {error}."


def diff(path: str, before: Text, after: Text) -> str:
    """What changed, as a small unified diff; where too much did, only from which line to which."""
    old, new = before.view.split("\n"), after.view.split("\n")
    same, ending = shared(old, new)
    gone, come = len(old) - same - ending, len(new) - same - ending
    if gone * come > _MOST_COMPARED:
        return f"Lines {same + 1}-{same + gone} of {path} became {come:,} others: too many to compare here."
    start, rest = max(same - _CONTEXT, 0), max(ending - _CONTEXT, 0)
    rows = difflib.unified_diff(
        old[start : len(old) - rest], new[start : len(new) - rest], f"a/{path}", f"b/{path}", n=_CONTEXT, lineterm=""
    )
    return "\n".join(_moved(row, start) if row.startswith("@@ ") else row for row in rows)


def _moved(header: str, lines: int) -> str:
    return re.sub(r"(?<=[-+])\d+", lambda first: str(int(first[0]) + lines), header)


def _ambiguous(text: Text, places: list[int]) -> str:
    lines = ", ".join(str(text.line_of(place)) for place in places[:_MOST_PLACES])
    more = " …" if len(places) > _MOST_PLACES else ""
    return (
        f"`old` stands {len(places)} times in the file, at lines {lines}{more}. Nothing was changed. "
        f"Give more of the lines around it, or set `all`."
    )


def _not_found(path: str, text: Text, old: str) -> str:
    sentence = f"`old` does not stand in {path}. Nothing was changed."
    lines = text.view.split("\n")
    if all(_NUMBERED.match(row) for row in old.split("\n")):
        return f"{sentence} The numbers at the beginning of its lines are `read`'s: give it without them."
    if len(lines) > _MOST_SEARCHED:
        return f"{sentence} The file is too long to look for near places: search it."
    near = _near(lines, old.strip("\n").split("\n"))
    if not near:
        return f"{sentence} Nothing in the file resembles it: read the file again."
    if strange := _strange(text, old):
        sentence += f" In the file stands {strange}, which looks like what you gave: change it by a command."
    return f"{sentence} The nearest places, as they are now (mind every space):\n" + "\n".join(near)


def _strange(text: Text, old: str) -> str:
    """Characters of the file that make it differ from a passage that looks the same; empty if it is not that."""
    if _looks(old) not in _looks(text.view):
        return ""
    others = {one for one in text.view if not one.isascii()} - set(old)
    listed = sorted(others, key=ord)[:_MOST_STRANGE]
    return ", ".join(f"U+{ord(one):04X} ({unicodedata.name(one, 'no name')})" for one in listed)


def _looks(text: str) -> str:
    """The text with one character for all that look the same: accents of their own, blanks that do not break."""
    return unicodedata.normalize("NFKC", text).translate(_SAME)


def _near(lines: list[str], wanted: list[str]) -> list[str]:
    """Regions that begin like what was wanted, best first, as `read` would show them."""
    anchor = max(range(len(wanted)), key=lambda row: len(wanted[row].strip()))
    best = heapq.nlargest(_NEAR_PLACES, ((_likeness(line, wanted[anchor]), -row) for row, line in enumerate(lines)))
    shown: list[str] = []
    for score, place in best:
        if score >= _NEAR_ENOUGH:
            first = max(-place - anchor, 0)
            region = lines[first : first + min(len(wanted), _NEAR_LINES)]
            shown.append("\n".join(f"{number:>6}\t{line}" for number, line in enumerate(region, first + 1)))
    return shown


def nearest_line(text: Text, old: str) -> int:
    """The number of the line that resembles the passage most, from 1; 1 if none does."""
    lines = text.view.split("\n")
    wanted = max(old.split("\n"), key=lambda row: len(row.strip()))
    if len(lines) > _MOST_SEARCHED:
        return 1
    score, place = max((_likeness(line, wanted), -row) for row, line in enumerate(lines))
    return 1 - place if score >= _NEAR_ENOUGH else 1


def _likeness(line: str, wanted: str) -> float:
    """From 0 to 1; blanks at the ends do not count, so that a wrong indentation is near."""
    one, two = line.strip()[:500], wanted.strip()[:500]
    matcher = difflib.SequenceMatcher(None, one, two, autojunk=False)
    if not one or not two or matcher.real_quick_ratio() < _NEAR_ENOUGH or matcher.quick_ratio() < _NEAR_ENOUGH:
        return 0.0
    return matcher.ratio()


EDIT: Final = Tool(
    name="edit",
    purpose=(
        "Replace a passage of a text file. `old` must be the exact text, with all blanks, and must stand there once "
        "(or set `all`). Line ends, encoding and everything around it stay as they are. Give several changes of one "
        "file at once as `edits`. Answers with the diff, and with what it broke in the file's syntax."
    ),
    arguments=EditArguments,
    run=_run,
    repeatable=True,
    alters=True,
)
