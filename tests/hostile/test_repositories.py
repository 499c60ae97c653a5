"""Hostile repositories, from the check-out to the push: nothing of them runs, writes or waits on the machine."""

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.workspace.mounts import unmount_below
from app.adapters.workspace.workspace import GitWorkspace
from app.adapters.workspace.workspaces import Workspaces
from app.core.errors import MinionsError, RepositoryError
from app.core.forge import Remote
from app.core.patch import Patch
from tests.hostile.traps import IN_THE_TREE, PATCHES, WAITING, Trap

pytestmark = pytest.mark.hostile

IDENTITY = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
PLAIN = {"PATH": os.defpath, "HOME": "/nonexistent", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **IDENTITY}
SOON_S = 60.0
"""Everything here takes less than a second; what waits for a writer would wait for minutes."""


class Place:
    """An origin, a data folder, and a canary: a folder of the machine that everybody may write to."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.canary = home / "canary"
        self.canary.mkdir()
        self.canary.chmod(0o777)
        self.origin = home / "origin"
        self.origin.mkdir()
        self.bash(
            self.origin,
            f"git init -q -b main; echo 'print(1)' > code.py; ln -s {self.canary} out; git add -A; git commit -qm base",
        )
        self.base = self.bash(self.origin, "git rev-parse HEAD").strip()

    def bash(self, folder: Path, script: str, *, check: bool = True) -> str:
        """Run a script as somebody naive would: on this machine, in `folder`."""
        script = script.replace("@CANARY@", str(self.canary))
        done = subprocess.run(
            ["bash", "-c", script], cwd=folder, env=PLAIN, capture_output=True, check=False, timeout=60
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.decode(errors="surrogateescape")

    def fired(self) -> list[str]:
        """What is in the canary's folder."""
        return sorted(path.name for path in self.canary.iterdir())

    async def remote(self, write: bool) -> Remote:  # noqa: ARG002, FBT001 # as the workspace asks
        return Remote(url=str(self.origin))


@pytest.fixture
def place(reachable_folder: Path) -> Iterator[Place]:
    home = Path(tempfile.mkdtemp(dir=reachable_folder))
    home.chmod(0o711)
    yield Place(home)
    unmount_below(home)
    shutil.rmtree(home)


@pytest.fixture
def workspace(place: Place, reachable_folder: Path) -> GitWorkspace:
    return Workspaces(place.home / "data", BubblewrapBoxes(reachable_folder / "hostile-home")).open(1, 7, place.remote)


async def everything(workspace: GitWorkspace, branch: str = "minions/1-1") -> None:
    """All that is done with a tree on the way out, and what the tools of a minion do."""
    for path in [*await workspace.paths(), ".git/config", ".gitmodules", ".gitattributes"]:
        try:
            await workspace.read(path.rstrip("/"))
        except OSError:
            continue
    await workspace.show("code.py")
    try:
        await workspace.write("code.py", b"print(2)\n")
    except OSError:
        return
    try:
        patch = await workspace.patch()
        await workspace.publish(patch, branch=branch, message="Fix", expected_sha="")
    except MinionsError:
        return  # refused, in a sentence


@pytest.mark.faults
@pytest.mark.parametrize("trap", IN_THE_TREE, ids=lambda trap: trap.name)
async def test_f59_a_trap_in_the_tree_does_not_fire(trap: Trap, workspace: GitWorkspace, place: Place) -> None:
    await workspace.check_out(place.base)
    laid = await workspace.sandbox.run(trap.lay.replace("@CANARY@", str(place.canary)))
    assert laid.ok, laid.output
    async with asyncio.timeout(SOON_S):
        await everything(workspace)
    assert place.fired() == []
    async with asyncio.timeout(SOON_S):
        await workspace.remove()
    assert place.fired() == []


@pytest.mark.parametrize("trap", [trap for trap in IN_THE_TREE if trap.naive], ids=lambda trap: trap.name)
def test_the_trap_is_armed(trap: Trap, place: Place) -> None:
    """Somebody naive, who runs git in such a tree, steps into it; so the test above can fail."""
    copy = place.home / "copy"
    place.bash(place.home, f"git clone -q {place.origin} copy")
    place.bash(copy, trap.lay)
    assert place.fired() == []
    place.bash(copy, trap.naive, check=False)
    assert place.fired() != []


COMMITTED = [
    trap
    for trap in IN_THE_TREE
    if re.search(r"\.git(attributes|modules|ignore)|names|init -q sub", trap.lay + trap.name)
]
"""Those that are more than configuration."""


@pytest.mark.parametrize("trap", COMMITTED, ids=lambda trap: trap.name)
async def test_a_trap_in_the_base_does_not_fire(trap: Trap, workspace: GitWorkspace, place: Place) -> None:
    """Here the origin brings it: its own configuration, and what of it can be committed."""
    place.bash(place.origin, trap.lay)
    armed = place.home / "armed"
    # What is committed is what a naive copy without its configuration can commit.
    shutil.copytree(
        place.origin,
        armed,
        symlinks=True,
        ignore=lambda folder, names: [n for n in names if _is_special(Path(folder, n))],
    )
    shutil.rmtree(place.origin)
    shutil.rmtree(armed / ".git", ignore_errors=True)
    (armed / ".git").unlink(missing_ok=True)
    place.bash(
        armed,
        f"git init -q -b main; git add -A; git update-index --add --cacheinfo 160000,{place.base},gitlink; git commit -qm evil",
    )
    armed.rename(place.origin)
    head = place.bash(place.origin, "git rev-parse HEAD").strip()
    async with asyncio.timeout(SOON_S):
        try:
            await workspace.check_out(head)
        except MinionsError:
            assert place.fired() == []
            return
        await everything(workspace)
    assert place.fired() == []


