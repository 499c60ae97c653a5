"""What GitHub told of checks: hints that somebody who waits at a commit should look at it.

They come by the thousand, most of them about commits that are none of ours, and each may be lost: whoever waits looks
by itself, too, now and then. So none is stored. They are collected, and twice a second the database is asked, by one
statement, who waits at one of these commits.
"""

import asyncio
import logging
from typing import Final

from app.core.store import Store, StoreDown

_log = logging.getLogger(__name__)

EVERY_S: Final = 0.5
"""Half a second is nothing to somebody who waits for CI, and two statements a second are nothing to a database."""
MOST: Final = 20_000
"""Different commits in one second, which take 3 MB; twenty times what a busy organisation is told of."""


class Hints:
    """Collects hints, and hands them on. Nothing runs while there are none."""

    def __init__(self, store: Store, *, every_s: float = EVERY_S) -> None:
        self._store = store
        self._every_s = every_s
        self._heads: set[tuple[int, str]] = set()
        self._flushing: asyncio.Task[None] | None = None

    def add(self, repository_id: int, sha: str) -> None:
        """Something happened to a commit."""
        if len(self._heads) < MOST:
            self._heads.add((repository_id, sha))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._keep_flushing())

    async def flush(self) -> None:
        """Hand on what was collected; while the database is away it stays here."""
        heads, self._heads = self._heads, set()
        try:
            if stirred := await self._store.stir(heads):
                _log.info("Something happened to the checks of %s runs.", stirred)
        except StoreDown as error:
            self._heads |= heads
            _log.info("What happened to checks is handed on later: %s", error)

    async def close(self) -> None:
        """Hand on the last ones, and collect no more."""
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)
        if self._heads:
            await self.flush()

    async def _keep_flushing(self) -> None:
        while self._heads:
            await asyncio.sleep(self._every_s)
            try:
                await self.flush()
            except Exception:  # an outermost edge: nobody awaits this, and deliveries must go on
                _log.exception("What happened to checks cannot be handed on")
