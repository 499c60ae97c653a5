"""What containers promise beyond what every box does (tests/contracts/test_sandbox.py)."""

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.sandbox.box import Show
from app.adapters.sandbox.bubblewrap.seccomp import REFUSED, SOCKETS
from app.adapters.sandbox.containers import seccomp
from app.adapters.sandbox.containers.boxes import ContainerBoxes
from app.adapters.sandbox.containers.engine import Engine, to_its_end
from app.adapters.sandbox.containers.tools import libraries
from app.adapters.sandbox.limits import Limits
from app.adapters.workspace.leftovers import MachineLeftovers
from app.core.errors import SandboxError
from app.core.sandbox import Sandbox
from tests.container_engine import BARE_IMAGE, IMAGE, OTHER_IMAGE, why_no_gvisor

SERVER = """
import asyncio, sys
from pathlib import Path
from app.adapters.sandbox.containers.engine import Engine
from app.adapters.sandbox.containers.boxes import ContainerBoxes

home, host, image, tree = sys.argv[1:]
box = ContainerBoxes(Path(home), image=image, engine=Engine(host)).open(Path(tree))
asyncio.run(box.run("echo begun > gate; exec sleep 9449001"))
"""


@pytest.fixture
def tree(reachable_folder: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=reachable_folder))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def box(container_boxes: ContainerBoxes, tree: Path) -> Sandbox:
    return container_boxes.open(tree)


async def left(engine: Engine, tree: Path) -> int:
    """How many containers of a tree there are."""
    filters = {"label": [f"minions.tree={tree}"]}
    return len(await engine.ask(lambda api: api.containers(all=True, filters=filters)))


class TestImage:
    async def test_brings_its_own_path_and_variables(self, box: Sandbox) -> None:
        result = await box.run("echo $FROM_IMAGE $PATH")
        assert result.output.startswith("yes /repo/.venv/bin:")
        assert result.output.endswith(":/opt/of-the-image/bin:/usr/bin:/opt/minions/bin\n")

    async def test_writes_nowhere_but_in_the_tree_and_in_scratch(self, box: Sandbox) -> None:
        result = await box.run(
            "for f in / /usr/bin /etc /dev /opt/minions/bin /var/tmp /tmp ~ /dev/shm /repo /data; do "
            "touch $f/x 2>/dev/null && echo $f; done; df -k --output=target,size /data /tmp | sort"
        )
        assert result.output.splitlines()[:6] == ["/var/tmp", "/tmp", "/home/minion", "/dev/shm", "/repo", "/data"]  # noqa: S108
        sizes = dict(line.split() for line in result.output.splitlines()[6:] if line.split()[1].isdigit())
        assert sizes == {"/data": "262144", "/tmp": "524288"}  # noqa: S108

    async def test_that_is_not_here_is_told_with_how_to_fetch_it(
        self, container_engine: Engine, reachable_folder: Path, tree: Path
    ) -> None:
        boxes = ContainerBoxes(reachable_folder / "containers", image="no/such:1", engine=container_engine)
        with pytest.raises(
            SandboxError, match=r"The image no/such:1 is not on this machine\. .* docker pull no/such:1"
        ):
            await boxes.open(tree).run("true")
        assert "docker pull no/such:1" in (await boxes.check())[0]

    async def test_without_a_shell_is_told(self, container_engine: Engine, reachable_folder: Path, tree: Path) -> None:
        boxes = ContainerBoxes(reachable_folder / "containers", image=BARE_IMAGE, engine=container_engine)
        with pytest.raises(SandboxError, match="has no /bin/bash"):
            await boxes.open(tree).run("true")
        assert await left(container_engine, tree) == 0

    async def test_is_chosen_by_what_the_base_commit_says(
        self, container_engine: Engine, reachable_folder: Path, tree: Path
    ) -> None:
        async def choose(show: Show) -> str:
            return (await show("image") or b"").decode()

        async def show(path: str) -> bytes:
            return {"image": OTHER_IMAGE.encode()}[path]

        boxes = ContainerBoxes(
            reachable_folder / "containers", image=BARE_IMAGE, engine=container_engine, choose_image=choose
        )
        assert (await boxes.open(tree, show=show).run("true")).ok
        assert await boxes.programs(show) != await boxes.programs()

    async def test_lacks_nothing_that_commands_are_promised(self, box: Sandbox) -> None:
        result = await box.run("type -p uv socat; uv --version && socat -V")
        assert result.output.startswith("/opt/minions/bin/uv\n/opt/minions/bin/socat\nuv ")
        assert result.ok


