"""What people tell runs, and what comes of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.adapters.store import PostgresStore
from app.core.errors import Unavailable
from app.core.events import IssueEdited, OrderGiven
from app.core.forge import Head, Permission, Pull, Reaction
from app.core.orders import Discard, FixChecks, Order, RaiseBudget, Retry, ShowStatus, Stop, WrapUp
from app.core.run import Run, Status
from app.core.task import Person, Remark


async def walked(bakery: Any, store: PostgresStore, *, guests: str = "hungry", number: int = 7) -> Run:
    """A run that was walked as far as it goes when the guests are like this."""
    bakery.github.branches["guests"] = guests
    run_id = await bakery.ask(number=number)
    await bakery.runner().advance(run_id)
    return await store.load(run_id)


async def ended_before_its_time(bakery: Any, store: PostgresStore) -> Run:
    """A run that somebody stopped in the middle of its second node."""
    bakery.oven = asyncio.Event()
    run_id = await bakery.ask()
    runner = bakery.runner()
    walking = asyncio.create_task(runner.advance(run_id))
    await bakery.oven.wait()
    await bakery.tell(Stop())
    await walking
    bakery.oven = None
    bakery.github.branches["guests"] = "hungry"
    return await store.load(run_id)


def nodes(run: Run) -> list[str]:
    return [visit.node for visit in run.visits]


def answers(bakery: Any) -> list[str]:
    return [text for text in bakery.github.comments.values() if "minions:order=" in text]


async def test_a_run_that_was_stopped_goes_on_where_it_was(bakery: Any, store: PostgresStore) -> None:
    run = await ended_before_its_time(bakery, store)
    assert (run.status, run.at, nodes(run)) == (Status.STOPPED, "bake", ["knead"])
    receipt = await bakery.tell(Retry(), comment_id=10)
    assert receipt.run_id == run.id
    await bakery.runner().advance(run.id)
    again = await store.load(run.id)
    assert (again.status, nodes(again)) == (Status.DONE, ["knead", "bake", "serve_bread"])
    assert (7, 10, Reaction.YES) in bakery.github.reactions
    assert answers(bakery) == []
    assert await store.orders(run.id) == []


async def test_a_run_can_go_back_to_a_node(bakery: Any, store: PostgresStore) -> None:
    run = await ended_before_its_time(bakery, store)
    await bakery.tell(Retry(node="knead"), comment_id=10)
    await bakery.runner().advance(run.id)
    assert nodes(await store.load(run.id)) == ["knead", "knead", "bake", "serve_bread"]


async def test_bounds_count_anew_when_a_run_goes_on(bakery: Any, store: PostgresStore) -> None:
    """Three doughs may be made; the third was made before somebody wanted another go."""
    run = await walked(bakery, store, guests="nobody")
    spoilt = {"status": Status.STOPPED, "at": "knead", "state": run.state | {"doughs": 3}}
    visits = tuple(visit for visit in run.visits if visit.node == "knead") * 3
    await store.save(run.model_copy(update=spoilt | {"visits": (*run.visits, *visits)}))
    bakery.github.branches |= {"guests": "hungry", run.trail.branch: run.trail.head_sha}
    await bakery.tell(Retry(), comment_id=10)
    await bakery.runner().advance(run.id)
    assert nodes(await store.load(run.id))[-3:] == ["knead", "bake", "serve_bread"]


async def test_a_node_that_there_is_not_is_answered_with_those_that_there_are(
    bakery: Any, store: PostgresStore
) -> None:
    run = await ended_before_its_time(bakery, store)
    await bakery.tell(Retry(node="fry"), comment_id=10)
    await bakery.runner().advance(run.id)
    (text,) = answers(bakery)
    assert "no node `fry`" in text
    assert "`/minion retry knead`: Knead the dough" in text
    assert (await store.load(run.id)).status is Status.STOPPED


async def test_a_run_without_a_result_is_done_anew_in_the_words_of_now(bakery: Any, store: PostgresStore) -> None:
    run_id = await bakery.ask()
    run = await store.load(run_id)
    over = {"status": Status.DONE, "error": "Burnt.", "ended_at": bakery.time, "is_reported": True}
    await store.save(run.model_copy(update=over))
    await bakery.tell(Retry(), comment_id=10)
    await bakery.runner().advance(run_id)
    newest = max(set(await store.unfinished()))
    assert newest != run_id
    await bakery.runner().advance(newest)
    again = await store.load(newest)
    assert (again.status, again.blueprint, again.task.comment_id) == (Status.DONE, "bake", 10)
    assert again.trail.branch != run.trail.branch


async def test_a_run_with_a_result_is_not_done_again(bakery: Any, store: PostgresStore) -> None:
    run = await walked(bakery, store)
    await bakery.tell(Retry(), comment_id=10)
    await bakery.runner().advance(run.id)
    (text,) = answers(bakery)
    assert "has brought its result, #99" in text
    assert await store.unfinished() == []


async def test_a_stranger_cannot_begin_a_run_again(bakery: Any, store: PostgresStore) -> None:
    run = await ended_before_its_time(bakery, store)
    bakery.github.permissions["mallory"] = Permission.READ
    await bakery.tell(Retry(), login="mallory", comment_id=11)
    await bakery.runner().advance(run.id)
    assert (7, 11, Reaction.NO) in bakery.github.reactions
    assert answers(bakery) == []
    assert (await store.load(run.id)).status is Status.STOPPED


@pytest.mark.faults
@pytest.mark.parametrize("order", [Retry(), Discard()], ids=lambda order: order.kind)
async def test_f72_a_button_that_a_reader_presses_does_nothing(bakery: Any, store: PostgresStore, order: Order) -> None:
    run = await ended_before_its_time(bakery, store)
    bakery.github.permissions["rea"] = Permission.READ
    before = (dict(bakery.github.branches), dict(bakery.github.comments))
    event = OrderGiven(
        repository=run.task.repository,
        run_id=run.id,
        order=order,
        requester=Person(id=3, login="rea"),
        at=bakery.time,
        intent="pressed",
    )
    await store.accept(None, event, "pressed")
    await bakery.runner().advance(run.id)
    assert (await store.load(run.id)).status is Status.STOPPED
    assert (dict(bakery.github.branches), dict(bakery.github.comments)) == before


@pytest.mark.faults
async def test_f71_a_rerun_of_the_checks_of_an_older_commit_begins_nothing(bakery: Any, store: PostgresStore) -> None:
    run = await walked(bakery, store)
    older: list[dict[str, Any]] = [{"run_id": run.id}, {"check_sha": "a commit of before"}]
    for number, which in enumerate(older):
        event = OrderGiven(
            repository=run.task.repository,
            order=Retry(),
            requester=run.task.requester,
            at=bakery.time,
            intent=f"pressed {number}",
            **which,
        )
        receipt = await store.accept(None, event, "pressed")
        assert receipt.reason
        await bakery.runner().advance(run.id)
    assert await store.unfinished() == []
    (text,) = answers(bakery)
    assert "has brought its result, #99" in text


async def test_somebody_elses_commits_on_our_branch_are_not_walked_over(bakery: Any, store: PostgresStore) -> None:
    run = await ended_before_its_time(bakery, store)
    bakery.github.branches[run.trail.branch] = "a commit of ann's"
    await bakery.tell(Retry(), comment_id=10)
    await bakery.runner().advance(run.id)
    assert "Somebody else has pushed" in answers(bakery)[0]
    assert (await store.load(run.id)).status is Status.STOPPED


async def test_a_run_is_not_begun_again_beside_another(bakery: Any, store: PostgresStore) -> None:
    run = await ended_before_its_time(bakery, store)
    other = await walked(bakery, store, guests="late")
    assert other.status is Status.WAITING
    await bakery.tell(Retry(), comment_id=10)  # is for the one at work
    await bakery.runner().advance(other.id)
    assert "still at work" in answers(bakery)[0]
    assert (await store.load(run.id)).status is Status.STOPPED


async def test_a_run_is_told_to_wrap_up_and_gets_more_money(bakery: Any, store: PostgresStore) -> None:
    bakery.oven = asyncio.Event()
    run_id = await bakery.ask()
    runner = bakery.runner()
    walking = asyncio.create_task(runner.advance(run_id))
    await bakery.oven.wait()
    await bakery.tell(WrapUp(), comment_id=10)
    await bakery.tell(RaiseBudget(usd=2.5), comment_id=11)
    await bakery.tell(ShowStatus(), comment_id=12)
    await bakery.tell(Retry(), comment_id=13)
    async with asyncio.timeout(30):
        while await store.orders(run_id):
            await asyncio.sleep(0.05)
    assert (bakery.signals.wrap_up, bakery.signals.raised_usd) == (True, 2.5)
    assert {(7, 10, Reaction.YES), (7, 11, Reaction.YES)} <= bakery.github.reactions
    status, retry = answers(bakery)
    assert "At work: Bake it" in status
    assert "still at work" in retry
    signals = await runner.orders.signals(await store.load(run_id))
    assert (signals.wrap_up, signals.raised_usd) == (True, 2.5)  # as the next node, or another worker, has them
    await bakery.tell(Stop(), comment_id=14)
    await walking


async def test_wrapping_up_is_over_when_the_run_is_begun_again(bakery: Any, store: PostgresStore) -> None:
    run = await ended_before_its_time(bakery, store)
    await bakery.tell(RaiseBudget(usd=1), comment_id=10)
    await bakery.runner().advance(run.id)
    again = await store.load(run.id)
    assert again.status is Status.DONE  # more money alone begins it again
    signals = await bakery.runner().orders.signals(again)
    assert (signals.wrap_up, signals.raised_usd) == (False, 1)


@pytest.mark.parametrize("order", [Stop(), WrapUp()])
async def test_what_only_a_run_at_work_can_heed_is_answered(bakery: Any, store: PostgresStore, order: Any) -> None:
    run = await walked(bakery, store)
    receipt = await bakery.tell(order, comment_id=10)
    if receipt.run_id is None or isinstance(order, Stop):
        # No run is at work: what was told became a question, which is answered as such.
        await bakery.runner().advance(receipt.run_id or max(await store.unfinished()))
        assert any("nothing to be stopped" in text for text in bakery.github.comments.values())
    else:
        await bakery.runner().advance(run.id)
        assert "has ended already" in answers(bakery)[0]


async def test_status_is_told_of_a_run_that_has_ended_and_where_there_was_none(
    bakery: Any, store: PostgresStore
) -> None:
    run = await walked(bakery, store)
    await bakery.tell(ShowStatus(), comment_id=10)
    await bakery.runner().advance(run.id)
    assert "Pull request #99 waits for review" in answers(bakery)[0]
    receipt = await bakery.tell(ShowStatus(), comment_id=11, number=8)
    await bakery.runner().advance(receipt.run_id)
    assert any("No minion has worked on" in text for text in bakery.github.comments.values())


async def test_what_a_run_left_is_discarded(bakery: Any, store: PostgresStore) -> None:
    run = await walked(bakery, store)
    bakery.github.branches[run.trail.branch] = run.trail.head_sha
    await bakery.tell(Discard(), comment_id=10)
    await bakery.runner().advance(run.id)
    assert not bakery.github.opened[99].is_open
    assert run.trail.branch not in bakery.github.branches
    assert "#99 is closed. The branch" in answers(bakery)[0]


async def test_a_branch_with_somebody_elses_commits_is_not_discarded(bakery: Any, store: PostgresStore) -> None:
    run = await walked(bakery, store)
    bakery.github.branches[run.trail.branch] = "a commit of ann's"
    await bakery.tell(Discard(), comment_id=10)
    await bakery.runner().advance(run.id)
    assert bakery.github.branches[run.trail.branch] == "a commit of ann's"
    assert "stays: somebody else" in answers(bakery)[0]


async def test_a_run_at_work_is_ended_before_it_is_discarded(bakery: Any, store: PostgresStore) -> None:
    run = await walked(bakery, store, guests="late")
    await bakery.tell(Discard(), comment_id=10)
    await bakery.runner().advance(run.id)
    assert (await store.load(run.id)).status is Status.STOPPED
    assert run.trail.branch not in bakery.github.branches
    assert "is deleted" in answers(bakery)[0]


async def test_a_blueprint_without_checks_says_so(bakery: Any, store: PostgresStore) -> None:
    run = await walked(bakery, store)
    await bakery.tell(FixChecks(), comment_id=10)
    await bakery.runner().advance(run.id)
    assert "does not look after checks" in answers(bakery)[0]


async def test_what_is_told_while_github_is_away_is_heeded_later(bakery: Any, store: PostgresStore) -> None:
    run = await walked(bakery, store)
    await bakery.tell(ShowStatus(), comment_id=10)
    bakery.github.faults = [Unavailable("GitHub is away.")]
    await bakery.runner().advance(run.id)
    put_off = await store.load(run.id)
    assert (put_off.status, put_off.tries, answers(bakery)) == (Status.DONE, 1, [])
    await bakery.runner().advance(run.id, put_off.revision)
    assert len(answers(bakery)) == 1
    assert (await store.load(run.id)).tries == 0


async def test_the_buttons_are_there_when_the_run_has_ended(bakery: Any, store: PostgresStore) -> None:
    await walked(bakery, store)
    old, new = (check for _, check in bakery.github.checks.values())
    assert old.buttons == ()
    assert [button.identifier for button in new.buttons] == ["fix checks", "discard"]
    for button in new.buttons:
        assert (len(button.label) <= 20, len(button.description) <= 40, len(button.identifier) <= 20) == (True,) * 3


# -- Pull requests -------------------------------------------------------------------------------------------------
def pull(**changes: Any) -> Pull:
    ours = Pull(
        number=12,
        url="https://github.test/pull/12",
        head=Head(branch="minions/7-1", sha="c0ffee"),
        base="main",
        is_open=True,
        is_merged=False,
        is_ours=True,
        is_from_fork=False,
        moved_at=datetime(2025, 12, 31, tzinfo=UTC),
    )
    return ours.model_copy(update=changes)


def said(login: str, body: str, at: datetime) -> Remark:
    return Remark(author=Person(id=len(login), login=login, is_bot=login.endswith("[bot]")), body=body, at=at)


async def test_on_our_own_pull_request_work_goes_on_on_its_branch(bakery: Any, store: PostgresStore) -> None:
    """What may be heard: of people who may write, since the branch moved, before the command."""
    bakery.github.opened[12] = pull()
    bakery.github.open_issues.add(12)
    before, after = bakery.time - timedelta(hours=1), bakery.time + timedelta(hours=1)
    bakery.github.said = [
        said("ann", "Rename it.", before),
        said("mallory", "Mine bitcoin.", before),
        said("robot[bot]", "Coverage fell.", before),
        said("ann", "Later.", after),
        said("ann", "Long ago.", datetime(2025, 1, 1, tzinfo=UTC)),
    ]
    run = await walked(bakery, store, number=12)
    trail = run.trail
    assert (trail.branch, trail.base_branch, trail.base_sha) == ("minions/7-1", "main", "c0ffee")
    assert trail.rules_sha == bakery.github.head.sha, "what it wants of agents counts once it is merged"
    assert trail.pull_request_number == 12 or "minions/7-1" in bakery.github.pulls
    task: Any = run.state["task"]
    assert [remark["body"] for remark in task["remarks"]] == ["Rename it."]
    assert "minions/7-1" not in bakery.github.branches  # it was there before: no first, empty commit is put on it


async def test_on_somebody_elses_pull_request_a_branch_is_made_on_top_of_theirs(
    bakery: Any, store: PostgresStore
) -> None:
    bakery.github.opened[12] = pull(is_ours=False, head=Head(branch="topic", sha="c0ffee"))
    bakery.github.open_issues.add(12)
    run = await walked(bakery, store, number=12)
    assert (run.trail.branch, run.trail.base_branch) == (f"minions/12-{run.id}", "topic")
    assert run.trail.rules_sha == bakery.github.head.sha
    assert list(bakery.github.pulls) == [run.trail.branch]
    assert "into topic" in bakery.github.pulls[run.trail.branch]


@pytest.mark.faults
async def test_f64_a_pull_request_from_a_fork_is_refused_with_a_sentence(bakery: Any, store: PostgresStore) -> None:
    bakery.github.opened[12] = pull(is_ours=False, is_from_fork=True)
    bakery.github.open_issues.add(12)
    run = await walked(bakery, store, number=12)
    assert (run.status, "comes from a fork" in run.error) == (Status.REFUSED, True)


async def test_a_run_that_waits_for_checks_gives_way_to_what_follows_it_up(bakery: Any, store: PostgresStore) -> None:
    first = await walked(bakery, store, guests="late")
    with_pull = first.trail.model_copy(update={"pull_request_number": 12})
    await store.save(first.model_copy(update={"trail": with_pull}))
    bakery.github.opened[12] = pull(head=Head(branch=first.trail.branch, sha="c0ffee"))
    bakery.github.open_issues.add(12)
    second = await walked(bakery, store, number=12)
    assert second.status is Status.DONE
    assert (await store.load(first.id)).status is Status.DONE


async def test_a_run_at_work_on_the_branch_does_not_give_way(bakery: Any, store: PostgresStore) -> None:
    first = await walked(bakery, store, guests="late")
    await store.save(first.model_copy(update={"status": Status.RUNNING}))
    bakery.github.opened[12] = pull(head=Head(branch=first.trail.branch, sha="c0ffee"))
    bakery.github.open_issues.add(12)
    second = await walked(bakery, store, number=12)
    assert (second.status, f"Run {first.id} is at work" in second.error) == (Status.REFUSED, True)


@pytest.mark.faults
@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"is_open": False, "is_merged": True}, Status.DONE, ""),
        ({"is_open": False}, Status.STOPPED, "#12 was closed"),
    ],
)
async def test_f56_a_pull_request_that_is_closed_or_merged_ends_its_run(
    bakery: Any, store: PostgresStore, changes: Any, status: Status, words: str
) -> None:
    run = await walked(bakery, store, guests="late")
    run = await store.save(run.model_copy(update={"trail": run.trail.model_copy(update={"pull_request_number": 12})}))
    bakery.github.opened[12] = pull(**changes)
    await bakery.ask_to_stop("ann", comment_id=None)
    async with store._engine.begin() as connection:  # nobody said it: GitHub did
        await connection.exec_driver_sql("UPDATE orders SET requester = 'null'")
    await bakery.runner().advance(run.id)
    ended = await store.load(run.id)
    assert (ended.status, words in ended.error) == (status, True)


@pytest.mark.faults
async def test_f43_a_locked_issue_is_worked_on_without_a_word(bakery: Any, store: PostgresStore) -> None:
    bakery.github.locked = {7}
    run = await walked(bakery, store)
    assert (run.status, run.trail.pull_request_number) == (Status.DONE, 99)
    assert (bakery.github.comments, bakery.github.reactions) == ({}, set())
    assert len(bakery.github.checks) == 2


@pytest.mark.faults
async def test_f23_an_edit_of_the_issue_while_a_run_is_under_way_is_told_and_changes_nothing(
    bakery: Any, store: PostgresStore
) -> None:
    bakery.github.branches["guests"] = "late"
    run_id = await bakery.ask()
    await bakery.runner().advance(run_id)
    before = await store.load(run_id)
    for number, minutes in ((7, 5), (7, 3), (7, 0), (8, 9)):
        at = bakery.time + timedelta(minutes=minutes)
        await store.accept(None, IssueEdited(repository=before.task.repository, number=number, at=at), "why")
    bakery.github.branches["guests"] = "hungry"
    await bakery.runner().advance(run_id)
    run = await store.load(run_id)
    assert (run.status, run.task) == (Status.DONE, before.task)
    edited = "The issue was edited at 2026-01-01 00:05 UTC, after this was asked for"
    assert edited in bakery.github.comments[run.trail.comment_id]
    assert edited in bakery.github.checks[run.trail.check_id][1].summary
    again = IssueEdited(repository=run.task.repository, number=7, at=bakery.time + timedelta(hours=1))
    assert (await store.accept(None, again, "why")).reason == "Nothing is at work on octo/cat#7."
