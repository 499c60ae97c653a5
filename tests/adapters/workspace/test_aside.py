"""A second work tree of a run, for who may not change the first."""

from pathlib import Path
from typing import Any

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.workspace.leftovers import MachineLeftovers
from app.adapters.workspace.mounts import is_mounted
from app.adapters.workspace.workspaces import Workspaces
from tests.workspaces import Origin, do, made

INSTALL = ("python3 -m venv --without-pip .venv",)


@pytest.fixture
def origin(home: Path) -> Origin:
    return Origin(home / "origin", {"code.py": "one\n", "requirements.txt": "six\n", ".gitignore": ".venv\n"})


@pytest.fixture(params=["layered", "copied"])
def workspaces(home: Path, boxes: BubblewrapBoxes, request: Any) -> Workspaces:
    return made(home / "data", boxes, request.param)


@pytest.mark.hostile
async def test_it_has_the_change_and_nothing_comes_back(workspaces: Workspaces, origin: Origin, home: Path) -> None:
    run = workspaces.open(4, 7, origin.remote)
    await run.check_out(origin.head)
    await run.sandbox.set_up(INSTALL)
    await do(run, "echo two > code.py; echo new > new.py")
    patch = await run.patch()
    for _ in range(2):
        async with workspaces.clean(4, 7, origin.remote) as aside:
            await aside.check_out(origin.head, patch=patch.data, set_up=INSTALL)
            assert (
                await do(aside, "cat code.py new.py; ls -d .venv; ls")
                == "two\nnew\n.venv\ncode.py\nnew.py\nrequirements.txt\n"
            )
            assert (await aside.patch()).data == patch.data
            for place in (home / "data" / "runs" / "4", home / "data" / "mirrors", "/git", "/objects"):
                assert not (await aside.sandbox.run(f"ls -d {place}")).ok
            await do(aside, "rm -rf .venv .git; echo bad > code.py; echo bad > more.py")
    assert await run.patch() == patch
    assert await do(run, "ls -d .venv .git") == ".git\n.venv\n"
    left = sorted(path.name for path in (home / "data" / "runs").iterdir())
    assert left == ["4"]
    assert not list((home / "data" / "layers").glob("clean-*"))
    await run.remove()


async def test_the_commit_of_the_run_stays_pinned(workspaces: Workspaces, origin: Origin, home: Path) -> None:
    run = workspaces.open(4, 7, origin.remote)
    await run.check_out(origin.head)
    async with workspaces.clean(4, 7, origin.remote) as aside:
        await aside.check_out(origin.head)
    assert (home / "data" / "mirrors" / "7.git" / "refs" / "minions" / "4").exists()
    await run.remove()


async def test_what_a_killed_worker_left_is_not_used_again(workspaces: Workspaces, origin: Origin, home: Path) -> None:
    """It might be what somebody made of it."""
    killed = workspaces.clean(4, 7, origin.remote)
    left = await killed.__aenter__()
    await left.check_out(origin.head)
    await do(left, "echo bad > code.py")
    (home / "data" / "layers" / "clean-4.lock").unlink()  # its process is gone, and so is its lock
    async with workspaces.clean(4, 7, origin.remote) as aside:
        await aside.check_out(origin.head)
        assert await do(aside, "cat code.py") == "one\n"
    await killed.__aexit__(None, None, None)


async def test_a_sweep_takes_what_a_killed_worker_left(workspaces: Workspaces, origin: Origin, home: Path) -> None:
    killed = workspaces.clean(4, 7, origin.remote)
    left = await killed.__aenter__()
    await left.check_out(origin.head)
    folder = next((home / "data" / "runs").iterdir())
    sweep = MachineLeftovers(home / "data").sweep
    assert "a set-up that was broken off" not in await sweep(frozenset())  # it is in use
    (home / "data" / "layers" / "clean-4.lock").unlink()
    assert "a set-up that was broken off" in await sweep(frozenset())
    assert not folder.exists()
    assert not is_mounted(folder / "files")
    await killed.__aexit__(None, None, None)
