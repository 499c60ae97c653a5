"""In what order, how many at once, and by whom runs are advanced: on real servers, with several workers."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from app.adapters.store import PostgresStore, ProcrastinateQueue, opened
from app.core.blueprint import Wait
from app.core.places import NO_LIMITS, Limits, Room, Seat
from app.core.ranks import BULK, next_rank, priority
from app.core.run import Run, Status
from app.core.shift import HandedOver
from app.core.store import Draft, Occupied, Stale
from app.core.task import Person, Repository, Task

pytestmark = [pytest.mark.contract, pytest.mark.timeout(120)]


_numbers = itertools.count(1)


async def ask(
    store: PostgresStore, *, repository: int = 5, requester: int = 1, is_bot: bool = False, number: int | None = None
) -> int:
    """Somebody asks for work on an issue of its own; answer with the run."""
    asked = next(_numbers)
    task = Task(
        repository=Repository(id=repository, full_name=f"octo/{repository}", installation_id=3),
        number=asked if number is None else number,
        title="Broken",
        body="",
        requester=Person(id=requester, login=f"login-{requester}", is_bot=is_bot),
        asked_at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    draft = Draft(intent=f"intent {asked}", task=task, blueprint="fix", blueprint_version=1, start="prepare")
    receipt = await store.accept(None, draft, "why")
    assert receipt.run_id is not None
    return receipt.run_id


async def admitted(store: PostgresStore, run_id: int) -> Run:
    return await store.admit(await store.load(run_id))


async def end(store: PostgresStore, run: Run, status: Status = Status.DONE) -> Run:
    update = {"status": status, "is_reported": True, "ended_at": datetime.now(UTC)}
    return await store.save(run.model_copy(update=update))


async def jobs(store: PostgresStore, run_id: int) -> int:
    count = text("SELECT count(*) FROM procrastinate_jobs WHERE (args->>'run_id')::bigint = :run")
    async with store._engine.connect() as connection:
        return int((await connection.execute(count, {"run": run_id})).scalar_one())


async def clear_jobs(store: PostgresStore) -> None:
    async with store._engine.begin() as connection:
        await connection.execute(text("DELETE FROM procrastinate_jobs"))


@pytest.fixture
async def stores(database_url: str) -> AsyncIterator[Callable[[Limits], Awaitable[PostgresStore]]]:
    """Opens one more store on the same database, as another machine does."""
    async with AsyncExitStack() as stack:

        async def another(limits: Limits) -> PostgresStore:
            return await stack.enter_async_context(opened(database_url, ProcrastinateQueue(database_url), limits))

        yield another


class Walk:
    """Advances runs as the engine does, as far as places go: begins one, or has it held; ends what was begun."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store
        self.order: list[int] = []
        self.most = 0
        self.ended = asyncio.Event()

    async def advance(self, run_id: int, _revision: int | None = None) -> None:
        run = await self.store.load(run_id)
        if run.status is Status.QUEUED:
            run = await self.store.admit(run)
        if run.status is not Status.RUNNING:
            return
        self.order.append(run_id)
        self.most = max(self.most, (await self.store.counts())["running"])
        await end(self.store, run)
        if set(await self.store.counts()) == {"done"}:
            self.ended.set()


@asynccontextmanager
async def working(queue: ProcrastinateQueue, walk: Walk, *, concurrency: int) -> AsyncIterator[None]:
    """A worker, as long as this lasts."""
    worker = asyncio.create_task(queue.work(walk.advance, concurrency=concurrency))
    try:
        yield
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


# -- Order -----------------------------------------------------------------------------------------------------------
async def test_repositories_take_turns(store: PostgresStore, queue: ProcrastinateQueue) -> None:
    many = [await ask(store, repository=5) for _ in range(4)]
    one = await ask(store, repository=6)
    two = [await ask(store, repository=7) for _ in range(2)]
    walk = Walk(store)
    await queue.work(walk.advance, concurrency=1, forever=False)
    assert walk.order == [many[0], one, two[0], many[1], two[1], many[2], many[3]]


