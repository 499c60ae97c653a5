"""What the fork server starts is what a Python of its own would be."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from app.demo.stage import free_port
from tests.forks import Forked, Forks

PLAIN = {name: value for name, value in os.environ.items() if not name.startswith("MINIONS_")}


@pytest.mark.parametrize("words", [("draw", "nonsense"), ("draw", "fix")])
async def test_a_command_says_and_comes_to_the_same(forks: Forks, words: tuple[str, ...]) -> None:
    forked = await forks.heard(*words, environment=PLAIN)
    said, _ = await forked.communicate()
    alone = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", *words),
        env=PLAIN,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    expected, _ = await alone.communicate()
    assert (said, forked.returncode) == (expected, alone.returncode)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_it_leads_a_session_has_an_environment_and_dies_as_it_is_told(
    forks: Forks, tmp_path: Path, how: signal.Signals
) -> None:
    settings = {"MINIONS_HOME": str(tmp_path), "MINIONS_MODEL": "a/b", "MINIONS_PORT": str(free_port())}
    server = await forks.heard("serve", environment={**PLAIN, **settings})
    said = await told(server, "Make one: ")
    assert settings["MINIONS_PORT"] in said
    assert os.getsid(server.pid) == server.pid
    assert f"MINIONS_HOME={tmp_path}" in await asyncio.to_thread(Path(f"/proc/{server.pid}/cmdline").read_text)
    assert server.returncode is None
    os.killpg(server.pid, how)
    await server.communicate()
    assert server.returncode == -how


async def told(process: Forked, words: str) -> str:
    """The first line in which it says so."""
    assert process.stdout is not None
    while words not in (line := (await process.stdout.readline()).decode()):
        assert line, "it ended"
    return line
