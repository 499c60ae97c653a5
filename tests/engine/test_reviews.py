"""Runs that wait until there is less to be reviewed, and what people are told of them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.adapters.store import ProcrastinateQueue, opened
from app.core.errors import NotFound, Unavailable
from app.core.events import Closed, PullReopened, StopRequested
from app.core.forge import Forge, Head, Permission, Pull, Reaction
from app.core.orders import Retry, ShowStatus, Stop
from app.core.places import Limits, MostOpen
from app.core.proposals import Desk, Heard, Proposals, Reviewed
from app.core.run import Run, Status
from app.engine.reviews import Reviews
from tests.contracts.test_queue import clear_jobs


@pytest.fixture
async def line(bakery: Any, database_url: str, queue: ProcrastinateQueue) -> AsyncIterator[Any]:
    """A bakery with a pull request that waits for review, where one may."""
    async with opened(database_url, queue, Limits(open=MostOpen(repository=1))) as store:
        bakery.store = store
        bakery.github.open_issues |= {9, 10}
        await bakery.runner().advance(await bakery.ask())
        yield bakery


async def merge(line: Any) -> None:
    """Somebody merges the pull request, and GitHub tells of it."""
    line.github.opened[99] = line.github.opened[99].model_copy(update={"is_open": False, "is_merged": True})
    event = StopRequested(
        repository=line._task("ann", 7).repository,
        number=99,
        requester=None,
        at=line.time,
        intent="merged",
        pull=Closed(is_merged=True, head_sha="", comments=0),
    )
    await line.store.accept(None, event, "why")


def told(line: Any, run: Run) -> tuple[str, str, str]:
    """What the comment of a run says, and title and summary of its check run."""
    (_, check) = line.github.checks[run.trail.check_id]
    return line.github.comments[run.trail.comment_id], check.title, check.summary


async def test_a_run_waits_in_line_with_words_and_begins_on_what_is_newest_then(line: Any) -> None:
    run_ids = [await line.ask(number=number) for number in (8, 9)]
    for run_id in run_ids:
        await line.runner().advance(run_id)
    first, second = [await line.store.load(run_id) for run_id in run_ids]
    assert (first.status, second.status, second.state) == (Status.QUEUED, Status.QUEUED, {})
    comment, title, summary = told(line, second)
    words = "2nd of 2; 1 pull request of minions waits for review here, at most 1."
    assert title == "⏳ 2nd of 2 in line"
    assert words in comment
    assert words in summary
    assert line.github.checks[second.trail.check_id][1].status == "queued"
    await merge(line)
    line.github.head = Head(branch="main", sha="merged")
    await line.runner().advance(first.id)
    done = await line.store.load(first.id)
    assert (done.status, done.trail.base_sha, done.trail.turn) == (Status.DONE, "merged", None)
    assert "in line" not in "".join(told(line, done))
    await clear_jobs(line.store)
    assert await line.store.tell_turns(9) == 1
    await line.runner().advance(second.id)
    comment, title, _ = told(line, second)
    assert title == "⏳ 1st of 1 in line"
    assert "1st of 1; 1 pull request of minions waits" in comment


async def test_status_tells_the_place_of_now(line: Any) -> None:
    first, run_id = await line.ask(number=8), await line.ask(number=9)
    for one in (first, run_id):
        await line.runner().advance(one)
    await line.ask_to_stop("ann", comment_id=None, number=8)
    await line.runner().advance(first)
    await line.tell(ShowStatus(), number=9)
    await line.runner().advance(run_id)
    (answer,) = [text for text in line.github.comments.values() if "minions:order" in text]
    assert "1st of 1 in line" in answer
    assert "It begins by itself when one of them is merged or closed." in answer


async def test_what_was_told_to_wait_is_told_when_it_may_not_begin_any_more(line: Any) -> None:
    run_id = await line.ask(number=8)
    await line.runner().advance(run_id)
    line.github.permissions["ann"] = Permission.READ
    await merge(line)
    await line.runner().advance(run_id)
    run = await line.store.load(run_id)
    assert (run.status, run.is_reported) == (Status.REFUSED, True)
    comment, title, _ = told(line, run)
    assert title == "🚫 Not started"
    assert "may not ask for work here" in comment
    assert line.github.checks[run.trail.check_id][1].status == "completed"


async def test_a_run_in_line_can_be_stopped(line: Any) -> None:
    run_id = await line.ask(number=8)
    await line.runner().advance(run_id)
    await line.tell(Stop(), number=8)
    await line.runner().advance(run_id)
    run = await line.store.load(run_id)
    assert (run.status, "`ann` stopped it" in told(line, run)[0]) == (Status.STOPPED, True)
    await merge(line)
    assert (await line.store.load(run_id)).status is Status.STOPPED


async def test_what_the_repository_says_itself_counts_where_it_is_less(bakery: Any) -> None:
    async def one(_run: Run, _forge: Forge) -> MostOpen:
        return MostOpen(repository=1)

    await bakery.runner().advance(await bakery.ask())
    bakery.github.opened.clear()
    run_id = await bakery.ask(number=8)
    await bakery.runner(most_open=one).advance(run_id)
    run = await bakery.store.load(run_id)
    assert (run.status, run.trail.turn and run.trail.turn.most) == (Status.QUEUED, 1)


async def test_a_crash_while_it_is_told_to_wait_leaves_one_branch_comment_and_check(line: Any) -> None:
    run_id = await line.ask(number=8)
    await line.runner().advance(run_id)
    before = await line.store.load(run_id)
    branches, comments, checks = len(line.github.branches), len(line.github.comments), len(line.github.checks)
    # Nothing of it was saved: it is found again.
    trail = before.trail.model_copy(update={"check_id": None, "comment_id": None, "head_sha": "", "turn": None})
    await line.store.save(before.model_copy(update={"trail": trail}))
    await line.runner().advance(run_id)
    assert (await line.store.load(run_id)).trail == before.trail
    assert (len(line.github.branches), len(line.github.comments), len(line.github.checks)) == (
        branches,
        comments,
        checks,
    )
    assert (8, None, Reaction.EYES) in line.github.reactions


# -- What nobody looks at --------------------------------------------------------------------------------------------
@dataclass
class Shelf:
    """Implements `Reviewed` on the GitHub of these tests, with who said what when."""

    line: Any
    person_at: datetime | None = None
    said: list[tuple[datetime, str]] = field(default_factory=list)
    moved: dict[int, datetime] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    """Calls that fail once, after they did their work."""

    def _maybe(self, what: str) -> None:
        if what in self.broken:
            self.broken.remove(what)
            raise Unavailable("The process is gone.")

    async def open_pulls(self) -> Mapping[int, datetime]:
        opened = self.line.github.opened
        return {number: self.moved.get(number, pull.moved_at) for number, pull in opened.items() if pull.is_open}

    async def pull(self, number: int) -> Pull:
        pull: Pull = await self.line.github.pull(number)
        return pull

    async def heard(self, number: int) -> Heard:
        assert number == 99
        return Heard(person_at=self.person_at, ours=tuple(self.said))

    async def put_comment(self, number: int, marker: str, text: str, *, comment_id: int | None) -> int:
        assert (number, comment_id) == (99, None)
        if not any(marker in body for _, body in self.said):
            self.said.append((self.line.time, f"{text}{marker}"))
            self.moved[number] = self.line.time
        self._maybe("put_comment")
        return 1

    async def close_pull(self, number: int) -> None:
        await self.line.github.close_pull(number)
        self._maybe("close_pull")

    async def file(self, path: str, ref: str) -> bytes:
        raise NotFound(f"There is no {path} at {ref}.")


def reviews(line: Any, shelf: Shelf, days: float = 30) -> Reviews:
    async def two(_there: Reviewed) -> MostOpen:
        return MostOpen(repository=2)

    return Reviews(
        line.store,
        Anytime(line.store.proposals()),
        lambda _repository: shelf,
        two,
        line.blueprints,
        stale_after=timedelta(days=days),
        now=lambda: line.time,
    )


class Anytime:
    """`Proposals` of the store, looked up without a pause."""

    def __init__(self, proposals: Proposals) -> None:
        self.turn, self.note, self.end = proposals.turn, proposals.note, proposals.end
        self._proposals = proposals

    async def due(self, *, often: timedelta, seldom: timedelta) -> Sequence[Desk]:
        assert often < seldom
        return await self._proposals.due(often=-often, seldom=-often)


@pytest.fixture
def shelf(line: Any) -> Shelf:
    """The pull request stands at the commit that its run pushed, since the beginning of the year."""
    pull = line.github.opened[99]
    pushed = f"Bread on {pull.head.branch} after Minion at work on #7 [skip ci] on base"
    line.github.opened[99] = pull.model_copy(update={"head": Head(branch=pull.head.branch, sha=pushed)})
    return Shelf(line)


async def days_later(line: Any, shelf: Shelf, days: float) -> None:
    """Time passes, and two workers look."""
    line.time += timedelta(days=days)
    for _ in range(2):
        await reviews(line, shelf).look()


async def test_what_nobody_looks_at_is_closed_after_a_word(line: Any, shelf: Shelf) -> None:
    await days_later(line, shelf, 22)
    assert shelf.said == []
    await days_later(line, shelf, 1)
    (word,) = [body for _, body in shelf.said]
    assert "for 23 days" in word
    assert "closed on 2026-01-31" in word
    await days_later(line, shelf, 6)
    assert (len(shelf.said), line.github.opened[99].is_open) == (1, True)
    waits = await line.ask(number=8)
    await line.runner().advance(waits)
    await days_later(line, shelf, 1)
    (_, end) = [body for _, body in shelf.said]
    assert "`/minion retry`" in end
    assert (line.github.opened[99].is_open, len(line.github.branches)) == (False, 2)
    assert (await line.store.load(waits)).status is Status.RUNNING
    await days_later(line, shelf, 40)
    assert len(shelf.said) == 2


@pytest.mark.parametrize("at", ["put_comment", "close_pull"])
async def test_a_crash_at_the_end_of_it_says_nothing_twice(line: Any, shelf: Shelf, at: str) -> None:
    await days_later(line, shelf, 23)
    line.time += timedelta(days=7)
    shelf.broken = [at]
    with pytest.raises(Unavailable):
        await reviews(line, shelf).look()
    await days_later(line, shelf, 0)
    assert (len(shelf.said), line.github.opened[99].is_open) == (2, False)
    assert await line.store.proposals().due(often=timedelta(), seldom=-timedelta(days=1)) == []


async def test_what_a_person_says_begins_another_time_of_quiet(line: Any, shelf: Shelf) -> None:
    await days_later(line, shelf, 23)
    shelf.person_at = shelf.moved[99] = line.time + timedelta(days=3)
    await days_later(line, shelf, 20)
    assert (len(shelf.said), line.github.opened[99].is_open) == (1, True)
    await days_later(line, shelf, 7)
    assert (len(shelf.said), line.github.opened[99].is_open) == (2, True)


async def test_what_a_person_pushed_to_is_left_to_people(line: Any, shelf: Shelf) -> None:
    pull = line.github.opened[99]
    line.github.opened[99] = pull.model_copy(update={"head": Head(branch=pull.head.branch, sha="anns")})
    await days_later(line, shelf, 300)
    assert (shelf.said, line.github.opened[99].is_open) == ([], True)


async def test_what_a_person_reopened_stays_open_for_as_long_again(line: Any, shelf: Shelf) -> None:
    await days_later(line, shelf, 23)
    await days_later(line, shelf, 7)
    repository = line._task("ann", 7).repository
    line.github.opened[99] = line.github.opened[99].model_copy(update={"is_open": True})
    await line.store.accept(None, PullReopened(repository=repository, number=99), "why")
    await days_later(line, shelf, 20)
    assert (len(shelf.said), line.github.opened[99].is_open) == (2, True)
    await days_later(line, shelf, 4)
    assert (len(shelf.said), line.github.opened[99].is_open) == (3, True)


async def test_zero_days_are_never(line: Any, shelf: Shelf) -> None:
    line.time += timedelta(days=300)
    await reviews(line, shelf, days=0).look()
    assert (shelf.said, line.github.opened[99].is_open) == ([], True)


async def test_an_end_of_which_nobody_told_us_is_found_and_lets_in_who_waits(line: Any, shelf: Shelf) -> None:
    run_id = await line.ask(number=8)
    await line.runner().advance(run_id)
    line.github.opened[99] = line.github.opened[99].model_copy(update={"is_open": False, "is_merged": True})
    await reviews(line, shelf).look()
    assert (await line.store.load(run_id)).status is Status.RUNNING


async def test_retry_does_anew_what_was_closed_unmerged(line: Any, shelf: Shelf) -> None:
    await merge(line)
    line.github.opened[99] = line.github.opened[99].model_copy(update={"is_merged": False})
    (first,) = [run for run in [await line.store.load(1)] if run.trail.pull_request_number == 99]
    await line.tell(Retry(), number=7)
    await line.runner().advance(first.id)
    again = await line.store.load(first.id + 1)
    assert (again.task.number, again.status) == (7, Status.QUEUED)
    assert shelf.said == []


async def test_what_is_reopened_waits_for_review_again(line: Any) -> None:
    await merge(line)
    repository = line._task("ann", 7).repository
    where = {"often": -timedelta(days=1), "seldom": -timedelta(days=1)}
    event = PullReopened(repository=repository, number=99)
    await line.store.accept(None, event, "why")
    assert await line.store.proposals().due(**where) == []  # it was merged
    closed = StopRequested(
        repository=repository,
        number=99,
        requester=None,
        at=line.time,
        intent="closed",
        pull=Closed(is_merged=False, head_sha="", comments=0),
    )
    await line.store.accept(None, closed, "why")
    assert await line.store.proposals().due(**where) == []
    await line.store.accept(None, event, "why")
    (desk,) = await line.store.proposals().due(**where)
    assert [one.number for one in desk.proposed] == [99]
