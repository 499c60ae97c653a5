"""Where the App is installed, by what GitHub says now: its word that an installation was removed may have been lost."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Protocol

from pydantic import BaseModel


class Listed(BaseModel, frozen=True):
    """An installation that GitHub lists."""

    id: int
    account: str
    is_suspended: bool


class Lost(BaseModel, frozen=True):
    """An installation that was ours and is not listed any more."""

    id: int
    account: str
    was_missing: bool
    """Whether GitHub said long before, too, that there is none of this id, and nothing else since."""


class Installed(Protocol):
    """GitHub, asked as the App. Calls may raise ForgeErrors."""

    async def listed(self) -> Sequence[Listed]:
        """Every installation, suspended ones included."""
        ...

    async def is_gone(self, installation_id: int) -> bool:
        """Whether GitHub itself says that this App has no such installation.

        Raises Unavailable for every answer that does not say it plainly.
        """
        ...


class Register(Protocol):
    """What one App has noted of its installations. Calls may raise StoreDown."""

    async def note_listed(self, listed: Sequence[Listed], settled: timedelta) -> Sequence[int]:
        """Note that these are there and this App's; answer with those that were taken for removed.

        Those are there again, unless they were removed within the time `settled`: GitHub's list may lag.
        """
        ...

    async def lost(self, listed: Collection[int], doubt: timedelta, at_most: int) -> Sequence[Lost]:
        """Installations of this App, and of no other, that are not taken for removed and not among those listed.

        They `was_missing` if they were noted as missing so long ago.
        """
        ...

    async def note(self, installation_id: int, *, is_missing: bool) -> None:
        """Note that GitHub says that there is none, unless that is noted already, or that there is one."""
        ...
