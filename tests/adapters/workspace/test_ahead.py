"""What is made ahead of a run: one at a time, left to nobody, and no more of it than the next run needs."""

import asyncio
from pathlib import Path

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.workspace.leftovers import MachineLeftovers
from app.adapters.workspace.mounts import is_mounted
from app.adapters.workspace.workspaces import Workspaces
from tests.workspaces import Origin, made

INSTALL = ("python3 -m venv --without-pip .venv",)
"""Depends on the requirements alone."""


@pytest.fixture
def origin(home: Path) -> Origin:
    return Origin(home / "origin", {"code.py": "one\n", "requirements.txt": "six\n"})


@pytest.fixture
def workspaces(home: Path, boxes: BubblewrapBoxes) -> Workspaces:
    return made(home / "data", boxes, "layered")


async def prepare(workspaces: Workspaces, origin: Origin) -> list[str]:
    """Names of the layers that the next run needs."""
    async with workspaces.ahead(7, origin.remote) as workspace:
        await workspace.check_out(origin.head)
        assert all(result.ok for result in await workspace.sandbox.set_up(INSTALL))
        assert workspace.shares_set_up
        return list(workspace.layers)


def here(workspaces: Workspaces) -> set[str]:
    return {layer.name for layer in workspaces.layers.folder.iterdir() if layer.is_dir()}


async def test_a_run_finds_it_and_nothing_else_is_left(workspaces: Workspaces, origin: Origin, home: Path) -> None:
    made = await prepare(workspaces, origin)
    assert here(workspaces) == set(made)
    assert list((home / "data" / "runs").iterdir()) == []
    assert list((home / "data" / "mirrors" / "7.git" / "refs" / "minions").glob("*")) == []
    run = workspaces.open(1, 7, origin.remote)
    await run.check_out(origin.head)
    (result,) = await run.sandbox.set_up(INSTALL)
    assert "used again" in result.output
    await run.remove()


async def test_who_prepares_the_same_repository_waits(workspaces: Workspaces, origin: Origin) -> None:
    inside = 0

    async def one() -> None:
        nonlocal inside
        async with workspaces.ahead(7, origin.remote) as workspace:
            inside += 1
            assert inside == 1
            await workspace.check_out(origin.head)
            assert inside == 1
            inside -= 1

    await asyncio.gather(*(one() for _ in range(4)))


async def test_a_checkout_that_no_run_used_goes_when_the_branch_moves_on(
    workspaces: Workspaces, origin: Origin
) -> None:
    set_up, old = await prepare(workspaces, origin)
    origin.commit({"code.py": "two\n"})
    again, new = await prepare(workspaces, origin)
    assert again == set_up, "nothing that decides it has changed"
    assert here(workspaces) == {set_up, new}
    assert old != new


async def test_a_checkout_that_a_run_used_stays(workspaces: Workspaces, origin: Origin) -> None:
    set_up, old = await prepare(workspaces, origin)
    run = workspaces.open(1, 7, origin.remote)
    await run.check_out(origin.head)
    await run.remove()
    origin.commit({"code.py": "two\n"})
    _, new = await prepare(workspaces, origin)
    assert here(workspaces) == {set_up, old, new}


async def test_a_checkout_that_a_run_stands_on_stays(workspaces: Workspaces, origin: Origin) -> None:
    first = origin.head
    await prepare(workspaces, origin)
    run = workspaces.open(1, 7, origin.remote)
    await run.check_out(first)
    origin.commit({"code.py": "two\n"})
    await prepare(workspaces, origin)
    assert (await run.sandbox.run("cat code.py")).output == "one\n"


async def test_what_was_broken_off_is_swept_unless_it_goes_on(
    workspaces: Workspaces, origin: Origin, home: Path
) -> None:
    leftovers = MachineLeftovers(home / "data")
    async with workspaces.ahead(7, origin.remote) as workspace:
        await workspace.check_out(origin.head)
        assert await leftovers.of_runs() == set()
        assert await leftovers.sweep(set()) == []
        assert (await workspace.sandbox.run("cat code.py")).output == "one\n"
    # As a killed process leaves it: everything is there, and nobody holds the lock.
    killed = workspaces._opened("set-up-ahead-7", -7, 7, origin.remote, None)
    await killed.check_out(origin.head)
    assert is_mounted(killed._folder.files)
    assert sorted(await leftovers.sweep(set())) == [
        "a set-up that was broken off",
        "the pin of what was made ahead in repository 7",
    ]
    assert list((home / "data" / "runs").iterdir()) == []
    assert await leftovers.sweep(set()) == []
