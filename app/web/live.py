"""Runs that people look at while they go on.

However many look at a run, what is new is read and made once. Who looks is told of it by server-sent events: each at
the pace of their own connection, and whoever is slow misses steps in between, never the last one.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

from app.core.errors import NotFound
from app.core.glance import Reader
from app.core.store import StoreDown
from app.web.frame import Frame

_log = logging.getLogger(__name__)

EVERY_S: Final = 0.4
"""Between two looks at one run: people read no faster, and a minion may write ten entries a second."""
UNTOLD_S: Final = 10.0
"""A run is looked at so often though nothing was told of it: what is told may get lost."""
KEPT_S: Final = 30.0
"""A frame is kept so long after the last one who looked: between a page and its events, and while one reloads."""
MOST: Final = 200
"""Runs that are looked at at once; who comes after that sees a page that stands still."""
MOST_ENDED: Final = 10
"""Runs that have ended whose frames are kept, some megabytes each, for who unfolds one part of them after the other."""


class _Watched:
    """A frame that somebody looks at, and what keeps it up to date."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.viewers = 0
        self.stirred = asyncio.Event()
        self.changed = asyncio.Event()
        """Set at a change, and then replaced: whoever waits for one has that of their own step."""
        self.task: asyncio.Task[None] | None = None
        self.is_over = False
        """Whether nobody brings it up to date any more."""

    def tell(self) -> None:
        """Have everybody who waits look at the frame."""
        self.changed.set()
        self.changed = asyncio.Event()


class Live:
    """The frames of this process. Nothing runs while nobody looks."""

    def __init__(
        self, reader: Reader, make: Callable[[str], Frame], *, every_s: float = EVERY_S, kept_s: float = KEPT_S
    ) -> None:
        self._reader = reader
        self._make = make
        self._every_s = every_s
        self._kept_s = kept_s
        self._watched: dict[str, _Watched] = {}
        self._ended: OrderedDict[str, Frame] = OrderedDict()
        """The one that was read last stands last."""
        self._listening: asyncio.Task[None] | None = None

    async def frame(self, key: str) -> Frame:
        """The run as it stands; kept for those who go on looking, if it goes on. Raises NotFound."""
        if known := self._watched.get(key):
            await known.frame.look()
            return known.frame
        frame = self._ended.pop(key, None) or self._make(key)
        await frame.look()
        if not frame.is_final and len(self._watched) < MOST:
            return self._keep(frame).frame
        if frame.is_final:
            self._ended[key] = frame
            if len(self._ended) > MOST_ENDED:
                self._ended.popitem(last=False)
        return frame

    async def watch(self, key: str, mark: str, seq: int) -> AsyncIterator[tuple[str, str, str]]:
        """What changes after the state `mark` and `seq`, as (id, event, data), until the run has ended.

        Raises NotFound.
        """
        frame = known.frame if (known := self._watched.get(key)) else await self.frame(key)
        seen = seq if frame.mark == mark else 0
        watched = self._watched.get(key)
        if watched is None:
            yield _id(frame), "put", frame.since(seen)
            yield _id(frame), "end", ""
            return
        watched.viewers += 1
        watched.stirred.set()
        try:
            while not watched.is_over:
                changed = watched.changed
                if frame.seq > seen:
                    data, seen = frame.since(seen), frame.seq
                    yield _id(frame), "put", data  # who reads it may take long, so then it is looked again
                    continue
                if frame.is_final:
                    yield _id(frame), "end", ""
                    return
                await changed.wait()
        finally:
            watched.viewers -= 1

    async def close(self) -> None:
        """Look at nothing any more."""
        tasks = [one.task for one in self._watched.values() if one.task]
        tasks += [self._listening] if self._listening else []
        self._watched.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _keep(self, frame: Frame) -> _Watched:
        if known := self._watched.get(frame.key):  # somebody else was as quick
            return known
        watched = self._watched[frame.key] = _Watched(frame)
        watched.task = asyncio.create_task(self._keep_looking(watched))
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen())
        return watched

    async def _keep_looking(self, watched: _Watched) -> None:
        """Bring a frame up to date as long as somebody looks at it."""
        frame, loop = watched.frame, asyncio.get_running_loop()
        alone_since = loop.time()
        try:
            while watched.viewers or loop.time() - alone_since < self._kept_s:
                with suppress(TimeoutError):
                    await asyncio.wait_for(watched.stirred.wait(), min(UNTOLD_S, self._kept_s))
                watched.stirred.clear()
                if watched.viewers:
                    alone_since = loop.time()
                    await self._look(watched)
                    await asyncio.sleep(self._every_s)
        except NotFound:  # deleted while somebody looked at it
            _log.info("Run %s is gone.", frame.run.id)
        finally:
            watched.is_over = True
            watched.tell()
            self._watched.pop(frame.key, None)
            if not self._watched and self._listening is not None:
                self._listening.cancel()

    async def _look(self, watched: _Watched) -> None:
        try:
            if await watched.frame.look() or watched.frame.is_final:
                watched.tell()
        except StoreDown as error:
            _log.info("Run %s cannot be looked at now: %s", watched.frame.run.id, error)

    async def _listen(self) -> None:
        """Stir the frames of runs with which something happened."""
        async for run_id in self._reader.changes():
            for watched in self._watched.values():
                if run_id is None or watched.frame.run.id == run_id:
                    watched.stirred.set()


def _id(frame: Frame) -> str:
    return f"{frame.mark}-{frame.seq}"
