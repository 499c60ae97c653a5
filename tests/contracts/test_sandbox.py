"""What every box promises: commands run, end, and leave nothing behind."""

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.core.errors import SandboxError
from app.core.sandbox import Sandbox
from tests.registries import reach_from_here

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module", params=["bubblewrap", "containers"])
def boxes(request: pytest.FixtureRequest, reachable_folder: Path) -> BubblewrapBoxes:
    if request.param == "containers":
        boxes: BubblewrapBoxes = request.getfixturevalue("container_boxes")
        return boxes
    return BubblewrapBoxes(reachable_folder / "sandbox", reach=reach_from_here())


@pytest.fixture
def tree(reachable_folder: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=reachable_folder))
    (folder / "here.txt").write_text("in the tree\n")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def box(boxes: BubblewrapBoxes, tree: Path) -> Sandbox:
    return boxes.open(tree)


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


@pytest.fixture
def forever() -> str:
    """A number of seconds that no other process of the machine sleeps for."""
    return f"9{secrets.randbelow(10**8):08}"


def running_with(word: str) -> list[int]:
    """Processes of this machine with `word` in their arguments."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                arguments = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if word.encode() in arguments:
                found.append(int(folder.name))
    return found


def dead_children() -> list[str]:
    """Zombies among the processes whose parent is this one or the first of the machine."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                _, _, rest = (folder / "stat").read_text().rpartition(") ")
            except OSError:
                continue
            state, parent, *_ = rest.split()
            if state == "Z" and int(parent) == os.getpid():
                found.append(folder.name)
    return found


class TestCommands:
    async def test_runs_in_the_tree_and_answers_with_output_and_exit_code(self, box: Sandbox) -> None:
        result = await box.run("cat here.txt; exit 3")
        assert (result.output, result.exit_code, result.ok) == ("in the tree\n", 3, False)

    async def test_keeps_the_order_of_output_and_errors(self, box: Sandbox) -> None:
        result = await box.run("echo one; echo two >&2; echo three")
        assert result.output == "one\ntwo\nthree\n"

    async def test_what_it_changes_stays_for_the_next_command(self, box: Sandbox) -> None:
        await box.run("echo more >> here.txt")
        assert (await box.run("cat here.txt")).output == "in the tree\nmore\n"

    async def test_reads_what_it_is_given_and_nothing_otherwise(self, box: Sandbox) -> None:
        assert (await box.run("cat", stdin=b"x" * 300_000)).left_out_bytes == 300_000 - 65_536
        assert (await box.run("cat")).output == ""
        assert (await box.run("true", stdin=b"x" * 300_000)).ok

    async def test_bytes_that_are_no_text_are_replaced(self, box: Sandbox) -> None:
        assert (await box.run(r"printf 'caf\351'")).output == "caf\ufffd"

    async def test_a_killed_command_answers_with_128_and_the_signal(self, box: Sandbox) -> None:
        assert (await box.run("kill -9 $$")).exit_code == 137

    async def test_a_command_that_is_not_there_is_a_result(self, box: Sandbox) -> None:
        result = await box.run("no-such-program")
        assert result.exit_code == 127
        assert "no-such-program" in result.output

    @pytest.mark.parametrize("command", ["echo \0", "echo \ud800", "echo " + "x" * 200_000])
    async def test_a_command_that_no_shell_can_take_is_a_result_with_a_reason(self, box: Sandbox, command: str) -> None:
        result = await box.run(command)
        assert result.exit_code == 126
        assert result.output.startswith("The command ")

    async def test_many_at_once_do_not_meet(self, boxes: BubblewrapBoxes, reachable_folder: Path) -> None:
        trees = [Path(tempfile.mkdtemp(dir=reachable_folder)) for _ in range(6)]
        results = await asyncio.gather(
            *(
                boxes.open(tree).run(f"echo {number} > n; sleep 0.1; cat n; ps ax | wc -l")
                for number, tree in enumerate(trees)
            )
        )
        assert [result.output.split()[0] for result in results] == [str(number) for number in range(6)]
        assert all(result.ok for result in results)
        for tree in trees:
            shutil.rmtree(tree)

    async def test_two_at_once_in_one_box_both_end(self, box: Sandbox) -> None:
        first, second = await asyncio.gather(box.run("sleep 0.1; echo 1"), box.run("echo 2"))
        assert (first.output, second.output) == ("1\n", "2\n")

    async def test_a_box_without_a_tree_is_an_error(self, boxes: BubblewrapBoxes, reachable_folder: Path) -> None:
        with pytest.raises((SandboxError, FileNotFoundError)):
            await boxes.open(reachable_folder / "nothing").run("true")

    async def test_sees_a_small_environment(self, box: Sandbox) -> None:
        result = await box.run("echo $CI $PAGER $NO_COLOR $GIT_TERMINAL_PROMPT $LANG; cd; pwd")
        assert result.output == "1 cat 1 0 C.UTF-8\n/home/minion\n"

    async def test_brings_uv_and_ripgrep(self, box: Sandbox) -> None:
        assert (await box.run("uv --version")).ok
        if shutil.which("rg"):
            assert (await box.run("rg tree here.txt")).ok


