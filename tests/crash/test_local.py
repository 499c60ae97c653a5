"""`minions run` is killed in the middle of a command. The next one clears away what it left."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.demo import models
from app.demo.script import Act, Call, Script, Turn
from app.demo.stage import seed

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]

COMMAND = f"sleep 600.0474{secrets.randbelow(10**8):08}"
"""Nothing else on the machine sleeps for so long."""
GIVE_UP = Call(tool="give_up", arguments={"reason": "needs_human", "detail": "It is too hard."})
SCRIPTS = {
    "blocked": Script(acts=(Act(when="", turns=(Turn(calls=(Call(tool="bash", arguments={"command": COMMAND}),)),)),)),
    "idle": Script(acts=(Act(when="", turns=(Turn(calls=(GIVE_UP,)),)),)),
}
PATIENCE_S = 120.0
"""A loaded machine takes its time; nothing here waits longer than it must."""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The demo's files in a repository of one's own."""
    folder = tmp_path / "slugs"
    for name, content in seed().files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "Begin"]):
        person = ["-c", "user.name=Ann", "-c", "user.email=ann@localhost"]
        subprocess.run(["git", *person, *words], cwd=folder, check=True)
    return folder


@pytest.fixture
def temporary(reachable_folder: Path) -> Path:
    """The machine's folder for temporary files, as the run is told."""
    folder = Path(tempfile.mkdtemp(dir=reachable_folder))
    folder.chmod(0o711)
    return folder


def homes(temporary: Path) -> list[Path]:
    return list(temporary.glob("minions-run-*"))


def commands() -> list[str]:
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


def mounts_below(folder: Path) -> list[str]:
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(folder) in line]


async def started(repository: Path, environment: Mapping[str, str], model: str) -> asyncio.subprocess.Process:
    words = ("run", "--repo", str(repository), "--task", "Do it", "--model", f"openai/{model}")
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", *words),
        env=dict(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_a_local_run_that_is_ended_leaves_nothing(
    repository: Path, temporary: Path, gone: Any, how: signal.Signals
) -> None:
    """Told to end, it clears up itself; killed, the next one does."""
    async with models.serve(SCRIPTS) as server:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MINIONS_")} | {
            "TMPDIR": str(temporary),
            "MINIONS_HOME": str(temporary / "home"),
            "MINIONS_MODEL_API_BASE": server.url,
            "MINIONS_MODEL_API_KEY": "sk-of-the-script-1234567890",
        }
        run = await started(repository, environment, "blocked")
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while not commands():
            assert run.returncode is None, (await run.communicate())[0].decode()
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.05)
        run.send_signal(how)
        await run.communicate()
        assert await gone(commands) == []
        if how is signal.SIGKILL:
            assert homes(temporary) != []
            assert await gone(lambda: postgres_of(temporary)) == []
            following = await started(repository, environment, "idle")
            said = (await following.communicate())[0].decode()
            assert following.returncode == 1, said
    assert homes(temporary) == []
    assert mounts_below(temporary) == []


def postgres_of(folder: Path) -> list[str]:
    """The database goes down by itself within a moment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
        except OSError:
            continue  # ended meanwhile
        if bytes(folder) in words and int(process.name) != os.getpid():
            found.append(process.name)
    return found