async def test_a_steady_stream_of_one_repository_does_not_starve_anothers_old_run(
    store: PostgresStore, queue: ProcrastinateQueue
) -> None:
    old = [await ask(store, repository=5) for _ in range(5)]
    walk = Walk(store)

    async def advance(run_id: int, revision: int | None = None) -> None:
        if len(walk.order) < 30:
            await ask(store, repository=6)
        await walk.advance(run_id, revision)

    await queue.work(advance, concurrency=1, forever=False)
    assert [walk.order.index(run_id) for run_id in old] == [0, 2, 4, 6, 8]


async def test_people_go_before_bots(store: PostgresStore, queue: ProcrastinateQueue) -> None:
    bulk = [await ask(store, is_bot=True) for _ in range(3)]
    people = [await ask(store) for _ in range(2)]
    walk = Walk(store)
    await queue.work(walk.advance, concurrency=1, forever=False)
    assert walk.order == people + bulk


async def test_what_has_begun_goes_before_all_that_waits(store: PostgresStore, queue: ProcrastinateQueue) -> None:
    first, second = await ask(store), await ask(store)
    run = await admitted(store, second)
    await clear_jobs(store)
    await ask(store, repository=6)
    assert await store.take_up() == [first, second]
    await store.save(run, advance_at=datetime(2026, 1, 1, tzinfo=UTC))
    seen: list[int] = []

    async def advance(run_id: int, _revision: int | None = None) -> None:
        seen.append(run_id)

    await queue.work(advance, concurrency=1, forever=False)
    assert seen[:3] == [first, second, second]


async def test_a_queued_run_that_is_put_off_keeps_its_rank(store: PostgresStore, queue: ProcrastinateQueue) -> None:
    first, second = await ask(store), await ask(store)
    await clear_jobs(store)
    for run_id in (second, first):
        await store.save(await store.load(run_id), advance_at=datetime(2026, 1, 1, tzinfo=UTC))
    walk = Walk(store)
    await queue.work(walk.advance, concurrency=1, forever=False)
    assert walk.order == [first, second]


async def test_a_new_run_ranks_as_the_rule_says(store: PostgresStore) -> None:
    """The rule is that of `core/ranks.py`; a store says it in its own words."""
    ranks = text(
        "SELECT id, repository_id, status, rank, begun_at IS NOT NULL AS begun, rank > :bulk AS is_bulk FROM runs"
    )
    asked = [(5, False), (5, False), (6, False), (5, True), (6, True), (5, False), (7, True), (6, False), (7, False)]
    for turn, (repository, is_bot) in enumerate(asked):
        async with store._engine.connect() as connection:
            rows = (await connection.execute(ranks, {"bulk": BULK})).all()
        alike = [row for row in rows if row.is_bulk == is_bot]
        begun = [row.rank for row in alike if row.begun]
        waiting = [row.rank for row in alike if row.repository_id == repository and row.status == "queued"]
        expected = next_rank(is_bulk=is_bot, begun=max(begun, default=None), waiting=max(waiting, default=None))
        run_id = await ask(store, repository=repository, is_bot=is_bot)
        async with store._engine.connect() as connection:
            rank = {row.id: row.rank for row in await connection.execute(ranks, {"bulk": BULK})}[run_id]
        assert (turn, rank) == (turn, expected)
        if turn in {2, 3, 6}:
            await admitted(store, run_id)


async def test_a_job_that_comes_with_its_run_is_like_one_that_is_put(
    store: PostgresStore, queue: ProcrastinateQueue
) -> None:
    run_id = await ask(store)
    async with store._engine.begin() as connection:
        await queue.put(connection, run_id, priority=priority(1))
    columns = "queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at, status, attempts"
    async with store._engine.connect() as connection:
        own, other = (await connection.execute(text(f"SELECT {columns} FROM procrastinate_jobs"))).all()  # noqa: S608
    assert tuple(own) == tuple(other)


# -- Places ----------------------------------------------------------------------------------------------------------
async def test_a_run_without_a_place_is_held_and_begins_when_another_ends(
    stores: Callable[[Limits], Awaitable[PostgresStore]],
) -> None:
    store = await stores(Limits(repository=1))
    first, second, other = await ask(store), await ask(store), await ask(store, repository=6)
    one = await admitted(store, first)
    held = await admitted(store, second)
    assert (one.status, held.status, held.was_held) == (Status.RUNNING, Status.QUEUED, True)
    assert (await admitted(store, other)).status is Status.RUNNING
    assert held == await store.load(second)
    await clear_jobs(store)
    await end(store, one)
    begun = await store.load(second)
    assert (begun.status, begun.was_held, await jobs(store, second)) == (Status.RUNNING, True, 1)


