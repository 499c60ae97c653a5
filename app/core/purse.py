"""Money that runs share: budgets of a calendar month, and those of campaigns, which have no months.

From each of them every call of a model is set aside before it is made:

    reserve   before the call: the most that it can cost, held at every level, or at none
    settle    with the answer: what it did cost is spent, what was held for it is free again

What is held counts as spent until it is settled. So calls that many workers begin at one moment cannot go beyond a
budget together. A run holds money for one call at a time: the next one takes the place of one that was never answered.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, Protocol

from pydantic import BaseModel

Level = Literal["repository", "requester", "organisation", "month", "campaign"]
LEVELS: Final[tuple[Level, ...]] = ("repository", "requester", "organisation", "month", "campaign")
"""`month` is everything that this installation of Minions spends; `campaign` is what all parts of one do, ever."""


class Caps(BaseModel, frozen=True):
    """US dollars in one calendar month (UTC), by level; 0: any amount."""

    repository: float = 0.0
    requester: float = 0.0
    """Of what one person asks for in one organisation."""
    organisation: float = 0.0
    month: float = 0.0
    campaign: float = 0.0
    """Of the campaign that a run is a part of, which comes with it."""

    def of(self, level: Level) -> float:
        """The budget of a level."""
        return float(getattr(self, level))

    @property
    def limited(self) -> tuple[Level, ...]:
        """Levels that have a budget."""
        return tuple(level for level in LEVELS if self.of(level))


NO_CAPS: Final = Caps()


class Used(BaseModel, frozen=True):
    """What is used of one level's budget."""

    spent_usd: float
    held_usd: float
    """For calls that have no answer yet, those of the run that asks not counted."""


class Held(BaseModel, frozen=True):
    """What came of setting money aside, and how things stand at the level where least is left."""

    is_granted: bool
    usd: float = 0.0
    """What was wanted."""
    level: Level | None = None
    """None if no level has a budget."""
    limit_usd: float = 0.0
    left_usd: float = 0.0
    """After what was set aside, if it was."""


def free(usd: float) -> Held:
    """Where there is no budget."""
    return Held(is_granted=True, usd=usd)


class Purse(Protocol):
    """The budgets that one run draws on."""

    async def reserve(self, usd: float) -> Held:
        """Set this much aside at every level, in the place of what this run holds; or nothing, if one has too little.

        Raises StoreDown.
        """
        ...

    async def look(self) -> Held:
        """How things stand: not granted if nothing is left somewhere. Nothing is set aside. Raises StoreDown."""
        ...


class NoPurse:
    """Implements `Purse` where nobody counts."""

    async def reserve(self, usd: float) -> Held:
        """Grant it."""
        return free(usd)

    async def look(self) -> Held:
        """There is always something left."""
        return free(0.0)


def weighed(caps: Caps, used: Mapping[Level, Used], usd: float) -> Held:
    """Whether this much can be set aside, and where least is left. A level that is not in `used` is untouched."""
    if not caps.limited:
        return free(usd)
    left = {level: _left(caps.of(level), used.get(level)) for level in caps.limited}
    tightest: Level = min(left, key=lambda level: left[level])
    is_granted = usd <= left[tightest]
    return Held(
        is_granted=is_granted,
        usd=usd,
        level=tightest,
        limit_usd=caps.of(tightest),
        left_usd=left[tightest] - (usd if is_granted else 0.0),
    )


def _left(cap: float, used: Used | None) -> float:
    return cap - used.spent_usd - used.held_usd if used else cap


class Estimate(BaseModel, frozen=True):
    """What a run is likely to cost, by what earlier ones did."""

    runs: int
    """How many earlier runs of the same blueprint in the same repository it is made from."""
    usd: float
    """Their median."""
    most_usd: float
    """Of the dearest of them."""


FEWEST: Final = 3
"""Earlier runs without which nothing is estimated: of two nobody knows which was the odd one."""
NEWEST: Final = 20
"""Earlier runs that are looked at: prices, models and repositories change."""


def estimated(costs: Sequence[float]) -> Estimate | None:
    """The estimate by these costs in US dollars; None if they are too few."""
    if len(costs) < FEWEST:
        return None
    ordered = sorted(costs)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return Estimate(runs=len(ordered), usd=median, most_usd=ordered[-1])
