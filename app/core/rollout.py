"""Trying another model on a share of the runs: who gets it, and when it has shown that it does worse.

Nothing here runs anything. Which arm a run has follows from its id alone, so a crash changes nothing, and anybody can
work it out again. The rule that ends a trial is a test that a textbook has, with a bound on how often it is wrong.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from hashlib import sha256
from math import comb, erfc, sqrt
from typing import Final, Protocol

from pydantic import BaseModel, Field

from app.core.terms import Arm

IMPLEMENT: Final = "implement"
REVIEW: Final = "review"
TRIAGE: Final = "triage"
ROLES: Final = (TRIAGE, IMPLEMENT, "repair", REVIEW)
NOBODY: Final = "none"
"""In the place of a model: nobody works in this role."""

LEAST_RUNS: Final = 10
"""Ended runs of each of the two models before anything is said about the candidate."""
WRONG_AT_MOST: Final = 0.01
"""How likely the difference may be by mere chance. Less than the usual 5 %, because it is looked at after every run: of
100 candidates that are just as good, some 5 are taken back within a few hundred runs."""
COST_LIMIT: Final = 1.5
"""How many times what the stable model costs a candidate may cost, where the operator does not say."""
MOST_COSTS: Final = 200
"""Of the newest runs of each of the two models: prices change."""


class Candidate(BaseModel, frozen=True, extra="forbid"):
    """A model that is tried in a role."""

    model: str
    share: float = Field(gt=0, le=0.5)
    """Of the runs that begin."""
    round: int = Field(default=1, ge=1)
    """Counted up to try a model again after it was rolled back."""
    cost_limit: float = Field(default=COST_LIMIT, ge=1)
    """How many times what a run of the stable model costs that ends well one of this model may cost."""


class Role(BaseModel, frozen=True, extra="forbid"):
    """Who works in a role. Models are named as in the models file."""

    model: str
    fallback: str = ""
    """Who goes on where that one does not answer; nobody if it is empty."""
    candidates: tuple[Candidate, ...] = ()


class RolledBack(BaseModel, frozen=True):
    """A candidate that gets no more runs."""

    role: str
    model: str
    stable: str
    round: int
    why: str
    """A sentence for people."""
    at: datetime


class Figures(BaseModel, frozen=True):
    """What became of the runs of one model while a candidate was tried."""

    runs: int = 0
    """That ended, without being stopped by people, after a model had worked."""
    well: int = 0
    """That ended with a pull request whose checks were not red."""
    costs: tuple[float, ...] = ()
    """US dollars of the newest of these runs, at most MOST_COSTS; 0 where the price of a model is not known."""

    @property
    def usd_per_well(self) -> float | None:
        """What one that ended well cost, with its part of what the others did; None if that cannot be told."""
        if not self.well or not sum(self.costs):
            return None
        return sum(self.costs) / len(self.costs) * self.runs / self.well

    @property
    def share(self) -> str:
        """As "18 of 20 (90 %)"."""
        return f"{self.well} of {self.runs}" + (f" ({100 * self.well / self.runs:.0f} %)" if self.runs else "")


class Rollouts(Protocol):
    """What is known of trials, shared by all workers."""

    async def figures(self, role: str, stable: str, candidate: Candidate) -> tuple[Figures, Figures]:
        """Of the stable model since the candidate's first run, and of the candidate. Raises StoreDown."""
        ...

    async def roll_back(self, role: str, stable: str, candidate: Candidate, why: str) -> bool:
        """Give it no more runs; False if that was said before. Raises StoreDown."""
        ...

    async def rolled_back(self) -> Sequence[RolledBack]:
        """Every candidate that was, the newest first. Raises StoreDown."""
        ...


