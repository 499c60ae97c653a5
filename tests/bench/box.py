"""What the box and the work tree cost, beside what they stand for, in the same minute on the same machine."""

import asyncio
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

from app.adapters.sandbox.bubblewrap import BubblewrapBoxes
from app.adapters.workspace.workspaces import Workspaces
from app.core.world import Remote

COMMANDS = 50
CHECK_OUTS = 5
FILES = 5_000
LINES = 40
"""Of each file: 5,000 files of 1.6 kB are 8 MB, an ordinary repository."""
EXEC_GOAL_MS = 50.0
"""A command of a minion should not feel the box: the model's answer takes seconds."""
CHECK_OUT_GOAL = 0.6
"""Of the clone's time. Seconds say little here: both are bound by how fast the disk makes files."""


async def rows() -> list[dict[str, object]]:
    """One object a row of the benchmark; makes its own folder and removes it."""
    home = Path(tempfile.mkdtemp(prefix="minions-bench-"))
    try:
        await asyncio.to_thread(home.chmod, 0o711)
        return [await _commands(home), await _check_outs(home)]
    finally:
        await asyncio.to_thread(shutil.rmtree, home)


async def _commands(home: Path) -> dict[str, object]:
    tree = home / "tree"
    await asyncio.to_thread(tree.mkdir)
    box = BubblewrapBoxes(home / "data").open(tree)
    await box.run("true")  # copies the tools

    async def bare() -> None:
        process = await asyncio.create_subprocess_exec("/bin/bash", "-c", "true")
        await process.wait()

    async def boxed() -> None:
        assert (await box.run("true")).ok

    ours, theirs = await _interleaved(boxed, bare, COMMANDS)
    return _row("sandbox exec of `true`", ours * 1000, theirs * 1000, "ms", "bare subprocess", COMMANDS) | {
        "goal": f"< {EXEC_GOAL_MS:g} ms",
        "met": ours * 1000 < EXEC_GOAL_MS,
    }


async def _check_outs(home: Path) -> dict[str, object]:
    origin = home / "origin"
    sha = await asyncio.to_thread(_repository, origin)
    workspaces = Workspaces(home / "data", BubblewrapBoxes(home / "data"))
    numbers = iter(range(1, CHECK_OUTS + 2))

    async def remote(write: bool) -> Remote:  # noqa: ARG001, FBT001 # as the workspace asks
        return Remote(url=str(origin))

    async def from_mirror() -> None:
        await workspaces.open(next(numbers), 1, remote).check_out(sha)

    async def clone() -> None:
        target = tempfile.mkdtemp(dir=home)
        process = await asyncio.create_subprocess_exec("git", "clone", "--quiet", "--no-local", str(origin), target)
        assert await process.wait() == 0

    await from_mirror()  # fetches
    ours, theirs = await _interleaved(from_mirror, clone, CHECK_OUTS)
    return _row(f"work tree of {FILES} files", ours, theirs, "s", "git clone over git's protocol", CHECK_OUTS) | {
        "goal": f"< {CHECK_OUT_GOAL:g} of the clone",
        "met": ours / theirs < CHECK_OUT_GOAL,
    }


async def _interleaved(
    ours: Callable[[], Awaitable[None]], theirs: Callable[[], Awaitable[None]], runs: int
) -> tuple[float, float]:
    """Medians in seconds; one after the other, so that a busy moment of the machine meets both."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for which, act in enumerate((ours, theirs)):
            began = time.perf_counter()
            await act()
            seconds[which].append(time.perf_counter() - began)
    return median(seconds[0]), median(seconds[1])


def _row(name: str, value: float, compared: float, unit: str, with_: str, runs: int) -> dict[str, object]:
    return {
        "name": name,
        "value": round(value, 3),
        "unit": unit,
        "reference": f"{with_}: {compared:.3f} {unit}",
        "ratio": round(value / compared, 2),
        "runs": runs,
    }


def _repository(folder: Path) -> str:
    for number in range(FILES):
        file = folder / f"package{number % 100:02}" / f"module{number:04}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            "".join(f"value_{line} = {number * line}  # a comment that is some text\n" for line in range(LINES))
        )
    git = ("git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.org")
    for arguments in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "base")):
        subprocess.run([*git, *arguments], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
