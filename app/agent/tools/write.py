"""Write a whole file."""

import asyncio
from typing import Final

from pydantic import Field

from app.agent.tools.edit import diff
from app.agent.tools.exact import Text
from app.agent.tools.syntax import introduced
from app.agent.tools.tool import Arguments, Desk, Told, Tool, clipped

_BOM: Final = "\ufeff"
_MOST_DIFF: Final = 6_000


class WriteArguments(Arguments, frozen=True):
    """A file and all that is to stand in it."""

    path: str = Field(min_length=1, max_length=4_096)
    content: str = Field(max_length=1_000_000, description="The whole file, with a newline at its end.")


async def _run(arguments: WriteArguments, desk: Desk) -> Told:
    try:
        before = Text.of(await desk.workspace.read(arguments.path))
    except FileNotFoundError:
        before = None
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
    """The new content with the line ends and the byte order mark of what it replaces, so that a diff stays small."""
    text = content.replace("\r\n", "\n")
    if before.raw.startswith(_BOM) and not text.startswith(_BOM):
        text = _BOM + text
    return (text.replace("\n", "\r\n") if before.is_crlf else text).encode()


WRITE: Final = Tool(
    name="write",
    purpose="Write a whole file: a new one, or one of which little stays. Use `edit` for everything else.",
    arguments=WriteArguments,
    run=_run,
    repeatable=True,
    alters=True,
)
