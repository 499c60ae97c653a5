"""How long a run waits between its job's commit and its first node, on an idle worker."""

import asyncio
import time
from datetime import UTC, datetime
from statistics import median

from sqlalchemy import text

from app.adapters.store import PostgresStore, ProcrastinateQueue, connected
from app.core.store import Draft
from app.core.task import Person, Repository, Task
from tests.bench.database import database

RUNS = 60
GOAL_MS = 100.0
"""Nobody feels a tenth of a second between a label and 👀."""


async def rows() -> list[dict[str, object]]:
    """One row: job inserted → worker at its node, beside the bare round trip of a commit."""
    async with database() as url:
        return [await _measured(url)]


async def _measured(url: str) -> dict[str, object]:
    started: dict[int, float] = {}
    seen = asyncio.Event()

    async def advance(run_id: int, _: int | None) -> None:
        started[run_id] = time.perf_counter()
        seen.set()

    queue = ProcrastinateQueue(url)
    worker = asyncio.create_task(ProcrastinateQueue(url).work(advance, concurrency=4, forever=True))
    waits, commits = [], []
    async with connected(url) as engine:
        store = PostgresStore(engine, queue)
        for number in range(RUNS):
            seen.clear()
            receipt = await store.accept(None, _draft(number), "why")
            committed = time.perf_counter()
            await asyncio.wait_for(seen.wait(), 30)
            waits.append(started[receipt.run_id or 0] - committed)
            began = time.perf_counter()
            async with engine.begin() as connection:
                await connection.execute(
                    text("INSERT INTO installations (id, account, state) VALUES (:n, '', '')"), {"n": number}
                )
            commits.append(time.perf_counter() - began)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    value, reference = median(waits[1:]) * 1000, median(commits[1:]) * 1000
    return {
        "name": "job inserted → node started",
        "value": round(value, 2),
        "unit": "ms",
        "reference": f"one committed row on the same database: {reference:.2f} ms",
        "ratio": round(value / reference, 2),
        "goal": f"<= {GOAL_MS:.0f} ms",
        "met": value <= GOAL_MS,
        "runs": RUNS - 1,
    }


def _draft(number: int) -> Draft:
    task = Task(
        repository=Repository(id=5, full_name="octo/cat", installation_id=3),
        number=number,
        title="Broken",
        body="",
        requester=Person(id=1, login="ann"),
        asked_at=datetime.now(UTC),
    )
    return Draft(intent=f"bench {number}", task=task, blueprint="fix", blueprint_version=1, start="prepare")
