"""What a hostile tree tries so that something else is pushed than guards have seen."""

import base64
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.workspace.workspace import GitWorkspace
from app.adapters.workspace.workspaces import Workspaces
from app.core.errors import RepositoryError
from app.core.patch import MOST_LINES
from tests.workspaces import Origin, do

pytestmark = pytest.mark.hostile


@pytest.fixture
def origin(home: Path) -> Origin:
    return Origin(home / "origin", {"code.py": "print(1)\n"})


@pytest.fixture
def workspace(home: Path, origin: Origin, boxes: BubblewrapBoxes) -> GitWorkspace:
    return Workspaces(home / "data", boxes).open(1, 7, origin.remote)


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
        await workspace.check_out(origin.head)
        await do(
            workspace,
            "git init -q sub; git -C sub -c user.name=a -c user.email=a@b commit -q --allow-empty -m x;" + spied("sub"),
        )
        for _ in range(3):
            assert "ran" not in [file.path for file in (await workspace.patch()).files]

    async def test_by_a_submodule_of_the_base(
        self, workspace: GitWorkspace, origin: Origin, spied: Callable[[str], str]
    ) -> None:
        origin.git("update-index", "--add", "--cacheinfo", f"160000,{origin.head},sub")
        origin.git("commit", "--quiet", "--message", "a submodule")
        await workspace.check_out(origin.git("rev-parse", "HEAD"))
        await do(workspace, "git init -q sub; echo x > sub/x;" + spied("sub"))
        for _ in range(3):
            assert [file.path for file in (await workspace.patch()).files] == ["spy"]


async def test_what_is_pushed_is_what_was_looked_at(workspace: GitWorkspace, origin: Origin) -> None:
    await workspace.check_out(origin.head)
    await workspace.write("code.py", b"print(2)\n")
    seen = await workspace.patch()
    await do(workspace, "mkdir -p .github/workflows; echo 'on: push' > .github/workflows/x.yml; echo 3 > code.py")
    sha = await workspace.publish(seen, branch="minions/1-1", message="Fix", expected_sha="")
    assert origin.git("diff-tree", "-r", "--name-only", origin.head, sha) == "code.py"
    assert origin.git("show", f"{sha}:code.py") == "print(2)"


async def test_lines_beside_a_nul_are_seen(workspace: GitWorkspace, origin: Origin) -> None:
    await workspace.check_out(origin.head)
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
        await workspace.check_out(origin.head)
        await do(workspace, "for i in 1 2 3 4; do truncate -s 20M zeros$i; done")
        with pytest.raises(RepositoryError, match="too large to look at: 83 MB"):
            await workspace.patch()

    async def test_a_patch_that_unpacks_to_more_than_git_may_have_is_refused(
        self, workspace: GitWorkspace, origin: Origin
    ) -> None:
        await workspace.check_out(origin.head)
        packed = zlib.compress(bytes(100_000_000), 9)
        rows = b"".join(_base85(packed[at : at + 52]) for at in range(0, len(packed), 52))
        head = "diff --git a/z{0} b/z{0}\nnew file mode 100644\nindex {1}..{2}\nGIT binary patch\nliteral 100000000\n"
        forged = b"".join(
            head.format(number, "0" * 40, "1" * 40).encode() + rows + b"\nliteral 0\nHcmV?d00001\n\n"
            for number in range(30)
        )
        with pytest.raises(RepositoryError, match="Out of memory"):
            await workspace._clean().apply(origin.head, forged)

    async def test_of_millions_of_lines_only_the_first_are_held(self, workspace: GitWorkspace, origin: Origin) -> None:
        await workspace.check_out(origin.head)
        await do(workspace, "yes '' | head -n 100000 > many")
        patch = await workspace.patch()
        assert (patch.added, len(patch.added_lines)) == (100_000, MOST_LINES + 1)


def _base85(row: bytes) -> bytes:
    """A line of a binary patch: its length as a letter, then git's base 85."""
    size = len(row)
    letter = bytes([size + 64]) if size <= 26 else bytes([size + 70])
    return letter + base64.b85encode(row, pad=True) + b"\n"
