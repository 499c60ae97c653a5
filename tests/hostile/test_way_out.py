"""What a hostile tree tries so that something else is pushed than guards have seen."""

import base64
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.workspace.mounts import unmount_below
from app.adapters.workspace.workspace import GitWorkspace
from app.adapters.workspace.workspaces import Workspaces
from app.core.errors import RepositoryError
from app.core.patch import MOST_LINES
from app.core.world import Remote

pytestmark = pytest.mark.hostile


class Origin:
    """A repository with one file, and what a test adds to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        (folder / "code.py").write_text("print(1)\n")
        self.base = self.commit()

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=Person", "-c", "user.email=person@example.org")
        done = subprocess.run(
            ["git", "-C", str(self.folder), *identity, *arguments], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "base")
        self.base = self.git("rev-parse", "HEAD")
        return self.base

    async def remote(self, write: bool) -> Remote:  # noqa: ARG002, FBT001 # as the workspace asks
        return Remote(url=str(self.folder))


@pytest.fixture
def home(reachable_folder: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=reachable_folder))
    folder.chmod(0o711)
    yield folder
    unmount_below(folder)
    shutil.rmtree(folder)


@pytest.fixture
def origin(home: Path) -> Origin:
    return Origin(home / "origin")


@pytest.fixture
def workspace(home: Path, origin: Origin, reachable_folder: Path) -> GitWorkspace:
    return Workspaces(home / "data", BubblewrapBoxes(reachable_folder / "sandbox")).open(1, 7, origin.remote)


async def do(workspace: GitWorkspace, command: str) -> None:
    result = await workspace.sandbox.run(command)
    assert result.ok, result.output


SPY = """
printf '#!/bin/bash\\ntouch /repo/ran; ls /git >> /repo/ran\\n' > spy; chmod +x spy
git -C "$1" config core.fsmonitor /repo/spy
"""
"""Makes git, when it looks into the repository of its argument, run a program of the tree."""


@pytest.fixture
def spied() -> Callable[[str], str]:
    return lambda folder: f"set -- {folder}; {SPY}"


class TestNothingOfTheTreeIsRun:
    """Git in the box writes the change down; who runs a program beside it decides what it writes, each time anew."""

    async def test_by_a_repository_in_the_tree(
        self, workspace: GitWorkspace, origin: Origin, spied: Callable[[str], str]
    ) -> None:
        await workspace.check_out(origin.base)
        await do(
            workspace,
            "git init -q sub; git -C sub -c user.name=a -c user.email=a@b commit -q --allow-empty -m x;" + spied("sub"),
        )
        for _ in range(3):
            assert "ran" not in [file.path for file in (await workspace.patch()).files]

    async def test_by_a_submodule_of_the_base(
        self, workspace: GitWorkspace, origin: Origin, spied: Callable[[str], str]
    ) -> None:
        origin.git("update-index", "--add", "--cacheinfo", f"160000,{origin.base},sub")
        origin.git("commit", "--quiet", "--message", "a submodule")
        await workspace.check_out(origin.git("rev-parse", "HEAD"))
        await do(workspace, "git init -q sub; echo x > sub/x;" + spied("sub"))
        for _ in range(3):
            assert [file.path for file in (await workspace.patch()).files] == ["spy"]


async def test_what_is_pushed_is_what_was_looked_at(workspace: GitWorkspace, origin: Origin) -> None:
    await workspace.check_out(origin.base)
    await workspace.write("code.py", b"print(2)\n")
    seen = await workspace.patch()
    await do(workspace, "mkdir -p .github/workflows; echo 'on: push' > .github/workflows/x.yml; echo 3 > code.py")
    sha = await workspace.publish(seen, branch="minions/1-1", message="Fix", expected_sha="")
    assert origin.git("diff-tree", "-r", "--name-only", origin.base, sha) == "code.py"
    assert origin.git("show", f"{sha}:code.py") == "print(2)"


async def test_lines_beside_a_nul_are_seen(workspace: GitWorkspace, origin: Origin) -> None:
    await workspace.check_out(origin.base)
    await workspace.write("text\tédata", b"\0\none line\nanother\n")
    await workspace.write("picture.png", b"\0" * 200_000)
    patch = await workspace.patch()
    assert [(file.path, file.binary) for file in patch.files] == [("picture.png", True), ("text\tédata", True)]
    assert [(line.path, line.line, line.text) for line in patch.added_lines] == [
        *(("text\tédata", 1, "\0"), ("text\tédata", 2, "one line"), ("text\tédata", 3, "another"))
    ]


class TestASmallPatchOfMuch:
    """What a few kilobytes unpack to must not take the server's memory."""

    async def test_gigabytes_of_zeros_are_refused_before_they_are_written_down(
        self, workspace: GitWorkspace, origin: Origin
    ) -> None:
        await workspace.check_out(origin.base)
        await do(workspace, "for i in 1 2 3 4; do truncate -s 20M zeros$i; done")
        with pytest.raises(RepositoryError, match="too large to look at: 83 MB"):
            await workspace.patch()

    async def test_a_patch_that_unpacks_to_more_than_git_may_have_is_refused(
        self, workspace: GitWorkspace, origin: Origin
    ) -> None:
        await workspace.check_out(origin.base)
        packed = zlib.compress(bytes(100_000_000), 9)
        rows = b"".join(_base85(packed[at : at + 52]) for at in range(0, len(packed), 52))
        head = "diff --git a/z{0} b/z{0}\nnew file mode 100644\nindex {1}..{2}\nGIT binary patch\nliteral 100000000\n"
        forged = b"".join(
            head.format(number, "0" * 40, "1" * 40).encode() + rows + b"\nliteral 0\nHcmV?d00001\n\n"
            for number in range(30)
        )
        with pytest.raises(RepositoryError, match="Out of memory"):
            await workspace._clean().apply(origin.base, forged)

    async def test_of_millions_of_lines_only_the_first_are_held(self, workspace: GitWorkspace, origin: Origin) -> None:
        await workspace.check_out(origin.base)
        await do(workspace, "yes '' | head -n 100000 > many")
        patch = await workspace.patch()
        assert (patch.added, len(patch.added_lines)) == (100_000, MOST_LINES + 1)


def _base85(row: bytes) -> bytes:
    """A line of a binary patch: its length as a letter, then git's base 85."""
    size = len(row)
    letter = bytes([size + 64]) if size <= 26 else bytes([size + 70])
    return letter + base64.b85encode(row, pad=True) + b"\n"