@pytest.mark.hostile
class TestProtections:
    async def test_nobody_may_anything(self, box: Sandbox) -> None:
        result = await box.run("grep -E '^(Cap...|NoNewPrivs|Seccomp|Uid|Groups):' /proc/self/status; id -un")
        status = dict(line.split(":", 1) for line in result.output.splitlines() if ":" in line)
        assert {status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
        assert (status["NoNewPrivs"].strip(), status["Seccomp"].strip()) == ("1", "2")
        assert "0" not in status["Uid"].split()
        assert status["Groups"].split() in ([], ["310000"])
        assert result.output.endswith("\nminion\n")

    async def test_sees_nothing_of_the_host(self, box: Sandbox) -> None:
        result = await box.run(
            "hostname; cat /etc/resolv.conf; ls -A /sys; cat /proc/net/dev; ls -d /var/run/docker.sock; env"
        )
        assert result.output.splitlines()[0] == "minion"
        assert [line for line in result.output.splitlines() if line.startswith("nameserver")] == [
            "nameserver 127.0.0.1"
        ]
        assert [line.split(":")[0].strip() for line in result.output.splitlines() if line.endswith(" 0")] == ["lo"]
        assert "docker.sock': No such file" in result.output
        assert not [name for name in os.environ if name.startswith("MINIONS_") and name in result.output]

    async def test_calls_of_the_list_are_refused(self, box: Sandbox) -> None:
        script = (
            "import ctypes, os\n"
            "call = ctypes.CDLL(None, use_errno=True).syscall\n"
            "for name, number in dict(keyctl=250, unshare=272, io_uring_setup=425, bpf=321, userfaultfd=323,\n"
            "                         ptrace=101, mount=165, personality=135, clone3=435).items():\n"
            "    print(name, call(number, 8, 0, 0, 0, 0), os.strerror(ctypes.get_errno()))\n"
        )
        if os.uname().machine != "x86_64":
            pytest.skip("numbers of system calls are those of x86_64")
        lines = (await box.run("python3 -", stdin=script.encode())).output.splitlines()
        assert len(lines) == 9
        assert {line.partition(" ")[2] for line in lines[:-1]} == {"-1 Operation not permitted"}
        assert lines[-1] == "clone3 -1 Function not implemented"

    async def test_only_ordinary_sockets_can_be_made(self, box: Sandbox) -> None:
        script = (
            "import socket\nfor family in range(46):\n    try: socket.socket(family, socket.SOCK_DGRAM).close()\n"
            "    except OSError as error: print(family, error.errno)\n    else: print(family, 'made')\n"
        )
        lines = (await box.run("python3 -", stdin=script.encode())).output.splitlines()
        assert {line for line in lines if not line.endswith(" 1")} == {f"{family} made" for family in SOCKETS}

    async def test_too_much_memory_is_told(self, container_engine: Engine, reachable_folder: Path, tree: Path) -> None:
        limits = Limits(memory_bytes=128 * 1024**2, processes=40)
        boxes = ContainerBoxes(reachable_folder / "containers", image=IMAGE, engine=container_engine, limits=limits)
        result = await boxes.open(tree).run("echo begun; exec python3 -c 'b = bytearray(500 << 20)'")
        assert result.exit_code == 137
        assert result.output == "begun\nKilled: the command used more than 0.125 GiB of memory.\n"
        bomb = await boxes.open(tree).run("for i in {1..60}; do sleep 3 & done; wait", timeout_s=20)
        assert "Resource temporarily unavailable" in bomb.output


class TestFilter:
    def test_allows_nothing_that_the_other_box_refuses(self) -> None:
        rules = json.loads(seccomp.profile())
        allowed = {name for rule in rules["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW" for name in rule["names"]}
        assert rules["defaultAction"] == "SCMP_ACT_ERRNO"
        assert allowed & {*REFUSED, *seccomp.ALSO_REFUSED, "clone3"} == set()
        assert allowed >= {
            "execve",
            "openat",
            "futex",
            "mmap",
            "wait4",
            "statx",
            "clone",
            "ioctl",
            "socket",
            "fork",
        } - (set() if os.uname().machine == "x86_64" else {"fork"})


class TestLeftovers:
    @pytest.fixture
    async def killed(self, container_engine: Engine, reachable_folder: Path, tree: Path) -> Path:
        """The home of a server that was killed while a container was at work in `tree`."""
        home = Path(tempfile.mkdtemp(dir=reachable_folder))
        os.mkfifo(tree / "gate")
        server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SERVER, str(home), container_engine.host, IMAGE, str(tree)),
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])},
        )
        assert await asyncio.to_thread((tree / "gate").read_bytes) == b"begun\n"
        server.send_signal(signal.SIGKILL)
        await server.wait()
        return home

    @pytest.mark.crash
    async def test_end_with_the_tree(self, container_engine: Engine, killed: Path, tree: Path) -> None:
        assert await left(container_engine, tree) == 1
        await ContainerBoxes(killed, image=IMAGE, engine=container_engine).end_leftovers(tree)
        assert await left(container_engine, tree) == 0

    @pytest.mark.crash
    async def test_end_at_the_next_start_and_what_lives_goes_on(
        self, container_engine: Engine, killed: Path, tree: Path, reachable_folder: Path
    ) -> None:
        another = Path(tempfile.mkdtemp(dir=reachable_folder))
        os.mkfifo(another / "gate")
        living = ContainerBoxes(killed, image=IMAGE, engine=container_engine)
        working = asyncio.create_task(living.open(another).run("echo begun > gate; cat gate; echo through"))
        assert await asyncio.to_thread((another / "gate").read_bytes) == b"begun\n"
        assert await ContainerBoxes(killed, image=IMAGE, engine=container_engine).check() == []
        assert await left(container_engine, tree) == 0
        await asyncio.to_thread((another / "gate").write_bytes, b"go on\n")
        assert (await working).output == "go on\nthrough\n"

    @pytest.mark.crash
    async def test_end_with_the_next_sweep_of_whoever_lives_on_the_machine(
        self, container_engine: Engine, killed: Path, tree: Path
    ) -> None:
        lives = ContainerBoxes(killed, image=IMAGE, engine=container_engine)
        leftovers = MachineLeftovers(killed, lives.end_ownerless)
        assert await leftovers.sweep(frozenset()) == ["a container of a killed server"]
        assert await left(container_engine, tree) == 0
        assert await leftovers.sweep(frozenset()) == []

    async def test_a_sweep_leaves_what_is_at_work(
        self, container_engine: Engine, reachable_folder: Path, tree: Path
    ) -> None:
        home = Path(tempfile.mkdtemp(dir=reachable_folder))
        os.mkfifo(tree / "gate")
        boxes = ContainerBoxes(home, image=IMAGE, engine=container_engine)
        working = asyncio.create_task(boxes.open(tree).run("echo begun > gate; cat gate; echo through"))
        assert await asyncio.to_thread((tree / "gate").read_bytes) == b"begun\n"
        assert await MachineLeftovers(home, boxes.end_ownerless).sweep(frozenset()) == []
        await asyncio.to_thread((tree / "gate").write_bytes, b"go on\n")
        assert (await working).output == "go on\nthrough\n"


