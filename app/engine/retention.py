"""Deletes what was kept for long enough: little at a time, so that runs do not wait for it."""

import logging
from typing import Final

from app.core.retention import Archive, Cleared, Kept
from app.engine import rounds

_log = logging.getLogger(__name__)

EVERY_S: Final = 3600.0
"""What is kept for days may be deleted an hour later."""
_AT_ONCE: Final = 200
"""Runs in one transaction: their journals may be gigabytes."""


class Retention:
    """Looks at once, and again every `every_s` seconds. Several workers may do so: each deletes what is left."""

    def __init__(self, archive: Archive, kept: Kept, *, every_s: float = EVERY_S, at_once: int = _AT_ONCE) -> None:
        self._archive = archive
        self._kept = kept
        self._every_s = every_s
        self._at_once = at_once

    async def clear(self) -> Cleared:
        """Delete all that is due; answer with how much that was. Raises StoreDown."""
        cleared = Cleared()
        while found := await self._archive.clear(self._kept, self._at_once):
            cleared = Cleared(
                runs=cleared.runs + found.runs,
                deliveries=cleared.deliveries + found.deliveries,
                installations=cleared.installations + found.installations,
            )
        if cleared.runs or cleared.installations:
            _log.info(
                "Deleted what was kept for long enough: %s runs, all that was known of %s removed installations.",
                *(cleared.runs, cleared.installations),
            )
        return cleared

    async def keep_clearing(self) -> None:
        """Look until cancelled."""
        await rounds.keep(self.clear, "Deleting what was kept for long enough", self._every_s)
