"""What the engine may rely on, whatever keeps its runs."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from app.adapters.store import PostgresStore, ProcrastinateQueue, connected, opened
from app.adapters.store.schema import check
from app.adapters.store.tables import metadata
from app.core.blueprint import Kind, Wait
from app.core.budget import Usage
from app.core.errors import NotFound, SettingsError
from app.core.events import BranchDeleted, InstallationChanged, OrderGiven, StopRequested
from app.core.journal import (
    Closed,
    Entry,
    Masked,
    Mended,
    ModelAnswered,
    ModelAsked,
    Opened,
    Switched,
    ToolCalled,
    ToolReturned,
)
from app.core.orders import Order, Retry, ShowStatus, Stop, WrapUp
from app.core.run import Run, Status, Visit
from app.core.store import Delivery, Draft, Occupied, Stale, StoreDown
from app.core.task import Person, Place, Repository, Task

pytestmark = pytest.mark.contract


def task(number: int = 7, body: str = "It is broken.") -> Task:
    return Task(
        repository=Repository(id=5, full_name="octo/cat", installation_id=3),
        number=number,
        title="Broken",
        body=body,
        requester=Person(id=1, login="ann"),
        asked_at=datetime(2026, 1, 2, tzinfo=UTC),
    )


def draft(intent: str = "label 1", number: int = 7) -> Draft:
    return Draft(intent=intent, task=task(number), blueprint="fix", blueprint_version=1, start="prepare")


def delivery(guid: str = "guid-0001", app_id: str = "1") -> Delivery:
    return Delivery(app_id=app_id, guid=guid, event="issues", action="labeled")


async def started(store: PostgresStore, intent: str = "label 1", number: int = 7) -> int:
    receipt = await store.accept(None, draft(intent, number), "why")
    assert receipt.run_id is not None
    return receipt.run_id


async def jobs(store: PostgresStore) -> int:
    async with store._engine.connect() as connection:
        return int((await connection.execute(text("SELECT count(*) FROM procrastinate_jobs"))).scalar_one())


@pytest.mark.faults
async def test_f10_a_delivery_makes_one_run_and_one_job(store: PostgresStore) -> None:
    receipt = await store.accept(delivery(), draft(), "Ann asked.")
    assert (receipt.is_new, receipt.reason) == (True, "Ann asked.")
    run = await store.load(receipt.run_id or 0)
    assert (run.status, run.at, run.task) == (Status.QUEUED, "prepare", task())
    assert await store.find(run.key) == run
    assert await jobs(store) == 1


@pytest.mark.faults
async def test_f6_the_same_delivery_five_times_at_once_makes_one_run(store: PostgresStore) -> None:
    receipts = await asyncio.gather(*(store.accept(delivery(), draft(), "why") for _ in range(5)))
    assert sum(receipt.is_new for receipt in receipts) == 1
    assert await jobs(store) == 1


@pytest.mark.faults
async def test_f7_the_same_act_under_a_fresh_guid_makes_no_second_run(store: PostgresStore) -> None:
    await store.accept(delivery("guid-0001"), draft(), "why")
    again = await store.accept(delivery("guid-0002"), draft(), "why")
    assert (again.is_new, again.run_id) == (False, None)
    assert await jobs(store) == 1


@pytest.mark.faults
async def test_f8_one_guid_for_two_apps_is_two_deliveries(store: PostgresStore) -> None:
    await store.accept(delivery(app_id="1"), draft("one"), "why")
    assert (await store.accept(delivery(app_id="2"), draft("two"), "why")).is_new


async def test_a_rehearsal_leaves_no_trace(store: PostgresStore) -> None:
    await store.rehearse()
    await store.rehearse()
    first = await store.accept(delivery(), draft(), "why")
    assert first.is_new
    assert sum((await store.counts()).values()) == 1
    assert first.run_id == 1  # nor was a number used up


async def test_an_installation_is_remembered_and_forgotten(store: PostgresStore) -> None:
    for number, change in enumerate(("created", "suspended", "unsuspended", "deleted")):
        event = InstallationChanged(installation_id=3, account="octo", change=change)
        assert (await store.accept(delivery(f"guid-000{number}"), event, "why")).is_new
    assert await jobs(store) == 0


async def test_a_save_keeps_everything_and_counts_up(store: PostgresStore) -> None:
    run = await store.load(await started(store))
    visit = Visit(
        node="prepare", title="Prepare", kind=Kind.STEP, outcome="ready", started_at=run.asked_at, seconds=0.5
    )
    changed = run.model_copy(
        update={
            "status": Status.RUNNING,
            "at": "implement",
            "state": {"branch": "minions/7-1"},
            "visits": (visit,),
            "trail": run.trail.model_copy(update={"head_sha": "abc"}),
        }
    )
    saved = await store.save(changed, patch=b"\x00\xffdiff")
    assert saved.revision == run.revision + 1
    assert await store.load(run.id) == saved
    assert await store.patch(run.id) == b"\x00\xffdiff"
    again = await store.save(saved.model_copy(update={"visits": (visit, visit)}))
    assert (await store.load(run.id)).visits == (visit, visit) == again.visits
    assert await store.patch(run.id) == b"\x00\xffdiff"


async def test_text_that_a_database_cannot_hold_is_made_plain(store: PostgresStore) -> None:
    run = await store.load(await started(store))
    await store.save(run.model_copy(update={"state": {"report": "a\x00b\udce4c"}}))
    assert (await store.load(run.id)).state == {"report": "a\ufffdb?c"}


async def test_of_two_that_saw_the_same_run_one_saves(store: PostgresStore) -> None:
    run = await store.load(await started(store))
    moves = [store.save(run.model_copy(update={"at": place})) for place in ("here", "there")]
    ends = await asyncio.gather(*moves, return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["Run", "Stale"]


async def test_one_issue_has_one_run_at_work(store: PostgresStore) -> None:
    first = await store.load(await started(store, "one"))
    second = await store.load(await started(store, "two"))
    other = await store.load(await started(store, "three", number=8))
    at_work = {"status": Status.RUNNING}
    await store.save(first.model_copy(update=at_work))
    with pytest.raises(Occupied) as occupied:
        await store.save(second.model_copy(update=at_work))
    assert occupied.value.run_id == first.id
    await store.save(other.model_copy(update=at_work))


async def test_work_without_an_issue_is_never_in_each_others_way(store: PostgresStore) -> None:
    for intent in ("one", "two"):
        run = await store.load(await started(store, intent, number=0))
        await store.save(run.model_copy(update={"status": Status.RUNNING}))


async def test_a_save_can_ask_to_be_advanced_later(store: PostgresStore) -> None:
    run = await store.load(await started(store))
    await store.save(run, advance_at=datetime(2040, 1, 1, tzinfo=UTC))
    assert await jobs(store) == 2


async def test_a_journal_keeps_its_order_and_charges_answers_once(store: PostgresStore) -> None:
    run_id = await started(store)
    journal = store.journal(run_id, 0)
    answered = ModelAnswered(
        turn=1,
        message={"role": "assistant", "content": "a\x00b"},
        usage=Usage(turns=1, input_tokens=10, output_tokens=2, usd=0.25),
        finish_reason="stop",
        seconds=0.1,
    )
    entries: list[Entry] = [
        Opened(messages=({"role": "user", "content": "go"},), model="some/model"),
        ModelAsked(turn=1),
        answered,
        ToolCalled(call_id="c1", tool="bash", arguments={"command": "ls"}),
        Closed(result={"kind": "submission"}),
    ]
    for entry in entries:
        await journal.append(entry)
    kept = await store.journal(run_id, 0).entries()
    assert [entry.kind for entry in kept] == [entry.kind for entry in entries]
    assert await store.spent_usd(run_id) == 0.25
    assert [record.entry.kind for record in await store.records(run_id)] == [entry.kind for entry in entries]
    assert await store.journal(run_id, 1).entries() == []


async def test_what_a_loop_does_to_its_conversation_is_kept_and_charged_to_who_answered(store: PostgresStore) -> None:
    """A summary is an answer of its own; another model that goes on is named with what it cost."""
    run_id = await started(store)
    journal = store.journal(run_id, 0)
    spoken: dict[str, Any] = {"message": {"role": "assistant", "content": "x"}, "finish_reason": "stop", "seconds": 0.1}
    entries: list[Entry] = [
        Opened(messages=({"role": "user", "content": "go"},), model="first/model"),
        ModelAnswered(turn=1, usage=Usage(turns=1, usd=0.25), **spoken),
        ToolReturned(call_id="c1", text="told", ok=True, seconds=0.1, tree="abc"),
        Masked(places=(3, 5)),
        Switched(model="second/model", why="The first one cannot be reached."),
        ModelAnswered(turn=2, usage=Usage(turns=1, usd=0.5), model="second/model", stands_for=(2, 7), **spoken),
        Mended(),
    ]
    for entry in entries:
        await journal.append(entry)
    assert list(await store.journal(run_id, 0).entries()) == entries
    async with store._engine.connect() as connection:
        rows = await connection.execute(text("SELECT model, usd FROM ledger ORDER BY turn"))
    assert [tuple(row) for row in rows] == [("first/model", 0.25), ("second/model", 0.5)]


async def test_a_change_is_saved_together_with_the_entry_that_tells_of_it(store: PostgresStore) -> None:
    run_id = await started(store)
    one, two = store.journal(run_id, 0), store.journal(run_id, 0)
    await two.entries()
    await one.append(Opened(messages=({"role": "user", "content": "a"},), model="m"), patch=b"first")
    assert await store.patch(run_id) == b"first"
    await one.append(ModelAsked(turn=1))
    assert await store.patch(run_id) == b"first"
    with pytest.raises(Stale):
        await two.append(ModelAsked(turn=1), patch=b"of somebody who lost the run")
    assert await store.patch(run_id) == b"first"


async def test_two_writers_of_one_journal_cannot_both_go_on(store: PostgresStore) -> None:
    run_id = await started(store)
    one, two = store.journal(run_id, 0), store.journal(run_id, 0)
    await one.entries()
    await two.entries()
    await one.append(ModelAsked(turn=1))
    with pytest.raises(Stale):
        await two.append(ModelAsked(turn=1))


async def test_who_reads_a_journal_once_more_is_told_of_another_writer(store: PostgresStore) -> None:
    """The change that was read in between may be older than what the journal tells of it."""
    run_id = await started(store)
    one, two = store.journal(run_id, 0), store.journal(run_id, 0)
    await one.append(ModelAsked(turn=1))
    assert len(await two.entries()) == len(await two.entries()) == 1
    await two.append(ModelAsked(turn=2))
    assert len(await two.entries()) == 2
    with pytest.raises(Stale):
        await one.entries()


async def test_entries_that_are_written_together_are_there_all_or_none(store: PostgresStore) -> None:
    run_id = await started(store)
    one, two = store.journal(run_id, 0), store.journal(run_id, 0)
    await one.entries()
    await two.entries()
    usage = Usage(turns=1, usd=0.25)
    answered = ModelAnswered(turn=1, message={"role": "assistant"}, usage=usage, finish_reason="stop", seconds=0.1)
    called = ToolCalled(call_id="c1", tool="bash", arguments={"command": "ls"})
    await one.append(ModelAsked(turn=1))
    with pytest.raises(Stale):
        await two.append(answered, called, patch=b"of somebody who lost the run")
    assert await store.spent_usd(run_id) == 0.0
    assert await store.patch(run_id) == b""
    await one.append(answered, called, patch=b"ours")
    assert [entry.kind for entry in await one.entries()] == ["model asked", "model answered", "tool called"]
    assert (await store.spent_usd(run_id), await store.patch(run_id)) == (0.25, b"ours")


async def test_a_journal_goes_on_where_its_connection_broke_while_it_rested(
    database_url: str, queue: ProcrastinateQueue
) -> None:
    async with connected(database_url, rested_s=0) as engine:
        store = PostgresStore(engine, queue)
        journal = store.journal(await started(store), 0)
        await journal.append(ModelAsked(turn=1))
        async with connected(database_url) as another, another.connect() as connection:
            others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
            await connection.execute(text(f"{others} AND pid <> pg_backend_pid()"))
        await journal.append(ModelAsked(turn=2))
        assert len(await journal.entries()) == 2


async def test_a_run_is_unfinished_until_its_end_was_told(store: PostgresStore) -> None:
    run = await store.load(await started(store))
    assert await store.unfinished() == [run.id]
    ended = await store.save(run.model_copy(update={"status": Status.DONE}))
    assert await store.unfinished() == [run.id]
    await store.save(ended.model_copy(update={"is_reported": True}))
    assert await store.unfinished() == []
    assert await store.counts() == {"done": 1}


async def test_a_run_that_is_not_there_is_not_found(store: PostgresStore) -> None:
    with pytest.raises(NotFound):
        await store.load(404)
    with pytest.raises(NotFound):
        await store.find("no such key")


async def test_a_database_that_is_away_is_told_as_such() -> None:
    url = "postgresql+psycopg://postgres@/none?host=/nowhere"
    async with opened(url, ProcrastinateQueue(url)) as store:
        with pytest.raises(StoreDown, match="cannot be reached"):
            await store.accept(delivery(), draft(), "why")
        with pytest.raises(StoreDown, match="cannot be reached"):
            await store.journal(1, 0).entries()
        journal = store.journal(1, 0)
        journal._next = 0
        with pytest.raises(StoreDown, match="cannot be reached"):
            await journal.append(ModelAsked(turn=1))


async def test_a_connection_that_broke_while_it_rested_is_replaced(
    database_url: str, queue: ProcrastinateQueue
) -> None:
    others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
    async with connected(database_url, rested_s=0) as engine:
        store = PostgresStore(engine, queue)
        await asyncio.gather(*(store.counts() for _ in range(3)))
        async with connected(database_url) as another, another.connect() as connection:
            ended = await connection.execute(text(f"{others} AND pid <> pg_backend_pid()"))
            assert ended.scalar_one() == 3
        assert (await store.accept(delivery(), draft(), "why")).is_new
        assert sum([len(await store.unfinished()) for _ in range(3)]) == 3


def test_a_worker_finds_the_tables_of_its_version_or_says_what_to_do(template_url: str) -> None:
    check(template_url)
    without = make_url(template_url).set(database="postgres").render_as_string(hide_password=False)
    with pytest.raises(SettingsError, match=r"of version none, .* Start `minions serve` of the same version first"):
        check(without)


def test_the_migrations_make_the_tables_that_the_code_describes(template_url: str) -> None:
    def ours(name: str | None, kind: str, _parents: object) -> bool:
        return not (kind == "table" and (name or "").startswith("procrastinate_"))

    engine = create_engine(template_url)
    with engine.connect() as connection:
        found = MigrationContext.configure(connection, opts={"target_metadata": metadata, "include_name": ours})
        difference = compare_metadata(found, metadata)
    engine.dispose()
    assert [change for change in difference if "alembic_version" not in str(change)] == []


def stop(intent: str = "comment 9", number: int = 7, after_s: float = 1) -> StopRequested:
    wanted = task(number)
    return StopRequested(
        repository=wanted.repository,
        number=number,
        requester=Person(id=2, login="bea"),
        at=wanted.asked_at + timedelta(seconds=after_s),
        intent=intent,
    )


async def test_a_wish_to_stop_reaches_the_runs_that_are_meant(store: PostgresStore) -> None:
    meant, other = await started(store), await started(store, "label 2", number=8)
    before = await jobs(store)
    receipt = await store.accept(delivery("guid-0002"), stop(), "Bea wants it.")
    assert (receipt.run_id, receipt.reason, await jobs(store)) == (meant, "Bea wants it.", before + 1)
    (one,) = await store.orders(meant)
    assert one.requester is not None
    assert (one.requester.login, one.order, await store.orders(other)) == ("bea", Stop(), [])
    again = await store.accept(delivery("guid-0003"), stop(), "Bea wants it.")
    assert (again.is_new, await jobs(store), await store.orders(meant)) == (False, before + 1, [one])
    await store.settle(one, heeded=False)
    assert await store.orders(meant) == await store.orders(meant, heeded=True) == []


async def test_a_wish_to_stop_is_not_for_what_was_asked_later_or_has_ended(store: PostgresStore) -> None:
    run_id = await started(store)
    early = await store.accept(delivery("guid-0002"), stop(after_s=-1), "why")
    assert (early.run_id, early.reason) == (None, "Nothing is at work on octo/cat#7.")
    run = await store.load(run_id)
    await store.save(run.model_copy(update={"status": Status.DONE, "ended_at": run.asked_at}))
    assert (await store.accept(delivery("guid-0003"), stop("comment 10"), "why")).run_id is None
    assert await store.orders(run_id) == []


def just_asked(intent: str = "label 1", number: int = 7) -> Draft:
    """Asked for today: wishes that are older than deliveries are kept are forgotten."""
    asked_at = datetime.now(UTC).replace(microsecond=0)
    return draft(intent).model_copy(update={"task": task(number).model_copy(update={"asked_at": asked_at})})


def withdrawn(of: Draft, intent: str, after: timedelta) -> StopRequested:
    return stop(intent, of.task.number).model_copy(update={"at": of.task.asked_at + after})


@pytest.mark.faults
async def test_f13_a_wish_to_stop_that_arrives_first_is_told_to_what_was_asked_for_before_it(
    store: PostgresStore,
) -> None:
    asked = just_asked()
    for guid, after_s in (("guid-0002", 9), ("guid-0003", -3)):  # of two that are in the wrong order, too, the later
        wish = withdrawn(asked, f"label off {after_s}", timedelta(seconds=after_s))
        early = await store.accept(delivery(guid), wish, "Bea wants none.")
        assert (early.run_id, early.reason) == (None, "Nothing is at work on octo/cat#7.")
    receipt = await store.accept(delivery(), asked, "Ann asked.")
    assert (receipt.is_new, "taken back before this arrived" in receipt.reason) == (True, True)
    (one,) = await store.orders(receipt.run_id or 0)
    assert one.requester is not None
    assert (one.requester.login, one.order, one.place) == ("bea", Stop(), None)
    other = await store.accept(None, just_asked("another issue", number=8), "why")
    assert await store.orders(other.run_id or 0) == []
    assert not (await store.accept(delivery("guid-0004"), asked, "Ann asked.")).is_new


@pytest.mark.faults
async def test_f13_what_was_asked_for_since_then_or_in_the_same_second_goes_on(store: PostgresStore) -> None:
    for number, seconds in ((7, -1), (8, 0)):
        asked = just_asked(f"label {number}", number)
        wish = withdrawn(asked, f"label off {number}", timedelta(seconds=seconds))
        await store.accept(delivery(f"guid-000{number}"), wish, "why")
        receipt = await store.accept(None, asked, "Ann asked.")
        assert (receipt.reason, await store.orders(receipt.run_id or 0)) == ("Ann asked.", [])


@pytest.mark.faults
async def test_f13_what_went_on_in_the_same_second_ends_by_the_next_look_at_github(store: PostgresStore) -> None:
    asked = just_asked()
    wish = withdrawn(asked, "label off", timedelta())
    await store.accept(delivery(), wish, "why")
    receipt = await store.accept(None, asked, "Ann asked.")
    assert await store.orders(receipt.run_id or 0) == []
    assert (await store.accept(None, wish, "The label is not there.")).is_new
    (one,) = await store.orders(receipt.run_id or 0)
    assert one.order == Stop()


@pytest.mark.faults
async def test_f13_a_wish_to_stop_is_kept_for_as_long_as_deliveries_come(store: PostgresStore) -> None:
    for number, days in ((7, 8), (8, 6)):
        wish = withdrawn(just_asked(number=number), f"label off {number}", -timedelta(days=days))
        await store.accept(delivery(f"guid-000{number}"), wish, "why")
    async with store._engine.connect() as connection:
        kept = list((await connection.execute(text("SELECT number FROM withdrawals"))).scalars())
    assert kept == [8]


def told(order: Order, intent: str = "comment 9", **where: Any) -> OrderGiven:
    wanted = task(where.pop("number", 7))
    return OrderGiven(
        repository=wanted.repository,
        number=wanted.number,
        order=order,
        requester=Person(id=2, login="bea"),
        place=Place(number=wanted.number, comment_id=9),
        at=wanted.asked_at + timedelta(seconds=1),
        intent=intent,
        task=wanted,
    ).model_copy(update=where)


async def ended(store: PostgresStore, run_id: int, **trail: Any) -> None:
    run = await store.load(run_id)
    over = {"status": Status.DONE, "ended_at": run.asked_at, "trail": run.trail.model_copy(update=trail)}
    await store.save(run.model_copy(update=over))


async def test_an_order_is_for_the_run_at_work_or_else_for_the_newest(store: PostgresStore) -> None:
    old, at_work = await started(store, "label 1"), await started(store, "label 2")
    await ended(store, old)
    assert (await store.accept(None, told(WrapUp()), "why")).run_id == at_work
    (given,) = await store.orders(at_work)
    assert (given.order, given.place, given.task) == (WrapUp(), Place(number=7, comment_id=9), task())
    await store.settle(given, heeded=True)
    assert [one.id for one in await store.orders(at_work, heeded=True)] == [given.id]
    await ended(store, at_work)
    newest = await started(store, "label 3")
    await ended(store, newest)
    assert (await store.accept(None, told(Retry(), "comment 10"), "why")).run_id == newest


async def test_an_order_finds_its_run_by_button_commit_or_pull_request(store: PostgresStore) -> None:
    run_id = await started(store)
    await ended(store, run_id, pull_request_number=12, check_sha="c0ffee")
    ways: list[dict[str, Any]] = [{"run_id": run_id}, {"check_sha": "c0ffee"}, {"number": 12}]
    for number, where in enumerate(ways):
        receipt = await store.accept(None, told(Retry(), f"press {number}", **{"number": 0, **where}), "why")
        assert receipt.run_id == run_id
    elsewhere = Repository(id=6, full_name="octo/dog", installation_id=3)
    receipt = await store.accept(None, told(Retry(), "press 9", run_id=run_id, repository=elsewhere, task=None), "why")
    assert (receipt.run_id, receipt.reason) == (None, "There is no such run in octo/dog.")


async def test_an_order_for_which_there_is_no_run_is_kept_to_be_answered(store: PostgresStore) -> None:
    receipt = await store.accept(None, told(ShowStatus()), "why")
    run = await store.load(receipt.run_id or 0)
    assert (run.blueprint, run.at, run.task.number) == ("status", "", 7)
    again = await store.accept(None, told(Retry(), "comment 10"), "why")
    assert again.run_id != run.id  # a question that was asked is no run


async def test_a_branch_has_one_run_at_work(store: PostgresStore) -> None:
    first, second = await started(store, "label 1", number=7), await started(store, "label 2", number=12)
    on_branch = {"status": Status.RUNNING}
    for run_id in (first, second):
        run = await store.load(run_id)
        moved = run.model_copy(update=on_branch | {"trail": run.trail.model_copy(update={"branch": "minions/7-1"})})
        if run_id == first:
            await store.save(moved)
        else:
            with pytest.raises(Occupied) as occupied:
                await store.save(moved)
            assert occupied.value.run_id == first


async def test_a_branch_that_is_gone_ends_the_work_on_it_once(store: PostgresStore) -> None:
    run_id = await started(store)
    run = await store.load(run_id)
    await store.save(run.model_copy(update={"trail": run.trail.model_copy(update={"branch": "minions/7-1"})}))
    gone = BranchDeleted(repository=run.task.repository, branch="minions/7-1")
    first = await store.accept(delivery("guid-0002"), gone, "gone")
    again = await store.accept(delivery("guid-0003"), gone, "gone")
    assert (first.run_id, first.is_new, again.is_new) == (run_id, True, False)
    assert [(one.order, one.requester) for one in await store.orders(run_id)] == [(Stop(), None)]


async def parked(store: PostgresStore, intent: str = "label 1", number: int = 7, *, sha: str = "a" * 40) -> Run:
    """A run that waits at a commit, whose jobs so far are done."""
    run = await store.load(await started(store, intent, number))
    trail = run.trail.model_copy(update={"head_sha": sha})
    wait = Wait(what="the checks", deadline=datetime(2100, 1, 1, tzinfo=UTC))
    return await store.save(run.model_copy(update={"status": Status.WAITING, "trail": trail, "wait": wait}))


async def test_who_waits_at_a_commit_is_stirred_and_nobody_else(store: PostgresStore) -> None:
    here = await parked(store, "one", 7)
    await parked(store, "two", 8, sha="b" * 40)
    ended = await parked(store, "three", 9)
    await store.save(ended.model_copy(update={"status": Status.DONE, "ended_at": datetime.now(UTC)}))
    before = await jobs(store)
    assert await store.stir({(5, "a" * 40), (6, "b" * 40), (5, "c" * 40)}) == 1
    assert await jobs(store) == before + 1
    assert (await store.load(here.id)).stirred == 1
    assert await store.stir(set()) == 0


async def test_who_is_at_work_when_stirred_is_advanced_again_as_soon_as_it_parks(store: PostgresStore) -> None:
    """Whether the news came before or after what it has just looked at, nobody knows."""
    run = await parked(store)
    at_work = await store.save(run.model_copy(update={"status": Status.RUNNING}))
    before = await jobs(store)
    assert await store.stir([(5, "a" * 40)]) == 1
    assert await jobs(store) == before
    again = await store.save(at_work.model_copy(update={"status": Status.WAITING}))
    assert await jobs(store) == before + 1
    await store.save(again)
    assert await jobs(store) == before + 1, "it has looked since"


async def test_who_is_put_off_is_not_stirred(store: PostgresStore) -> None:
    """GitHub said to come back later, and each refusal counts."""
    run = await parked(store)
    put_off = await store.save(run.model_copy(update={"tries": 1}))
    before = await jobs(store)
    assert await store.stir([(5, "a" * 40)]) == 1
    await store.save(put_off)
    assert await store.stir_parked(timedelta(), 10) == 0
    assert await jobs(store) == before


async def test_those_that_nobody_looked_at_longest_are_stirred_first(store: PostgresStore) -> None:
    first, second, third = [await parked(store, f"intent {number}", number) for number in (7, 8, 9)]
    await store.save(first)
    await store.save(third.model_copy(update={"status": Status.RUNNING}))
    assert await store.stir_parked(timedelta(hours=1), 10) == 0
    assert await store.stir_parked(timedelta(), 1) == 1
    async with store._engine.connect() as connection:
        query = text("SELECT args ->> 'run_id' FROM procrastinate_jobs ORDER BY id DESC LIMIT 1")
        assert (await connection.execute(query)).scalar_one() == str(second.id)
    assert await store.stir_parked(timedelta(), 10) == 2


async def test_thousands_of_hints_are_one_question(store: PostgresStore) -> None:
    run = await parked(store)
    many = {(5, f"{number:040x}") for number in range(20_000)} | {(5, "a" * 40)}
    assert await store.stir(many) == 1
    assert (await store.load(run.id)).stirred == 1


async def test_two_who_stir_the_same_runs_at_once_do_not_block_each_other(store: PostgresStore) -> None:
    heads = [(5, f"{number:040x}") for number in range(1, 21)]
    for number, (_, sha) in enumerate(heads, 1):
        await parked(store, f"intent {number}", number, sha=sha)
    assert await asyncio.gather(*(store.stir(heads[:: 1 - 2 * (turn % 2)]) for turn in range(6))) == [20] * 6
