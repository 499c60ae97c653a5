import pytest

from app.adapters.github.pace import Pace
from app.core.errors import RateLimited


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


def paced(spacing_s: float = 1.0) -> tuple[Pace, Time]:
    time = Time()
    return Pace(spacing_s, clock=time.clock, sleep=time.sleep), time


async def write(pace: Pace, *, notifies: bool = False) -> None:
    async with pace.write(notifies=notifies):
        pass


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
    pace, time = paced(0)
    for _ in range(3):
        await write(pace, notifies=True)
    assert time.slept == []


async def fail(pace: Pace, seconds: float) -> None:
    async with pace.read():
        raise RateLimited("slow down", retry_after_s=seconds)


async def test_nobody_calls_while_github_says_stop() -> None:
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
