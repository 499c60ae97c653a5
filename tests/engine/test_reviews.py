"""Runs that wait until there is less to be reviewed, and what people are told of them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from app.adapters.store import ProcrastinateQueue, opened
from app.core.events import Closed, StopRequested
from app.core.forge import Forge, Head, Permission, Reaction
from app.core.orders import ShowStatus, Stop
from app.core.places import Limits, MostOpen
from app.core.run import Run, Status
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
    await replace(bakery.runner(), most_open=one).advance(run_id)
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
