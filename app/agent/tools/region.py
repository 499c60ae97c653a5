"""Show the place in a file that was meant by an edit. No tool for models: the loop shows it when edits keep missing."""

import asyncio
from typing import Final

from pydantic import Field

from app.agent.tools.edit import nearest_line
from app.agent.tools.exact import Text
from app.agent.tools.read import READ, ReadArguments
from app.agent.tools.tool import Arguments, Desk, Told, Tool

_AROUND: Final = 60
"""Lines before and after."""


class RegionArguments(Arguments, frozen=True):
    """A file, and a passage that is not in it."""

    path: str = Field(max_length=4_096)
    old: str = Field(default="", max_length=200_000)


async def _run(arguments: RegionArguments, desk: Desk) -> Told:
    text = Text.of(await desk.workspace.read(arguments.path))
    line = await asyncio.to_thread(nearest_line, text, arguments.old) if arguments.old else 1
    place = ReadArguments(path=arguments.path, offset=max(line - _AROUND, 1), limit=2 * _AROUND)
    return await READ.run(place, desk)


REGION: Final = Tool(
    name="region",
    purpose="Show the lines of a file that resemble a passage most.",
    arguments=RegionArguments,
    run=_run,
    repeatable=True,
    only_reads=True,
)
