"""Clears away what runs that are over left on this machine: their workers were killed before they could.

Nothing in use is swept. The disk is looked at first, and the store is asked who lives only then. A run is in the store
before anything of it is on a disk, and it leaves `unfinished` only after its worker has tidied up. So an id that was
found on the disk and is not unfinished afterwards is of a run that is over; a run that was admitted between the two
looks was either not seen, or is unfinished. Ids are never given twice. A worker that does not know yet that its run was
ended by somebody else may still be at work in the folder: what it does there can no longer be saved.

One home belongs to one database: to another one, its runs would be unknown.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Final

from app.core.store import Store
from app.core.workspace import Leftovers
from app.engine import rounds

_log = logging.getLogger(__name__)

EVERY_S: Final = 300.0
"""A sweep of a tidy machine takes milliseconds, and what waits for the next one costs nothing but room on the disk."""
_MOST_TOLD: Final = 10
"""In one line of the log."""


class Sweeps:
    """Sweeps this machine at once, and again every `every_s` seconds."""

    def __init__(self, store: Store, leftovers: Leftovers, *, every_s: float = EVERY_S) -> None:
        self._store = store
        self._leftovers = leftovers
        self._every_s = every_s

    async def sweep(self) -> Sequence[str]:
        """Sweep once; answer with what was removed. Raises StoreDown."""
        found = await self._leftovers.of_runs()  # first, as said above
        unfinished = await self._store.unfinished()
        swept = await self._leftovers.sweep(found - frozenset(unfinished))
        if swept:
            kinds = [f"{what} ({times} times)" if times > 1 else what for what, times in Counter(swept).items()]
            more = f" and {len(kinds) - _MOST_TOLD} more" if len(kinds) > _MOST_TOLD else ""
            _log.info("Swept what was left on this machine: %s%s.", ", ".join(kinds[:_MOST_TOLD]), more)
        return swept

    async def keep_sweeping(self) -> None:
        """Sweep until cancelled."""
        await rounds.keep(self.sweep, "Sweeping this machine", self._every_s)
