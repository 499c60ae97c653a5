"""Set-up is done once, and what it makes is shared: never what it should not touch."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.workspace.mounts import unmount_below
from app.adapters.workspace.workspace import GitWorkspace
from app.adapters.workspace.workspaces import Workspaces
from app.core.errors import Unavailable
from app.core.layout import Layout
from tests.workspaces import Origin, made

INSTALL = ("python3 -m venv --without-pip .venv",)
"""Takes a second, needs no network, and depends on lock files only."""
BUILD = ("echo built >> /cache/count; mkdir -p made; cp code.py made/copy.py; echo changed > code.py; rm other.py",)


@pytest.fixture
def origin(home: Path) -> Origin:
    files = {"code.py": "one\n", "other.py": "other\n", "requirements.txt": "six\n", ".gitignore": ".venv\n"}
    return Origin(home / "origin", files)


@pytest.fixture
def workspaces(home: Path, boxes: BubblewrapBoxes) -> Workspaces:
    return made(home / "data", boxes, "layered")


@pytest.fixture
def copied(home: Path, boxes: BubblewrapBoxes) -> Workspaces:
    return made(home / "other", boxes, "copied")


async def set_up(
    workspaces: Workspaces, origin: Origin, number: int, commands: Sequence[str], sha: str = ""
) -> tuple[GitWorkspace, bool]:
    """A run that is set up, and whether it took what was there."""
    workspace = workspaces.open(number, 7, origin.remote)
    await workspace.check_out(sha or origin.head)
    results = await workspace.sandbox.set_up(commands)
    assert all(result.ok for result in results), results
    return workspace, all("used again" in result.output for result in results)


async def said(workspace: GitWorkspace, command: str) -> str:
    return (await workspace.sandbox.run(command)).output


async def test_is_done_once_for_runs_that_ask_at_once(workspaces: Workspaces, origin: Origin) -> None:
    made = await asyncio.gather(*(set_up(workspaces, origin, number, BUILD) for number in range(1, 11)))
    assert sorted(is_shared for _, is_shared in made) == [False] + [True] * 9
    for workspace, _ in made:
        assert await said(workspace, "cat /cache/count made/copy.py") == "built\none\n"


async def test_holds_what_was_added_and_nothing_that_was_changed(workspaces: Workspaces, origin: Origin) -> None:
    workspace, _ = await set_up(workspaces, origin, 1, BUILD)
    assert await said(workspace, "cat code.py other.py; git status --short") == "one\nother\n?? made/\n"
    assert [file.path for file in (await workspace.patch()).files] == ["made/copy.py"]


async def test_one_run_does_not_see_what_another_does_with_it(workspaces: Workspaces, origin: Origin) -> None:
    first, _ = await set_up(workspaces, origin, 1, BUILD)
    await said(first, "echo mine > made/copy.py; rm -r /cache/count; echo mine > code.py")
    second, _ = await set_up(workspaces, origin, 2, BUILD)
    assert await said(second, "cat /cache/count made/copy.py code.py") == "built\none\none\n"


async def test_installed_packages_are_shared_by_commits_with_the_same_lock_files(
    workspaces: Workspaces, origin: Origin
) -> None:
    await set_up(workspaces, origin, 1, INSTALL)
    origin.commit({"code.py": "two\n"})
    workspace, is_shared = await set_up(workspaces, origin, 2, INSTALL)
    assert is_shared
    assert await said(workspace, ".venv/bin/python -c 'print(1)'; cat code.py; git status --short") == "1\ntwo\n"
    origin.commit({"requirements.txt": "six==1.17.0\n"})
    assert not (await set_up(workspaces, origin, 3, INSTALL))[1]


async def test_what_may_depend_on_any_file_is_shared_on_one_commit_only(workspaces: Workspaces, origin: Origin) -> None:
    await set_up(workspaces, origin, 1, BUILD)
    assert (await set_up(workspaces, origin, 2, BUILD))[1]
    origin.commit({"code.py": "two\n"})
    workspace, is_shared = await set_up(workspaces, origin, 3, BUILD)
    assert not is_shared
    assert await said(workspace, "cat made/copy.py") == "two\n"


async def test_never_hides_a_file_that_a_later_commit_has(workspaces: Workspaces, origin: Origin) -> None:
    await set_up(workspaces, origin, 1, INSTALL)
    origin.commit({".venv/pyvenv.cfg": "of the repository\n"})
    workspace, is_shared = await set_up(workspaces, origin, 2, INSTALL)
    assert not is_shared
    assert (await workspace.patch()).is_empty


async def test_a_change_made_before_it_is_kept(workspaces: Workspaces, origin: Origin) -> None:
    workspace = workspaces.open(1, 7, origin.remote)
    await workspace.check_out(origin.head)
    await workspace.write("code.py", b"mine\n")
    await workspace.sandbox.set_up(INSTALL)
    assert await said(workspace, "cat code.py; ls .venv/bin/python") == "mine\n.venv/bin/python\n"


async def test_a_failure_leaves_nothing_to_share(workspaces: Workspaces, origin: Origin, home: Path) -> None:
    workspace = workspaces.open(1, 7, origin.remote)
    await workspace.check_out(origin.head)
    results = await workspace.sandbox.set_up(["echo one", "exit 7"])
    assert [result.exit_code for result in results] == [0, 7]
    assert await said(workspace, "cat code.py") == "one\n"
    assert [place.name for place in (home / "data" / "runs").iterdir()] == ["1"]
    assert len([place for place in (home / "data" / "layers").iterdir() if place.is_dir()]) == 1  # the base


@pytest.mark.parametrize("way", ["workspaces", "copied"])
async def test_a_machine_that_takes_a_run_over_sets_the_tree_up_before_the_change(
    workspaces: Workspaces, origin: Origin, request: pytest.FixtureRequest, way: str
) -> None:
    first, _ = await set_up(workspaces, origin, 1, INSTALL)
    await said(first, "echo more >> code.py; rm other.py")
    saved = await first.patch()
    other: Workspaces = request.getfixturevalue(way)
    second = other.open(2, 7, origin.remote)
    await second.check_out(origin.head, patch=saved.data, set_up=INSTALL)
    assert await said(second, "cat code.py; ls other.py 2>&1; ls .venv/bin/python") == (
        "one\nmore\nls: cannot access 'other.py': No such file or directory\n.venv/bin/python\n"
    )
    assert await second.patch() == saved


async def test_a_set_up_that_fails_where_the_run_is_taken_over_is_tried_again_later(
    copied: Workspaces, origin: Origin
) -> None:
    workspace = copied.open(2, 7, origin.remote)
    with pytest.raises(Unavailable, match="exit 3"):
        await workspace.check_out(origin.head, set_up=["exit 3"])
    await workspace.check_out(origin.head, set_up=["true"])


async def test_a_tree_that_lost_its_mounts_is_mounted_again_and_not_taken_for_empty(
    workspaces: Workspaces, origin: Origin, home: Path
) -> None:
    workspace, _ = await set_up(workspaces, origin, 1, INSTALL)
    await said(workspace, "echo mine > code.py")
    unmount_below(home)
    again = workspaces.open(1, 7, origin.remote)
    with pytest.raises((FileNotFoundError, Exception), match="tree"):
        await again.patch()
    await again.check_out(origin.head)
    assert [file.path for file in (await again.patch()).files] == ["code.py"]
    assert await said(again, "cat code.py; ls .venv/bin/python") == "mine\n.venv/bin/python\n"


async def test_a_disk_that_is_full_is_the_runs_own_affair(home: Path, boxes: BubblewrapBoxes, origin: Origin) -> None:
    workspaces = Workspaces(home / "small", boxes, disk_bytes=64 * 1024**2)
    if workspaces.ways.no_disk:
        pytest.skip(f"no disks here: {workspaces.ways.no_disk}")
    workspace = workspaces.open(1, 7, origin.remote)
    await workspace.check_out(origin.head)
    result = await workspace.sandbox.run("head -c 100000000 /dev/zero > big")
    assert "No space left on device" in result.output
    assert (await workspace.sandbox.run("rm big; echo more >> code.py")).ok
    assert [file.path for file in (await workspace.patch()).files] == ["code.py"]


class TestEviction:
    async def test_keeps_what_a_work_tree_lies_over(self, workspaces: Workspaces, origin: Origin) -> None:
        workspace, _ = await set_up(workspaces, origin, 1, INSTALL)
        assert workspaces.layers.evict(unused_s=-1) == []
        assert await said(workspace, "cat code.py") == "one\n"
        await workspace.remove()
        assert len(workspaces.layers.evict(unused_s=-1)) == 2
        assert [place for place in workspaces.layers.folder.iterdir() if place.suffix != ".lock"] == []

    async def test_removes_the_oldest_of_too_much(self, workspaces: Workspaces, origin: Origin) -> None:
        for number in (1, 2):
            workspace, _ = await set_up(workspaces, origin, number, ["true"])
            await workspace.remove()
            origin.commit({"code.py": f"{number}\n"})
        assert workspaces.layers.evict(most_bytes=10**9) == []
        assert len(workspaces.layers.evict(most_bytes=0)) == 2  # the bases; a set-up that made nothing takes no room

    async def test_a_tree_whose_base_went_is_made_anew(self, workspaces: Workspaces, origin: Origin) -> None:
        workspace, _ = await set_up(workspaces, origin, 1, INSTALL)
        await workspace.remove()
        workspaces.layers.evict(unused_s=-1)
        assert not (await set_up(workspaces, origin, 2, INSTALL))[1]


async def test_what_the_tree_leaves_out_decides_nothing(home: Path, boxes: BubblewrapBoxes, origin: Origin) -> None:
    async def wanted(_show: object) -> Layout:
        return Layout(("web",))

    workspaces = Workspaces(home / "sparse", boxes, read_layout=wanted)
    if workspaces.ways.no_overlay:
        pytest.skip(f"work trees cannot be layered here: {workspaces.ways.no_overlay}")
    origin.commit({"web/package.json": "{}", "other/package.json": "{}"})
    assert [(await set_up(workspaces, origin, number, INSTALL))[1] for number in (1, 2)] == [False, True]
    origin.commit({"other/package.json": '{"name": "other"}'})
    assert (await set_up(workspaces, origin, 3, INSTALL))[1]
    origin.commit({"web/package.json": '{"name": "web"}'})
    workspace, was_there = await set_up(workspaces, origin, 4, INSTALL)
    assert not was_there
    assert (await workspace.patch()).is_empty


async def test_what_set_up_changed_is_taken_back_in_a_copy_too(copied: Workspaces, origin: Origin) -> None:
    workspace, _ = await set_up(copied, origin, 1, BUILD)
    assert await said(workspace, "cat code.py other.py made/copy.py") == "one\nother\none\n"
    assert [file.path for file in (await workspace.patch()).files] == ["made/copy.py"]