class TestEnds:
    async def test_time_out_kills_what_left_its_group(self, box: Sandbox, forever: str) -> None:
        command = f"(setsid sleep {forever} &) ; trap '' TERM; echo begun; sleep {forever}"
        result = await box.run(command, timeout_s=1)
        assert (result.exit_code, result.timed_out, result.output) == (124, True, "begun\n")
        assert running_with(forever) == []

    async def test_what_runs_in_the_background_ends_with_the_command(self, box: Sandbox, forever: str) -> None:
        background = f"for i in 1 2 3; do (setsid nohup sleep {forever} &) ; done; sleep {forever} &"
        result = await box.run(f"{background} echo done")
        assert (result.output, result.timed_out) == ("done\n", False)
        assert running_with(forever) == []

    async def test_cancelling_kills_the_box(self, box: Sandbox, tree: Path, forever: str) -> None:
        os.mkfifo(tree / "gate")
        task = asyncio.create_task(box.run(f"echo begun > gate; sleep {forever}"))
        assert await asyncio.to_thread((tree / "gate").read_bytes) == b"begun\n"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert running_with(forever) == []

    async def test_no_zombie_stays(self, box: Sandbox) -> None:
        await box.run("(setsid sleep 60 &); sleep 60", timeout_s=0.3)
        await box.run("sleep 60 &")
        assert dead_children() == []

    async def test_no_descriptor_stays(self, box: Sandbox) -> None:
        await box.run("true")
        await box.run("sleep 5", timeout_s=0.05)
        before = os.listdir("/proc/self/fd")  # noqa: PTH208 # names of descriptors
        for _ in range(5):
            await box.run("true")
            await box.run("sleep 5", timeout_s=0.05)
        assert len(os.listdir("/proc/self/fd")) <= len(before)  # noqa: PTH208

    async def test_a_flood_is_cut_to_head_and_tail(self, box: Sandbox) -> None:
        result = await box.run("echo first; yes | head -c 20000000; echo last")
        assert result.output.startswith("first\n")
        assert result.output.endswith("last\n")
        assert len(result.output) < 66_000
        assert result.left_out_bytes == 20_000_000 + len("first\nlast\n") - 65_536


class TestCheck:
    async def test_says_nothing_where_boxes_work(self, boxes: BubblewrapBoxes) -> None:
        assert await boxes.check() == []

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root's boxes run as somebody else")
    async def test_says_which_folder_is_closed(self, closed: Path) -> None:
        sentences = await BubblewrapBoxes(closed / "home").check()
        assert any(f"chmod o+x {closed}" in sentence for sentence in sentences)

    async def test_says_that_its_folder_cannot_be_written(self, reachable_folder: Path) -> None:
        (reachable_folder / "file").touch()
        boxes = BubblewrapBoxes(reachable_folder / "file" / "home")
        (sentence,) = await boxes.check()
        assert sentence.endswith("cannot be written to " + str(reachable_folder / "file/home") + ": Not a directory.")


def fetching(url: str) -> str:
    """A command that fetches `url` with what every machine has that runs these tests."""
    return f"python3 -c 'import sys, urllib.request as web; web.urlopen(sys.argv[1], timeout=5)' {url}"


class TestSetUp:
    async def test_nothing_to_do_needs_nothing(self, box: Sandbox) -> None:
        assert await box.set_up([]) == []

    async def test_stops_at_the_first_failure(self, box: Sandbox) -> None:
        results = await box.set_up(["echo one", "exit 7", "echo three"])
        assert [result.exit_code for result in results] == [0, 7]

    async def test_refuses_a_host_that_is_no_registry_and_says_so(self, box: Sandbox) -> None:
        places = ("https://example.org", "http://pypi.org", "https://192.0.2.1/")
        [result] = await box.set_up(["; ".join(fetching(place) for place in places)])
        for place in ("example.org:443", "pypi.org:80", "192.0.2.1:443"):
            assert f"refused: {place} is not an allowed registry" in result.output

    async def test_has_no_other_way_out(self, box: Sandbox) -> None:
        without = "env -u HTTPS_PROXY -u https_proxy -u HTTP_PROXY -u http_proxy -u ALL_PROXY -u all_proxy"
        [result] = await box.set_up([f"{without} {fetching('https://pypi.org')}"])
        assert "URLError" in result.output
        assert "connected" not in result.output

    async def test_time_is_for_all_commands(self, box: Sandbox) -> None:
        results = await box.set_up(["sleep 0.1", "sleep 60", "true"], timeout_s=3)
        assert [result.timed_out for result in results] == [False, True]

    async def test_leaves_no_proxy_behind(self, box: Sandbox, boxes: BubblewrapBoxes) -> None:
        await box.set_up(["true"])
        assert list((boxes._home / "box" / "egress").iterdir()) == []
        assert running_with(str(boxes._home / "box" / "egress")) == []

    @pytest.mark.real_input
    async def test_installs_a_package_that_later_commands_use(
        self, boxes: BubblewrapBoxes, tree: Path, reachable_folder: Path
    ) -> None:
        cache = Path(tempfile.mkdtemp(dir=reachable_folder))
        box = boxes.open(tree, cache=cache)
        results = await box.set_up(["uv venv --quiet && uv pip install --quiet six==1.17.0"])
        if "connected: pypi.org:443" not in results[0].output or "Could not connect" in results[0].output:
            pytest.skip("the registry of Python packages cannot be reached from here")
        assert results[0].ok, results[0].output
        assert (await box.run("python -c 'import six; print(six.__version__)'")).output == "1.17.0\n"
        shutil.rmtree(cache)
