"""Whose run begins next."""

from collections import Counter

import pytest

from app.core.ranks import BEGUN, BULK, next_rank, priority


@pytest.mark.parametrize(
    ("is_bulk", "begun", "waiting", "rank"),
    [
        (False, None, None, 1),
        (False, 7, None, 8),  # it does not begin with an advantage over those that were here before
        (False, 7, 7, 8),
        (False, 7, 100, 101),  # behind what its own repository asked for
        (False, 100, 7, 101),
        (True, None, None, BULK + 1),
        (True, BULK + 5, BULK + 9, BULK + 10),
    ],
)
def test_a_new_run_comes_behind_what_begins_now_and_what_its_repository_has_waiting(
    is_bulk: bool,  # noqa: FBT001 - a column of the table
    begun: int | None,
    waiting: int | None,
    rank: int,
) -> None:
    assert next_rank(is_bulk=is_bulk, begun=begun, waiting=waiting) == rank


def test_what_has_begun_goes_before_people_and_people_before_bulk() -> None:
    people = next_rank(is_bulk=False, begun=BULK - 2, waiting=None)
    bulk = next_rank(is_bulk=True, begun=None, waiting=None)
    assert BEGUN > priority(people) > priority(bulk) > priority(2 * BULK) > -(2**31)


class Line:
    """Runs of several repositories before one worker."""

    def __init__(self) -> None:
        self.begun: int | None = None
        self.waiting: list[tuple[int, int, str]] = []
        self.asked = 0

    def ask(self, repository: str) -> None:
        own = [rank for rank, _, name in self.waiting if name == repository]
        self.asked += 1
        rank = next_rank(is_bulk=False, begun=self.begun, waiting=max(own, default=None))
        self.waiting.append((rank, self.asked, repository))

    def begin(self) -> str:
        first = min(self.waiting)
        self.waiting.remove(first)
        self.begun = max(self.begun or 0, first[0])
        return first[2]


def test_a_hundred_runs_of_one_repository_keep_nobody_else_waiting() -> None:
    line = Line()
    for _ in range(100):
        line.ask("a")
    assert [line.begin() for _ in range(10)] == ["a"] * 10
    line.ask("b")
    assert [line.begin(), line.begin()] == ["a", "b"]


def test_a_steady_stream_does_not_starve_an_old_run() -> None:
    line = Line()
    for _ in range(10):
        line.ask("old")
    begun = []
    while any(name == "old" for _, _, name in line.waiting):
        line.ask("stream")
        line.ask("stream")
        begun.append(line.begin())
    assert Counter(begun)["old"] == 10
    assert len(begun) <= 20


def test_repositories_that_always_want_more_get_alike() -> None:
    line = Line()
    for _ in range(50):
        for name, runs in (("a", 1), ("b", 2), ("c", 9)):
            for _ in range(runs):
                line.ask(name)
        line.begin()
    begun = Counter(line.begin() for _ in range(60))
    assert max(begun.values()) - min(begun.values()) <= 1