def arm_of(run_id: int, name: str, role: Role, gone: Collection[tuple[str, int]]) -> Arm | None:
    """Which model a run has in the role of this name; None if no candidate is tried there.

    `gone` are models, each with its round, that were rolled back: their share goes to the stable model, and nobody
    else's share moves.
    """
    tried = [one for one in role.candidates if (one.model, one.round) not in gone]
    if not tried:
        return None
    place, reached = _place(f"{name}/{run_id}"), 0.0
    for one in role.candidates:
        reached += one.share
        if place < reached:
            model = one if one in tried else None
            return Arm(model=model.model if model else role.model, stable=role.model, round=model.round if model else 1)
    return Arm(model=role.model, stable=role.model)


def _place(text: str) -> float:
    """A place from 0 to below 1, evenly spread and always the same for the same text."""
    return int.from_bytes(sha256(text.encode()).digest()[:7], "big") / 2**56


def verdict(stable: Figures, candidate: Figures, cost_limit: float = COST_LIMIT) -> str:
    """Why the candidate is rolled back, as a sentence; empty if nothing speaks against it yet."""
    if min(stable.runs, candidate.runs) < LEAST_RUNS:
        return ""
    chance = by_chance(stable, candidate)
    if chance > WRONG_AT_MOST:
        return _too_dear(stable, candidate, cost_limit)
    return (
        f"{candidate.share} of its runs ended well, and {stable.share} of the other model's in the same time: by mere "
        f"chance that happens with a probability of {chance:.1g} (Fisher's exact test; the limit is {WRONG_AT_MOST})."
    )


def _too_dear(stable: Figures, candidate: Figures, limit: float) -> str:
    """The sentence, if both hold: it costs too much for what it does, and that its runs are so dear is no chance."""
    times = times_as_dear(stable, candidate)
    if times is None or times <= limit:
        return ""
    chance = dearer_by_chance([limit * usd for usd in stable.costs], candidate.costs)
    if chance > WRONG_AT_MOST:
        return ""
    return (
        f"For each run that ended well it cost {times:.1f} times as much as the other model in the same time, where "
        f"{limit:g} times is allowed: by mere chance its runs are so much dearer with a probability of {chance:.1g} "
        f"(Mann and Whitney's test; the limit is {WRONG_AT_MOST})."
    )


def times_as_dear(stable: Figures, candidate: Figures) -> float | None:
    """How many times what the stable model's run that ended well cost the candidate's did; None if that is unknown."""
    theirs, own = stable.usd_per_well, candidate.usd_per_well
    return own / theirs if own is not None and theirs is not None else None


def dearer_by_chance(stable: Sequence[float], candidate: Sequence[float]) -> float:
    """How likely the candidate's costs are so much higher if both are alike: the test of Mann and Whitney, one-sided.

    It looks at ranks, so one run that cost a hundred times as much weighs no more than another dear one. By its normal
    approximation, with corrections for ties and continuity, which is good from some ten runs of each on.
    """
    ordered = sorted(stable)
    pairs, every = len(stable) * len(candidate), len(stable) + len(candidate)
    if not pairs:
        return 1.0
    higher = sum((bisect_left(ordered, usd) + bisect_right(ordered, usd)) / 2 for usd in candidate)
    ties = sum(count**3 - count for count in Counter([*stable, *candidate]).values()) / (every * (every - 1))
    variance = pairs / 12 * (every + 1 - ties)
    return 0.5 * erfc((higher - pairs / 2 - 0.5) / sqrt(2 * variance)) if variance > 0 else 1.0


def by_chance(stable: Figures, candidate: Figures) -> float:
    """How likely the candidate does so badly, or worse, if both are equally good: Fisher's exact test, one-sided."""
    runs, well = stable.runs + candidate.runs, stable.well + candidate.well
    ways = comb(runs, candidate.runs)
    fewest = max(0, candidate.runs - (runs - well))
    worse = sum(
        comb(well, count) * comb(runs - well, candidate.runs - count) for count in range(fewest, candidate.well + 1)
    )
    return worse / ways
