"""Change files by a patch, as OpenAI's models were trained to; `v4a.py` knows how it is written."""

import asyncio
import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

from pydantic import Field

from app.agent.tools.edit import diff
from app.agent.tools.exact import Text
from app.agent.tools.syntax import introduced
from app.agent.tools.tool import Arguments, Desk, Told, Tool, clipped
from app.agent.tools.v4a import ADD, BEGIN, DELETE, END, MOVE, UPDATE, FilePatch, Wrong, applied, parse

_MOST_DIFF: Final = 6_000
_MOVE_S: Final = 60.0


class ApplyPatchArguments(Arguments, frozen=True):
    """A patch."""

    patch: str = Field(min_length=1, max_length=500_000, description=f"From `{BEGIN}` to `{END}`.")


async def _run(arguments: ApplyPatchArguments, desk: Desk) -> Told:
    try:
        files = parse(arguments.patch)
        before = {file.path: await _read(file, desk) for file in files}
        after = await asyncio.to_thread(_all_applied, files, before)
    except Wrong as error:
        return Told(f"{error} Nothing was changed.", ok=False)
    said: list[str] = []
    for file in files:
        try:
            said += await _done(file, before, after, desk)
        except (Wrong, OSError) as error:
            why = error.strerror if isinstance(error, OSError) and error.errno else error
            said.append(
                f"{file.place}: {why}. This file and those behind it in the patch are not done, the others are."
            )
            return Told(clipped("\n".join(said), _MOST_DIFF), ok=False)
    return Told(clipped("\n".join(filter(None, said)), _MOST_DIFF) or "The files had this content already.")


async def _done(
    file: FilePatch, before: Mapping[str, bytes | None], after: Mapping[str, bytes], desk: Desk
) -> Sequence[str]:
    """Carry out one file's part; what is to be said of it. Raises Wrong, and what Workspace raises."""
    moved = [await _move(file, desk)] if file.kind == DELETE or file.move_to else []
    if file.kind == DELETE:
        return moved
    await desk.workspace.write(file.place, after[file.path])
    return [*moved, await asyncio.to_thread(_said, file.place, before[file.path], after[file.path])]


async def _read(file: FilePatch, desk: Desk) -> bytes | None:
    """What the file holds; None if it is a new one. Raises Wrong if it cannot be patched, or another is in the way."""
    if any(part.casefold() == ".git" for path in (file.path, file.place) for part in path.split("/")):
        raise Wrong(f"{file.place} is git's own; change files, git follows.")
    data = await _bytes(file.path, desk)
    if data is None and file.kind != ADD:
        raise Wrong(f"There is no {file.path!r} in the repository.")
    if data is not None and file.kind == ADD:
        raise Wrong(f"{file.path} exists already: update it.")
    if file.move_to and await _bytes(file.move_to, desk) is not None:
        raise Wrong(f"{file.move_to} exists already: delete it first, or move to another place.")
    return data


async def _bytes(path: str, desk: Desk) -> bytes | None:
    """Of a file; None if there is none."""
    try:
        return await desk.workspace.read(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise Wrong(f"{path!r} is no file of the repository that can be patched.") from None


def _all_applied(files: list[FilePatch], before: Mapping[str, bytes | None]) -> dict[str, bytes]:
    return {
        file.path: file.content.encode() if file.kind == ADD else applied(file, before[file.path] or b"")
        for file in files
        if file.kind != DELETE
    }


async def _move(file: FilePatch, desk: Desk) -> str:
    """Take a file away, or to another place, in the box; answer with what is to be said."""
    old, new = shlex.quote(f"./{file.path}"), shlex.quote(f"./{file.move_to}")
    folder = shlex.quote(f"./{PurePosixPath(file.move_to).parent}")
    command = f"mkdir -p -- {folder} && mv -- {old} {new}" if file.move_to else f"rm -- {old}"
    result = await desk.sandbox.run(command, timeout_s=max(min(_MOVE_S, desk.seconds_left), 1.0))
    if not result.ok:
        raise Wrong(result.output.strip())
    return f"Moved {file.path} to {file.move_to}." if file.move_to else f"Deleted {file.path}."


def _said(path: str, before: bytes | None, after: bytes) -> str:
    new, old = Text.of(after), Text.of(before or b"")
    broken = introduced(path, old.view if before is not None else None, new.view)
    told = f"Wrote {path}: {len(after):,} bytes." if before is None else diff(path, old, new)
    return "\n".join(filter(None, [told, broken]))


APPLY_PATCH: Final = Tool(
    name="apply_patch",
    purpose=(
        f"Change, add, delete or move text files by a patch: `{BEGIN}`, then for each file `{UPDATE}PATH` (with "
        f"`{MOVE}PATH` where it moves), `{ADD}PATH` or `{DELETE}PATH`, then `{END}`. In an update each place has "
        "three lines of context around it, begun by a blank, and lines begun by `-` and `+`; `@@ LINE` names a line "
        "above it where the context is not unique. All of it is applied, or nothing. Answers with the diff."
    ),
    arguments=ApplyPatchArguments,
    run=_run,
    repeatable=True,
    alters=True,
)
