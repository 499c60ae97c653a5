"""`minions eval` as somebody at a terminal has it: a process of its own."""

import asyncio
import json
import os
import secrets
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest

from app.demo import models
from app.demo.script import Act, Call, Script, Turn
from app.evaluation.exercise import exercises
from tests.evaluation.scripted import oracle
from tests.forks import Forked, Forks

pytestmark = [pytest.mark.story, pytest.mark.timeout(300)]

TASK = "regression-test"
COMMAND = f"sleep 600.0611{secrets.randbelow(10**8):08}"
"""Nothing else on the machine sleeps for so long."""
SCRIPTS = {
    "oracle": oracle([exercises("fix")[TASK]]),
    "blocked": Script(acts=(Act(when="", turns=(Turn(calls=(Call(tool="bash", arguments={"command": COMMAND}),)),)),)),
}


@pytest.fixture
def temporary(reachable_folder: Path) -> Path:
    """The machine's folder for temporary files, as the evaluation is told."""
    folder = Path(tempfile.mkdtemp(dir=reachable_folder))
    folder.chmod(0o711)
    return folder


class Evaluation(Protocol):
    """`minions eval`, started with these words and settings."""

    async def __call__(self, *words: str, **settings: str) -> Forked: ...


@pytest.fixture
def started(forks: Forks, temporary: Path) -> Evaluation:
    async def start(*words: str, **settings: str) -> Forked:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("MINIONS_")}
        given: Mapping[str, str] = {f"MINIONS_{name.upper()}": value for name, value in settings.items()}
        return await forks.heard("eval", *words, environment={**plain, **given, "TMPDIR": str(temporary)})

    return start


async def said(process: Forked) -> tuple[int, str]:
    """Exit code and everything that was printed."""
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


def at(server: models.ModelServer) -> dict[str, str]:
    return {"model_api_base": server.url, "model_api_key": "sk-of-the-script-1234567890"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "Say which model works"),
        (["--model", "a/b", "--task", "nonsense"], "There is no task 'nonsense'. `minions eval --list` lists them."),
        (["--model", "a/b", "--blueprint", "fxi"], "There is no blueprint 'fxi'"),
        (["--model", "a/b", "--sdist", "inflection"], "'inflection' names no release: give NAME==VERSION"),
        (["--model", "a/b", "--json", "/nowhere/x.json"], "/nowhere/x.json cannot be written"),
        (["--list", "--blueprint", "fxi"], "There is no blueprint 'fxi'"),
    ],
)
async def test_what_cannot_be_evaluated_is_told_in_a_sentence(started: Evaluation, words: list[str], told: str) -> None:
    code, out = await said(await started(*words))
    assert (code, told in " ".join(out.split()), "Traceback" in out) == (2, True, False), out


async def test_tasks_are_listed_without_a_model(started: Evaluation) -> None:
    code, out = await said(await started("--list"))
    assert (code, len(out.splitlines())) == (0, len(exercises("fix")))
    assert "paginate" in out


async def test_a_solved_task_is_told_and_written_down(temporary: Path, started: Evaluation, tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    words = ("--task", TASK, "--model", "openai/oracle", "--json", str(file))
    async with models.serve(SCRIPTS) as server:
        code, out = await said(await started(*words, **at(server), model_price="1,2"))
    assert (code, f"solved   {TASK}" in out) == (0, True), out
    found: dict[str, Any] = json.loads(file.read_text())
    (trial,) = found["trials"]
    assert (trial["verdict"], trial["hidden"], trial["turns"], trial["kind"]) == ("solved", "green", 3, "test")
    assert trial["usd"] > 0
    assert found["by_model"]["openai/oracle"]["solved"] == found["by_kind"]["test"]["solved"] == 1
    assert left_in(temporary) == []


async def test_a_model_that_cannot_be_asked_is_no_result(started: Evaluation) -> None:
    async with models.serve(SCRIPTS) as server:
        words = ("--task", TASK, "--model", "openai/nobody")
        code, out = await said(await started(*words, **at(server)))
    assert (code, f"broken   {TASK}" in out, "0/0" in out) == (1, True, True), out


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_one_that_is_stopped_leaves_nothing_behind(
    temporary: Path, started: Evaluation, how: signal.Signals
) -> None:
    async with models.serve(SCRIPTS) as server:
        words = ("--task", TASK, "--task", "recent", "--model", "openai/blocked")
        process = await started(*words, **at(server))
        while not sleeping():
            assert process.returncode is None, await said(process)
            await asyncio.sleep(0.05)
        process.send_signal(how)
        code, out = await said(process)
    assert (code, "Stopped." in out, "Traceback" in out) == (130, True, False), out
    assert sleeping() == []
    assert left_in(temporary) == []


def left_in(temporary: Path) -> list[str]:
    """Files, folders and mounts."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    return [*map(str, temporary.iterdir()), *(line for line in mounts if str(temporary) in line)]


def sleeping() -> list[str]:
    """Process ids of the command that blocks."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # ended meanwhile
        if b" ".join(words[:-1]).decode(errors="replace") == COMMAND:
            found.append(process.name)
    return found
