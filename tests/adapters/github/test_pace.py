import pytest

from app.adapters.github.pace import OwnTurns, Pace, Paces
from app.core.errors import RateLimited
from app.core.pace import Allowance


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def paced(spacing_s: float = 1.0, **most: int) -> tuple[Pace, Time]:
    time, allowance = Time(), Allowance(write_spacing_s=spacing_s, **most)
    return Pace(OwnTurns(allowance, clock=time.clock), allowance, sleep=time.sleep), time


async def write(pace: Pace, *, notifies: bool = False) -> None:
    async with pace.write(notifies=notifies, creates=notifies):
        pass


async def fail(pace: Pace, seconds: float) -> None:
    async with pace.read():
        raise RateLimited("slow down", retry_after_s=seconds)


async def test_writes_are_spaced() -> None:
    pace, time = paced()
    for _ in range(3):
        await write(pace)
    assert time.slept == [1.0, 1.0]


async def test_writes_that_notify_are_spaced_wider() -> None:
    pace, time = paced()
    await write(pace, notifies=True)
    await write(pace)
    await write(pace, notifies=True)
    assert time.slept == [1.0, 2.0]


async def test_reads_wait_for_nothing() -> None:
    pace, time = paced()
    await write(pace)
    async with pace.read():
        pass
    assert time.slept == []


async def test_a_loopback_server_needs_no_pauses() -> None:
    pace, time = paced(0, creations_per_hour=1)
    for _ in range(100):
        await write(pace, notifies=True)
    assert time.slept == []


async def test_what_comes_within_seconds_is_waited_for_and_what_comes_later_is_told() -> None:
    pace, time = paced(20.0)
    await write(pace)
    await write(pace)
    assert time.slept == [20.0]
    await write(pace, notifies=True)
    with pytest.raises(RateLimited) as caught:
        await write(pace, notifies=True)
    assert caught.value.retry_after_s == 60
    assert time.slept == [20.0, 20.0]


async def test_what_waits_for_its_turn_heeds_a_stop_that_is_said_meanwhile() -> None:
    pace, time = paced()
    await write(pace)

    async def stopped(seconds: float) -> None:
        await time.sleep(seconds)
        with pytest.raises(RateLimited):
            await fail(pace, 50)

    pace._sleep = stopped
    with pytest.raises(RateLimited) as caught:
        await write(pace)
    assert caught.value.retry_after_s == 50


@pytest.mark.faults
async def test_f38_nobody_calls_while_github_says_stop() -> None:
    pace, time = paced()
    with pytest.raises(RateLimited):
        await fail(pace, 50)
    with pytest.raises(RateLimited) as caught:
        await write(pace)
    assert caught.value.retry_after_s == 50
    await time.sleep(50)
    await write(pace)


async def test_being_told_to_stop_does_not_make_the_stop_longer() -> None:
    pace, time = paced()
    with pytest.raises(RateLimited):
        await fail(pace, 50)
    await time.sleep(20)
    with pytest.raises(RateLimited) as caught:
        await fail(pace, 0)
    assert caught.value.retry_after_s == 30


async def test_who_finds_no_place_for_long_is_put_off() -> None:
    allowance, time = Allowance(calls_at_once=1), Time()
    turns = OwnTurns(allowance, clock=time.clock)
    assert await turns.enter()
    with pytest.raises(RateLimited, match="at once"):
        await fail(Pace(turns, allowance, sleep=time.sleep), 1)
    assert 30 <= sum(time.slept) < 31


async def test_an_installation_has_one_pace() -> None:
    paces = Paces(Allowance())
    assert paces.of(3) is paces.of(3)
    assert paces.of(4) is not paces.of(3)
