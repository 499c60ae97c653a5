"""How often a test has to pass before anybody may say that it does not fail any more.

A test that fails with the probability p passes n times in a row with the probability (1 - p)^n. So if p is what it was,
the chance to see at least one failure in n runs is 1 - (1 - p)^n; it is 99 % for

    n = ln(1 - 0.99) / ln(1 - p)

p is not known, but was measured: the share of runs that failed. Where measuring stops at a number of failures, the last
run of the series is a failure by choice, so it is left out: p = (failed - 1) / (runs - 1).
"""

import math
from typing import Final

from pydantic import BaseModel

CONFIDENCE: Final = 0.99
LEAST: Final = 20
"""Runs in any case: a test that failed each time would be done after one."""


class Measured(BaseModel, frozen=True):
    """How often something failed."""

    failed: int
    runs: int
    stopped_early: bool = False
    """Whether it ended with a failure because there were enough of them."""

    @property
    def rate(self) -> float:
        """The estimate of the probability that it fails; 0 if it never did."""
        if self.stopped_early and self.failed > 1:
            return (self.failed - 1) / (self.runs - 1)
        return self.failed / self.runs if self.runs else 0.0

    @property
    def enough(self) -> int:
        """So many runs without a failure show, with the confidence above, that it fails less often than it did."""
        if not self.failed:
            raise ValueError("what never failed cannot be shown to fail less often")
        if self.rate >= 1:
            return LEAST
        return max(LEAST, math.ceil(math.log(1 - CONFIDENCE) / math.log(1 - self.rate)))


def seen_by_now(rate: float, runs: int) -> float:
    """The chance that something which fails with this probability would have failed at least once in so many runs."""
    return 1 - (1 - rate) ** runs


def at_most(runs: int) -> float:
    """The highest probability of failing that does not contradict, at the confidence above, that nothing failed."""
    return 1 - (1 - CONFIDENCE) ** (1 / runs) if runs else 1.0
