"""What many runs add to their journals at the same time: together, and yet each for itself."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from app.adapters.store import PostgresStore
from app.adapters.store.additions import Addition
from app.core.budget import Usage
from app.core.journal import ModelAnswered, ModelAsked, ToolCalled
from app.core.purse import Caps
from app.core.store import Draft, Stale
from app.core.task import Person, Repository, Task

pytestmark = pytest.mark.contract

MANY = 20


async def started(store: PostgresStore, number: int) -> int:
    task = Task(
        repository=Repository(id=5, full_name="octo/cat", installation_id=3),
        number=number,
        title="Broken",
        body="",
        requester=Person(id=1, login="ann"),
        asked_at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    wanted = Draft(intent=f"label {number}", task=task, blueprint="fix", blueprint_version=1, start="prepare")
    return (await store.accept(None, wanted, "why")).run_id or 0


def answered(usd: float) -> ModelAnswered:
    usage = Usage(turns=1, input_tokens=10, usd=usd)
    return ModelAnswered(turn=1, message={"role": "assistant"}, usage=usage, finish_reason="stop", seconds=0.1)


async def test_each_of_many_has_its_entries_its_change_and_its_cost(store: PostgresStore) -> None:
    runs = [await started(store, number) for number in range(MANY)]
    called = ToolCalled(call_id="c1", tool="bash", arguments={"command": "ls"})

    async def work(run_id: int) -> None:
        journal = store.journal(run_id, 0)
        await journal.append(ModelAsked(turn=1))
        await journal.append(answered(run_id / 4), called)
        await journal.append(ModelAsked(turn=2), patch=f"of {run_id}".encode())

    await asyncio.gather(*map(work, runs))
    kinds = ["model asked", "model answered", "tool called", "model asked"]
    for run_id in runs:
        assert [entry.kind for entry in await store.journal(run_id, 0).entries()] == kinds
        assert (await store.spent_usd(run_id), await store.patch(run_id)) == (run_id / 4, f"of {run_id}".encode())


async def test_who_lost_its_run_takes_nobody_else_along(store: PostgresStore) -> None:
    runs = [await started(store, number) for number in range(MANY)]
    journals = [store.journal(run_id, 0) for run_id in runs]
    for journal in journals:
        await journal.entries()
    await store.journal(runs[3], 0).append(ModelAsked(turn=1))
    added = (journal.append(answered(1.0), patch=b"late") for journal in journals)
    told = await asyncio.gather(*added, return_exceptions=True)
    assert [number for number, one in enumerate(told) if one is not None] == [3]
    assert isinstance(told[3], Stale)
    for run_id in runs:
        is_lost = run_id == runs[3]
        assert (await store.spent_usd(run_id), await store.patch(run_id)) == ((0, b"") if is_lost else (1, b"late"))


async def test_nobody_waits_for_the_run_that_somebody_else_has_locked(store: PostgresStore) -> None:
    runs = [await started(store, number) for number in range(MANY)]
    async with store._engine.begin() as somebody:
        await somebody.execute(text(f"SELECT FROM runs WHERE id = {runs[3]} FOR UPDATE"))
        writing = [asyncio.create_task(store.journal(run_id, 0).append(ModelAsked(turn=1))) for run_id in runs]
        await asyncio.gather(*(task for task, run_id in zip(writing, runs, strict=True) if run_id != runs[3]))
        assert not writing[3].done()
    await writing[3]
    for run_id in runs:
        assert len(await store.journal(run_id, 0).entries()) == 1


async def test_what_is_settled_with_a_purse_is_charged_once_beside_what_is_not(store: PostgresStore) -> None:
    capped = PostgresStore(store._engine, store._queue, caps=Caps(month=100.0))
    runs = [await started(store, number) for number in range(MANY)]
    held = await capped.purse(await capped.load(runs[0])).reserve(3.0)
    assert held.is_granted
    entries = [answered(1.0) if number % 2 == 0 else ModelAsked(turn=1) for number in range(MANY)]
    adding = (store.journal(run_id, 0).append(entry) for run_id, entry in zip(runs, entries, strict=True))
    await asyncio.gather(*adding)
    async with store._engine.connect() as connection:
        row = (await connection.execute(text("SELECT spent_usd, held_usd FROM purses"))).one()
        count = await connection.execute(text("SELECT count(*) FROM journal"))
    assert (float(row.spent_usd), float(row.held_usd), count.scalar_one()) == (MANY / 2, 0, MANY)


async def test_a_fault_of_ours_is_told_to_who_wrote_and_to_nobody_who_comes_later(store: PostgresStore) -> None:
    run_id = await started(store, 1)
    with pytest.raises(TypeError, match="not JSON serializable"):
        await store._engine.additions.write(Addition(run_id, 0, 0, ["{}"], charge={"turn": object()}))
    await store.journal(run_id, 0).append(ModelAsked(turn=1))


async def test_who_gives_up_waiting_leaves_the_others_alone(store: PostgresStore) -> None:
    runs = [await started(store, number) for number in range(MANY)]
    writing = [asyncio.create_task(store.journal(run_id, 0).append(ModelAsked(turn=1))) for run_id in runs]
    await asyncio.sleep(0)
    writing[3].cancel()
    told = await asyncio.gather(*writing, return_exceptions=True)
    assert [number for number, one in enumerate(told) if one is not None] == [3]
