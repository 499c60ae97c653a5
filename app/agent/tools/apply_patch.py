"""The patches that OpenAI's models were trained on: V4A, https://cookbook.openai.com/examples/gpt4-1_prompting_guide."""

import asyncio
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from pydantic import Field

from app.agent.tools.edit import diff
from app.agent.tools.exact import NotText, Text
from app.agent.tools.syntax import introduced
from app.agent.tools.tool import Arguments, Desk, Told, Tool, clipped
from app.core.sandbox import in_tree

_BEGIN: Final = "*** Begin Patch"
_END: Final = "*** End Patch"
_ADD: Final = "*** Add File: "
_UPDATE: Final = "*** Update File: "
_DELETE: Final = "*** Delete File: "
_MOVE: Final = "*** Move to: "
_LAST_LINES: Final = "*** End of File"
_BOM: Final = "\ufeff"
_MOST_DIFF: Final = 6_000
_MOVE_S: Final = 60.0


class Wrong(ValueError):
    """The patch cannot be applied; the sentence is for the model."""


class ApplyPatchArguments(Arguments, frozen=True):
    """A patch."""

    patch: str = Field(min_length=1, max_length=500_000, description=f"From `{_BEGIN}` to `{_END}`.")


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

    @property
    def content(self) -> str:
        """Of a new file."""
        return "".join(f"{line}\n" for hunk in self.hunks for sign, line in hunk.lines if sign == "+")


def parse(patch: str) -> list[FilePatch]:
    """The files of a patch. Raises Wrong."""
    rows = patch.replace("\r\n", "\n").strip().split("\n")
    if rows[0].strip() != _BEGIN or rows[-1].strip() != _END:
        raise Wrong(f"A patch begins with the line `{_BEGIN}` and ends with the line `{_END}`.")
    files: list[FilePatch] = []
    for row in rows[1:-1]:
        if kind := next((kind for kind in (_ADD, _UPDATE, _DELETE) if row.startswith(kind)), ""):
            files.append(FilePatch(kind, in_tree(row.removeprefix(kind).strip())))
        elif not files:
            raise Wrong(f"Before the first line of a file stands {row[:80]!r}.")
        elif row.startswith(_MOVE):
            files[-1].move_to = in_tree(row.removeprefix(_MOVE).strip())
        else:
            _add(files[-1], row)
    if not files:
        raise Wrong("The patch holds no file.")
    if twice := [file.path for file in files if sum(file.path == other.path for other in files) > 1]:
        raise Wrong(f"{twice[0]} stands in the patch twice: put its places under one heading.")
    return files


def _add(file: FilePatch, row: str) -> None:
    """One line of a file's part."""
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
    elif row[:1] in {"+", "-", " "}:
        file.hunks[-1].lines.append((row[0], row[1:]))
    elif not row:
        file.hunks[-1].lines.append((" ", ""))  # an empty line of context, whose blank got lost
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


async def _run(arguments: ApplyPatchArguments, desk: Desk) -> Told:
    try:
        files = parse(arguments.patch)
        before = {file.path: await _read(file, desk) for file in files}
        after = await asyncio.to_thread(_all_applied, files, before)
    except Wrong as error:
        return Told(f"{error} Nothing was changed.", ok=False)
    said: list[str] = []
    for file in files:
        if file.kind == _DELETE or file.move_to:
            said.append(await _move(file, desk))
        if file.kind != _DELETE:
            path = file.move_to or file.path
            await desk.workspace.write(path, after[file.path])
            said.append(await asyncio.to_thread(_said, path, before[file.path], after[file.path]))
    return Told(clipped("\n".join(filter(None, said)), _MOST_DIFF))


async def _read(file: FilePatch, desk: Desk) -> bytes | None:
    try:
        data = await desk.workspace.read(file.path)
    except FileNotFoundError:
        if file.kind == _ADD:
            return None
        raise Wrong(f"There is no {file.path!r} in the repository.") from None
    except (OSError, ValueError):
        raise Wrong(f"{file.path!r} is no file of the repository that can be patched.") from None
    if file.kind == _ADD:
        raise Wrong(f"{file.path} exists already: update it.")
    return data


def _all_applied(files: list[FilePatch], before: Mapping[str, bytes | None]) -> dict[str, bytes]:
    return {
        file.path: file.content.encode() if file.kind == _ADD else applied(file, before[file.path] or b"")
        for file in files
        if file.kind != _DELETE
    }


async def _move(file: FilePatch, desk: Desk) -> str:
    """Take a file away, or to another place, in the box; answer with what is to be said."""
    old, new = shlex.quote(f"./{file.path}"), shlex.quote(f"./{file.move_to}")
    folder = shlex.quote(f"./{PurePosixPath(file.move_to).parent}")
    command = f"mkdir -p -- {folder} && mv -- {old} {new}" if file.move_to else f"rm -- {old}"
    result = await desk.sandbox.run(command, timeout_s=max(min(_MOVE_S, desk.seconds_left), 1.0))
    done = f"Moved {file.path} to {file.move_to}." if file.move_to else f"Deleted {file.path}."
    return done if result.ok else f"{file.path}: {result.output.strip()}"


def _said(path: str, before: bytes | None, after: bytes) -> str:
    new, old = Text.of(after), Text.of(before or b"")
    broken = introduced(path, old.view if before is not None else None, new.view)
    told = f"Wrote {path}: {len(after):,} bytes." if before is None else diff(path, old, new)
    return "\n".join(filter(None, [told, broken]))


APPLY_PATCH: Final = Tool(
    name="apply_patch",
    purpose=(
        f"Change, add, delete or move text files by a patch: `{_BEGIN}`, then for each file `{_UPDATE}PATH` (with "
        f"`{_MOVE}PATH` where it moves), `{_ADD}PATH` or `{_DELETE}PATH`, then `{_END}`. In an update each place has "
        "three lines of context around it, begun by a blank, and lines begun by `-` and `+`; `@@ LINE` names a line "
        "above it where the context is not unique. All of it is applied, or nothing. Answers with the diff."
    ),
    arguments=ApplyPatchArguments,
    run=_run,
    repeatable=True,
    alters=True,
)
