import asyncio
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from app.agent.background import MOST, Background
from app.agent.tools.bash import BASH, BashArguments
from app.agent.tools.tool import Desk, Told
from app.core.journal import Noted, ToolReturned
from app.core.minion import Submission
from app.core.sandbox import Sandbox
from app.core.workspace import Workspace
from tests.agent.scripted import SUBMIT, Bench, Messages, PowerCut, say, script


@pytest.fixture
def background(tmp_path: Path) -> Background:
    return Background(PurePosixPath(tmp_path))


@pytest.fixture
def busy(sandbox: Sandbox, workspace: Workspace, background: Background) -> Desk:
    return Desk(sandbox, workspace, seconds_left=60, background=background)


async def start(desk: Desk, command: str, **more: Any) -> Told:
    return await BASH.run(BashArguments(command=command, background=True, **more), desk)


def log_of(told: Told) -> Path:
    return Path(told.text.rpartition("tail ")[2].removesuffix("]"))


def text_of(log: Path) -> str:
    return log.read_text() if log.exists() else ""


async def read_until(log: Path, word: str) -> str:
    while word not in (text := text_of(log)):
        await asyncio.sleep(0.02)
    return text


async def test_it_is_not_waited_for_and_tells_its_end_in_its_log(busy: Desk, tree: Path) -> None:
    """It waits for a file that is made only after the call has returned."""
    told = await start(busy, "until [ -e go ]; do sleep 0.02; done; echo out; echo err >&2; exit 3")
    assert told.ok
    (tree / "go").touch()
    assert (await read_until(log_of(told), "[exit code")).splitlines() == ["out", "err", "[exit code 3]"]
    await busy.background.end()


async def test_a_command_is_not_changed_on_the_way(busy: Desk) -> None:
    told = await start(busy, "cat <<'EOF'\nit's \"$HOME\"\nEOF\necho ')'; #")
    assert (await read_until(log_of(told), "[exit code")) == 'it\'s "$HOME"\n)\n[exit code 0]\n'
    await busy.background.end()


async def test_one_that_is_too_long_is_refused_and_not_started(busy: Desk) -> None:
    """With its quotes it would be longer than a program can be given; its log would never come."""
    told = await start(busy, f"echo {chr(39) * 50_000}")
    assert (told.ok, "too long to go on in the background" in told.text) == (False, True)
    assert busy.background.running == 0


async def test_the_log_of_one_that_took_too_long_says_so(busy: Desk) -> None:
    told = await start(busy, "echo begun; sleep 1000", timeout_s=1)
    assert (await read_until(log_of(told), "killed")).splitlines() == ["begun", "[killed after 1 s]"]
    await busy.background.end()


async def test_the_end_kills_what_is_running(busy: Desk) -> None:
    told = await start(busy, "echo begun; sleep 1000; echo late")
    await read_until(log_of(told), "begun")
    assert busy.background.running == 1
    await busy.background.end()
    assert busy.background.running == 0
    assert log_of(told).read_text() == "begun\n"


async def test_its_time_is_what_is_left_of_the_work(busy: Desk) -> None:
    told = await start(busy, "sleep 1000", timeout_s=1)
    while busy.background.running:
        await asyncio.sleep(0.02)
    assert "exit code" not in log_of(told).read_text()


async def test_there_are_not_too_many(busy: Desk) -> None:
    for _ in range(MOST):
        assert (await start(busy, "sleep 1000")).ok
    assert not (await start(busy, "true")).ok
    await busy.background.end()


async def test_it_ends_with_the_work(bench: Bench, tree: Path, background: Background) -> None:
    """However that ends: by a submission, or because the worker is told to stop."""
    bench.background = background
    sleeping = ("bash", {"command": "touch begun; sleep 1000; touch late", "background": True})

    def policy(messages: Messages) -> dict[str, Any]:
        return say("", sleeping) if len(messages) == 2 else say("", SUBMIT)

    assert isinstance(await bench.work(bench.model(policy)), Submission)
    assert background.running == 0
    assert not (tree / "late").exists()


@pytest.mark.crash
async def test_a_minion_is_told_that_a_restart_ended_it(bench: Bench, background: Background) -> None:
    """Once, and only where there was something."""
    bench.background = background
    sleeping = ("bash", {"command": "sleep 1000", "background": True})
    bench.journal.cut_at = 5
    model = bench.model(script(say("", sleeping), say("", SUBMIT)))
    with pytest.raises(PowerCut):
        await bench.work(model)
    bench.journal.cut_at = None
    assert isinstance(await bench.work(model), Submission)
    [returned] = bench.kept(ToolReturned)
    assert returned.text.startswith("[started in the background")
    assert ["background" in entry.text for entry in bench.kept(Noted)] == [True]
