"""What a command may use of the machine, with all the processes that it starts."""

import asyncio
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.adapters.sandbox.box import Box
from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.sandbox.bubblewrap.cgroups import CONTROLLERS, PREFIX, Group, Groups, Place, find
from app.adapters.sandbox.bubblewrap.process import run_box
from app.adapters.sandbox.bubblewrap.seccomp import profile
from app.adapters.sandbox.leftovers import end_leftovers
from app.adapters.sandbox.limits import Limits
from app.core.errors import SandboxError

pytestmark = pytest.mark.hostile

MIB = 1024**2
PLACE = find()
grouped = pytest.mark.skipif(bool(PLACE.lacking), reason=f"no control groups here for {', '.join(PLACE.lacking)}")
rooted = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")


@pytest.fixture
def tree(reachable_folder: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=reachable_folder))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def box(reachable_folder: Path, tree: Path) -> Box:
    limits = Limits(memory_bytes=200 * MIB, processes=40, cpus=0.5)
    return BubblewrapBoxes(reachable_folder / "sandbox", limits=limits).open(tree)


def groups_of_this_process() -> list[Path]:
    name = Groups(PLACE)._owner
    return [folder for parent in set(PLACE.folders.values()) for folder in parent.glob(f"{name}-*")]


@grouped
class TestMemory:
    async def test_one_process_with_too_much_is_killed_and_it_is_told(self, box: Box) -> None:
        result = await box.run("echo begun; /usr/bin/python3 -c 'x = bytearray(300 * 1024**2)'")
        assert result.exit_code == 137
        assert result.output.startswith("begun\n")
        assert result.output.endswith("\nKilled: the command used more than 0.195 GiB of memory.\n")

    async def test_many_processes_share_it(self, box: Box) -> None:
        each = "/usr/bin/python3 -c 'x = bytearray(90 * 1024**2); input()' < hold &"
        result = await box.run(f"mkfifo hold; exec 3<>hold; for i in 1 2 3 4; do {each} done; wait -n; exit 0")
        assert result.exit_code == 137
        assert result.output.splitlines()[-1].startswith("Killed: the command used more")

    async def test_what_lies_in_tmp_counts(self, box: Box) -> None:
        assert (await box.run("head -c 300000000 /dev/zero > /tmp/big")).exit_code == 137

    async def test_a_command_within_it_is_left_alone(self, box: Box) -> None:
        result = await box.run("/usr/bin/python3 -c 'x = bytearray(100 * 1024**2); print(len(x))'")
        assert (result.exit_code, result.output) == (0, "104857600\n")

    async def test_another_box_does_not_feel_it(self, box: Box, reachable_folder: Path) -> None:
        other = Path(tempfile.mkdtemp(dir=reachable_folder))
        quiet = BubblewrapBoxes(reachable_folder / "sandbox").open(other)
        bomb = "/usr/bin/python3 -c 'x = bytearray(300 * 1024**2)'"
        fine = "/usr/bin/python3 -c 'x = bytearray(300 * 1024**2); print(1)'"
        results = await asyncio.gather(box.run(bomb), quiet.run(fine))
        assert [result.exit_code for result in results] == [137, 0]
        shutil.rmtree(other)


@grouped
class TestProcesses:
    async def test_a_fork_bomb_is_told(self, box: Box) -> None:
        program = "import os, time\nwhile True:\n    if os.fork() == 0: time.sleep(100)\n"
        result = await box.run("/usr/bin/python3 -", stdin=program.encode())
        assert result.exit_code == 1
        assert "BlockingIOError" in result.output
        assert result.output.endswith("The command wanted more than 40 processes and threads at one time.\n")

    async def test_who_does_well_without_is_told_nothing(self, box: Box) -> None:
        program = """
import os, time
try:
    while True:
        if os.fork() == 0:
            time.sleep(100)
except BlockingIOError:
    print("ok")
"""
        result = await box.run("/usr/bin/python3 -", stdin=program.encode())
        assert (result.exit_code, result.output) == (0, "ok\n")


@grouped
async def test_processors_are_rationed(box: Box, tree: Path) -> None:
    """What the kernel was told; whether it throttles depends on who else is at work on the machine."""
    os.mkfifo(tree / "up")
    running = asyncio.create_task(box.run("echo yes > up; sleep 100"))
    assert await asyncio.to_thread((tree / "up").read_text) == "yes\n"
    told = {path.name: path.read_text().split() for folder in groups_of_this_process() for path in folder.glob("cpu.*")}
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    quota = told["cpu.max"] if "cpu.max" in told else told["cpu.cfs_quota_us"] + told["cpu.cfs_period_us"]
    assert quota == ["50000", "100000"]


