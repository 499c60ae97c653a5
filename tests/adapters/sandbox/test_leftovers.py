"""A box that nobody waits for any more, in a tree that somebody else takes over."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.sandbox.leftovers import end_leftovers

pytestmark = pytest.mark.crash

SERVER = """
import asyncio, sys
from pathlib import Path
from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes

box = BubblewrapBoxes(Path(sys.argv[1])).open(Path(sys.argv[2]))
asyncio.run(box.run("exec 3> alive; echo begun >&3; (setsid sleep 300 &) ; sleep 300"))
"""


@pytest.fixture
def trees(reachable_folder: Path) -> Iterator[list[Path]]:
    """Two; the name of one begins with that of the other."""
    above = Path(tempfile.mkdtemp(dir=reachable_folder))
    above.chmod(0o711)
    folders = [above / "1", above / "12"]
    for folder in folders:
        folder.mkdir()
        os.mkfifo(folder / "alive")
    yield folders
    shutil.rmtree(above)


async def test_a_box_left_behind_is_ended_and_no_other_one(reachable_folder: Path, trees: list[Path]) -> None:
    """Its server lives here, so that nothing but the taking over can end it."""
    home = reachable_folder / "left"
    servers = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, str(home), str(tree)) for tree in trees
    ]
    alive = [await asyncio.to_thread((tree / "alive").open) for tree in trees]
    assert [await asyncio.to_thread(pipe.readline) for pipe in alive] == ["begun\n"] * 2
    assert end_leftovers(trees[0]) > 0
    # Ends when nobody in the box holds the other side open any more; the test's own time-out is the bound.
    assert await asyncio.to_thread(alive[0].read) == ""
    os.set_blocking(alive[1].fileno(), False)
    with pytest.raises(BlockingIOError):  # it would be the end of the file if the other box were gone
        os.read(alive[1].fileno(), 1)
    await BubblewrapBoxes(home).end_leftovers(trees[1])
    assert all([await server.wait() for server in servers])  # they tell that their boxes were killed
    for pipe in alive:
        pipe.close()


def test_a_tree_that_is_not_there_has_nothing_left(tmp_path: Path) -> None:
    assert end_leftovers(tmp_path / "gone") == 0


async def test_the_check_of_this_machine_leaves_no_box_of_an_earlier_one(reachable_folder: Path) -> None:
    home = reachable_folder / "checked"
    tree = home / "box" / "check"
    tree.mkdir(parents=True)
    os.mkfifo(tree / "alive")
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, str(home), str(tree))
    alive = await asyncio.to_thread((tree / "alive").open)
    assert await asyncio.to_thread(alive.readline) == "begun\n"
    assert await BubblewrapBoxes(home).check() == []
    assert await asyncio.to_thread(alive.read) == ""
    assert await server.wait()
    alive.close()
