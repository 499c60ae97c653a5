"""Trouble at GitHub that lasts: runs wait by jobs, and go on when it is over."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.adapters.store import PostgresStore
from app.core.errors import ForgeError, RateLimited, Unavailable
from app.core.run import Run, Status

pytestmark = pytest.mark.faults

Trouble = Callable[[float], ForgeError]
"""What GitHub answers, by the seconds until it does well again."""


async def due(store: PostgresStore, run: Run) -> datetime:
    """When the job comes that advances the run as it stands."""
    query = text(
        "SELECT scheduled_at FROM procrastinate_jobs"
        " WHERE (args->>'run_id')::int = :run_id AND (args->>'revision')::int = :revision"
    )
    async with store._engine.connect() as connection:
        found = await connection.execute(query, {"run_id": run.id, "revision": run.revision})
        at: datetime = found.scalar_one()
    return at


async def worked_off(bakery: Any, store: PostgresStore, trouble: Trouble, lasts: timedelta) -> tuple[Run, int]:
    """A run at its end, each of its jobs worked off at its time, and how many of them met the trouble."""
    run_id, met = await bakery.ask(), 0
    bakery.time = (await store.load(run_id)).asked_at
    over = bakery.time + lasts
    bakery.github.branches["guests"] = "hungry"
    while True:
        left_s = (over - bakery.time).total_seconds()
        bakery.github.faults = [trouble(left_s)] if left_s > 0 else []
        met += left_s > 0
        await bakery.runner().advance(run_id)
        run = await store.load(run_id)
        if run.is_reported:
            return run, met
        bakery.time = await due(store, run)


def away(_: float) -> Unavailable:
    return Unavailable("GitHub does not answer.")


def limited(left_s: float) -> RateLimited:
    return RateLimited("GitHub asks to slow down.", retry_after_s=left_s)


def limited_for_a_minute(_: float) -> RateLimited:
    return RateLimited("GitHub asks to slow down.", retry_after_s=60)


async def test_f48_github_is_away_for_an_hour_and_the_run_goes_on(bakery: Any, store: PostgresStore) -> None:
    run, met = await worked_off(bakery, store, away, timedelta(hours=1))
    assert (run.status, run.error, run.tries) == (Status.DONE, "", 0)
    assert met < 15, "it is not asked all the time"


@pytest.mark.parametrize("seconds", [3000, 5000], ids=["f38 reset in 50 minutes", "f40 Retry-After 5000"])
async def test_f38_f40_the_run_goes_on_when_github_said_and_asks_nothing_before(
    bakery: Any, store: PostgresStore, seconds: int
) -> None:
    run, met = await worked_off(bakery, store, limited, timedelta(seconds=seconds))
    assert (run.status, met) == (Status.DONE, 1)
    assert bakery.time == run.asked_at + timedelta(seconds=seconds)


async def test_f39_a_limit_that_is_told_again_and_again_is_waited_out(bakery: Any, store: PostgresStore) -> None:
    run, met = await worked_off(bakery, store, limited_for_a_minute, timedelta(hours=2))
    assert (run.status, met) == (Status.DONE, 120)


async def test_a_limit_that_never_ends_does_not_keep_a_run_for_ever(bakery: Any, store: PostgresStore) -> None:
    def long_limited(left_s: float) -> RateLimited:
        return RateLimited("GitHub asks to slow down.", retry_after_s=min(left_s, 3600))

    run, _ = await worked_off(bakery, store, long_limited, timedelta(days=9))
    assert (run.status, run.is_reported) == (Status.FAILED, True)
    assert run.ended_at is not None
    assert timedelta(days=1) < run.ended_at - run.asked_at < timedelta(days=2)
