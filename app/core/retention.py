"""How long what is known is kept."""

from datetime import timedelta
from typing import Protocol

from pydantic import BaseModel


class Kept(BaseModel, frozen=True):
    """Times after which things are deleted; None: never."""

    runs: timedelta | None = None
    """After their end, with all that was said in them."""
    uninstalled: timedelta = timedelta(days=30)
    """After an installation was removed: everything that is known of its repositories."""


class Cleared(BaseModel, frozen=True):
    """How much was deleted at once."""

    runs: int = 0
    deliveries: int = 0
    installations: int = 0

    def __bool__(self) -> bool:
        return any((self.runs, self.deliveries, self.installations))


class Archive(Protocol):
    """What is known for long. May raise StoreDown."""

    async def clear(self, kept: Kept, at_most: int) -> Cleared:
        """Delete what was kept for long enough, at most so many of each kind."""
        ...
