"""Ten runs are in the middle of a command when their server is killed. In the end nothing of them is left."""

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.demo.stage import Stage, furnish, seed, staged
from tests.forks import Forks

pytestmark = [pytest.mark.crash, pytest.mark.story, pytest.mark.timeout(420)]

BLOCKED = "sleep 600.0473"
"""As `blocked.yaml` has it."""
COMMAND = f"{BLOCKED}{secrets.randbelow(10**8):08}"
"""Nothing else on the machine sleeps for so long."""
SET_UP = ".github/minion.yml", f"setup: {COMMAND}\ntest: python3 -m unittest\n"
RUNS = 10
PATIENCE_S = 180.0
"""Ten runs on a loaded machine; nothing here waits longer than it must."""


class Issue:
    """A labelled issue in a repository of its own."""

    def __init__(self, stage: Stage, number: int, *, sets_up: bool) -> None:
        """`sets_up`: the command that blocks is an install command of the repository, else one of the minion."""
        plain = seed()
        changes: dict[str, Any] = {"repository": f"busy-{number}/slugs", "requester": f"{plain.requester}-b{number}"}
        if sets_up:
            changes["files"] = {**plain.files, SET_UP[0]: SET_UP[1]}
        self.sets_up = sets_up
        self._stage = stage
        self._seed = plain.model_copy(update=changes)
        self._api = f"{stage.hub.url}/api/v3/repos/{self._seed.repository}"
        self._headers = furnish(stage, self._seed)
        self._number = 0

    async def file(self) -> None:
        """File it and label it."""
        self._number = int((await self._post("/issues", self._seed.issue.model_dump()))["number"])
        await self._post(f"/issues/{self._number}/labels", {"labels": [self._seed.label]})

    async def say(self, words: str) -> None:
        """Comment on it."""
        await self._post(f"/issues/{self._number}/comments", {"body": words})

    @property
    def checks(self) -> list[str]:
        """States of its check runs."""
        return [check.status for check in self._stage.hub.check_runs(self._seed.repository)]

    async def _post(self, path: str, data: dict[str, Any]) -> Any:
        async with httpx.AsyncClient(headers=self._headers, timeout=60) as client:
            return (await client.post(f"{self._api}{path}", json=data)).raise_for_status().json()


@pytest.fixture
async def busy(tmp_path: Path, forks: Forks) -> AsyncIterator[Stage]:
    """A stage whose worker takes on ten runs at a time."""
    script = Path(__file__).with_name("scripts") / "blocked.yaml"
    (tmp_path / script.name).write_text(script.read_text().replace(BLOCKED, COMMAND))
    settings = {
        "MINIONS_WORKER_LOST_AFTER_S": "2",
        "MINIONS_MODEL": "openai/blocked",
        "MINIONS_CONCURRENCY": str(RUNS),
    }
    async with staged(scripts=tmp_path, settings=settings, start=forks.start) as stage:
        await stage.start_app()
        yield stage


def commands() -> list[str]:
    """Process ids of the command that blocks, wherever it runs."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_it = (process / "cmdline").read_bytes().split(b"\0") == [*COMMAND.encode().split(), b""]
        except OSError:
            continue  # ended meanwhile
        if is_it:
            found.append(process.name)
    return found


def of_the_server(told: list[str]) -> list[int]:
    """Process ids of `minions serve` and of its web server and its worker."""
    ends = tuple(f"app.cli {name}" for name in ("serve", "web", "work"))
    return [int(one.partition(":")[0]) for one in told if one.rstrip().endswith(ends)]


def left_in(home: Path) -> list[str]:
    """Files and mounts of runs under a home."""
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(home) in line]
    places = ("runs", "box/egress")
    return mounts + [str(path) for place in places for path in (home / place).glob("*")] + pins(home)


def pins(home: Path) -> list[str]:
    return [str(path) for path in (home / "mirrors").glob("*/refs/minions/*")]


async def test_ten_runs_leave_nothing_when_their_server_is_killed(busy: Stage, processes_of: Any, gone: Any) -> None:
    """Five are in an install command with a proxy beside them, five in a command of the minion."""
    home = busy.home / "minions"

    async def until(what: str, is_so: Callable[[], bool]) -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while not is_so():
            assert asyncio.get_running_loop().time() < deadline, f"never {what}:\n{busy.log_end()}"
            await asyncio.sleep(0.05)

    issues = [Issue(busy, number, sets_up=number % 2 == 0) for number in range(RUNS)]
    await asyncio.gather(*(issue.file() for issue in issues))
    await until("ten at work", lambda: len(commands()) == RUNS)
    assert len(list((home / "box" / "egress").iterdir())) == RUNS // 2

    server = of_the_server(processes_of(home))
    assert len(server) >= 3
    for process in server:
        os.kill(process, signal.SIGKILL)
    assert await gone(commands) == []
    assert await gone(lambda: processes_of(home)) == [], "its proxies, or what else was told of its home"

    await busy.stop_app()
    await busy.start_app()
    await until("set up again", lambda: len(commands()) == RUNS // 2)
    await asyncio.gather(*(issue.say("/minion stop") for issue in issues if issue.sets_up))
    await until("tidied up", lambda: left_in(home) == [])
    await until("told", lambda: all(set(issue.checks) == {"completed"} for issue in issues))
    assert await gone(commands) == []
    assert "the folder of a proxy" in busy.log.read_text(encoding="utf-8")

    await busy.stop_app()
    assert await gone(lambda: processes_of(home)) == []
    assert left_in(home) == []
