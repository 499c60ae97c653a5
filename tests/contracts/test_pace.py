"""What all who call one installation agree on, in one process and in many."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from app.adapters.github.pace import OwnTurns, Pace
from app.adapters.store import ProcrastinateQueue, connected, opened
from app.adapters.store.turns import PostgresTurns
from app.core.errors import RateLimited
from app.core.pace import CREATIONS_PER_MINUTE, THE_APP, Allowance, Turns
from app.core.store import StoreDown
from app.github import chosen_paces
from app.settings import Settings

pytestmark = pytest.mark.contract

SPACING_S = 1000.0
"""So long that no slowness of a machine is taken for it: times are compared by these."""
LIMITS = Allowance(write_spacing_s=SPACING_S, calls_at_once=2, creations_per_hour=3)
FAR_S = 1e6
OpenTurns = Callable[[int, Allowance], Turns]
"""The turns of an installation as one more worker has them."""


@pytest.fixture(params=["one process", "many workers"])
async def open_turns(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[OpenTurns]:
    if request.param == "one process":
        known: dict[tuple[int, Allowance], Turns] = {}

        def same(installation_id: int, allowance: Allowance) -> Turns:
            return known.setdefault((installation_id, allowance), OwnTurns(allowance))

        yield same
        return
    async with connected(database_url) as one, connected(database_url) as other:
        engines = [one, other]

        def another(installation_id: int, allowance: Allowance) -> Turns:
            engines.reverse()
            return PostgresTurns(engines[0], "1", installation_id, allowance)

        yield another


async def reserved(turns: Turns, *, notifies: bool = False, creates: bool = False, within_s: float = FAR_S) -> int:
    """How many spacings away the turn is."""
    return round(await turns.reserve(notifies=notifies, creates=creates, within_s=within_s) / SPACING_S)


class TestTurns:
    async def test_writes_of_two_workers_are_spaced(self, open_turns: OpenTurns) -> None:
        workers = [open_turns(3, LIMITS), open_turns(3, LIMITS)]
        turns = await asyncio.gather(*(reserved(workers[number % 2]) for number in range(8)))
        assert sorted(turns) == list(range(8))

    async def test_writes_that_notify_people_are_spaced_wider(self, open_turns: OpenTurns) -> None:
        one, other = open_turns(3, LIMITS), open_turns(3, LIMITS)
        assert await reserved(one, notifies=True) == 0
        assert await reserved(other) == 1
        assert await reserved(other, notifies=True) == 3
        assert await reserved(one) == 4

    async def test_a_turn_that_is_too_far_away_is_not_taken(self, open_turns: OpenTurns) -> None:
        one, other = open_turns(3, LIMITS), open_turns(3, LIMITS)
        await reserved(one)
        for worker in (one, other):
            with pytest.raises(RateLimited, match="As much is written") as caught:
                await reserved(worker, within_s=30)
            assert round(caught.value.retry_after_s / SPACING_S) == 1
        assert await reserved(other) == 1

    async def test_an_hour_has_room_for_so_many_creations(self, open_turns: OpenTurns) -> None:
        allowance = Allowance(write_spacing_s=1.0, creations_per_hour=3)
        one, other = open_turns(3, allowance), open_turns(3, allowance)
        waits = [await worker.reserve(notifies=False, creates=True, within_s=FAR_S) for worker in (one, other, one)]
        assert max(waits) < 60
        for worker in (one, other):
            with pytest.raises(RateLimited) as caught:
                await worker.reserve(notifies=False, creates=True, within_s=30)
            assert 3500 < caught.value.retry_after_s <= 3600
        assert await other.reserve(notifies=False, creates=False, within_s=30) <= 30, "what is there may be edited"
        assert await other.reserve(notifies=False, creates=True, within_s=FAR_S) > 3500, "the oldest has left the hour"

    async def test_a_minute_has_room_for_so_many_creations(self, open_turns: OpenTurns) -> None:
        allowance = Allowance(write_spacing_s=0.001, creations_per_hour=1000)
        one, other = open_turns(3, allowance), open_turns(3, allowance)
        for number in range(CREATIONS_PER_MINUTE):
            await (one, other)[number % 2].reserve(notifies=False, creates=True, within_s=FAR_S)
        with pytest.raises(RateLimited) as caught:
            await one.reserve(notifies=False, creates=True, within_s=5)
        assert 5 < caught.value.retry_after_s <= 60

    @pytest.mark.faults
    async def test_f38_f40_when_github_says_stop_every_worker_stops(self, open_turns: OpenTurns) -> None:
        one, other = open_turns(3, LIMITS), open_turns(3, LIMITS)
        await one.stop(5000)
        await other.stop(1000)
        for worker in (one, other):
            for call in (worker.enter(), worker.check(), reserved(worker)):
                with pytest.raises(RateLimited, match=r"it goes on in 1 h 23 min|1 h 22 min") as caught:
                    await call
                assert 4000 < caught.value.retry_after_s <= 5000
        assert await open_turns(4, LIMITS).enter(), "another installation is not meant"
        await open_turns(THE_APP, LIMITS).check()

    async def test_a_stop_that_is_over_stops_nobody(self, open_turns: OpenTurns) -> None:
        one, other = open_turns(3, LIMITS), open_turns(3, LIMITS)
        await one.stop(0)
        await other.check()
        assert await other.enter()
        assert await reserved(other) == 0

    async def test_so_many_call_at_once(self, open_turns: OpenTurns) -> None:
        one, other = open_turns(3, LIMITS), open_turns(3, LIMITS)
        first = await one.enter()
        second = await other.enter()
        assert first
        assert second
        assert await one.enter() == await other.enter() == ""
        await one.leave(first)
        assert await other.enter()
        assert await one.enter() == ""

    async def test_never_more_call_at_once_however_many_want_to(self, open_turns: OpenTurns) -> None:
        allowance = Allowance(calls_at_once=2)
        under_way = most = calls = 0

        async def call(pace: Pace) -> None:
            nonlocal under_way, most, calls
            async with pace.read():
                under_way += 1
                most = max(most, under_way)
                await asyncio.sleep(0)
                under_way -= 1
                calls += 1

        paces = [Pace(open_turns(3, allowance), allowance, sleep=lambda _: asyncio.sleep(0)) for _ in range(3)]
        await asyncio.gather(*(call(paces[number % 3]) for number in range(30)))
        assert (most <= 2, calls, under_way) == (True, 30, 0)

    async def test_installations_are_not_in_each_others_way(self, open_turns: OpenTurns) -> None:
        await reserved(open_turns(3, LIMITS), creates=True)
        assert await reserved(open_turns(4, LIMITS), creates=True) == 0
        for _ in range(2):
            await open_turns(3, LIMITS).enter()
        assert await open_turns(4, LIMITS).enter()


@pytest.fixture
async def engines(database_url: str) -> AsyncIterator[Callable[[float], PostgresTurns]]:
    """Workers with their own connections, by how long their places are held."""
    async with AsyncExitStack() as stack:
        one, other = [await stack.enter_async_context(connected(database_url)) for _ in range(2)]
        yield lambda lapse_s: PostgresTurns(
            other if lapse_s else one, "1", 3, Allowance(calls_at_once=1), lapse_s=lapse_s
        )


async def test_the_place_of_a_worker_that_was_killed_lapses(engines: Callable[[float], PostgresTurns]) -> None:
    killed, alive = engines(0.0), engines(1000.0)
    lost = await killed.enter()
    assert lost
    place = await alive.enter()
    assert place
    await killed.leave(lost)
    assert await alive.enter() == "", "who comes late gives nobody else's place back"


async def test_a_database_that_is_away_is_told_as_such() -> None:
    async with connected("postgresql+psycopg://postgres@/none?host=/nowhere") as engine:
        turns = PostgresTurns(engine, "1", 3, LIMITS)
        for call in (turns.enter(), turns.check(), turns.stop(1), reserved(turns)):
            with pytest.raises(StoreDown):
                await call
        await turns.leave("1 x")


def settings(**wanted: Any) -> Settings:
    return Settings(app_id="42", **wanted)


async def test_workers_on_one_database_share_the_pace_of_their_app(database_url: str) -> None:
    queue = ProcrastinateQueue(database_url)
    async with opened(database_url, queue) as one, opened(database_url, queue) as other:
        with pytest.raises(RateLimited, match="enough"):
            async with chosen_paces(settings(), one).of(3).read():
                raise RateLimited("That is enough.", retry_after_s=5000)
        there = chosen_paces(settings(), other)
        with pytest.raises(RateLimited, match="it goes on in"):
            async with there.of(3).write(notifies=False, creates=False):
                pytest.fail("GitHub says stop")
        async with there.of(THE_APP).read(), chosen_paces(settings(), None).of(3).read():
            pass


async def test_a_github_on_loopback_costs_no_statement() -> None:
    url = "postgresql+psycopg://postgres@/none?host=/nowhere"
    async with opened(url, ProcrastinateQueue(url)) as store:
        for spacing_s, needs_database in [(0.0, False), (1.0, True)]:
            pace = chosen_paces(settings(write_spacing_s=spacing_s), store).of(3)
            for _ in range(2):
                with pytest.raises(StoreDown) if needs_database else contextlib.nullcontext():
                    async with pace.write(notifies=True, creates=True), pace.read():
                        pass
