"""How fast one installation of the App may be used, and what those who call it for it have to agree on.

https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api and
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
"""

from dataclasses import dataclass
from typing import Final, Protocol

from app.core.errors import RateLimited
from app.core.wording.figures import duration

NOTIFYING: Final = 3
"""Writes that notify people are spaced this many times wider, as octokit's throttling does."""
CREATIONS_PER_MINUTE: Final = 80
"""How many new things GitHub takes within a minute. Between writes a second apart there is always room."""
THE_APP: Final = 0
"""In place of an installation's id: the calls that are made as the App itself."""


@dataclass(frozen=True)
class Allowance:
    """How much one installation is used at most, by all workers together."""

    write_spacing_s: float = 1.0
    """Seconds from one write to the next; GitHub asks for one at least. 0 is for a loopback server: no limit at all."""
    calls_at_once: int = 4
    """Reads at the same time. GitHub would rather have one, and bans above a hundred."""
    creations_per_hour: int = 500
    """New things (branches, check runs, comments, pull requests) within any 60 minutes."""


class Turns(Protocol):
    """Whose turn it is at one installation. Each answer is atomic among all who share it.

    Every method raises StoreDown where the turns stand in a database that is away.
    """

    async def enter(self) -> str:
        """Take a place for one read; empty if all are taken now. Raises RateLimited while GitHub says stop."""
        ...

    async def leave(self, place: str) -> None:
        """Give a place back. One whose holder is gone lapses by itself."""
        ...

    async def reserve(self, *, notifies: bool, creates: bool, within_s: float) -> float:
        """Take the next time at which a write may begin; answer with the seconds until then.

        Raises RateLimited while GitHub says stop, or if that time is more than `within_s` away. Nothing is taken then.
        """
        ...

    async def check(self) -> None:
        """Raise RateLimited while GitHub says stop."""
        ...

    async def stop(self, seconds: float) -> None:
        """Let nobody call for so long; a longer stop that was said before stays."""
        ...


def told_to_stop(seconds: float) -> RateLimited:
    """What is raised while GitHub says stop."""
    return RateLimited(f"GitHub asks to slow down; it goes on in {duration(seconds)}.", retry_after_s=seconds)


def too_far(seconds: float) -> RateLimited:
    """What is raised where the next turn is too far away to be waited for."""
    return RateLimited(
        f"As much is written to GitHub as it allows; there is room for more in {duration(seconds)}.",
        retry_after_s=seconds,
    )
