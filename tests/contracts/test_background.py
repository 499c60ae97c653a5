"""Commands that go on beside others, in real boxes: they end with the node, and nothing of them is left."""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.agent.background import Background
from app.agent.tools.bash import BASH, BashArguments
from app.agent.tools.tool import Desk
from app.core.sandbox import Sandbox
from tests.agent.folder import FolderWorkspace

pytestmark = pytest.mark.contract


@pytest.fixture(scope="module", params=["bubblewrap", "containers"])
def boxes(request: pytest.FixtureRequest, reachable_folder: Path) -> BubblewrapBoxes:
    if request.param == "containers":
        boxes: BubblewrapBoxes = request.getfixturevalue("container_boxes")
        return boxes
    return BubblewrapBoxes(reachable_folder / "sandbox")


@pytest.fixture
def folder(reachable_folder: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=reachable_folder))
    folder.chmod(0o711)
    for name in ("tree", "cache"):
        (folder / name).mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def box(boxes: BubblewrapBoxes, folder: Path) -> Sandbox:
    return boxes.open(folder / "tree", cache=folder / "cache")


@pytest.fixture
def desk(box: Sandbox, folder: Path) -> Desk:
    return Desk(box, FolderWorkspace(folder / "tree"), seconds_left=60, background=Background())


@pytest.fixture
def forever() -> str:
    """A number of seconds that no other process of the machine sleeps for."""
    return f"9{secrets.randbelow(10**8):08}"


def running_with(word: str) -> int:
    """How many processes of this machine have `word` in their arguments."""
    found = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found += word.encode() in (process / "cmdline").read_bytes()
        except OSError:
            continue
    return found


async def start(desk: Desk, command: str) -> str:
    told = await BASH.run(BashArguments(command=command, background=True), desk)
    return told.text.rpartition("tail ")[2].removesuffix("]")


async def until(box: Sandbox, command: str) -> str:
    """What a command says when it succeeds at last."""
    while not (result := await box.run(command)).ok:
        await asyncio.sleep(0.05)
    return result.output


async def test_others_run_beside_it_and_see_its_log_and_its_files(desk: Desk, box: Sandbox) -> None:
    """It waits for what a later command makes, so it was not waited for."""
    log = await start(desk, "echo begun > made; until [ -e go ]; do sleep 0.05; done; echo went on")
    assert await until(box, "cat made") == "begun\n"
    await box.run("touch go")
    assert await until(box, f"grep -x '.exit code 0.' {log} >/dev/null && cat {log}") == "went on\n[exit code 0]\n"
    await desk.background.end()


async def test_nothing_of_it_outlives_the_node(desk: Desk, box: Sandbox, forever: str) -> None:
    """Nor what it put in a session of its own."""
    await start(desk, f"setsid sleep {forever} & (trap '' TERM HUP; sleep {forever}) & touch up; sleep {forever}")
    await until(box, "cat up")
    while running_with(forever) < 3:
        await asyncio.sleep(0.05)
    await desk.background.end()
    assert running_with(forever) == 0


async def test_a_grandchild_in_a_session_of_its_own_does_not_outlive_the_time_out(desk: Desk, forever: str) -> None:
    told = await BASH.run(BashArguments(command=f"(setsid sleep {forever} &); sleep {forever}", timeout_s=1), desk)
    assert told.text.startswith("[killed after 1 s")
    assert running_with(forever) == 0


async def test_what_a_command_leaves_behind_is_not_waited_for(desk: Desk, forever: str) -> None:
    """Neither `&` nor a session of its own keeps the call from ending, and both are dead afterwards."""
    told = await BASH.run(BashArguments(command=f"sleep {forever} & (setsid sleep {forever} &); echo said"), desk)
    assert told.ok
    assert told.text.endswith("said")
    assert running_with(forever) == 0
