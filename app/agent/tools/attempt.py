"""Carrying out one tool: what is wrong with a path is an answer for the model, and says what to do instead."""

import difflib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any, Final

from app.agent.tools.tool import Arguments, Desk, Told, Tool
from app.core.errors import MinionsError

_NEAR_NAMES: Final = 3
_MOST_NAMES: Final = 5_000
"""In one folder; comparing names takes a while."""


async def attempted(tool: Tool[Any], arguments: Arguments, desk: Desk) -> Told:
    """Run a tool. Raises what `Tool.run` raises, except for what is wrong with a path."""
    path = getattr(arguments, "path", "")
    try:
        return await tool.run(arguments, desk)
    except FileNotFoundError:
        return Told(f"There is no {path!r} in the repository.{await _instead(path, desk)}", ok=False)
    except IsADirectoryError:
        return Told(f"{path!r} is a folder.", ok=False)
    except NotADirectoryError:
        return Told(f"A part of {path!r} is a file, not a folder.", ok=False)
    except OSError as error:
        # Those of our own have no number, and a sentence.
        said = f"{path!r}: {error.strerror or 'that did not work'}" if error.errno else str(error)
        return Told(f"{said}.", ok=False)


async def _instead(path: str, desk: Desk) -> str:
    """Files that may have been meant by a path that leads to none."""
    folder, name = str(PurePosixPath(path).parent), PurePosixPath(path).name
    names: list[str] = []
    with suppress(OSError):
        names = [each.rstrip("/") for each in await desk.workspace.paths("" if folder == "." else folder)]
    if name in names:
        return " It is a link to nothing."
    elsewhere = [each for each in await _listed(desk) if PurePosixPath(each).name == name]
    close = difflib.get_close_matches(name, names[:_MOST_NAMES], n=_NEAR_NAMES)
    found = [*elsewhere[:_NEAR_NAMES], *(str(PurePosixPath(folder) / each) for each in close)]
    return f" There is {', '.join(map(repr, found))}." if found else ""


async def _listed(desk: Desk) -> Sequence[str]:
    """Files of the base commit; none if git cannot say."""
    with suppress(MinionsError):
        return await desk.workspace.listed()
    return ()
