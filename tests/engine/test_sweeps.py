"""What is left of runs that are over goes; what somebody may still need stays."""

import asyncio
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.adapters.own_folder import own_folder
from app.adapters.store import PostgresStore
from app.adapters.vectors import VectorFile
from app.adapters.workspace.leftovers import MOST_PACKS, UNUSED_S, MachineLeftovers, clear
from app.adapters.workspace.locks import locked_now
from app.adapters.workspace.mirror import Mirror
from app.adapters.workspace.mounts import is_mounted
from app.core.forge import Remote
from app.core.run import Status
from app.core.store import Draft
from app.core.task import Person, Repository, Task
from app.engine.sweeps import Sweeps

KILLED = """
import os, signal, sys
from pathlib import Path
from app.adapters.own_folder import own_folder

with own_folder(Path(sys.argv[1])):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def draft(number: int) -> Draft:
    task = Task(
        repository=Repository(id=5, full_name="octo/cat", installation_id=3),
        number=number,
        title="Broken",
        body="It is broken.",
        requester=Person(id=1, login="ann"),
        asked_at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    return Draft(intent=f"label {number}", task=task, blueprint="fix", blueprint_version=1, start="prepare")


async def admitted(store: PostgresStore, number: int = 7) -> int:
    run_id = (await store.accept(None, draft(number), "why")).run_id
    assert run_id is not None
    return run_id


async def reported(store: PostgresStore, run_id: int) -> None:
    run = await store.load(run_id)
    await store.save(run.model_copy(update={"status": Status.DONE, "is_reported": True}))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("runs", "mirrors", "box/egress"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A repository with one commit."""
    folder = tmp_path / "origin"
    git(folder, "init", "--quiet", str(folder), here=tmp_path)
    commit(folder)
    return folder


def git(folder: Path, *words: str, here: Path | None = None) -> str:
    who = {f"GIT_{role}_{what}": "a@b.test" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **who}
    return subprocess.run(
        ["git", *words], cwd=here or folder, env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "one")
    return git(folder, "rev-parse", "HEAD")


def mirror_of(home: Path, origin: Path) -> Mirror:
    async def remote(_: object) -> Remote:
        return Remote(url=str(origin))

    config = home / "mirrors" / "local.config"
    config.write_text("[safe]\n\tdirectory = *\n")
    return Mirror(home / "mirrors" / "5.git", remote, config)


async def run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0


def folder_of(home: Path, run_id: int) -> Path:
    folder = home / "runs" / str(run_id)
    (folder / "tree" / "src").mkdir(parents=True)
    (folder / "tree" / "src" / "file").write_text("text")
    (folder / "base").write_text("0" * 40)
    return folder


async def test_folders_of_runs_that_are_over_or_unknown_go_and_others_stay(store: PostgresStore, home: Path) -> None:
    alive, over = await admitted(store, 7), await admitted(store, 8)
    kept, ended, unknown = folder_of(home, alive), folder_of(home, over), folder_of(home, 4_000)
    ours = home / "runs" / "notes"
    ours.mkdir()
    await reported(store, over)
    swept = await Sweeps(store, MachineLeftovers(home)).sweep()
    assert swept == [f"the folder of run {over}", "the folder of run 4000"]
    assert (kept.exists(), ended.exists(), unknown.exists(), ours.exists()) == (True, False, False, True)
    assert await Sweeps(store, MachineLeftovers(home)).sweep() == []


async def test_a_run_that_ended_but_was_not_reported_keeps_its_folder(store: PostgresStore, home: Path) -> None:
    run_id = await admitted(store)
    folder = folder_of(home, run_id)
    await store.save((await store.load(run_id)).model_copy(update={"status": Status.FAILED}))
    assert await Sweeps(store, MachineLeftovers(home)).sweep() == []
    assert folder.exists()


class Between:
    """`Leftovers` of a machine on which something happens right after the look at its disk."""

    def __init__(self, real: MachineLeftovers, happens: Callable[[], object]) -> None:
        self._real = real
        self._happens = happens

    async def of_runs(self) -> AbstractSet[int]:
        found = await self._real.of_runs()
        self._happens()
        return found

    async def sweep(self, over: AbstractSet[int]) -> Sequence[str]:
        return await self._real.sweep(over)


async def test_a_run_that_begins_between_the_two_looks_is_not_swept(store: PostgresStore, home: Path) -> None:
    """Even one that has ended again when the store is asked: it was not seen on the disk."""
    one, two = await admitted(store, 7), await admitted(store, 8)
    await reported(store, two)
    machine = Between(MachineLeftovers(home), lambda: [folder_of(home, run_id) for run_id in (one, two)])
    assert await Sweeps(store, machine).sweep() == []
    assert sorted(folder.name for folder in (home / "runs").iterdir()) == sorted([str(one), str(two)])


