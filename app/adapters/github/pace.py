"""How fast one installation may be used: one write after the other, with pauses, and no call while GitHub says stop.

https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from app.core.errors import RateLimited

_NOTIFYING: Final = 3
"""Writes that notify people are spaced this many times wider, as octokit's throttling does."""
_AT_ONCE: Final = 4
"""Reads of one installation at the same time; GitHub would rather have one, and bans far above."""


class Pace:
    """Shared by everything that uses one installation in this process."""

    def __init__(
        self,
        write_spacing_s: float = 1.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`write_spacing_s`: seconds between two writes; GitHub asks for one at least. 0 is for a loopback server."""
        self._spacing_s = write_spacing_s
        self._clock = clock
        self._sleep = sleep
        self._reads = asyncio.Semaphore(_AT_ONCE)
        self._writes = asyncio.Lock()
        self._next_write = self._next_notification = self._stopped_until = 0.0

    @asynccontextmanager
    async def read(self) -> AsyncIterator[None]:
        """Wait for the turn of a read. Raises RateLimited at once while GitHub says stop."""
        async with self._reads:
            with self._watched():
                yield

    @asynccontextmanager
    async def write(self, *, notifies: bool) -> AsyncIterator[None]:
        """Wait for the turn of a write. Raises RateLimited at once while GitHub says stop."""
        async with self._writes:
            at = max(self._next_write, self._next_notification if notifies else 0.0)
            if (pause := at - self._clock()) > 0:
                await self._sleep(pause)
            try:
                with self._watched():
                    yield
            finally:
                now = self._clock()
                self._next_write = now + self._spacing_s
                if notifies:
                    self._next_notification = now + _NOTIFYING * self._spacing_s

    async def settle(self) -> None:
        """Give GitHub's copies time to agree, before looking whether a write arrived whose answer did not."""
        await self._sleep(self._spacing_s)

    def _watched(self) -> "_Watched":
        return _Watched(self)

    def check(self) -> None:
        """Raise RateLimited while GitHub says stop."""
        left = self._stopped_until - self._clock()
        if left > 0:
            raise RateLimited(f"GitHub asks to slow down; it goes on in {left:.0f} seconds.", retry_after_s=left)

    def stop(self, seconds: float) -> None:
        """Let nobody call for so long."""
        self._stopped_until = max(self._stopped_until, self._clock() + seconds)


class _Watched:
    """Around one call: none while stopped, and GitHub's word to stop is taken for all that follow."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    def __enter__(self) -> None:
        self._pace.check()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, RateLimited):
            self._pace.stop(error.retry_after_s)
