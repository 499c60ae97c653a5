"""Other harnesses, each installed in an environment of its own, and the trajectory as they make it."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from platformdirs import user_cache_path

from tests.bench.answers import Answers, Told
from tests.bench.trajectory import repository

_NEWEST: Final = "2026-11-14T00:00:00Z"
"""What they need besides is as it was on this day, so that figures can be compared."""
_INSTALLED_WITHIN_S: Final = 600
_ENDED_WITHIN_S: Final = 900
"""The longest trajectory takes them 20 s; a machine that is busy with something else gets its time."""


class NotInstalled(Exception):
    """It cannot be had here; the sentence says why."""


@dataclass(frozen=True)
class Peer:
    """A harness, what is installed for it, and the program here that uses it as its documentation does."""

    name: str
    packages: tuple[str, ...]
    driver: str

    @property
    def folder(self) -> Path:
        """Its environment, which is kept: its name says what is in it."""
        words = re.sub(r"[^\w.-]+", "-", "-".join(self.packages))
        return user_cache_path("minions") / "bench" / words

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"


PEERS: Final = (
    Peer("mini-swe-agent", ("mini-swe-agent==2.4.6",), "use_mini.py"),
    Peer("pydantic-ai", ("pydantic-ai-slim[openai]==2.68.0",), "use_pydantic_ai.py"),
    Peer("deepagents", ("deepagents==0.7.32", "langchain-openai==1.7.4"), "use_deepagents.py"),
)


class Held(NamedTuple):
    """One conversation of a peer."""

    told: Told
    start_s: float
    """From the start of the process to its first question."""
    whole_s: float


def install(peer: Peer) -> None:
    """Have it installed. Raises NotInstalled."""
    if (peer.folder / "complete").exists():
        return
    shutil.rmtree(peer.folder, ignore_errors=True)
    uv = (sys.executable, "-m", "uv")
    steps: tuple[tuple[str, ...], ...] = (
        (*uv, "venv", "--quiet", "--python", sys.executable, str(peer.folder)),
        (*uv, "pip", "install", "--quiet", "--exclude-newer", _NEWEST, "--python", str(peer.python), *peer.packages),
    )
    for step in steps:
        try:
            done = subprocess.run(step, check=False, capture_output=True, text=True, timeout=_INSTALLED_WITHIN_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotInstalled(f"{peer.name} cannot be installed: {type(error).__name__}") from None
        if done.returncode:
            raise NotInstalled(f"{peer.name} cannot be installed: {done.stderr.strip()[-200:]}")
    (peer.folder / "complete").touch()


async def hold(peer: Peer, server: Answers, turns: int, name: str) -> Held:
    """Have it make the trajectory once, in a process of its own, as it is used."""
    with tempfile.TemporaryDirectory(prefix="minions-bench-") as folder:
        home = Path(folder)
        tree = await asyncio.to_thread(repository, home / "tree")
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *(str(peer.python), str(Path(__file__).with_name("drivers") / peer.driver)),
            *(server.url(peer.name, turns, name), str(tree)),
            cwd=tree,
            env={"PATH": os.environ["PATH"], "HOME": str(home), "OPENAI_API_KEY": "none"},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(_ENDED_WITHIN_S):
            _, words = await process.communicate()
        ended = time.monotonic()
    if process.returncode:
        raise RuntimeError(f"{peer.name} ended with {process.returncode}: {words.decode(errors='replace')[-1_000:]}")
    told = await server.told(peer.name, turns, name)
    if len(told.received) != turns:
        raise RuntimeError(f"{peer.name} asked {len(told.received)} times instead of {turns}")
    return Held(told, told.received[0] - began, ended - began)
