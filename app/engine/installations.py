"""Where the App was removed without our hearing of it.

GitHub tells it once, and can be asked to tell it again for some days. Who missed that would keep what is known of an
installation for ever. So GitHub is asked now and then where the App is installed. What follows is deletion in the end,
so nothing is concluded from a list, which may be short for many reasons. An installation counts as removed when GitHub,
asked for it by its id, says that there is none, and said so a day before, too: each time just after it answered
another call with the same key, and only if it listed it for this App before. What is listed after all is there again.
"""

import logging
from datetime import timedelta
from typing import Final

from app.core.errors import ForgeError, RateLimited, Unavailable
from app.core.events import InstallationChanged
from app.core.installations import Installed, Lost, Register
from app.core.store import Store
from app.engine import rounds
from app.engine.dispatch import decide

_log = logging.getLogger(__name__)

EVERY_S: Final = 6 * 3600.0
DOUBT: Final = timedelta(days=1)
"""From the first time that GitHub says that there is no such installation until that is believed."""
_AT_ONCE: Final = 20
"""Installations asked for by their ids in one look, with one call each."""


class Installations:
    """Looks at once, and again every `every_s` seconds. Several workers may do so: each finds the same."""

    def __init__(self, store: Store, register: Register, installed: Installed, *, every_s: float = EVERY_S) -> None:
        self._store = store
        self._register = register
        self._installed = installed
        self._every_s = every_s

    async def keep_looking(self) -> None:
        """Look until cancelled."""
        await rounds.keep(self.look, "Looking up where the App is installed", self._every_s)

    async def look(self) -> None:
        """Look once. Raises ForgeErrors and StoreDown."""
        listed = await self._installed.listed()
        for number in await self._register.note_listed(listed, DOUBT):
            _log.warning("Installation %s was taken for removed, and GitHub lists it: it is there again.", number)
        for one in await self._register.lost({each.id for each in listed}, DOUBT, _AT_ONCE):
            try:
                await self._ask_for(one)
            except (RateLimited, Unavailable):
                raise
            except ForgeError as error:
                _log.info("Whether installation %s was removed cannot be told now: %s", one.id, error)

    async def _ask_for(self, one: Lost) -> None:
        is_gone = await self._installed.is_gone(one.id)
        if not is_gone or not one.was_missing:
            await self._register.note(one.id, is_missing=is_gone)
            return
        removed = InstallationChanged(installation_id=one.id, account=one.account, change="deleted")
        decision = decide(removed, {})
        if decision.act is not None:
            await self._store.accept(None, decision.act, decision.reason)
            _log.warning("Found on GitHub, not told by it: %s", decision.reason)
