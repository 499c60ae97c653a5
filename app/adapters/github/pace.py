"""How fast one installation may be used: so many calls at once, writes with pauses, and none while GitHub says stop.

Whose turn it is, `Turns` says: those in PostgreSQL are shared by all workers, those here by one process. What comes
soon is waited for. What comes later is RateLimited, so that the run is put off by a job and nobody sleeps.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from app.core.errors import RateLimited
from app.core.pace import CREATIONS_PER_MINUTE, NOTIFYING, Allowance, Turns, told_to_stop, too_far

_SOON_S: Final = 30.0
"""What is waited for here: ten comments that all notify people. A run that is put off does its node anew instead."""
_LOOK_S: Final = (0.02, 0.25)
"""The first and the longest pause between two looks whether a place is free; a call takes 0.05 to 0.2 seconds."""

_MINUTE_S: Final = 60.0
_HOUR_S: Final = 3600.0


class Pace:
    """Goes before every call of one installation. One object is shared by all that calls it in this process."""

    def __init__(
        self,
        turns: Turns,
        allowance: Allowance,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._turns = turns
        self._allowance = allowance
        self._sleep = sleep
        # So that no more of a process look for a free place than there are, and the first comes first.
        self._reads = asyncio.Semaphore(allowance.calls_at_once)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[None]:
        """Wait for the turn of a read. Raises RateLimited at once while GitHub says stop."""
        async with self._reads:
            place = await self._place()
            try:
                async with self._heeded():
                    yield
            finally:
                await self._turns.leave(place)

    @asynccontextmanager
    async def write(self, *, notifies: bool, creates: bool) -> AsyncIterator[None]:
        """Wait for the turn of a write, which may notify people or create something new.

        Raises RateLimited at once while GitHub says stop, or if the turn is too far away.
        """
        pause_s = await self._turns.reserve(notifies=notifies, creates=creates, within_s=_SOON_S)
        if pause_s > 0:
            await self._sleep(pause_s)
            await self._turns.check()
        async with self._heeded():
            yield

    async def settle(self) -> None:
        """Give GitHub's copies time to agree, before looking whether a write arrived whose answer did not."""
        await self._sleep(self._allowance.write_spacing_s)

    async def _place(self) -> str:
        waited_s, pause_s = 0.0, _LOOK_S[0]
        while not (place := await self._turns.enter()):
            if waited_s >= _SOON_S:
                raise RateLimited("Too much is read from GitHub at once just now.", retry_after_s=_SOON_S)
            # Jitter, or processes that look together go on looking together.
            pause_s = min(pause_s * random.uniform(1.0, 2.0), _LOOK_S[1])  # noqa: S311 - not a secret
            await self._sleep(pause_s)
            waited_s += pause_s
        return place

    @asynccontextmanager
    async def _heeded(self) -> AsyncIterator[None]:
        """GitHub's word to stop is taken for all calls that follow."""
        try:
            yield
        except RateLimited as error:
            await self._turns.stop(error.retry_after_s)
            raise


class Paces:
    """The pace of each installation, and of the App itself."""

    def __init__(self, allowance: Allowance, open_turns: Callable[[int], Turns] | None = None) -> None:
        """`open_turns` gives the turns of an installation by its id; without it they are those of this process."""
        self._allowance = allowance
        self._open_turns = open_turns or (lambda _: OwnTurns(allowance))
        self._known: dict[int, Pace] = {}

    def of(self, installation_id: int) -> Pace:
        """The pace of an installation; of the App's own calls by `THE_APP`."""
        if installation_id not in self._known:
            self._known[installation_id] = Pace(self._open_turns(installation_id), self._allowance)
        return self._known[installation_id]


class OwnTurns:
    """`Turns` of this process alone, for loopback servers and commands that have no database."""

    def __init__(self, allowance: Allowance, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds that only grow."""
        self._allowance = allowance
        self._clock = clock
        self._places: set[str] = set()
        self._next_write = self._next_notification = self._stopped_until = float("-inf")
        self._creations: deque[float] = deque(maxlen=max(allowance.creations_per_hour, CREATIONS_PER_MINUTE))

    async def enter(self) -> str:
        """As `Turns` says."""
        await self.check()
        free = (str(number) for number in range(self._allowance.calls_at_once) if str(number) not in self._places)
        place = next(free, "")
        if place:
            self._places.add(place)
        return place

    async def leave(self, place: str) -> None:
        """As `Turns` says."""
        self._places.discard(place)

    async def reserve(self, *, notifies: bool, creates: bool, within_s: float) -> float:
        """As `Turns` says."""
        await self.check()
        now, spacing_s = self._clock(), self._allowance.write_spacing_s
        if not spacing_s:
            return 0.0
        at = max(now, self._next_write, self._next_notification if notifies else now, *self._room(creates=creates))
        if at - now > within_s:
            raise too_far(at - now)
        self._next_write = at + spacing_s
        if notifies:
            self._next_notification = at + NOTIFYING * spacing_s
        if creates:
            self._creations.append(at)
        return at - now

    async def check(self) -> None:
        """As `Turns` says."""
        left_s = self._stopped_until - self._clock()
        if left_s > 0:
            raise told_to_stop(left_s)

    async def stop(self, seconds: float) -> None:
        """As `Turns` says."""
        self._stopped_until = max(self._stopped_until, self._clock() + seconds)

    def _room(self, *, creates: bool) -> list[float]:
        """When the minute and the hour have room for one more creation."""
        spans = ((CREATIONS_PER_MINUTE, _MINUTE_S), (self._allowance.creations_per_hour, _HOUR_S))
        made = self._creations
        return [made[-most] + span_s for most, span_s in spans if creates and len(made) >= most]
