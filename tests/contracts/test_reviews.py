"""How many pull requests may wait for review, and who begins when one of them is closed: on real servers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from app.adapters.store import PostgresStore, ProcrastinateQueue, opened
from app.core.blueprint import Wait
from app.core.events import Closed, StopRequested
from app.core.places import ANY_NUMBER, Limits, MostOpen, Turn
from app.core.run import Run, Status
from app.core.store import Delivery
from tests.contracts.test_queue import admitted, ask, clear_jobs, end, jobs

pytestmark = [pytest.mark.contract, pytest.mark.timeout(120)]

Stores = Callable[[Limits], Awaitable[PostgresStore]]


@pytest.fixture
async def stores(database_url: str) -> AsyncIterator[Stores]:
    """Opens one more store on the same database, as another machine does."""
    async with AsyncExitStack() as stack:

        async def another(limits: Limits) -> PostgresStore:
            return await stack.enter_async_context(opened(database_url, ProcrastinateQueue(database_url), limits))

        yield another


def at_most(repository: int = 0, requester: int = 0, **more: int) -> Limits:
    return Limits(open=MostOpen(repository=repository, requester=requester), **more)


async def propose(store: PostgresStore, run: Run, number: int, status: Status = Status.DONE) -> Run:
    """The run opens a pull request, and ends or goes on to wait for checks, in one write."""
    trail = run.trail.model_copy(update={"pull_request_number": number, "head_sha": "a" * 40})
    wait = Wait(what="the checks", deadline=datetime(2040, 1, 1, tzinfo=UTC)) if status is Status.WAITING else None
    ended = {"ended_at": datetime.now(UTC), "is_reported": True} if status.has_ended else {}
    return await store.save(run.model_copy(update={"trail": trail, "status": status, "wait": wait, **ended}))


def closed(run: Run, number: int, **what: Any) -> StopRequested:
    return StopRequested(
        repository=run.task.repository,
        number=number,
        requester=None,
        at=datetime(2026, 1, 3, tzinfo=UTC),
        intent=f"closed {number}",
        pull=Closed(**{"is_merged": True, "head_sha": "a" * 40, "comments": 0} | what),
    )


async def status(store: PostgresStore, run: Run) -> Status:
    return (await store.load(run.id)).status


@pytest.mark.parametrize("end_at", [Status.DONE, Status.FAILED, Status.WAITING])
async def test_who_would_propose_one_too_many_is_held_until_one_is_closed(stores: Stores, end_at: Status) -> None:
    store = await stores(at_most(repository=1))
    one, held = await admitted(store, await ask(store)), await admitted(store, await ask(store))
    assert (one.status, held.status, held.was_held) == (Status.RUNNING, Status.QUEUED, True)
    await propose(store, one, 90, end_at)
    assert await status(store, held) is Status.QUEUED
    assert (await store.give_places(), await store.take_up()) == (0, [])
    await clear_jobs(store)
    delivery = Delivery(app_id="1", guid="guid-0001", event="pull_request", action="closed")
    await store.accept(delivery, closed(one, 90), "Ann merged it.")
    assert (await status(store, held), await jobs(store, held.id)) == (Status.RUNNING, 1)


async def test_who_ends_without_a_pull_request_gives_its_part_on(stores: Stores) -> None:
    store = await stores(at_most(repository=1))
    one, held = await admitted(store, await ask(store)), await admitted(store, await ask(store))
    wait = Wait(what="a word", deadline=datetime(2040, 1, 1, tzinfo=UTC))
    one = await store.save(one.model_copy(update={"status": Status.WAITING, "wait": wait}))
    assert await status(store, held) is Status.QUEUED  # who is parked is about to propose one all the same
    await end(store, one)
    assert await status(store, held) is Status.RUNNING


async def test_what_follows_up_on_a_pull_request_is_kept_by_no_review(stores: Stores) -> None:
    store = await stores(at_most(repository=1))
    await propose(store, await admitted(store, await ask(store)), 90)
    on_pull = await store.load(await ask(store, number=90))
    on_pull = on_pull.model_copy(update={"task": on_pull.task.model_copy(update={"is_pull_request": True})})
    assert (await store.admit(on_pull)).status is Status.RUNNING


async def test_a_persons_pull_requests_count_in_all_repositories_and_those_of_others_do_not(stores: Stores) -> None:
    store = await stores(at_most(requester=1))
    await propose(store, await admitted(store, await ask(store, requester=1)), 90)
    anns = await admitted(store, await ask(store, requester=1, repository=6))
    beas = await admitted(store, await ask(store, requester=2))
    assert (anns.status, beas.status) == (Status.QUEUED, Status.RUNNING)
    turn = await store.turn(anns)
    assert turn == Turn(at=1, of=1, whose="requester", open=1, coming=0, most=1)


async def test_a_repository_can_want_fewer_and_not_more(stores: Stores) -> None:
    store = await stores(at_most(repository=2))
    one = await store.load(await ask(store))
    assert (await store.admit(one, MostOpen(repository=1))).status is Status.RUNNING
    two = await store.admit(await store.load(await ask(store)), MostOpen(repository=1))
    assert two.status is Status.QUEUED
    await store.keep_limits(two.task.repository, MostOpen(repository=9))  # the file was changed
    assert await status(store, two) is Status.RUNNING
    three = await store.admit(await store.load(await ask(store)), MostOpen(repository=9))
    assert three.status is Status.QUEUED
    await store.keep_limits(two.task.repository, ANY_NUMBER)
    assert await status(store, three) is Status.QUEUED


async def test_everybody_in_line_has_a_place_and_those_of_whom_it_changed_tell_it(stores: Stores) -> None:
    store = await stores(at_most(repository=1))
    one = await admitted(store, await ask(store))
    held = [await admitted(store, await ask(store)) for _ in range(3)]
    places = [turn and (turn.at, turn.of, turn.open, turn.coming) for turn in [await store.turn(run) for run in held]]
    assert places == [(1, 3, 0, 1), (2, 3, 0, 1), (3, 3, 0, 1)]
    await clear_jobs(store)
    assert (await store.tell_turns(2), await store.tell_turns(9), await store.tell_turns(9)) == (2, 1, 0)
    await clear_jobs(store)
    for run in held:
        trail = run.trail.model_copy(update={"turn": await store.turn(run)})
        await store.save((await store.load(run.id)).model_copy(update={"trail": trail}))
    assert await store.tell_turns(9) == 0
    await end(store, one)
    assert [await status(store, run) for run in held] == [Status.RUNNING, Status.QUEUED, Status.QUEUED]
    assert await store.tell_turns(9) == 2


async def test_a_limit_of_work_holds_without_a_place_in_line(stores: Stores) -> None:
    store = await stores(at_most(repository=5, installation=1))
    await admitted(store, await ask(store))
    held = await admitted(store, await ask(store))
    assert (held.status, await store.turn(held), await store.tell_turns(9)) == (Status.QUEUED, None, 0)


async def test_on_many_machines_never_more_are_open_than_may(stores: Stores) -> None:
    machines = [await stores(at_most(repository=3)) for _ in range(3)]
    run_ids = [await ask(machines[0]) for _ in range(8)]
    found = await asyncio.gather(*(admitted(machines[one % 3], run_id) for one, run_id in enumerate(run_ids)))
    assert sum(run.status is Status.RUNNING for run in found) == 3
    for number in range(8):
        (run, *others) = [run for one in run_ids if (run := await machines[0].load(one)).status is Status.RUNNING]
        assert len(others) <= 2
        run = await propose(machines[number % 3], run, 90 + number)
        await asyncio.gather(*(store.accept(None, closed(run, 90 + number), "why") for store in machines))
    assert {(await machines[0].load(run_id)).status for run_id in run_ids} == {Status.DONE}
