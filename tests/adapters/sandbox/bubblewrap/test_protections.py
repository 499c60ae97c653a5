"""What is tried in a box at start; and that each try notices when a protection is gone."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.sandbox.bubblewrap.cgroups import find
from app.adapters.sandbox.bubblewrap.protections import rationed, tried
from app.adapters.sandbox.ended import Ended
from app.core.errors import SandboxError

pytestmark = pytest.mark.hostile


@pytest.fixture
def tree(reachable_folder: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=reachable_folder))
    yield folder
    shutil.rmtree(folder)


async def test_all_that_is_necessary_holds_here(reachable_folder: Path) -> None:
    boxes = BubblewrapBoxes(reachable_folder / "sandbox")
    assert await boxes.check() == []
    assert len(boxes.protections) >= 16
    lacking = {one.name for one in boxes.protections if not one.holds}
    assert lacking == set() if not find().lacking else len(lacking) <= 4


def unprotected(command: str) -> Ended:
    """The try outside of a box, in the work tree. The first place that can be written is the last one that is tried."""
    script = command.replace("/repo/probe", "probe").replace("refused writes /minions ", "refused writes minions ")
    told = subprocess.run(["bash", "-c", script], capture_output=True, timeout=60, check=False).stdout
    return Ended(0, told, b"", 0, 0.0, timed_out=False)


async def test_nothing_holds_outside_of_a_box(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof that the tries can fail: they are run on the machine itself."""
    monkeypatch.chdir(tree)
    monkeypatch.setenv("SECRET_OF_THE_SERVER", "abc")

    async def run(command: str) -> Ended:
        return await asyncio.to_thread(unprotected, command.replace("setsid sleep 300", ": nothing is left"))

    async def run_tightly(command: str) -> Ended:
        return await run("true" if "seq" in command else command)

    rows = await tried(run, run_tightly, lambda: 1, tree)
    holding = {one.name for one in rows if one.holds}
    # What an ordinary user, or the container that the tests run in, may have without a box.
    assert holding <= {
        "a user that is not root outside",
        "an empty set of capabilities",
        "a bar to new privileges",
        "a filter of system calls",
        "a bar to user namespaces inside",
        "a bar to sockets of the hypervisor (vsock)",
        "a bar to keyrings of this machine",
        "sight of nothing but their own processes",
        "a network of their own, without a way out",
    }
    assert os.geteuid() != 0 or "a user that is not root outside" not in holding
    assert not next(one for one in rows if "environment" in one.name).holds
    assert not next(one for one in rows if one.name.startswith("an end")).holds


async def test_a_tight_box_that_does_not_start_lacks_a_limit_of_its_own(tree: Path) -> None:
    """Without control groups, all that an ordinary user runs is counted, which is more than a tight box may have."""

    async def run(_: str) -> Ended:
        return Ended(0, b"python True", b"", 0, 0.0, timed_out=False)

    async def run_tightly(command: str) -> Ended:
        raise SandboxError(f"The box could not be built: Resource temporarily unavailable ({command})")

    rows = await tried(run, run_tightly, lambda: 0, tree)
    lacking = {one.name for one in rows if not one.holds and not one.is_necessary}
    assert lacking == {"a limit of memory for all processes together", "a limit of processes of their own"}


def test_what_is_missing_is_told_with_why_and_what_to_do() -> None:
    assert rationed(["cpu"]).sentence == (
        "Boxes on this machine lack a limit of processor time: without it, one command can slow down all others. "
        "To mend it: start the server as root, or by systemd with Delegate=yes, or with: "
        "systemd-run --user --scope -p Delegate=yes minions serve (in a container: let /sys/fs/cgroup be writable)."
    )
    assert rationed([]).holds


NOBODY = 61_939
"""A number that nobody runs anything as, unlike `nobody`: a PostgreSQL of another test may."""


def as_nobody(home: Path, tree: Path) -> list[str]:
    """What a server finds that is an ordinary user. In a child with all imported: root's files are closed to it."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        said = "it did not get that far"
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            said = asyncio.run(found(home, tree))
        except BaseException as error:  # the child has nobody else to tell
            said = repr(error)
        finally:
            os.write(writer, said.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        told = answer.read()
    os.waitpid(child, 0)
    return told.splitlines()


async def found(home: Path, tree: Path) -> str:
    boxes = BubblewrapBoxes(home)
    faults = await boxes.check()
    lacking = [f"lacks {one.name}" for one in boxes.protections if not one.holds and one.is_necessary]
    result = await boxes.open(tree).run("echo from the box; exit 3")
    return "\n".join([*faults, *lacking, str(len(boxes.protections)), str(result.exit_code), result.output])


@pytest.mark.skipif(os.geteuid() != 0, reason="who is an ordinary user already has tested it above")
def test_an_ordinary_user_has_all_that_is_necessary(reachable_folder: Path) -> None:
    home = Path(tempfile.mkdtemp(dir=reachable_folder))
    (home / "tree").mkdir()
    for folder in (home, home / "tree"):
        os.chown(folder, NOBODY, NOBODY)
    assert as_nobody(home, home / "tree") == ["17", "3", "from the box"]
    shutil.rmtree(home)