class TestEngine:
    async def test_that_is_away_leaves_the_rest_of_a_sweep_to_be_done(self, reachable_folder: Path) -> None:
        home = Path(tempfile.mkdtemp(dir=reachable_folder))
        (home / "runs/7").mkdir(parents=True)
        boxes = ContainerBoxes(home, image=IMAGE, engine=Engine(f"unix://{reachable_folder}/nobody"))
        assert await MachineLeftovers(home, boxes.end_ownerless).sweep({7}) == ["the folder of run 7"]

    async def test_that_is_not_there_is_told_with_what_to_do(self, reachable_folder: Path, tree: Path) -> None:
        boxes = ContainerBoxes(
            reachable_folder / "containers", image=IMAGE, engine=Engine(f"unix://{reachable_folder}/nobody")
        )
        with pytest.raises(SandboxError, match=r"No container engine answers at unix:///.*/nobody: install one"):
            await boxes.open(tree).run("true")
        assert (await boxes.check())[0].startswith("No container engine answers")
        assert await boxes.kind() == "containers"

    async def test_must_be_on_this_machine(self) -> None:
        with pytest.raises(SandboxError, match="must be on this machine"):
            await Engine("tcp://192.0.2.1:2375").describe()

    async def test_says_which_runtimes_it_has(self, container_engine: Engine, reachable_folder: Path) -> None:
        boxes = ContainerBoxes(reachable_folder / "containers", image=IMAGE, engine=container_engine, runtime="no-such")
        [sentence] = await boxes.check()
        assert "has no runtime 'no-such'" in sentence
        assert "runc" in sentence

    async def test_no_image_is_told_before_anything_runs(self, reachable_folder: Path) -> None:
        [sentence] = await ContainerBoxes(reachable_folder / "containers", image="").check()
        assert sentence.startswith("Set MINIONS_CONTAINER_IMAGE")

    async def test_says_what_it_is(self, container_boxes: ContainerBoxes) -> None:
        assert await container_boxes.check() == []
        assert (await container_boxes.kind()).startswith(f"containers of {IMAGE} by engine ")

    async def test_what_must_not_be_left_half_done_is_not(self) -> None:
        begun, go_on, done = asyncio.Event(), asyncio.Event(), []

        async def work() -> None:
            begun.set()
            await go_on.wait()
            done.append("done")

        task = asyncio.create_task(to_its_end(work()))
        await begun.wait()
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert done == ["done"]


