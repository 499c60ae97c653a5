"""Write a whole file."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Final

from pydantic import Field

from app.agent.tools.edit import diff
from app.agent.tools.exact import Text
from app.agent.tools.syntax import introduced
from app.agent.tools.tool import Arguments, Desk, Told, Tool, clipped

_BOM: Final = "\ufeff"
_MOST_DIFF: Final = 6_000
MOST_LINES: Final = 400
"""Of a file that is replaced: of longer ones models leave out parts, or write "the rest as before"."""


class WriteArguments(Arguments, frozen=True):
    """A file and all that is to stand in it."""

    path: str = Field(min_length=1, max_length=4_096)
    content: str = Field(max_length=1_000_000, description="The whole file, with a newline at its end.")


async def _run(arguments: WriteArguments, desk: Desk, most_lines: int | None = MOST_LINES) -> Told:
    try:
        before = Text.of(await desk.workspace.read(arguments.path))
    except FileNotFoundError:
        before = None
    if before and most_lines and (lines := before.view.count("\n")) > most_lines:
        sentence = f"{arguments.path} has {lines:,} lines: replace passages of it with `edit`, so that none gets lost."
        return Told(f"{sentence} If nothing of it is to stay, delete it by a command first.", ok=False)
    data = arguments.content.encode() if before is None else _like(before, arguments.content)
    await desk.workspace.write(arguments.path, data)
    return Told(await asyncio.to_thread(_said, arguments, before, data))


def _said(arguments: WriteArguments, before: Text | None, data: bytes) -> str:
    broken = introduced(arguments.path, before.view if before else None, arguments.content)
    if before is None or "\0" in before.raw:
        told = f"Wrote {arguments.path}: {len(data):,} bytes."
    else:
        changed = diff(arguments.path, before, Text.of(data))
        told = clipped(changed, _MOST_DIFF) or "The file had this content already."
    return "\n".join(filter(None, [told, broken]))


def _like(before: Text, content: str) -> bytes:
    """The new content with line ends, byte order mark and encoding of what it replaces, so that a diff stays small."""
    text = content.replace("\r\n", "\n")
    if before.raw.startswith(_BOM) and not text.startswith(_BOM):
        text = _BOM + text
    text = text.replace("\n", "\r\n") if before.is_crlf else text
    with suppress(UnicodeEncodeError):  # what does not exist in Latin-1 makes it a file in UTF-8
        return text.encode("utf-8" if "\0" in before.raw else before.encoding)
    return text.encode()


async def _run_whole(arguments: WriteArguments, desk: Desk) -> Told:
    return await _run(arguments, desk, most_lines=None)


WRITE: Final = Tool(
    name="write",
    purpose="Write a whole file: a new one, or one of which little stays. Use `edit` for everything else.",
    arguments=WriteArguments,
    run=_run,
    repeatable=True,
    alters=True,
)
WRITE_WHOLE: Final = replace(WRITE, purpose="Write a whole file, a new one or one that there is.", run=_run_whole)
"""For models that write files anew more surely than they replace passages."""
