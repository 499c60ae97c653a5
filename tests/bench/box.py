"""What a command in the box costs, beside a bare process and a container, in the same minute on the same machine."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

from app.adapters.sandbox.box import Box
from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.sandbox.containers.boxes import ContainerBoxes
from app.adapters.sandbox.containers.engine import Engine
from app.adapters.workspace.mounts import unmount_below
from app.agent.tools.bash import BASH, BashArguments
from app.agent.tools.tool import Desk
from tests.container_engine import IMAGE, engine, make_images, why_not

COMMANDS = 100
IN_CONTAINERS = 20
LEFT_BEHIND = 10
RETURNS_GOAL_S = 0.3
_LEAVING = "setsid sleep 30 & echo started"
NOBODY: Any = None
"""A command has no use for the tree."""
EXEC_GOAL_MS = 12.0
"""More than a bare process: a command of a minion should not feel the box."""


async def rows() -> list[dict[str, object]]:
    """One object a row of the benchmark; makes its own folder and removes it."""
    home = Path(tempfile.mkdtemp(prefix="minions-bench-"))
    try:
        await asyncio.to_thread(home.chmod, 0o711)
        return [await _commands(home), await _left_behind(home), await _background(home), *await _containers(home)]
    finally:
        await asyncio.to_thread(unmount_below, home)
        await asyncio.to_thread(shutil.rmtree, home)


async def _commands(home: Path) -> dict[str, object]:
    box = await _opened(BubblewrapBoxes(home / "data"), home / "tree")
    ours, theirs = await _interleaved(lambda: _true(box), _bare, COMMANDS)
    return _row("sandbox exec of `true`", ours * 1000, theirs * 1000, "ms", "bare subprocess", COMMANDS) | {
        "goal": f"< {EXEC_GOAL_MS:g} ms more",
        "met": (ours - theirs) * 1000 < EXEC_GOAL_MS,
    }


async def _left_behind(home: Path) -> dict[str, object]:
    """A command that leaves another one behind, in a session of its own: it is over when it says so."""
    box = await _opened(BubblewrapBoxes(home / "data"), home / "tree")
    ours, theirs = await _interleaved(lambda: _told(box, _LEAVING), lambda: _told(box, "echo started"), LEFT_BEHIND)
    row = _row("command that leaves `setsid sleep 30 &`", ours, theirs, "s", "the same without it", LEFT_BEHIND)
    return row | {"goal": f"<= {RETURNS_GOAL_S:g} s", "met": ours <= RETURNS_GOAL_S}


async def _background(home: Path) -> dict[str, object]:
    """A call of a minion that does not wait for its command."""
    desk = Desk(await _opened(BubblewrapBoxes(home / "data"), home / "tree"), NOBODY, 60.0)
    returned, waited = [], []
    for _ in range(LEFT_BEHIND):
        returned.append(await _seconds(desk, BashArguments(command="sleep 30", background=True)))
        await desk.background.end()
        waited.append(await _seconds(desk, BashArguments(command="true")))
    ours, theirs = median(returned), median(waited)
    row = _row("call of a command in the background", ours, theirs, "s", "one that waits for `true`", LEFT_BEHIND)
    return row | {"goal": f"<= {RETURNS_GOAL_S:g} s", "met": ours <= RETURNS_GOAL_S}


async def _seconds(desk: Desk, arguments: BashArguments) -> float:
    began = time.perf_counter()
    assert (await BASH.run(arguments, desk)).ok
    return time.perf_counter() - began


async def _told(box: Box, command: str) -> None:
    assert (await box.run(command)).output == "started\n"


async def _containers(home: Path) -> list[dict[str, object]]:
    """The same in containers, where an engine can be started: for the choice between the two, without a goal."""
    if why_not():
        return []
    with engine(home / "engine") as host:
        await asyncio.to_thread(make_images, host, home / "engine")
        connected = Engine(host)
        try:
            inside = await _opened(ContainerBoxes(home / "containers", image=IMAGE, engine=connected), home / "tree")
            box = await _opened(BubblewrapBoxes(home / "data"), home / "tree")
            theirs, ours = await _interleaved(lambda: _true(inside), lambda: _true(box), IN_CONTAINERS)
        finally:
            connected.close()
    row = _row("the same in a container", theirs * 1000, ours * 1000, "ms", "bubblewrap", IN_CONTAINERS)
    return [row | {"goal": "none", "met": True}]


async def _opened(boxes: BubblewrapBoxes, tree: Path) -> Box:
    await asyncio.to_thread(tree.mkdir, exist_ok=True)
    box = boxes.open(tree)
    await _true(box)  # copies the tools
    return box


async def _true(box: Box) -> None:
    assert (await box.run("true")).ok


async def _bare() -> None:
    process = await asyncio.create_subprocess_exec("/bin/bash", "-c", "true")
    await process.wait()


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