class TestGVisor:
    """The same boxes in a kernel of their own."""

    @pytest.fixture
    def box(self, container_engine: Engine, reachable_folder: Path, tree: Path) -> Sandbox:
        if reason := why_no_gvisor():
            pytest.skip(reason)
        home = reachable_folder / "containers"
        return ContainerBoxes(home, image=IMAGE, engine=container_engine, runtime="runsc").open(tree)

    async def test_runs_commands_as_every_box_does(self, box: Sandbox, tree: Path) -> None:
        result = await box.run("cat; echo two >&2; echo three > left; uname -r; exit 3", stdin=b"one\n")
        assert (result.output.splitlines()[:2], result.exit_code) == (["one", "two"], 3)
        assert result.output.splitlines()[2] != os.uname().release
        assert (tree / "left").read_text() == "three\n"

    async def test_ends_with_its_time(self, box: Sandbox) -> None:
        result = await box.run("(setsid sleep 9559001 &); echo begun; sleep 9559002", timeout_s=3)
        assert (result.exit_code, result.timed_out) == (124, True)

    async def test_installs_through_the_proxy_only(self, box: Sandbox) -> None:
        fetch = "python3 -c 'import urllib.request as web; web.urlopen(\"https://example.org\")'"
        [result] = await box.set_up([fetch])
        assert "refused: example.org:443" in result.output


def test_a_program_names_what_it_needs() -> None:
    names = [path.name for path in libraries(Path("/bin/bash"))]
    assert any(name.startswith("libc.") for name in names)
    assert any(name.startswith("ld-") for name in names)