@grouped
class TestGroups:
    @pytest.mark.parametrize("command", ["true", "exit 3", "(setsid sleep 100 &)", "kill -9 -1"])
    async def test_are_gone_with_their_command(self, box: Box, command: str) -> None:
        await box.run(command)
        assert groups_of_this_process() == []

    async def test_are_gone_after_a_time_out(self, box: Box) -> None:
        assert (await box.run("sleep 100", timeout_s=0.5)).timed_out
        assert groups_of_this_process() == []

    async def test_are_gone_after_a_box_that_cannot_be_built(self, reachable_folder: Path, tree: Path) -> None:
        boxes = BubblewrapBoxes(reachable_folder / "sandbox")
        box = boxes.open(tree, cache=tree / "gone")
        with pytest.raises((SandboxError, FileNotFoundError)):
            await box.run("true")
        assert groups_of_this_process() == []

    async def test_hold_two_commands_of_one_box_apart(self, box: Box, tree: Path) -> None:
        os.mkfifo(tree / "up")
        first = asyncio.create_task(box.run("echo yes > up; sleep 100"))
        assert await asyncio.to_thread((tree / "up").read_text) == "yes\n"
        assert (await box.run("/usr/bin/python3 -c 'x = bytearray(300 * 1024**2)'")).exit_code == 137
        assert not first.done()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert groups_of_this_process() == []

    async def test_a_box_that_cannot_be_moved_into_its_group_starts_no_command(self, tree: Path) -> None:
        gone = Group({"memory": tree / "gone"}, memory_bytes=64 * MIB, processes=20, cpus=1)
        script = f"echo started > {tree}/started"

        def arguments(seccomp: int, status: int, gate: int) -> list[str]:
            bwrap = ["bwrap", "--bind", "/", "/", "--json-status-fd", str(status), "--block-fd", str(gate)]
            return [*bwrap, "--seccomp", str(seccomp), "--", "/bin/sh", "-c", script]

        with pytest.raises(SandboxError, match="cannot be moved into its control group"):
            await run_box(arguments, filter_=profile(), stdin=b"", keep=1000, timeout_s=20, group=gone)
        assert not (tree / "started").exists()

    def test_closing_kills_what_is_left(self) -> None:
        """Also what forks all the time."""
        group = Groups(PLACE).make(memory_bytes=64 * MIB, processes=20, cpus=1)
        bomb = "while :; do (sleep 100 &); done 2>/dev/null"
        with started_in(group, f"echo up; {bomb}") as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            asyncio.run(group.close())
            assert process.stdout.read() == ""  # nobody holds the other side any more
        assert groups_of_this_process() == []


async def test_nothing_is_left_when_a_box_without_a_group_has_ended(reachable_folder: Path, tree: Path) -> None:
    """Of what is killed, the last is gone after bwrap outside: with a hundred processes, some milliseconds later."""
    boxes = BubblewrapBoxes(reachable_folder / "sandbox")
    boxes._made = (*(await boxes._parts())[:2], Groups(Place(version=2)))
    many = "for i in $(seq 100); do setsid sleep 300 >/dev/null 2>&1 & done; sleep 0.3"
    for _ in range(5):
        assert (await boxes.open(tree).run(many)).exit_code == 0
        assert end_leftovers(tree) == 0


