"""How fast pages are there: a run of 500 turns, an overview of 100,000 runs; and what it costs to be looked at."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from statistics import median
from typing import Final

import httpx
from sqlalchemy import text

from app.adapters.store import PostgresStore, ProcrastinateQueue, connected
from app.core.budget import Usage
from app.core.journal import Entry, ModelAnswered, ModelAsked, Opened, ToolCalled, ToolReturned
from app.core.run import Run, Status
from app.core.store import Draft
from app.core.task import Person, Repository, Task
from tests.bench.database import database
from tests.bench.webhook import process, serve_minions
from tests.summaries import fill

TURNS: Final = 500
RUNS: Final = 100_000
VIEWERS: Final = 100
WATCHED_S: Final = 20.0
ENTRIES_A_SECOND: Final = 2.0
"""A minion that is fast: one turn a second, with a call in it."""
ROUNDS: Final = 7


async def rows() -> list[dict[str, object]]:
    """One row for each promise about pages."""
    async with database() as url, connected(url) as engine:
        store = PostgresStore(engine, ProcrastinateQueue(url))
        run = await _long_run(store)
        with process(serve_minions, url) as (port, pid):
            base = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=base, timeout=60) as http:
                still = await _timed(lambda: http.get("/static/minions.css"))
                page = await http.get(f"/runs/{run.key}")
                opened = await _timed(lambda: http.get(f"/runs/{run.key}"))
                share = await _watched(store, run, base, pid)
                await fill(
                    url, runs=RUNS, repositories={number: f"octo/r{number}" for number in range(1, 41)}, weeks=50
                )
                pass_ms = await _timed(lambda: _counted(url))
                overview = await _timed(lambda: http.get("/overview", params={"weeks": "0"}))
    size_mb = len(page.content) / 1e6
    served = f"a style sheet from the same server: {still:.1f} ms"
    return [
        _row(f"page of a run of {TURNS} turns", opened, "ms", served, opened / still, "<= 1000 ms", opened <= 1000),
        _row("size of that page", size_mb, "MB", "2 MB", size_mb / 2, "<= 2 MB", size_mb <= 2),
        _row(
            *(f"{VIEWERS} viewers of a live run, web server", share, "% of a CPU", "one CPU", share / 100),
            *("<= 10 %", share <= 10),
        ),
        _row(
            *(f"overview of {RUNS:,} runs", overview, "ms", f"counting them by week: {pass_ms:.0f} ms"),
            *(overview / pass_ms, "<= 300 ms", overview <= 300),
        ),
    ]


async def _long_run(store: PostgresStore) -> Run:
    task = Task(
        repository=Repository(id=5, full_name="octo/cat", installation_id=3),
        number=7,
        title="Broken",
        body="It does not work.",
        requester=Person(id=1, login="ann"),
        asked_at=datetime.now(UTC),
    )
    draft = Draft(intent="long", task=task, blueprint="fix", blueprint_version=1, start="implement")
    run = await store.load((await store.accept(None, draft, "why")).run_id or 0)
    run = await store.save(run.model_copy(update={"status": Status.RUNNING}))
    journal = store.journal(run.id, 0)
    await journal.append(Opened(messages=({"role": "user", "content": "Do it. " * 2_000},), model="some/model"))
    for turn in range(1, TURNS + 1):
        for entry in _turn(turn):
            await journal.append(entry)
    return run


def _turn(turn: int) -> list[Entry]:
    """What a turn writes: some words, a command, and 20 kB of its output."""
    words = f"Turn {turn}: the parser still drops the last token, so I look at where it ends a line. "
    usage = Usage(turns=1, input_tokens=40_000, output_tokens=200, usd=0.01)
    return [
        ModelAsked(turn=turn),
        ModelAnswered(turn=turn, message={"content": words}, usage=usage, finish_reason="tool_calls", seconds=2),
        ToolCalled(call_id=f"c{turn}", tool="bash", arguments={"command": "python3 -m pytest -x tests/test_parser.py"}),
        ToolReturned(call_id=f"c{turn}", text="tests/test_parser.py . \n" * 850, ok=True, seconds=1),
    ]


async def _watched(store: PostgresStore, run: Run, base: str, pid: int) -> float:
    """Share of a CPU, in per cent, that the web server uses while many look at a run that goes on."""
    async with httpx.AsyncClient(base_url=base, timeout=None, limits=httpx.Limits(max_connections=None)) as http:  # noqa: S113 - streams
        received = [0] * VIEWERS
        async with _looking(http, run, received):
            journal = store.journal(run.id, 0)
            before, began = _cpu_s(pid), time.perf_counter()
            turn = TURNS
            while time.perf_counter() - began < WATCHED_S:
                turn += 1
                for entry in _turn(turn):
                    await journal.append(entry)
                    await asyncio.sleep(1 / (2 * ENTRIES_A_SECOND))
            used, passed = _cpu_s(pid) - before, time.perf_counter() - began
        if min(received) < 10:
            raise RuntimeError("somebody who looks on was not told what happened")
    return 100 * used / passed


@asynccontextmanager
async def _looking(http: httpx.AsyncClient, run: Run, received: list[int]) -> AsyncIterator[None]:
    async def look(number: int) -> None:
        async with http.stream("GET", f"/runs/{run.key}/live") as answer:
            async for line in answer.aiter_lines():
                received[number] += line.startswith("event: put")

    tasks = [asyncio.create_task(look(number)) for number in range(VIEWERS)]
    while not all(received):
        await asyncio.sleep(0.1)
    await asyncio.sleep(1)
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _cpu_s(pid: int) -> float:
    """Seconds of processor that a process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123 - nothing is written
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _counted(url: str) -> None:
    async with connected(url) as engine, engine.connect() as connection:
        await connection.execute(text("SELECT date_trunc('week', asked_at), count(*) FROM summaries GROUP BY 1"))


async def _timed(call: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds, the middle one of some rounds."""
    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        answer = await call()
        if isinstance(answer, httpx.Response):
            answer.raise_for_status()
        found.append((time.perf_counter() - began) * 1000)
    return median(found)


def _row(
    name: str,
    value: float,
    unit: str,
    reference: str,
    ratio: float,
    goal: str,
    met: bool,  # noqa: FBT001
) -> dict[str, object]:
    return {
        "name": name,
        "value": round(value, 2),
        "unit": unit,
        "reference": reference,
        "ratio": round(ratio, 3),
        "goal": goal,
        "met": met,
        "runs": ROUNDS,
    }