def _is_special(path: Path) -> bool:
    return not path.is_symlink() and path.exists() and not path.is_file() and not path.is_dir()


@pytest.mark.parametrize("trap", WAITING, ids=lambda trap: trap.name)
async def test_nobody_waits_for_a_pipe(trap: Trap, workspace: GitWorkspace, place: Place) -> None:
    await workspace.check_out(place.base)
    assert (await workspace.sandbox.run(f"{trap.lay}; find . -type p")).output
    async with asyncio.timeout(SOON_S):
        with pytest.raises(RepositoryError, match="neither a file nor a folder"):
            await workspace.patch()


class TestTreesThatGitDoesNotMake:
    """Objects that somebody wrote by hand and pushed."""

    @pytest.mark.parametrize(
        "name",
        [
            ".git",
            ".GIT",
            ".Git",
            "git~1",
            ".g\u200cit",
            "..",
            ".",
            ".git ",
            ".git.",
            ".git::$INDEX_ALLOCATION",
            "x\\..\\.git",
        ],
    )
    async def test_names_of_gits_own(self, name: str, workspace: GitWorkspace, place: Place) -> None:
        script = f"""
        blob=$(printf '[core]\\n\\tfsmonitor = touch {place.canary}/fired; false\\n' | git hash-object -w --stdin)
        code=$(git rev-parse HEAD:code.py)
        inner=$(printf '100644 blob %s\\tconfig\\n' $blob | git mktree)
        printf '040000 tree %s\\t%s\\n100644 blob %s\\tcode.py\\n' $inner '{name}' $code | git mktree | xargs -I T git commit-tree T -m evil
        """
        sha = place.bash(place.origin, script).strip()
        await self._is_harmless(sha, workspace, place)

    async def test_a_link_and_a_folder_of_one_name(self, workspace: GitWorkspace, place: Place) -> None:
        script = f"""
        link=$(printf '{place.canary}' | git hash-object -w --stdin)
        code=$(git rev-parse HEAD:code.py)
        inner=$(printf '100644 blob %s\\tfired\\n' $code | git mktree)
        printf '120000 blob %s\\td\\n040000 tree %s\\td\\n' $link $inner | git mktree | xargs -I T git commit-tree T -m evil
        """
        sha = place.bash(place.origin, script).strip()
        await self._is_harmless(sha, workspace, place)

    @pytest.mark.parametrize(
        "branch",
        ["--upload-pack=touch", "-c", "$(id)", "a;b", "a'b", 'a"b', "ü\u202e", "a|b", "HEAD", "refs/heads/main"],
    )
    async def test_odd_names_of_branches(self, branch: str, workspace: GitWorkspace, place: Place) -> None:
        place.bash(place.origin, f"git update-ref {shlex.quote(f'refs/heads/{branch}')} {place.base}")
        await self._is_harmless(place.base, workspace, place)

    async def _is_harmless(self, sha: str, workspace: GitWorkspace, place: Place) -> None:
        place.bash(place.origin, f"git update-ref refs/heads/evil {sha}")
        async with asyncio.timeout(SOON_S):
            try:
                await workspace.check_out(sha)
                await everything(workspace)
            except MinionsError:
                pass  # refused, in a sentence
        assert place.fired() == []
        assert not (workspace._folder.tree / ".git/hooks").exists()


class TestPatches:
    @pytest.mark.parametrize("name", PATCHES)
    async def test_one_that_is_laid_on_a_new_tree(self, name: str, workspace: GitWorkspace, place: Place) -> None:
        data = forged(name, place)
        try:
            await workspace.check_out(place.base, patch=data)
        except MinionsError:
            pass
        else:
            assert (await workspace.sandbox.run("test ! -e .git/hooks/pre-commit; ! grep -q evil .git/config")).ok
        assert place.fired() == []
        assert not list(place.home.glob("**/evil"))

    async def test_those_that_are_published(self, workspace: GitWorkspace, place: Place) -> None:
        await workspace.check_out(place.base)
        for name in PATCHES:
            with pytest.raises(MinionsError):
                await workspace.publish(
                    Patch(data=forged(name, place)), branch="minions/1-1", message="Fix", expected_sha=""
                )
        assert place.fired() == []
        assert not list(place.home.glob("**/evil"))
        assert place.bash(place.origin, "git branch --list 'minions/*'") == ""


def forged(name: str, place: Place) -> bytes:
    text = PATCHES[name].replace("@CANARY@", str(place.canary))
    if not text.startswith("diff ") and "+++ " in text:
        target = next(line for line in text.splitlines() if line.startswith(("+++ b", "--- a", '+++ "', "+++ /")))[4:]
        text = f"diff --git {target} {target}\nnew file mode 100644\n{text}" if "--- /dev/null" in text else text
    return text.encode()