@contextmanager
def started_in(group: Group, script: str) -> Iterator[subprocess.Popen[str]]:
    """A shell that begins with its script when it is in the group."""
    words = ["/bin/sh", "-c", f"read go; {script}"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        group.take(process.pid)
        process.stdin.write("go\n")
        process.stdin.flush()
        yield process


def unified() -> Path | None:
    """A hierarchy of version 2 that this process may write to, whatever its controllers are."""
    lines = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    points = [Path(words[1]) for words in lines if words[2] == "cgroup2"]
    return next((point for point in points if os.access(point / "cgroup.procs", os.W_OK)), None)


@pytest.mark.skipif(unified() is None, reason="no control groups of version 2 that could be written to")
def test_groups_of_version_2_are_entered_and_ended_as_well() -> None:
    """Also on a machine whose limits are those of version 1."""
    point = unified()
    assert point
    groups = Groups(Place(2, dict.fromkeys(CONTROLLERS, point)))
    group = groups.make(memory_bytes=64 * MIB, processes=20, cpus=1)
    bomb = "for i in 1 2 3; do (setsid sleep 100 &); done; cat /proc/self/cgroup; echo up; sleep 100"
    with started_in(group, bomb) as process:
        assert process.stdout is not None
        said = list(iter(process.stdout.readline, "up\n"))
        assert any(line.startswith("0::") and f"/{PREFIX}" in line for line in said)
        asyncio.run(group.close())
        assert process.stdout.read() == ""
    assert not list(point.glob(f"{groups._owner}-*"))


LEAVE = """
import subprocess, sys
from app.adapters.sandbox.bubblewrap.cgroups import Groups, find
group = Groups(find()).make(memory_bytes=64 * 1024**2, processes=20, cpus=1)
left = subprocess.Popen(["/bin/sh", "-c", "read go; echo up; exec sleep 300"], stdin=subprocess.PIPE)
group.take(left.pid)
left.stdin.write(b"go\\n")
left.stdin.flush()
sys.stdin.read()
"""


@grouped
@pytest.mark.crash
class TestSweep:
    def test_ends_what_a_killed_server_left_and_nothing_of_one_that_lives(self) -> None:
        pipe = subprocess.PIPE
        with (
            subprocess.Popen([sys.executable, "-c", LEAVE], stdin=pipe, stdout=pipe) as dead,
            subprocess.Popen([sys.executable, "-c", LEAVE], stdin=pipe, stdout=pipe) as alive,
        ):
            assert dead.stdout
            assert alive.stdout
            assert dead.stdout.readline() == alive.stdout.readline() == b"up\n"
            dead.kill()
            dead.wait()
            assert Groups(PLACE).sweep() >= 1
            assert dead.stdout.read() == b""
            names = {folder.name for parent in PLACE.folders.values() for folder in parent.glob(f"{PREFIX}*")}
            assert not [name for name in names if f"-{dead.pid}-" in name]
            assert [name for name in names if f"-{alive.pid}-" in name]
            alive.kill()
            alive.wait()
            Groups(PLACE).sweep()
            assert alive.stdout.read() == b""

    def test_leaves_the_groups_of_others_alone(self) -> None:
        parent = next(iter(PLACE.folders.values()))
        foreign = [parent / f"{PREFIX}1-{os.getpid()}-1-1", parent / f"{PREFIX}server-x"]
        for folder in foreign:
            folder.mkdir()
        Groups(PLACE).sweep()
        for folder in foreign:
            folder.rmdir()

    async def test_the_check_of_this_machine_does_it(self, reachable_folder: Path) -> None:
        pipe = asyncio.subprocess.PIPE
        dead = await asyncio.create_subprocess_exec(sys.executable, "-c", LEAVE, stdin=pipe, stdout=pipe)
        assert dead.stdout
        assert await dead.stdout.readline() == b"up\n"
        dead.kill()
        assert await BubblewrapBoxes(reachable_folder / "sandbox").check() == []
        assert await dead.stdout.read() == b""
        await dead.wait()


@rooted
class TestDisk:
    @pytest.fixture
    def disk(self, reachable_folder: Path) -> Iterator[Path]:
        """One of 64 MiB."""
        folder = Path(tempfile.mkdtemp(dir=reachable_folder))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=711", "minions-test", folder], check=True)
        yield folder
        subprocess.run(["umount", folder], check=True)

    async def test_a_command_that_fills_it_is_ended_and_told_why(self, disk: Path) -> None:
        (disk / "tree").mkdir()
        box = BubblewrapBoxes(disk / "home", reserve_bytes=8 * MIB).open(disk / "tree")
        result = await box.run("head -c 60000000 /dev/zero > big; sleep 100")
        assert result.exit_code == 137
        assert not result.timed_out
        assert result.output.endswith("Killed: the disk of the server is nearly full, less than 8 MiB are free.\n")

    async def test_no_command_starts_on_a_full_one(self, disk: Path) -> None:
        (disk / "tree").mkdir()
        boxes = BubblewrapBoxes(disk / "home", reserve_bytes=128 * MIB)
        with pytest.raises(SandboxError, match=r"nearly full: less than 128 MiB are free for .*MINIONS_HOME"):
            await boxes.open(disk / "tree").run("true")
        assert "nearly full" in (await boxes.check())[0]


def test_a_limit_of_the_server_that_is_lower_stays() -> None:
    own = {resource.RLIMIT_NOFILE: 1_024, resource.RLIMIT_CORE: 0}
    arguments = Limits(processes=40).arguments(own=lambda number: own.get(number, resource.RLIM_INFINITY))
    assert {"--nofile=1024", "--core=0", "--nproc=40"} <= set(arguments)


async def test_a_server_that_leaves_no_dumps_has_boxes(reachable_folder: Path, tree: Path) -> None:
    """As a service, or a container, whose limit for them is 0: an ordinary user cannot raise it."""
    asked = f"""
import asyncio, resource
from pathlib import Path
from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes

resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
box = BubblewrapBoxes(Path({str(reachable_folder / "sandbox")!r})).open(Path({str(tree)!r}))
print(asyncio.run(box.run("ulimit -Hc")).output, end="")
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", asked, stdout=asyncio.subprocess.PIPE)
    assert (await process.communicate())[0] == b"0\n"
