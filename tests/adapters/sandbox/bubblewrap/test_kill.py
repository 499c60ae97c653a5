"""The server is killed while a box is at work."""

import asyncio
import os
import select
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.crash

SERVER = """
import asyncio, sys
from pathlib import Path
from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes

box = BubblewrapBoxes(Path(sys.argv[1])).open(Path(sys.argv[2]))
command = "exec 3> alive; echo begun >&3; (setsid sleep 300 &) ; sleep 300"
asyncio.run(box.set_up([command]) if sys.argv[3] == "set_up" else box.run(command))
"""


@pytest.fixture
def tree(reachable_folder: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=reachable_folder))
    os.mkfifo(folder / "alive")
    yield folder
    shutil.rmtree(folder)


def proxies(home: Path) -> list[int]:
    """Handles of the processes that work in the folders of proxies."""
    handles = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and (folder / "cwd").readlink().is_relative_to(home / "box" / "egress"):
                handles.append(os.pidfd_open(int(folder.name)))
        except OSError:
            continue
    return handles


def wait_for_end(handle: int) -> None:
    select.select([handle], [], [])
    os.close(handle)


@pytest.mark.parametrize("way", ["run", "set_up"])
async def test_nothing_outlives_a_killed_server(reachable_folder: Path, tree: Path, way: str) -> None:
    home = reachable_folder / f"killed-{way}"  # what a killed server leaves is in nobody's way
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, str(home), str(tree), way)
    alive = await asyncio.to_thread((tree / "alive").open)
    assert await asyncio.to_thread(alive.readline) == "begun\n"
    found = proxies(home)
    assert bool(found) == (way == "set_up")
    server.kill()
    await server.wait()
    # Ends when nobody in the box holds the other side open any more; the test's own time-out is the bound.
    assert await asyncio.to_thread(alive.read) == ""
    alive.close()
    for handle in found:
        await asyncio.to_thread(wait_for_end, handle)