async def test_runs_that_come_and_go_while_two_workers_sweep_lose_nothing(store: PostgresStore, home: Path) -> None:
    """Each looks at its folder for as long as its run is unfinished; sweeps go on and on beside it."""
    is_over = asyncio.Event()

    async def sweep_on() -> None:
        sweeps = Sweeps(store, MachineLeftovers(home))
        while not is_over.is_set():
            await sweeps.sweep()

    async def live(number: int) -> None:
        run_id = await admitted(store, number)
        folder = await asyncio.to_thread(folder_of, home, run_id)
        for _ in range(3):
            await store.load(run_id)
            assert await asyncio.to_thread((folder / "tree" / "src" / "file").read_text) == "text"
        await reported(store, run_id)

    sweepers = [asyncio.create_task(sweep_on()) for _ in range(2)]
    try:
        await asyncio.gather(*(live(number) for number in range(1, 40)))
    finally:
        is_over.set()
        await asyncio.gather(*sweepers)
    await Sweeps(store, MachineLeftovers(home)).sweep()
    assert list((home / "runs").iterdir()) == []


async def test_one_machine_is_swept_by_one_at_a_time(store: PostgresStore, home: Path) -> None:
    folder = folder_of(home, 4_000)
    with locked_now(home / "sweep.lock"):
        assert await Sweeps(store, MachineLeftovers(home)).sweep() == []
    assert folder.exists()


async def test_pins_of_runs_that_are_over_go_with_their_locks(store: PostgresStore, home: Path, origin: Path) -> None:
    alive, over = await admitted(store, 7), await admitted(store, 8)
    mirror, sha = mirror_of(home, origin), git(origin, "rev-parse", "HEAD")
    for run_id in (alive, over):
        await mirror.provide(sha, run_id)
    (mirror.path / "refs" / "minions" / f"{over}.lock").touch()
    (mirror.path / "objects" / "pack" / "tmp_pack_killed").write_bytes(b"half")
    await reported(store, over)
    assert await Sweeps(store, MachineLeftovers(home)).sweep() == [f"the pin of run {over}"]
    assert [pin.name for pin in (mirror.path / "refs" / "minions").iterdir()] == [str(alive)]
    assert not (mirror.path / "objects" / "pack" / "tmp_pack_killed").exists()


async def test_a_mirror_that_is_being_fetched_is_left_for_later(store: PostgresStore, home: Path, origin: Path) -> None:
    mirror = mirror_of(home, origin)
    await mirror.provide(git(origin, "rev-parse", "HEAD"), 4_000)
    sweeps = Sweeps(store, MachineLeftovers(home))
    with locked_now(home / "mirrors" / "5.lock"):
        assert await sweeps.sweep() == []
    assert await sweeps.sweep() == ["the pin of run 4000"]


def make_old(mirror: Mirror) -> None:
    then = mirror.in_use.stat().st_mtime - UNUSED_S - 1
    os.utime(mirror.in_use, (then, then))


async def test_a_mirror_goes_when_no_run_has_used_it_for_a_month(
    store: PostgresStore, home: Path, origin: Path
) -> None:
    alive = await admitted(store)
    mirror, sha = mirror_of(home, origin), git(origin, "rev-parse", "HEAD")
    sweeps = Sweeps(store, MachineLeftovers(home))
    await mirror.provide(sha, alive)
    make_old(mirror)
    meant = [VectorFile(home, repository, "a model") for repository in (5, 6)]
    for file in meant:
        file.keep({b"piece": [1.0]})
    assert await sweeps.sweep() == [], "a run pins it"
    await mirror.let_go(alive)
    with mirror.in_use.open() as use:
        fcntl.flock(use, fcntl.LOCK_SH)
        assert await sweeps.sweep() == [], "a run takes hold of it just now"
    assert [len(file.known()) for file in meant] == [1, 1]
    assert await sweeps.sweep() == ["the mirror of repository 5"]
    assert [len(file.known()) for file in meant] == [0, 1]
    assert [path.name for path in (home / "mirrors").iterdir() if path.is_dir()] == []
    await mirror.provide(sha, alive)  # and is fetched again
    assert await sweeps.sweep() == []
    assert (mirror.path / "refs" / "minions" / str(alive)).exists()


