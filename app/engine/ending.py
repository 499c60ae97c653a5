"""The end of a run: saved first, then told on GitHub and tidied up."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from app.core.errors import ForgeError, RateLimited, Unavailable
from app.core.forge import Forge
from app.core.run import Run, Status
from app.core.store import Stale, Store, StoreDown
from app.core.tracing import Tracer
from app.core.workspace import Workspace
from app.engine.dispatch import Blueprints
from app.engine.progress import Progress

_log = logging.getLogger(__name__)

MOST_TRIES: Final = 12
"""With the pauses of `runner.py`, 80 minutes of GitHub or the model being away."""

OpenWorkspace = Callable[[Run, Forge], Workspace]


class Ending:
    """Ends runs. `now` gives the time of day with time zone, `tracer` is told of what has ended."""

    def __init__(
        self,
        store: Store,
        blueprints: Blueprints,
        progress: Progress,
        open_workspace: OpenWorkspace,
        *,
        now: Callable[[], datetime],
        tracer: Tracer | None = None,
    ) -> None:
        self._store = store
        self._blueprints = blueprints
        self._progress = progress
        self._open_workspace = open_workspace
        self._now = now
        self._tracer = tracer

    async def end(
        self, run: Run, status: Status, error: str, *, reported: bool = False, patch: bytes | None = None
    ) -> Run:
        """End the run, as it is in the store, for a reason that is told to people."""
        newest = await self._store.load(run.id)
        ended = {"status": status, "error": error, "ended_at": self._now(), "is_reported": reported, "tries": 0}
        return await self._store.save(newest.model_copy(update=ended), patch=patch)

    async def fail(self, run: Run, why: str) -> Run:
        """End the run where it is. Raises Stale if another worker, which took this one for lost, went on with it."""
        newest = await self._store.load(run.id)
        if newest.status.has_ended or len(newest.visits) > len(run.visits):
            raise Stale(f"Another worker went on with run {run.id}: it is at {newest.at}.")
        return await self.end(run, Status.FAILED, why)

    async def give_way(self, run: Run) -> None:
        """End a run that only waits for its checks, and so has its result: another one takes its branch."""
        done = {"status": Status.DONE, "wait": None, "ended_at": self._now(), "tries": 0}
        await self._store.save(run.model_copy(update=done), advance_at=self._now())

    async def report(self, run: Run, forge: Forge) -> Run:
        """Tell the end on GitHub, then tidy up. Done again after a crash, until it is saved that it was done."""
        blueprint = self._blueprints.get(run.blueprint)
        try:
            if run.status is Status.REFUSED and not run.trail.head_sha:
                await self._progress.refuse(run, forge, openly=True)
            elif blueprint is not None:
                run = await self._progress.end(run, blueprint, forge)
        except (RateLimited, Unavailable):
            if run.tries < MOST_TRIES:
                raise
        except StoreDown:  # calls are paced by the database; without it nothing was tried
            raise
        except ForgeError as error:
            _log.warning("Run %s: its end cannot be told on GitHub: %s", run.id, error)
        except Exception:  # an outermost edge, too: told or not, the run has ended, and nothing may begin that anew
            _log.exception("Run %s: its end cannot be told", run.id)
        try:
            await self._open_workspace(run, forge).remove()
        except Exception:  # as above
            _log.exception("Run %s: its folder cannot be removed", run.id)
        told = await self._store.save(run.model_copy(update={"is_reported": True, "tries": 0}))
        if self._tracer:
            self._tracer.ended(told)
        return told