@pytest.mark.parametrize("status", [Status.WAITING, Status.FAILED, Status.STOPPED, Status.REFUSED])
async def test_a_run_that_parks_or_ends_however_gives_its_place_on(
    stores: Callable[[Limits], Awaitable[PostgresStore]], status: Status
) -> None:
    store = await stores(Limits(requester=1))
    one, held = await admitted(store, await ask(store)), await admitted(store, await ask(store, repository=6))
    wait = Wait(what="the checks", deadline=datetime(2040, 1, 1, tzinfo=UTC))
    await store.save(one.model_copy(update={"status": status, "wait": wait}))
    assert (await store.load(held.id)).status is Status.RUNNING


async def test_a_held_run_that_ends_takes_no_place(stores: Callable[[Limits], Awaitable[PostgresStore]]) -> None:
    store = await stores(Limits(installation=1))
    one, held, last = [await admitted(store, await ask(store)) for _ in range(3)]
    await end(store, held, Status.STOPPED)
    await end(store, one)
    assert (await store.load(last.id)).status is Status.RUNNING


async def test_a_free_place_goes_to_the_lowest_rank(stores: Callable[[Limits], Awaitable[PostgresStore]]) -> None:
    store = await stores(Limits(installation=1))
    one = await admitted(store, await ask(store))
    run_ids = [await ask(store), await ask(store), await ask(store, repository=6), await ask(store, is_bot=True)]
    for run_id in reversed(run_ids):
        await admitted(store, run_id)
    begun = []
    for _ in run_ids:
        await end(store, one)
        (one,) = [run for run_id in run_ids if (run := await store.load(run_id)).status is Status.RUNNING]
        begun.append(run_ids.index(one.id))
    assert begun == [0, 2, 1, 3]


async def test_a_held_run_is_the_one_of_its_issue(stores: Callable[[Limits], Awaitable[PostgresStore]]) -> None:
    store = await stores(Limits(installation=1))
    one = await admitted(store, await ask(store))
    held = await admitted(store, await ask(store, number=7_000))
    with pytest.raises(Occupied) as occupied:
        await admitted(store, await ask(store, number=7_000))
    assert occupied.value.run_id == held.id
    await end(store, one)
    assert (await store.load(held.id)).status is Status.RUNNING


