"""Budgets of a month, on a real database, with many workers at once."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from app.adapters.store import PostgresStore
from app.core.budget import Usage
from app.core.journal import ModelAnswered, ModelAsked, Opened
from app.core.purse import Caps, Estimate
from app.core.run import Run, Status
from app.core.store import Draft
from app.core.task import Person, Repository, Task

pytestmark = pytest.mark.contract

NOW = datetime(2026, 1, 2, tzinfo=UTC)


async def started(
    store: PostgresStore, number: int, *, repository: int = 5, person: int = 1, installation: int = 3
) -> Run:
    task = Task(
        repository=Repository(id=repository, full_name="octo/cat", installation_id=installation),
        number=number,
        title="Broken",
        body="",
        requester=Person(id=person, login="ann"),
        asked_at=NOW,
    )
    wanted = Draft(
        intent=f"label {repository}/{number}", task=task, blueprint="fix", blueprint_version=1, start="prepare"
    )
    receipt = await store.accept(None, wanted, "why")
    return await store.load(receipt.run_id or 0)


def with_caps(store: PostgresStore, caps: Caps) -> PostgresStore:
    return PostgresStore(store._engine, store._queue, caps=caps)


async def answered(store: PostgresStore, run: Run, usd: float, *, turn: int = 1) -> None:
    journal = store.journal(run.id, 0)
    if not await journal.entries():
        await journal.append(Opened(messages=(), model="some/model"))
    await journal.append(ModelAsked(turn=turn))
    usage = Usage(turns=1, usd=usd)
    await journal.append(
        ModelAnswered(turn=turn, message={"role": "assistant"}, usage=usage, finish_reason="stop", seconds=1)
    )


async def kept(store: PostgresStore) -> dict[str, tuple[float, float]]:
    async with store._engine.connect() as connection:
        found = await connection.execute(text("SELECT level, spent_usd, held_usd FROM purses"))
        return {one.level: (float(one.spent_usd), float(one.held_usd)) for one in found}


@pytest.mark.parametrize(
    ("caps", "level"),
    [
        (Caps(repository=1.0), "repository"),
        (Caps(requester=1.0), "requester"),
        (Caps(organisation=1.0), "organisation"),
        (Caps(month=1.0), "month"),
    ],
)
async def test_twenty_workers_at_once_do_not_go_beyond_a_budget(store: PostgresStore, caps: Caps, level: str) -> None:
    """Each wants to call for 0.30: three may, whoever they are; when one has cost less, one more may."""
    capped = with_caps(store, caps)
    runs = [await started(store, number) for number in range(20)]
    held = await asyncio.gather(*(capped.purse(run).reserve(0.3) for run in runs))
    granted = [run for run, one in zip(runs, held, strict=True) if one.is_granted]
    assert len(granted) == 3
    assert {one.level for one in held} == {level}
    await answered(capped, granted[0], 0.05)
    assert await kept(store) == {level: (0.05, 0.6)}
    left = [run for run in runs if run not in granted]
    assert sum([(await capped.purse(run).reserve(0.3)).is_granted for run in left]) == 1


async def test_a_budget_is_that_of_its_owner_alone(store: PostgresStore) -> None:
    capped = with_caps(store, Caps(repository=1.0, requester=2.0))
    mine = await started(store, 1)
    assert (await capped.purse(mine).reserve(1.0)).is_granted
    elsewhere = await started(store, 1, repository=6)
    assert (await capped.purse(elsewhere).reserve(1.0)).is_granted, "another repository"
    third = await started(store, 1, repository=7)
    assert (await capped.purse(third).reserve(1.0)).level == "requester"
    assert (await capped.purse(await started(store, 1, repository=8, person=2)).reserve(1.0)).is_granted
    assert (await capped.purse(await started(store, 1, repository=9, installation=4)).reserve(1.0)).is_granted


async def test_a_run_holds_money_for_one_call_at_a_time(store: PostgresStore) -> None:
    """Whoever takes up a run whose worker died asks again: that is no second call. An end holds nothing."""
    capped = with_caps(store, Caps(month=1.0))
    run = await started(store, 1)
    for _ in range(3):
        assert (await capped.purse(run).reserve(0.6)).is_granted
    assert await kept(store) == {"month": (0, 0.6)}
    await capped.save(run.model_copy(update={"status": Status.STOPPED, "ended_at": NOW}))
    assert await kept(store) == {"month": (0, 0)}


async def test_what_was_spent_before_there_was_a_budget_counts(store: PostgresStore) -> None:
    """And what is spent while there is none. Another month has its own."""
    run = await started(store, 1)
    await answered(store, run, 0.7)
    capped = with_caps(store, Caps(repository=1.0))
    assert not (await capped.purse(run).reserve(0.4)).is_granted
    assert (await capped.purse(run).look()).is_granted
    await answered(store, run, 0.3, turn=2)
    assert not (await capped.purse(run).look()).is_granted
    async with store._engine.begin() as connection:
        await connection.execute(text("UPDATE purses SET month = '2020-01'"))
        await connection.execute(text("UPDATE ledger SET at = '2020-01-15'"))
    assert (await capped.purse(run).reserve(1.0)).is_granted


async def test_a_budget_that_is_new_does_not_get_back_what_it_never_held(store: PostgresStore) -> None:
    """A run whose worker was restarted with one budget more goes on with the call that it had begun."""
    run = await started(store, 1)
    assert (await with_caps(store, Caps(repository=9.0)).purse(run).reserve(2.0)).is_granted
    capped = with_caps(store, Caps(repository=9.0, month=1.0))
    assert not (await capped.purse(run).reserve(2.0)).is_granted
    assert await kept(store) == {"repository": (0, 0), "month": (0, 0)}
    assert (await capped.purse(run).reserve(0.6)).is_granted
    assert await kept(store) == {"repository": (0, 0.6), "month": (0, 0.6)}


async def test_a_part_of_a_forgotten_campaign_has_the_budgets_that_there_are(store: PostgresStore) -> None:
    """None at all, if there is none: what is not limited is not used up."""
    run = await started(store, 1)
    part = run.model_copy(update={"task": run.task.model_copy(update={"campaign": 7})})
    assert (await store.purse(part).look()).is_granted
    assert (await store.purse(part).reserve(9.0)).is_granted
    capped = with_caps(store, Caps(month=1.0))
    assert not (await capped.purse(part).reserve(9.0)).is_granted
    assert (await capped.purse(part).look()).level == "month"


async def test_runs_like_this_one_say_what_it_will_cost(store: PostgresStore) -> None:
    for number, usd in enumerate((0.2, 0.9, 0.4), 1):
        run = await started(store, number)
        await answered(store, run, usd)
        assert await store.estimate(5, "fix") is None
        await store.save(run.model_copy(update={"status": Status.DONE, "ended_at": NOW}))
    assert await store.estimate(5, "fix") == Estimate(runs=3, usd=0.4, most_usd=0.9)
    assert await store.estimate(6, "fix") is None
    assert await store.estimate(5, "docs") is None
