"""Whose run begins next: fair between repositories, people before bulk.

This is start-time fair queueing. Time is counted in runs: it stands at the rank of the newest run that has begun. A run
gets its rank when it is asked for: one more than that, or than the last of its repository that waits. So a repository
that asks for a hundred runs ranks them one behind the other, and another's first run comes right behind the one that
begins now. Ranks of what is asked for only grow, so nobody who waits is overtaken for ever.

P. Goyal, H. Vin, H. Cheng, "Start-time Fair Queueing", 1996: https://doi.org/10.1145/248157.248171
"""

from typing import Final

BULK: Final = 1_000_000_000
"""Ranks of what bots ask for lie above it, so those of people come first: there are never so many runs."""
BEGUN: Final = 1
"""Priority in the queue of runs that have begun: to go on, to be taken over, to stop."""
LOOK_AGAIN: Final = 0
"""Priority of parked runs that look again though nothing was heard: whoever heard something goes first."""


def base(*, is_bulk: bool) -> int:
    """Above what the ranks of people, or of bulk, lie."""
    return BULK if is_bulk else 0


def next_rank(*, is_bulk: bool, begun: int | None, waiting: int | None) -> int:
    """The rank of a new run. A store says the same in its own words, and a contract compares the two.

    `begun` is the highest rank of its kind that has begun, `waiting` the highest of its kind and repository that has
    not; None if there is none.
    """
    return 1 + max(base(is_bulk=is_bulk), begun or 0, waiting or 0)


def priority(rank: int) -> int:
    """The priority in the queue of a run that has not begun: a larger one goes first."""
    return -rank