async def test_runs_take_hold_of_a_mirror_while_it_is_swept_as_unused(
    store: PostgresStore, home: Path, origin: Path
) -> None:
    """Whoever is first: the run has its commit afterwards."""
    mirror, sha = mirror_of(home, origin), git(origin, "rev-parse", "HEAD")
    sweeps = Sweeps(store, MachineLeftovers(home))
    for number in range(1, 9):
        run_id = await admitted(store, number)
        mirror.in_use.touch()
        make_old(mirror)
        await asyncio.gather(sweeps.sweep(), mirror.provide(sha, run_id))
        assert (await mirror.git.ask("cat-file", "-e", f"refs/minions/{run_id}^{{commit}}")).ok
        await mirror.let_go(run_id)
        await reported(store, run_id)


async def test_half_a_mirror_that_was_on_its_way_out_goes(store: PostgresStore, home: Path) -> None:
    (home / "mirrors" / "5.gone" / "objects").mkdir(parents=True)
    await Sweeps(store, MachineLeftovers(home)).sweep()
    assert not (home / "mirrors" / "5.gone").exists()


async def test_many_packs_become_few_and_nothing_is_lost(store: PostgresStore, home: Path, origin: Path) -> None:
    run_id = await admitted(store)
    mirror = mirror_of(home, origin)
    shas = [commit(origin) for _ in range(MOST_PACKS + 1)]
    await mirror.provide(shas[-1], run_id)
    packs = mirror.path / "objects" / "pack"
    for sha in shas:
        await mirror.git.tell("pack-objects", "--quiet", str(packs / "pack"), stdin=f"{sha}\n".encode())
    assert len(list(packs.glob("*.pack"))) > MOST_PACKS
    assert await Sweeps(store, MachineLeftovers(home)).sweep() == []
    assert len(list(packs.glob("*.pack"))) <= MOST_PACKS
    for sha in shas:
        assert (await mirror.git.ask("cat-file", "-e", sha)).ok


async def test_the_folder_of_a_proxy_goes_when_its_server_was_killed(store: PostgresStore, home: Path) -> None:
    egress = home / "box" / "egress"
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, str(egress))
    assert await server.wait() == -9
    with own_folder(egress) as alive:
        assert len(list(egress.iterdir())) == 2
        assert await Sweeps(store, MachineLeftovers(home)).sweep() == ["the folder of a proxy"]
        assert list(egress.iterdir()) == [alive]
    assert list(egress.iterdir()) == []


async def test_a_proxy_that_outlived_its_server_is_ended(store: PostgresStore, home: Path) -> None:
    folder = home / "box" / "egress" / "left"
    folder.mkdir()
    hanging = await asyncio.create_subprocess_exec("sleep", "600", cwd=folder)
    assert await Sweeps(store, MachineLeftovers(home)).sweep() == ["the folder of a proxy"]
    assert await hanging.wait() == -9


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
async def test_what_is_mounted_in_a_folder_is_unmounted_first(store: PostgresStore, home: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("text")
    inside = home / "runs" / "4000" / "files"
    inside.mkdir(parents=True)
    await run("mount", "--bind", str(precious), str(inside))
    assert await Sweeps(store, MachineLeftovers(home)).sweep() == ["the folder of run 4000"]
    assert (precious / "file").read_text() == "text"
    assert not is_mounted(inside)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a file that root cannot delete")
async def test_what_cannot_be_removed_does_not_keep_the_rest(store: PostgresStore, home: Path) -> None:
    stuck = folder_of(home, 4_000)
    folder_of(home, 4_001)
    await run("chattr", "+i", str(stuck / "base"))
    try:
        assert await Sweeps(store, MachineLeftovers(home)).sweep() == ["the folder of run 4001"]
    finally:
        await run("chattr", "-i", str(stuck / "base"))


async def test_a_layer_that_no_tree_lies_over_goes_when_it_is_old(store: PostgresStore, home: Path) -> None:
    run_id = await admitted(store)
    (folder_of(home, run_id) / "lower").write_text("5-new\n")
    for name in ("5-old", "5-new"):
        (home / "layers" / name / "tree").mkdir(parents=True)
        stamp = home / "layers" / f"{name}.used"
        stamp.touch()
        os.utime(stamp, (0, 0))
    assert await Sweeps(store, MachineLeftovers(home)).sweep() == ["the layer 5-old"]
    assert (home / "layers" / "5-new" / "tree").exists()


def test_a_home_that_nobody_works_in_any_more_goes_as_a_whole(home: Path) -> None:
    folder_of(home, 1)
    clear(home)
    assert not home.exists()
