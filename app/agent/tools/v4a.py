"""The patches that OpenAI's models were trained on: V4A, https://cookbook.openai.com/examples/gpt4-1_prompting_guide."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from app.agent.tools.exact import NotText, Text
from app.core.sandbox import in_tree

BEGIN: Final = "*** Begin Patch"
END: Final = "*** End Patch"
ADD: Final = "*** Add File: "
UPDATE: Final = "*** Update File: "
DELETE: Final = "*** Delete File: "
MOVE: Final = "*** Move to: "
_LAST_LINES: Final = "*** End of File"
_EMPTY: Final = (" ", "")
"""An empty line whose sign got lost."""
_BOM: Final = "\ufeff"


class Wrong(ValueError):
    """The patch cannot be applied; the sentence is for the model."""


@dataclass
class Hunk:
    """One place of a file: lines with a blank, a minus or a plus before them."""

    anchors: list[str] = field(default_factory=list)
    """Lines that stand somewhere above it."""
    lines: list[tuple[str, str]] = field(default_factory=list)
    is_at_end: bool = False

    @property
    def old(self) -> list[str]:
        """What must stand there."""
        return [line for sign, line in self.lines if sign != "+"]


@dataclass
class FilePatch:
    """What becomes of one file."""

    kind: str
    path: str
    move_to: str = ""
    hunks: list[Hunk] = field(default_factory=list)
    bare: int = 0
    """Rows at its end with nothing in them, not even a sign."""

    @property
    def content(self) -> str:
        """Of a new file."""
        return "".join(f"{line}\n" for hunk in self.hunks for _, line in hunk.lines)

    @property
    def place(self) -> str:
        """Where it stands afterwards."""
        return self.move_to or self.path

    def trim(self) -> None:
        """Leave out bare rows at its end: they only part it from the next file."""
        for _ in range(self.bare):
            self.hunks[-1].lines.pop()


def parse(patch: str) -> list[FilePatch]:
    """The files of a patch. Raises Wrong."""
    rows = patch.replace("\r\n", "\n").strip().split("\n")
    if rows[0].strip() != BEGIN or rows[-1].strip() != END:
        raise Wrong(f"A patch begins with the line `{BEGIN}` and ends with the line `{END}`.")
    files: list[FilePatch] = []
    for row in rows[1:-1]:
        if kind := next((kind for kind in (ADD, UPDATE, DELETE) if row.startswith(kind)), ""):
            if files:
                files[-1].trim()
            files.append(FilePatch(kind, in_tree(row.removeprefix(kind).strip())))
        elif not files:
            raise Wrong(f"Before the first line of a file stands {row[:80]!r}.")
        elif row.startswith(MOVE):
            files[-1].move_to = in_tree(row.removeprefix(MOVE).strip())
        else:
            _add(files[-1], row)
    if not files:
        raise Wrong("The patch holds no file.")
    files[-1].trim()
    named = Counter(path for file in files for path in {file.path, file.place})
    if twice := [path for path, times in named.items() if times > 1]:
        raise Wrong(f"{twice[0]} stands in the patch twice: put its places under one heading.")
    return files


def _add(file: FilePatch, row: str) -> None:
    """One line of a file's part."""
    file.bare = 0 if row else file.bare + 1
    if row.startswith("@@"):
        if not file.hunks or file.hunks[-1].lines:
            file.hunks.append(Hunk())
        if anchor := row.removeprefix("@@").strip():
            file.hunks[-1].anchors.append(anchor)
        return
    if not file.hunks:
        file.hunks.append(Hunk())
    if row == _LAST_LINES:
        file.hunks[-1].is_at_end = True
    elif not row:
        file.hunks[-1].lines.append(_EMPTY)
    elif file.kind == ADD and row[0] != "+":
        raise Wrong(f"{file.path}: each line of a new file begins with `+`, unlike {row[:80]!r}.")
    elif row[0] in {"+", "-", " "}:
        file.hunks[-1].lines.append((row[0], row[1:]))
    else:
        raise Wrong(f"{file.path}: each line begins with a blank, `-`, `+` or `@@`, unlike {row[:80]!r}.")


def applied(file: FilePatch, data: bytes) -> bytes:
    """The bytes of a file after its part of the patch. Raises Wrong."""
    if b"\0" in data:
        raise Wrong(f"{file.path} is binary: it cannot be patched as text.")
    text, line = Text.of(data), 0
    for number, hunk in enumerate(file.hunks, 1):
        lines = text.view.removeprefix(_BOM).split("\n")
        for anchor in hunk.anchors:
            line = _below(lines, anchor, line, file.path)
        at = _place(lines, hunk, line, f"{file.path}, place {number}")
        data, line = _put(text, lines, hunk, at)
        text = Text.of(data)
    return data


def _below(lines: list[str], anchor: str, line: int, path: str) -> int:
    for number in range(line, len(lines)):
        if lines[number].strip() == anchor.strip():
            return number + 1
    raise Wrong(f"{path}: below line {line} there is no line {anchor[:80]!r}, which stands behind `@@`.")


def _place(lines: list[str], hunk: Hunk, line: int, name: str) -> int:
    """The lines before a hunk: matched exactly, else without blanks at the ends of lines, else at both sides."""
    old = hunk.old
    if not old:
        return line if hunk.anchors else len(lines) - (lines[-1] == "")
    edges: Sequence[Callable[[str], str]] = (_as_it_is, str.rstrip, str.strip)
    for edge in edges:
        wanted = [edge(row) for row in old]
        if not any(wanted) and edge is not _as_it_is:
            break
        seen = [edge(row) for row in lines]
        found = [at for at in range(line, len(lines) - len(old) + 1) if seen[at : at + len(old)] == wanted]
        if hunk.is_at_end:
            found = found[-1:]
        elif len(found) > 1 and not lines[-1]:  # behind the last newline there is no line: it is the last to be meant
            found = [at for at in found if at + len(old) < len(lines)]
        if len(found) == 1 or (found and hunk.anchors):
            return found[0]
        if found:
            where = ", ".join(str(at + 1) for at in found[:20])
            raise Wrong(f"{name} stands {len(found)} times in the file, at lines {where}. Give more context, or `@@`.")
    first = next((row for row in old if row.strip()), "")
    raise Wrong(f"{name} does not stand in the file below line {line}; it begins with {first[:80]!r}. Read it again.")


def _as_it_is(line: str) -> str:
    return line


def _put(text: Text, lines: list[str], hunk: Hunk, at: int) -> tuple[bytes, int]:
    """The file's bytes with the hunk in its place, and the number of the line behind it."""
    there = iter(lines[at : at + len(hunk.old)])
    new: list[str] = []
    for sign, line in hunk.lines:
        if sign == "+":
            new.append(line)
        else:
            own = next(there)
            new += [own] if sign == " " else []
    old = "".join(f"{line}\n" for line in lines[at : at + len(hunk.old)])
    start = len(_BOM) * text.view.startswith(_BOM) + sum(len(line) + 1 for line in lines[:at])
    become = "".join(f"{line}\n" for line in new)
    if start + len(old) > len(text.view):  # the last line has no newline, and keeps having none
        old, become = old[:-1], become[:-1]
    try:
        return text.replaced([start], old, become), at + len(new)
    except NotText as error:
        raise Wrong(f"{error}.") from None
