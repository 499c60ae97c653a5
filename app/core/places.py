"""How many runs may be at work at once, and whose turn it is when a place gets free."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Limits:
    """The most runs at work at once in an installation, in one of its repositories, by one person there; 0: any."""

    installation: int = 0
    repository: int = 0
    requester: int = 0

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


class Room:
    """What is left of one installation's places."""

    def __init__(self, limits: Limits, at_work: Iterable[Seat]) -> None:
        self._limits = limits
        self._taken = Counter[tuple[str, int]]()
        for seat in at_work:
            self._add(seat)

    def take(self, seat: Seat) -> bool:
        """Take a place, if there is one."""
        limits = {"installation": self._limits.installation}
        limits |= {"repository": self._limits.repository, "requester": self._limits.requester}
        if any(limits[kind] and self._taken[kind, number] >= limits[kind] for kind, number in _counts(seat)):
            return False
        self._add(seat)
        return True

    def _add(self, seat: Seat) -> None:
        self._taken.update(_counts(seat))


def fitting(limits: Limits, at_work: Iterable[Seat], held: Sequence[tuple[int, Seat]]) -> Sequence[int]:
    """Which of the held runs, given by id in the order of their ranks, there is a place for now.

    One that finds none does not hold up those behind it: they may be of another repository, or by another person.
    """
    room = Room(limits, at_work)
    return [run_id for run_id, seat in held if room.take(seat)]


def _counts(seat: Seat) -> list[tuple[str, int]]:
    return [("installation", 0), ("repository", seat.repository_id), ("requester", seat.requester_id)]
