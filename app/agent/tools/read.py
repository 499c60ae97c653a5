"""Show a file with line numbers, or what is in a folder."""

import mimetypes
from typing import Final

from pydantic import Field

from app.agent.tools.exact import Text
from app.agent.tools.tool import Arguments, Desk, Told, Tool

_MOST_SHOWN: Final = 20_000
"""Characters of one answer; about 5,000 tokens."""
_LONGEST_LINE: Final = 2_000
_MOST_NAMES: Final = 500


class ReadArguments(Arguments, frozen=True):
    """A file or folder, and which part of it."""

    path: str = Field(max_length=4_096, description="Relative to the repository's root; `.` lists the root.")
    offset: int = Field(default=1, ge=1, le=100_000_000, description="First line to show.")
    limit: int = Field(default=400, ge=1, le=5_000, description="How many lines to show.")


async def _run(arguments: ReadArguments, desk: Desk) -> Told:
    if arguments.path.strip("/") in {"", "."}:
        return _listing("the root", list(await desk.workspace.paths()))
    try:
        data = await desk.workspace.read(arguments.path)
    except IsADirectoryError:
        return _listing(arguments.path, list(await desk.workspace.paths(arguments.path)))
    if b"\0" in data[:8_000]:  # where git looks, too, to tell text from anything else
        kind = mimetypes.guess_type(arguments.path)[0] or "unknown type"
        return Told(f"{arguments.path} is binary: {kind}, {len(data):,} bytes. Look at it with bash if you must.")
    return _lines(arguments, Text.of(data))


def _listing(path: str, names: list[str]) -> Told:
    shown = names[:_MOST_NAMES]
    rest = f"\n[{len(names) - len(shown):,} more; list them with bash]" if len(names) > len(shown) else ""
    return Told(f"[{path}: a folder with {len(names):,} entries]\n" + "\n".join(shown) + rest)


def _lines(arguments: ReadArguments, text: Text) -> Told:
    lines = text.view.removeprefix("\ufeff").split("\n")
    if lines[-1] == "":
        lines.pop()
    if arguments.offset > max(len(lines), 1):
        return Told(f"{arguments.path} has only {len(lines):,} lines.", ok=False)
    shown: list[str] = []
    room = _MOST_SHOWN
    for number, line in enumerate(lines[arguments.offset - 1 :][: arguments.limit], arguments.offset):
        cut = line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} [… {len(line) - _LONGEST_LINE:,} more]"
        row = f"{number:>6}\t{cut}"
        room -= len(row) + 1
        if room < 0:
            break
        shown.append(row)
    last = arguments.offset + len(shown) - 1
    head = f"[{arguments.path}: lines {arguments.offset}-{last} of {len(lines):,}{text.remark}]" if lines else "[empty]"
    return Told("\n".join([head, *shown]))


READ: Final = Tool(
    name="read",
    purpose="Show a text file with line numbers, or the names in a folder. Read the region before you edit it.",
    arguments=ReadArguments,
    run=_run,
    repeatable=True,
    only_reads=True,
)
