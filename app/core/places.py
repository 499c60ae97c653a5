"""How many runs may be at work at once, how many pull requests may wait for review, and whose turn it is.

A run on an issue leads to a pull request, so it counts among those from the moment that it begins: else many could
begin while few pull requests are open.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import BaseModel


@dataclass(frozen=True)
class MostOpen:
    """The most pull requests of minions that may wait for review; 0: any number."""

    repository: int = 0
    """In one repository."""
    requester: int = 0
    """That one person asked for, in all repositories of an installation: who asks is who has them reviewed."""

    def within(self, ceiling: "MostOpen") -> "MostOpen":
        """The same, where `ceiling` says fewer that."""
        return MostOpen(
            repository=_lower(self.repository, ceiling.repository), requester=_lower(self.requester, ceiling.requester)
        )


ANY_NUMBER: Final = MostOpen()


@dataclass(frozen=True)
class Limits:
    """The most runs at work at once in an installation, in one of its repositories, by one person there; 0: any."""

    installation: int = 0
    repository: int = 0
    requester: int = 0
    open: MostOpen = ANY_NUMBER
    """What no repository can go beyond."""

    @property
    def smallest(self) -> int:
        """No more than so many runs of one person in one repository; 0 if there may be any number."""
        return min((limit for limit in (self.installation, self.repository, self.requester) if limit), default=0)


NO_LIMITS: Final = Limits()


@dataclass(frozen=True)
class Seat:
    """Where a run counts, inside its installation."""

    repository_id: int
    requester_id: int
    proposes: bool = False
    """Whether it is to open a pull request that is not open yet."""


@dataclass(frozen=True)
class Load:
    """What waits for review in an installation, besides what runs at work are about to propose."""

    proposed: Sequence[Seat] = ()
    """Of each pull request that is open."""
    parked: Sequence[Seat] = ()
    """Of each run that waits for something and has none yet."""
    own: Mapping[int, MostOpen] = field(default_factory=dict)
    """What repositories say themselves, by their ids."""


NO_LOAD: Final = Load()


class Turn(BaseModel, frozen=True):
    """Where a run stands in the line of those that wait until there is less to be reviewed."""

    at: int
    """From 1."""
    of: int
    whose: Literal["repository", "requester"]
    """Whose pull requests are too many: those in the repository, or those that who asked has asked for."""
    open: int
    """Pull requests that wait for review."""
    coming: int
    """Runs at work on others."""
    most: int


class Room:
    """What is left of one installation's places."""

    def __init__(self, limits: Limits, at_work: Iterable[Seat], load: Load = NO_LOAD) -> None:
        self._limits = limits
        self._own = load.own
        self._taken = Counter[tuple[str, int]]()
        self._open = Counter[tuple[str, int]]()
        self._coming = Counter[tuple[str, int]]()
        for seat in load.proposed:
            self._open.update(_counts(seat))
        for seat in load.parked:
            self._coming.update(_counts(seat))
        for seat in at_work:
            self._add(seat)

    def take(self, seat: Seat) -> bool:
        """Take a place, if there is one."""
        limits = {"installation": self._limits.installation}
        limits |= {"repository": self._limits.repository, "requester": self._limits.requester}
        if any(limits[kind] and self._taken[kind, number] >= limits[kind] for kind, number in _counts(seat)):
            return False
        if self.turn(seat, [], 0) is not None:
            return False
        self._add(seat)
        return True

    def turn(self, seat: Seat, held: Sequence[tuple[int, Seat]], run_id: int) -> Turn | None:
        """Where a run stands among the `held` ones, which are in order; None if no review keeps it."""
        if not seat.proposes:
            return None
        most = self._own.get(seat.repository_id, ANY_NUMBER).within(self._limits.open)
        whose: Literal["repository", "requester"]
        for whose, number, limit in (
            ("repository", seat.repository_id, most.repository),
            ("requester", seat.requester_id, most.requester),
        ):
            opened, coming = self._open[whose, number], self._coming[whose, number]
            if limit and opened + coming >= limit:
                line = [one for one, other in held if other.proposes and (whose, number) in _counts(other)]
                at = line.index(run_id) + 1 if run_id in line else len(line) + 1
                return Turn(at=at, of=max(at, len(line)), whose=whose, open=opened, coming=coming, most=limit)
        return None

    def _add(self, seat: Seat) -> None:
        self._taken.update(_counts(seat))
        if seat.proposes:
            self._coming.update(_counts(seat))


def fitting(
    limits: Limits, at_work: Iterable[Seat], held: Sequence[tuple[int, Seat]], load: Load = NO_LOAD
) -> Sequence[int]:
    """Which of the held runs, given by id in the order of their ranks, there is a place for now.

    One that finds none does not hold up those behind it: they may be of another repository, or by another person.
    """
    room = Room(limits, at_work, load)
    return [run_id for run_id, seat in held if room.take(seat)]


def _counts(seat: Seat) -> list[tuple[str, int]]:
    return [("installation", 0), ("repository", seat.repository_id), ("requester", seat.requester_id)]


def _lower(one: int, other: int) -> int:
    return min((limit for limit in (one, other) if limit), default=0)