async def test_of_two_that_admit_the_same_run_one_does(store: PostgresStore) -> None:
    run = await store.load(await ask(store))
    ends = await asyncio.gather(store.admit(run), store.admit(run), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["Run", "Stale"]


async def test_no_more_than_the_limit_is_ever_at_work(
    stores: Callable[[Limits], Awaitable[PostgresStore]], database_url: str
) -> None:
    """Two workers, each with room for all: none takes the last place beside the other, and none is forgotten."""
    walks = [Walk(await stores(Limits(repository=2, installation=5))) for _ in range(2)]
    for number in range(40):
        await ask(walks[0].store, repository=number % 4)
    async with AsyncExitStack() as stack:
        for walk in walks:
            queue = ProcrastinateQueue(database_url, lost_after_s=10)
            await stack.enter_async_context(working(queue, walk, concurrency=8))
        ended = [asyncio.create_task(walk.ended.wait()) for walk in walks]
        await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.cancel()
    assert sorted(walks[0].order + walks[1].order) == sorted(set(walks[0].order + walks[1].order))
    assert len(walks[0].order + walks[1].order) == 40
    assert 1 < max(walk.most for walk in walks) <= 5
    assert await walks[0].store.give_places() == 0


async def test_a_place_that_gets_free_in_the_moment_in_which_a_run_finds_none_is_not_lost(
    stores: Callable[[Limits], Awaitable[PostgresStore]],
) -> None:
    here, there = await stores(Limits(repository=1)), await stores(Limits(repository=1))
    one = await admitted(here, await ask(here))
    for _ in range(40):
        run_id = await ask(there)
        await asyncio.gather(end(here, one), admitted(there, run_id))
        one = await here.load(run_id)
        assert one.status is Status.RUNNING


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_at_once_nobody_waits_although_there_is_a_place(
    stores: Callable[[Limits], Awaitable[PostgresStore]], seed: int
) -> None:
    dice = random.Random(seed)  # noqa: S311 - a seed reproduces it
    limits = Limits(installation=dice.randint(3, 6), repository=dice.randint(1, 3), requester=dice.randint(1, 3))
    machines = [await stores(limits) for _ in range(3)]
    for _ in range(12):
        moves = []
        for run_id in await machines[0].unfinished():
            run = await machines[0].load(run_id)
            if run.status is Status.RUNNING and dice.random() < 0.5:
                moves.append(end(dice.choice(machines), run))
            elif run.status is Status.QUEUED and run.was_held and dice.random() < 0.1:
                moves.append(end(dice.choice(machines), run, Status.STOPPED))
        for _ in range(dice.randint(0, 6)):
            run_id = await ask(machines[0], repository=dice.randint(1, 3), requester=dice.randint(1, 3))
            moves.append(admitted(dice.choice(machines), run_id))
        dice.shuffle(moves)
        for what in await asyncio.gather(*moves, return_exceptions=True):
            assert isinstance(what, Run | Stale), what  # a held run was given a place when it was to be stopped
        await nobody_waits_in_vain(machines[0], limits)


async def nobody_waits_in_vain(store: PostgresStore, limits: Limits) -> None:
    """No more are at work than may be, and who is held finds no place among them."""
    runs = [await store.load(run_id) for run_id in await store.unfinished()]
    seats = [(run.status, Seat(run.task.repository.id, run.task.requester.id)) for run in runs]
    room = Room(limits, [])
    assert all(room.take(seat) for status, seat in seats if status is Status.RUNNING)
    at_work = [seat for status, seat in seats if status is Status.RUNNING]
    assert not any(Room(limits, at_work).take(seat) for status, seat in seats if status is Status.QUEUED)
    assert await store.give_places() == 0


async def test_a_limit_that_was_raised_lets_in_who_waited(
    stores: Callable[[Limits], Awaitable[PostgresStore]],
) -> None:
    before = await stores(Limits(repository=1))
    for _ in range(4):
        await admitted(before, await ask(before))
    after = await stores(Limits(repository=3))
    assert (await after.give_places(), await after.counts()) == (2, {"running": 3, "queued": 1})
    assert (await (await stores(NO_LIMITS)).give_places(), await after.counts()) == (1, {"running": 4})


# -- Nobody is forgotten ---------------------------------------------------------------------------------------------
async def test_a_run_whose_job_is_gone_is_taken_up(stores: Callable[[Limits], Awaitable[PostgresStore]]) -> None:
    """A worker that was frozen ends a job that was another's by then; if that one dies, nobody has the run."""
    store = await stores(Limits(repository=1))
    at_work, held = await admitted(store, await ask(store)), await admitted(store, await ask(store))
    queued, over = await ask(store, repository=6), await ask(store, repository=7)
    await end(store, await store.load(over))
    assert await store.take_up() == []
    await clear_jobs(store)
    assert await store.take_up() == [at_work.id, queued]
    assert (await jobs(store, at_work.id), await jobs(store, held.id), await store.take_up()) == (1, 0, [])


async def test_a_run_that_is_handed_over_goes_on_elsewhere_at_once(
    store: PostgresStore, queue: ProcrastinateQueue, database_url: str
) -> None:
    run_id, other = await ask(store), await ask(store)
    elsewhere = ProcrastinateQueue(database_url, lost_after_s=10)
    seen: list[int] = []

    async def leave(_run_id: int, _revision: int | None = None) -> None:
        raise HandedOver("This worker was told to stop.")

    async def go_on(run: int, _revision: int | None = None) -> None:
        seen.append(run)

    handing = asyncio.create_task(queue.work(leave, concurrency=1))
    while not await attempts(store):
        await asyncio.sleep(0.01)
    handing.cancel()
    await asyncio.gather(handing, return_exceptions=True)
    await elsewhere.work(go_on, concurrency=1, forever=False)
    assert sorted(seen) == [run_id, other]


async def attempts(store: PostgresStore) -> int:
    async with store._engine.connect() as connection:
        return int((await connection.execute(text("SELECT sum(attempts) FROM procrastinate_jobs"))).scalar_one())


async def test_runs_of_a_worker_that_fell_silent_are_taken_over(
    store: PostgresStore, queue: ProcrastinateQueue, database_url: str
) -> None:
    run_id = await ask(store)
    begun, seen, over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hang(_run_id: int, _revision: int | None = None) -> None:
        begun.set()
        await over.wait()

    async def go_on(run: int, _revision: int | None = None) -> None:
        assert run == run_id
        seen.set()

    silent = ProcrastinateQueue(database_url, lost_after_s=10_000)  # it says that it lives once in half an hour
    hanging = asyncio.create_task(silent.work(hang, concurrency=1))
    await begun.wait()
    taking = asyncio.create_task(queue.work(go_on, concurrency=1))
    await seen.wait()
    over.set()
    for task in (taking, hanging):
        task.cancel()
    await asyncio.gather(taking, hanging, return_exceptions=True)


async def test_a_worker_that_was_too_busy_to_say_that_it_lives_does_not_take_its_own_runs_over(
    store: PostgresStore, database_url: str
) -> None:
    await ask(store)
    begun, over = asyncio.Event(), asyncio.Event()

    async def hang(_run_id: int, _revision: int | None = None) -> None:
        begun.set()
        await over.wait()

    busy = ProcrastinateQueue(database_url, lost_after_s=1_000)
    working = asyncio.create_task(busy.work(hang, concurrency=1))
    await begun.wait()
    async with store._engine.begin() as connection:
        await connection.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'"))
    assert await busy.take_over() == 0
    async with other_process(database_url) as other:
        assert await other.take_over() == 1
    over.set()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_a_worker_never_advances_one_run_twice_at_once(store: PostgresStore, database_url: str) -> None:
    """After a time without a database all workers seem gone: their runs are put back, and come to them once more."""
    await ask(store)
    begun, over, twice = asyncio.Event(), asyncio.Event(), asyncio.Event()
    at_work: list[int] = []
    most = goes = 0

    async def advance(run_id: int, _revision: int | None = None) -> None:
        nonlocal most, goes
        at_work.append(run_id)
        most, goes = max(most, len(at_work)), goes + 1
        begun.set()
        await over.wait()
        at_work.remove(run_id)
        if goes == 2:
            twice.set()

    queue = ProcrastinateQueue(database_url, lost_after_s=1_000)
    working = asyncio.create_task(queue.work(advance, concurrency=2))
    await begun.wait()
    async with store._engine.begin() as connection:
        await connection.execute(text("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'"))
    async with other_process(database_url) as other:
        assert await other.take_over() == 1
    while await _at_work_again(store) == 0:
        await asyncio.sleep(0.02)
    over.set()
    await twice.wait()
    assert most == 1
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_a_look_that_is_due_takes_no_place_while_its_run_is_at_work(
    store: PostgresStore, database_url: str
) -> None:
    run_id = await ask(store)
    begun, over = asyncio.Event(), asyncio.Event()
    looks: list[int | None] = []

    async def advance(_run_id: int, revision: int | None = None) -> None:
        looks.append(revision)
        begun.set()
        await over.wait()

    queue = ProcrastinateQueue(database_url, lost_after_s=1_000)
    working = asyncio.create_task(queue.work(advance, concurrency=2))
    await begun.wait()
    async with store._engine.begin() as connection:
        await queue.put_later(connection, run_id, 1, datetime.now(UTC))
    while await _jobs(store) > 1:
        await asyncio.sleep(0.02)
    assert looks == [None]
    over.set()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def _jobs(store: PostgresStore) -> int:
    async with store._engine.connect() as connection:
        return int((await connection.execute(text("SELECT count(*) FROM procrastinate_jobs"))).scalar_one())


async def _at_work_again(store: PostgresStore) -> int:
    query = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' AND attempts > 0"
    async with store._engine.connect() as connection:
        return int((await connection.execute(text(query))).scalar_one())


@asynccontextmanager
async def other_process(url: str) -> AsyncIterator[ProcrastinateQueue]:
    """A queue that can be asked and does no work."""
    queue = ProcrastinateQueue(url, lost_after_s=1_000)
    async with queue._app.open_async():
        yield queue
