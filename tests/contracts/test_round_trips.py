"""How often the database is asked. Each time costs this program more than most of what is asked for."""

import re
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest

from app.adapters.store import PostgresStore
from app.core.blueprint import Kind
from app.core.run import Status, Visit
from tests.contracts.test_store import delivery, draft, started, stop

pytestmark = pytest.mark.contract

_TRIP = re.compile(r"^[^\t\n]*\tF\t\d+\t(?:Sync|Query)\b", re.MULTILINE)
"""In what libpq writes down of a connection: after each of these, an answer is waited for."""


@dataclass
class Trips:
    """There and back, so far."""

    count: int = 0


Counting = Callable[[], AbstractAsyncContextManager[Trips]]


@pytest.fixture
def counting(store: PostgresStore) -> Counting:
    """Counts what goes over the wire, on the one connection that is open."""

    @asynccontextmanager
    async def counting() -> AsyncIterator[Trips]:
        trips = Trips()
        async with store._engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        with tempfile.TemporaryFile("r") as trace:
            driver.pgconn.trace(trace.fileno())
            try:
                yield trips
            finally:
                driver.pgconn.untrace()
            trace.seek(0)
            trips.count = len(_TRIP.findall(trace.read()))

    return counting


async def test_a_label_is_taken_in_one_trip(store: PostgresStore, counting: Counting) -> None:
    await started(store, "the first connection knows its types")
    async with counting() as trips:
        assert (await store.accept(delivery(), draft(), "why")).is_new
    assert trips.count == 1


async def test_a_label_that_was_taken_before_is_known_in_one_trip(store: PostgresStore, counting: Counting) -> None:
    await store.accept(delivery(), draft(), "why")
    async with counting() as trips:
        assert not (await store.accept(delivery(), draft(), "why")).is_new
        assert not (await store.accept(delivery("guid-0002"), draft(), "why")).is_new
    assert trips.count == 2


async def test_a_closed_issue_that_nobody_works_on_is_noted(store: PostgresStore, counting: Counting) -> None:
    await started(store)
    async with counting() as trips:
        assert (await store.accept(delivery(), stop(number=8), "why")).run_id is None
    assert trips.count == 7  # the delivery, what is meant (two), that it was wished, and a transaction around it


async def test_a_run_with_its_visits_is_read_in_one_question_and_saved_in_two(
    store: PostgresStore, counting: Counting
) -> None:
    run = await store.load(await started(store))
    visit = Visit(node="a", title="A", kind=Kind.STEP, outcome="", started_at=run.asked_at, seconds=0.5)
    moved = run.model_copy(update={"status": Status.RUNNING, "visits": (visit, visit)})
    async with counting() as saving:
        saved = await store.save(moved)
    async with counting() as reading:
        assert await store.load(run.id) == saved
    assert (saving.count, reading.count) == (2 + 2, 1)  # a save is a transaction
