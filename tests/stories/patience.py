"""Waiting for what others do, as people at GitHub wait for it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

PATIENCE_S: Final = 240.0
"""A story takes some 10 seconds alone, and four times as many where three others are told beside it; an event that got
lost is looked for after 30 seconds.
"""


async def until(look: Callable[[], Awaitable[Any]], *, within_s: float = PATIENCE_S) -> Any:
    """What `look` answers as soon as that is something. Raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while not (found := await look()):
            await asyncio.sleep(0.1)
        return found


async def ended(person: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pull request and its completed check run, once they are there."""

    async def look() -> Any:
        for pull in await person.pulls():
            checks = await person.checks(pull["head"]["sha"])
            if checks and checks[0]["status"] == "completed":
                return pull, checks[0]
        return None

    found: tuple[dict[str, Any], dict[str, Any]] = await until(look)
    return found
