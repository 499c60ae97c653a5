"""One web server, one database and several workers, each with a home of its own: as on as many machines."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from app.adapters.store import connected
from app.demo.stage import Process, Seed, Stage, staged
from tests.forks import Forks

pytestmark = [pytest.mark.crash, pytest.mark.story, pytest.mark.timeout(300)]

PATIENCE_S = 120.0
"""A loaded machine takes its time to import the model client; nothing here waits longer than it must."""
TAKEN_OVER_WITHIN_S = 60.0
"""What is promised of the runs of a worker that is gone."""
LOST_AFTER_S = 5.0
READY = "Works on up to"
"""What a worker logs when it begins to take runs."""


class Machines:
    """A stage whose work is done elsewhere."""

    def __init__(self, stage: Stage, database: str, stack: AsyncExitStack, file_issue: Any) -> None:
        self.stage = stage
        self._database = database
        self._stack = stack
        self._file_issue = file_issue
        self._numbers = iter(range(1, 100))

    async def issue(self) -> "Issue":
        """Somebody labels an issue in a repository of its own."""
        return Issue(self, *await self._file_issue(self.stage))

    async def worker(self) -> Process:
        """One more worker, which is ready."""
        before = self.log.count(READY)
        worker = await self.stage.start_worker(f"machine-{next(self._numbers)}")
        self._stack.push_async_callback(stopped, worker)
        await self.until("ready", lambda: self.log.count(READY) > before)
        return worker

    @property
    def log(self) -> str:
        """What all of them logged."""
        return self.stage.log.read_text(encoding="utf-8")

    @property
    def asked(self) -> list[str]:
        """Every question to the model, as its messages."""
        return [json.dumps(body["messages"]) for body in self.stage.models.requests]

    async def ask(self, query: str) -> float:
        """What the database says: a number."""
        async with connected(self._database) as engine, engine.connect() as connection:
            return float((await connection.execute(text(query))).scalar_one())

    async def until(
        self, what: str, is_so: Callable[[], bool | Awaitable[bool]], *, within_s: float = PATIENCE_S
    ) -> None:
        """Wait until something is so."""
        deadline = asyncio.get_running_loop().time() + within_s
        while not (said if isinstance(said := is_so(), bool) else await said):
            assert asyncio.get_running_loop().time() < deadline, f"never {what}:\n{self.stage.log_end()}"
            await asyncio.sleep(0.05)


class Issue:
    """One labelled issue, watched from outside."""

    def __init__(self, machines: Machines, seed: Seed, number: int) -> None:
        self._machines = machines
        self._seed = seed
        self._number = number

    @property
    def checks(self) -> list[str]:
        """Every check run there is, oldest first."""
        runs = self._machines.stage.hub.check_runs(self._seed.repository)
        return [f"{check.status} {check.conclusion}" for check in runs]

    @property
    def reactions(self) -> set[str]:
        """What was reacted to the issue with."""
        hub = self._machines.stage.hub
        return {one.content for one in hub.issue(self._seed.repository, self._number).reactions}

    async def to_the_end(self) -> None:
        """It ends with one pull request and one comment, whoever worked on it."""
        await self._machines.until("ended", lambda: bool({"rocket", "confused"} & self.reactions))
        hub = self._machines.stage.hub
        assert self.checks == ["completed neutral", "completed success"]
        assert [pull.issue.state for pull in hub.repository(self._seed.repository).pulls] == ["open"]
        assert len(hub.issue(self._seed.repository, self._number).comments) == 1


async def stopped(worker: Process) -> None:
    if worker.returncode is None:
        worker.kill()
        await worker.wait()


@pytest.fixture
async def machines(database_url: str, file_issue: Any, forks: Forks) -> AsyncIterator[Machines]:
    """A web server that does no work."""
    settings = {
        "MINIONS_DATABASE_URL": make_url(database_url).set(drivername="postgresql").render_as_string(False),
        "MINIONS_WORKER_LOST_AFTER_S": str(LOST_AFTER_S),
        "MINIONS_MODEL": "openai/careful",
        "MINIONS_CONCURRENCY": "1",
        "MINIONS_DRAIN_S": "100",
    }
    async with (
        staged(scripts=Path(__file__).with_name("scripts"), settings=settings, start=forks.start) as stage,
        AsyncExitStack() as stack,
    ):
        await stage.start_app("--no-work")
        yield Machines(stage, database_url, stack, file_issue)


async def test_workers_share_the_work(machines: Machines) -> None:
    """Each takes one run at a time, and two runs are at work at the same time."""
    first, second = await machines.issue(), await machines.issue()
    with machines.stage.models.slow():
        for _ in range(2):
            await machines.worker()
        await machines.until("two at work", lambda: len(machines.asked) == 2)
        assert [issue.checks for issue in (first, second)] == [["in_progress None"]] * 2
    for issue in (first, second):
        await issue.to_the_end()


async def test_a_worker_that_is_told_to_stop_hands_its_run_over_at_the_next_turn(machines: Machines) -> None:
    """It waits for the answer that is under way, says that it lives meanwhile, and no question is asked twice."""
    issue = await machines.issue()
    with machines.stage.models.slow():
        leaving = await machines.worker()
        await machines.until("at work", lambda: len(machines.asked) == 1)
        await machines.worker()
        leaving.send_signal(signal.SIGTERM)
        told_at = await machines.ask("SELECT extract(epoch FROM now())")
        alive = "SELECT extract(epoch FROM min(last_heartbeat)) FROM procrastinate_workers"

        async def lived_on() -> bool:
            return await machines.ask(alive) > told_at + 1.5 * LOST_AFTER_S

        await machines.until("alive for so long that it would be lost", lived_on)
        assert leaving.returncode is None
        assert len(machines.asked) == 1
    assert await leaving.wait() == 0
    assert issue.checks == ["in_progress None"]
    await issue.to_the_end()
    assert "Took over" not in machines.log
    assert len(machines.asked) == len(set(machines.asked)), f"a question was asked twice:\n{machines.log}"


async def test_the_run_of_a_worker_that_was_killed_is_taken_over_by_another_machine(machines: Machines) -> None:
    """With what it had changed: the other one makes its work tree from what was saved."""
    issue = await machines.issue()
    with machines.stage.models.slow(after=3):
        doomed = await machines.worker()
        await machines.until("at work for some turns", lambda: len(machines.asked) == 4)
        await machines.worker()
        doomed.kill()
        await machines.until("taken over", lambda: "Took over 1 runs" in machines.log, within_s=TAKEN_OVER_WITHIN_S)
        await machines.until("asked again", lambda: len(machines.asked) == 5)
    await issue.to_the_end()
    twice = len(machines.asked) - len(set(machines.asked))
    assert twice == 1, "only the question is asked again whose answer nobody heard"
