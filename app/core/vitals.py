"""How an installation of Minions stands with GitHub: what an operator looks at first when nothing seems to happen."""

from collections.abc import Mapping

from pydantic import BaseModel


class Look(BaseModel, frozen=True):
    """How things stood when GitHub was last asked what it told us."""

    undelivered: int = 0
    """Events that GitHub could not deliver and that are asked for again."""
    clock_off_s: float = 0.0
    """Seconds that GitHub's clock is ahead of ours; 0 where that is too little to matter."""
    calls_left: float | None = None
    """Part of an hour's calls, from 0 to 1, that GitHub left us where it left us least; None if it did not say."""


class Vitals(BaseModel, frozen=True):
    """Times are seconds. None: that never was, or nobody looked yet."""

    installations: Mapping[str, int]
    """By state: `active`, `suspended`, or `deleted` and not forgotten yet."""
    oldest_wait_s: float
    """How long the oldest run that has not begun has waited; 0 if none does."""
    last_delivery_s: float | None
    """Since the newest delivery that something came of."""
    last_look_s: float | None
    """Since all that GitHub told was looked after."""
    undelivered: int | None
    clock_off_s: float | None
    calls_left: float | None
