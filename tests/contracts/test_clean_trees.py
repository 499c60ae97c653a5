"""What every clean tree promises: the change and nothing else of the minion's, beside its tree, and gone afterwards."""

import asyncio
from pathlib import Path

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.workspace.clean_trees import CleanTrees
from app.adapters.workspace.leftovers import MachineLeftovers
from app.adapters.workspace.workspace import GitWorkspace
from app.adapters.workspace.workspaces import Workspaces
from app.core.errors import RepositoryError, Unavailable
from tests.workspaces import Origin, do, made

pytestmark = pytest.mark.contract


@pytest.fixture
def origin(home: Path) -> Origin:
    return Origin(home / "origin", {"code.py": "x = 1\n", ".gitignore": "made\nhidden\n"})


@pytest.fixture(params=["layered", "copied"])
def workspaces(home: Path, boxes: BubblewrapBoxes, request: pytest.FixtureRequest) -> Workspaces:
    return made(home / "data", boxes, request.param)


@pytest.fixture
async def workspace(workspaces: Workspaces, origin: Origin) -> GitWorkspace:
    opened = workspaces.open(1, 7, origin.remote)
    await opened.check_out(origin.base)
    return opened


@pytest.fixture
def trees(workspaces: Workspaces, origin: Origin) -> CleanTrees:
    return CleanTrees(workspaces, 1, 7, origin.remote)


def folders(home: Path) -> list[str]:
    return sorted(folder.name for folder in (home / "data" / "runs").iterdir())


async def test_it_holds_the_change_and_what_set_up_makes(
    workspace: GitWorkspace, trees: CleanTrees, origin: Origin
) -> None:
    await do(workspace, "echo 'x = 2' > code.py; echo mine > hidden; echo y > new.py")
    patch = (await workspace.patch()).data
    async with trees.open(origin.base, patch=patch, set_up=["echo set up > made"]) as tree:
        said = await tree.sandbox.run("cat code.py new.py made; ls hidden")
        assert said.output.startswith("x = 2\ny\nset up\n")
        assert said.exit_code == 2
        await tree.workspace.write("code.py", b"x = 3\n")
    assert await workspace.read("code.py") == b"x = 2\n"


async def test_it_is_another_tree_each_time_and_gone_afterwards(
    workspace: GitWorkspace, trees: CleanTrees, origin: Origin, home: Path
) -> None:
    for _ in range(2):
        async with trees.open(origin.base) as tree:
            assert await tree.workspace.paths() == [".git/", ".gitignore", "code.py"]
            await do(workspace, "true")
            assert (await tree.sandbox.run("touch left-over")).ok
    assert folders(home) == ["1"]
    assert (home / "data/mirrors/7.git/refs/minions/1").exists(), "the run still needs its commit"


@pytest.mark.parametrize("what", ["patch", "set-up"])
async def test_one_that_cannot_be_made_is_told_and_gone(
    workspace: GitWorkspace, trees: CleanTrees, origin: Origin, home: Path, what: str
) -> None:
    assert await workspace.show("code.py")
    patch, commands = (b"no patch", []) if what == "patch" else (b"", ["exit 3"])
    with pytest.raises((RepositoryError, Unavailable)):
        async with trees.open(origin.base, patch=patch, set_up=commands):
            raise AssertionError("it was made")
    assert folders(home) == ["1"]


async def test_one_that_is_broken_off_is_gone(
    workspace: GitWorkspace, trees: CleanTrees, origin: Origin, home: Path
) -> None:
    inside = asyncio.Event()

    async def work() -> None:
        async with trees.open(origin.base) as tree:
            inside.set()
            await tree.sandbox.run("sleep 60")

    working = asyncio.create_task(work())
    await inside.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert folders(home) == ["1"]
    assert await workspace.read("code.py") == b"x = 1\n"


@pytest.mark.crash
@pytest.mark.parametrize("by", ["a sweep", "the next one"])
async def test_what_a_killed_server_left_goes(
    workspaces: Workspaces, workspace: GitWorkspace, trees: CleanTrees, origin: Origin, home: Path, by: str
) -> None:
    leftovers = MachineLeftovers(home / "data")
    async with workspaces.clean(1, 7, origin.remote) as left:
        await left.check_out(origin.base)
        await left.write("left", b"x\n")
        assert not await leftovers.sweep(frozenset()), "it is in use"
        workspaces.layers.lock("clean-1").unlink()  # as if its process were gone
        if by == "a sweep":
            assert await leftovers.sweep(frozenset()) == ["a set-up that was broken off"]
        else:
            async with trees.open(origin.base) as tree:
                assert await tree.workspace.paths() == [".git/", ".gitignore", "code.py"]
        assert folders(home) == ["1"]
    assert await workspace.read("code.py") == b"x = 1\n"
