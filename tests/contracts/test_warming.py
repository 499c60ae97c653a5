"""What a store and its queue make of pushes: where minions work, the next run is prepared, once."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from app.adapters.store import PostgresStore, ProcrastinateQueue
from app.core.events import Pushed
from app.core.run import Status, Trail
from app.core.store import Delivery, Draft
from app.core.task import Person, Repository, Task

pytestmark = pytest.mark.contract

CAT = Repository(id=5, full_name="octo/cat", installation_id=3)
DOG = Repository(id=6, full_name="octo/dog", installation_id=3)


async def asked(store: PostgresStore, number: int = 7) -> int:
    task = Task(
        repository=CAT,
        number=number,
        title="Broken",
        body="It is broken.",
        requester=Person(id=1, login="ann"),
        asked_at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    draft = Draft(intent=f"label {number}", task=task, blueprint="fix", blueprint_version=1, start="prepare")
    receipt = await store.accept(None, draft, "why")
    assert receipt.run_id is not None
    return receipt.run_id


async def worked(store: PostgresStore) -> int:
    """A run that was admitted, and is over."""
    run = await store.load(await asked(store))
    over = {"trail": Trail(base_sha="0" * 40), "status": Status.DONE}
    await store.save(run.model_copy(update=over))
    return run.id


async def push(store: PostgresStore, number: int = 1, repository: Repository = CAT) -> str:
    """The sentence that a delivery is answered with."""
    delivery = Delivery(app_id="1", guid=f"guid-{number:04}", event="push", action="")
    receipt = await store.accept(delivery, Pushed(repository=repository, branch="main"), "It moved.")
    return receipt.reason


async def jobs(store: PostgresStore) -> list[str]:
    async with store._engine.connect() as connection:
        found = await connection.execute(text("SELECT task_name FROM procrastinate_jobs ORDER BY id"))
        return list(found.scalars())


async def advance(run_id: int, revision: int | None) -> None:
    """A run needs nothing here."""


def noting(warmed: list[Repository]) -> Callable[[Repository], Awaitable[None]]:
    async def warm(repository: Repository) -> None:
        warmed.append(repository)

    return warm


async def work(queue: ProcrastinateQueue) -> list[Repository]:
    """What was warmed when nothing is left to do."""
    warmed: list[Repository] = []
    await queue.work(advance, warm=noting(warmed), concurrency=1, forever=False)
    return warmed


async def test_a_repository_that_was_worked_in_is_prepared(store: PostgresStore, queue: ProcrastinateQueue) -> None:
    await worked(store)
    assert await push(store) == "It moved."
    assert await work(queue) == [CAT]
    assert await jobs(store) == []


async def test_one_that_was_never_worked_in_is_not(store: PostgresStore, queue: ProcrastinateQueue) -> None:
    await asked(store)  # and perhaps refused
    assert await push(store, 1) == "No minion worked in octo/cat in the last 30 days."
    assert await push(store, 2, DOG) == "No minion worked in octo/dog in the last 30 days."
    assert await work(queue) == []


async def test_one_that_was_worked_in_long_ago_is_not(store: PostgresStore, queue: ProcrastinateQueue) -> None:
    run_id = await worked(store)
    async with store._engine.begin() as connection:
        aged = text("UPDATE runs SET asked_at = now() - interval '31 days' WHERE id = :id")
        await connection.execute(aged, {"id": run_id})
    assert await push(store) == "No minion worked in octo/cat in the last 30 days."
    assert await work(queue) == []


async def test_many_pushes_prepare_once(store: PostgresStore, queue: ProcrastinateQueue) -> None:
    await worked(store)
    said = await asyncio.gather(*(push(store, number) for number in range(1, 6)))
    assert sorted(said) == ["It moved.", *["main of octo/cat moved, and is about to be fetched already."] * 4]
    assert await work(queue) == [CAT]


async def test_a_redelivery_prepares_nothing(store: PostgresStore, queue: ProcrastinateQueue) -> None:
    await worked(store)
    await push(store)
    assert await work(queue) == [CAT]
    assert "was received before" in await push(store)
    assert await work(queue) == []


async def test_a_push_while_it_is_prepared_prepares_it_once_more(
    store: PostgresStore, queue: ProcrastinateQueue
) -> None:
    await worked(store)
    await push(store, 1)
    warmed: list[Repository] = []

    async def warm(repository: Repository) -> None:
        if not warmed:
            await push(store, 2)
        warmed.append(repository)

    await queue.work(advance, warm=warm, concurrency=1, forever=False)
    assert warmed == [CAT, CAT]


async def test_a_long_preparation_keeps_no_run_waiting(store: PostgresStore, queue: ProcrastinateQueue) -> None:
    """Whoever works on one run at a time works on it although a repository is being prepared."""
    await worked(store)
    await push(store)
    is_warming, is_advanced = asyncio.Event(), asyncio.Event()
    later: list[int] = []

    async def advance_later(run_id: int, revision: int | None) -> None:
        del revision
        if run_id in later:
            is_advanced.set()

    async def warm(repository: Repository) -> None:
        del repository
        is_warming.set()
        await is_advanced.wait()

    working = asyncio.create_task(queue.work(advance_later, warm=warm, concurrency=1))
    await is_warming.wait()
    later.append(await asked(store, 8))
    await is_advanced.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_who_is_told_to_stop_breaks_it_off(store: PostgresStore, queue: ProcrastinateQueue) -> None:
    await worked(store)
    await push(store)
    is_warming, is_broken_off = asyncio.Event(), asyncio.Event()

    async def warm(repository: Repository) -> None:
        del repository
        is_warming.set()
        try:
            await asyncio.Event().wait()
        finally:
            is_broken_off.set()

    working = asyncio.create_task(queue.work(advance, warm=warm, concurrency=1))
    await is_warming.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert is_broken_off.is_set()
    assert await jobs(store) == []


async def test_who_only_advances_runs_leaves_it_to_others(store: PostgresStore, queue: ProcrastinateQueue) -> None:
    await worked(store)
    await push(store)
    await queue.work(advance, concurrency=1, forever=False)
    assert await jobs(store) == ["warm"]


async def test_what_a_lost_worker_prepared_is_forgotten(store: PostgresStore, queue: ProcrastinateQueue) -> None:
    await worked(store)
    await push(store)
    async with store._engine.begin() as connection:
        await connection.execute(text("DELETE FROM procrastinate_jobs WHERE task_name = 'advance'"))
        lost = "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') RETURNING id"
        worker_id = (await connection.execute(text(lost))).scalar_one()
        taken = text("UPDATE procrastinate_jobs SET status = 'doing', worker_id = :worker")
        await connection.execute(taken, {"worker": worker_id})
    await push(store, 2)
    async with queue._app.open_async():
        assert await queue.take_over() == 0
    assert await jobs(store) == ["warm"]
    assert await work(queue) == [CAT]
