"""Sees to it that no run is forgotten, whatever happened to the workers that should have gone on with it.

Every run that has not ended has a job in the queue or waits for a place, and each place that gets free is given on, all
by the transactions that make it so. Here it is looked whether that is so, now and then: a worker that was frozen and
came to itself after its run was taken over ends a job that was not its own any more; one of an older version gives no
places on; an operator raises a limit.
"""

import logging
from typing import Final

from app.core.store import Store
from app.engine import rounds

_log = logging.getLogger(__name__)

EVERY_S: Final = 60.0
"""One look at ten thousand runs takes some hundredths of a second."""


class Watch:
    """Looks at once, and again every `every_s` seconds."""

    def __init__(self, store: Store, *, every_s: float = EVERY_S) -> None:
        self._store = store
        self._every_s = every_s

    async def look(self) -> None:
        """Look once. Raises StoreDown."""
        if placed := await self._store.give_places():
            _log.warning("%s runs waited although there was a place for them.", placed)
        if found := await self._store.take_up():
            _log.warning("Nobody went on with %s.", ", ".join(f"run {run_id}" for run_id in found))

    async def keep_watching(self) -> None:
        """Look until cancelled."""
        await rounds.keep(self.look, "Looking for runs that were forgotten", self._every_s)
