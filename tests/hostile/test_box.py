"""What a hostile repository tries from inside the box, and what it gets."""

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.sandbox.box import Box
from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.sandbox.limits import Limits

pytestmark = pytest.mark.hostile


@pytest.fixture(scope="module")
def boxes(reachable_folder: Path) -> BubblewrapBoxes:
    return BubblewrapBoxes(reachable_folder / "sandbox", limits=Limits(processes=128, file_bytes=64 * 1024 * 1024))


@pytest.fixture
def box(boxes: BubblewrapBoxes, reachable_folder: Path) -> Iterator[Box]:
    tree = Path(tempfile.mkdtemp(dir=reachable_folder))
    yield boxes.open(tree)
    shutil.rmtree(tree)


def exists(path: str) -> bool:
    return Path(path).exists()


def core_pattern() -> str:
    return Path("/proc/sys/kernel/core_pattern").read_text()


async def python(box: Box, program: str) -> str:
    """What a Python program says in the box."""
    result = await box.run("/usr/bin/python3 -", stdin=program.encode(), timeout_s=60)
    return result.output.strip()


class TestHost:
    @pytest.mark.parametrize(
        "path",
        ["/etc/shadow", "/root", "/home/minion/.ssh", "/var", "/srv", "/etc/hostname", "/proc/1/root/etc/shadow"],
    )
    async def test_files_of_the_machine_are_not_there(self, box: Box, path: str) -> None:
        result = await box.run(f"cat {path}; ls -A {path} | grep -v '^tmp$'")
        assert not result.ok
        assert "root:x:" not in result.output
        assert "root:$" not in result.output

    async def test_users_of_the_machine_are_not_listed(self, box: Box) -> None:
        assert (await box.run("cut -d: -f1 /etc/passwd")).output == "root\nminion\n"

    async def test_environment_of_the_server_is_not_there(self, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SECRET_OF_THE_SERVER", "abc-hidden-123")
        result = await box.run("env; cat /proc/*/environ | tr '\\0' '\\n'")
        assert "PATH=" in result.output
        assert "abc-hidden-123" not in result.output
        assert (await box.run("cat /proc/1/environ")).output == ""

    async def test_descriptors_of_the_server_are_not_inherited(self, box: Box, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("abc-hidden-456")
        with (tmp_path / "secret").open() as secret:
            os.set_inheritable(secret.fileno(), True)
            result = await box.run("for fd in /proc/self/fd/*; do readlink $fd; done; cat <&" + str(secret.fileno()))
        assert "abc-hidden-456" not in result.output
        assert str(tmp_path) not in result.output

    async def test_only_its_own_processes_are_seen(self, box: Box) -> None:
        found = (await box.run("ls /proc | grep -c '^[0-9]*$'")).output
        assert int(found) <= 5

    @pytest.mark.parametrize(
        "path", ["/usr/bin/evil", "/etc/evil", "/evil", "/dev/evil", "/opt/minions/bin/evil", "/run/evil", "/proc/evil"]
    )
    async def test_writes_only_in_its_own_places(self, box: Box, path: str) -> None:
        assert not (await box.run(f"echo x > {path}")).ok
        assert not exists(path)

    async def test_kernel_settings_are_not_writable(self, box: Box) -> None:
        before = core_pattern()
        result = await box.run("echo '|/tmp/evil' > /proc/sys/kernel/core_pattern")
        assert not result.ok
        assert core_pattern() == before

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
    async def test_is_not_root_outside(self, box: Box) -> None:
        await box.run("touch mine")
        tree = box._mounts.writable["/repo"]
        assert 310_000 < (tree / "mine").stat().st_uid < 320_000


class TestNetwork:
    async def test_loopback_of_the_machine_is_another_one(self, box: Box) -> None:
        with socket.create_server(("127.0.0.1", 0)) as canary:
            port = canary.getsockname()[1]
            result = await box.run(f"exec 3<>/dev/tcp/127.0.0.1/{port}")
            assert not result.ok
            canary.settimeout(0)
            with pytest.raises(BlockingIOError):
                canary.accept()

    async def test_abstract_sockets_of_the_machine_are_not_there(self, box: Box) -> None:
        with socket.socket(socket.AF_UNIX) as canary:
            canary.bind(f"\0minions-canary-{os.getpid()}")
            canary.listen()
            said = await python(
                box, f"import socket; socket.socket(socket.AF_UNIX).connect('\\0minions-canary-{os.getpid()}')"
            )
        assert "ConnectionRefusedError" in said

    async def test_there_is_no_way_out(self, box: Box) -> None:
        assert "unreachable" in (await box.run("exec 3<>/dev/tcp/192.0.2.1/443")).output.lower()

    @pytest.mark.parametrize("family", [3, 17, 38, 40, 44])
    async def test_unusual_sockets_are_refused(self, box: Box, family: int) -> None:
        assert "PermissionError" in await python(box, f"import socket; socket.socket({family}, socket.SOCK_STREAM)")

    async def test_ordinary_sockets_work(self, box: Box) -> None:
        program = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print(socket.create_connection(server.getsockname()) and "ok")
"""
        assert await python(box, program) == "ok"


SYSCALLS = {"add_key": 248, "request_key": 249, "keyctl": 250, "bpf": 321, "userfaultfd": 323, "io_uring_setup": 425}


class TestKernel:
    @pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86_64")
    @pytest.mark.parametrize("name", sorted(SYSCALLS))
    async def test_system_calls_that_reach_past_the_box_are_refused(self, box: Box, name: str) -> None:
        program = f"""
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
print(libc.syscall({SYSCALLS[name]}, 0, 0, 0, 0, 0), errno.errorcode[ctypes.get_errno()])
"""
        assert await python(box, program) == "-1 EPERM"

    @pytest.mark.parametrize(
        "command", ["unshare -Ur true", "unshare -n true", "mount -t tmpfs x /tmp", "chroot / true"]
    )
    async def test_no_namespaces_and_no_mounts(self, box: Box, command: str) -> None:
        assert not (await box.run(command)).ok

    async def test_has_no_capability_and_gets_none(self, box: Box) -> None:
        said = (await box.run("grep -E '^(Cap(Eff|Prm|Bnd)|NoNewPrivs|Seccomp):' /proc/self/status")).output
        assert said.split() == [
            *("CapPrm:", "0" * 16, "CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1", "Seccomp:", "2")
        ]

    async def test_no_device_nodes(self, box: Box) -> None:
        assert not (await box.run("mknod disk b 254 0")).ok
        assert not (await box.run("ls /dev/vda /dev/sda /dev/kvm /dev/vsock")).ok


class TestResources:
    async def test_a_fork_bomb_ends_at_its_limit_and_leaves_nothing(self, box: Box) -> None:
        program = """
import os, time
count = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        count += 1
except BlockingIOError:
    print(count)
"""
        assert 50 < int(await python(box, program)) <= 128
        assert (await box.run("true")).ok

    async def test_limits_cannot_be_raised(self, box: Box) -> None:
        assert not (await box.run("ulimit -Hu 100000")).ok
        assert not (await box.run("ulimit -Hv unlimited")).ok

    async def test_a_crash_starts_no_program_of_the_machine(self, box: Box) -> None:
        """Linux passes a dump on to the program that it is told to, whatever the limit is, unless that is one byte."""
        assert await python(box, "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))") == "(1, 1)"

    async def test_memory_ends(self, box: Box) -> None:
        assert "MemoryError" in await python(box, "x = bytearray(9 * 1024**3)")

    @pytest.mark.parametrize("place", ["/tmp", "/dev/shm", "~"])
    async def test_scratch_room_ends(self, box: Box, place: str) -> None:
        command = f"cd {place}; for i in $(seq 20); do head -c 50000000 /dev/zero > f$i || exit 5; done"
        result = await box.run(command)
        assert result.exit_code == 5
        assert "No space left on device" in result.output

    async def test_one_file_ends(self, box: Box) -> None:
        assert (await box.run("head -c 100000000 /dev/zero > big")).exit_code != 0

    @pytest.mark.skipif(os.geteuid() != 0, reason="boxes of one ordinary user share its processes")
    async def test_one_box_does_not_starve_another(self, boxes: BubblewrapBoxes, reachable_folder: Path) -> None:
        trees = [Path(tempfile.mkdtemp(dir=reachable_folder)) for _ in range(2)]
        os.mkfifo(trees[0] / "full")
        crowd = "for i in $(seq 110); do sleep 20 & done; echo yes > full; sleep 20"
        crowded = asyncio.create_task(boxes.open(trees[0]).run(crowd))
        assert await asyncio.to_thread((trees[0] / "full").read_text) == "yes\n"
        result = await boxes.open(trees[1]).run("for i in $(seq 110); do sleep 0.2 & done; wait; echo all")
        assert result.output == "all\n"
        crowded.cancel()
        with pytest.raises(asyncio.CancelledError):
            await crowded
        for tree in trees:
            shutil.rmtree(tree)
