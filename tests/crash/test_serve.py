"""The whole of `minions serve`, killed and stopped in the middle of a run that came by webhook through the queue."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.demo.stage import Seed, Stage, started

pytestmark = [pytest.mark.crash, pytest.mark.story, pytest.mark.timeout(300)]

PATIENCE_S = 120.0
"""A loaded machine takes its time to import the model client; nothing here waits longer than it must."""


class Show:
    """One labelled issue on the stage, watched from outside."""

    def __init__(self, stage: Stage, seed: Seed, number: int) -> None:
        self.stage = stage
        self.seed = seed
        self.number = number

    @property
    def checks(self) -> list[str]:
        """Every check run there is, oldest first."""
        return [f"{check.status} {check.conclusion}" for check in self.stage.hub.check_runs(self.seed.repository)]

    @property
    def asked(self) -> int:
        """How often the model was asked."""
        return len(self.stage.models.requests)

    async def until(self, what: str, is_so: Callable[[], bool]) -> None:
        """Wait until something is so."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while not is_so():
            assert asyncio.get_running_loop().time() < deadline, f"never {what}:\n{self.stage.log_end()}"
            await asyncio.sleep(0.01)

    async def to_the_end(self) -> None:
        """The run ends, once, whatever happened to its processes: 🚀 is the last thing that it says."""
        issue = self.stage.hub.issue(self.seed.repository, self.number)
        await self.until("ended", lambda: {"rocket", "confused"} & {one.content for one in issue.reactions} != set())
        repository = self.stage.hub.repository(self.seed.repository)
        assert self.checks == ["completed neutral", "completed success"]
        assert [pull.issue.state for pull in repository.pulls] == ["open"]
        assert [f"#{pull.issue.number}" in issue.comments[0].body for pull in repository.pulls] == [True]
        assert len(issue.comments) == 1
        assert sorted(one.content for one in issue.reactions) == ["eyes", "rocket"]
        runs = self.stage.home / "minions" / "runs"
        await self.until("tidied up", lambda: list(runs.iterdir()) == [])


@pytest.fixture
def by_commands(stage: Stage) -> Iterator[None]:
    """Each process is a Python of its own, as in an installation."""
    forked, stage.start = stage.start, started
    yield
    stage.start = forked


@pytest.fixture
async def serving(stage: Stage) -> AsyncIterator[Stage]:
    """`minions serve`, ready."""
    await stage.start_app()
    yield stage
    await stage.stop_app()


@pytest.fixture
async def show(serving: Stage, file_issue: Any) -> Show:
    """An issue that was just labelled."""
    seed, number = await file_issue(serving)
    return Show(serving, seed, number)


@pytest.mark.faults
@pytest.mark.usefixtures("by_commands")
async def test_f65_the_whole_server_is_killed_twice_and_started_again(show: Show, processes_of: Any, gone: Any) -> None:
    """Nothing of it stays behind, and the next server takes the run over."""
    await show.until("announced", lambda: "in_progress None" in show.checks)
    await show.stage.stop_app(signal.SIGKILL)
    assert await gone(lambda: of_the_server(show.stage, processes_of)) == []
    assert "in_progress None" in show.checks, "it ended before it was killed"
    before = show.asked
    await show.stage.start_app()
    await show.until("at work", lambda: show.asked > before)
    await show.stage.stop_app(signal.SIGKILL)
    await show.stage.start_app()  # at once: the database of the one before may still be going down
    await show.to_the_end()


async def test_the_worker_alone_is_killed(show: Show, processes_of: Any) -> None:
    """The server starts a new one, which takes the run over; deliveries are answered all the while."""
    before = show.asked
    await show.until("at work", lambda: show.asked > before)
    (worker,) = workers(show.stage, processes_of)
    os.kill(worker, signal.SIGKILL)
    await show.to_the_end()
    assert worker not in workers(show.stage, processes_of)
    log = show.stage.log.read_text(encoding="utf-8")
    assert "The work process ended with -9" in log


async def test_the_database_alone_is_killed(show: Show) -> None:
    """The server starts it again, and the run goes on with it."""
    before = show.asked
    await show.until("at work", lambda: show.asked > before)
    postmaster = show.stage.home / "minions" / "postgres" / "data" / "postmaster.pid"
    os.kill(int(postmaster.read_text().splitlines()[0]), signal.SIGKILL)
    await show.to_the_end()
    assert "The embedded PostgreSQL ended by itself" in show.stage.log.read_text(encoding="utf-8")


async def test_the_server_is_told_to_stop(show: Show, processes_of: Any, gone: Any) -> None:
    """SIGTERM: the run is handed back, and goes on with the next server."""
    before = show.asked
    await show.until("at work", lambda: show.asked > before)
    await show.stage.stop_app(signal.SIGTERM)
    assert show.stage.server is not None
    assert show.stage.server.returncode == 0
    assert await gone(lambda: of_the_server(show.stage, processes_of)) == []
    await show.stage.start_app()
    await show.to_the_end()


def of_the_server(stage: Stage, processes_of: Callable[[Path], list[str]]) -> list[str]:
    """Every process of `minions serve`, its boxes included; the fork server of other tests is none."""
    return [one for one in processes_of(stage.home / "minions") if "tests.crash.worker" not in one]


def workers(stage: Stage, processes_of: Callable[[Path], list[str]]) -> list[int]:
    """Process ids of the workers of this installation."""
    told = of_the_server(stage, processes_of)
    return [int(one.partition(":")[0]) for one in told if one.rstrip().endswith("app.cli work")]
