"""What a work tree of a large repository costs, beside git's own ways, in the same minute on the same machine."""

import asyncio
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from statistics import median

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.workspace.mounts import unmount_below
from app.adapters.workspace.workspace import GitWorkspace
from app.adapters.workspace.workspaces import Workspaces
from app.core.forge import Remote

FILES = 27_000
"""As many as babel/babel has."""
ROUNDS = 5
PARALLEL = 50
CHANGED = 10
HOT_GOAL_S = 0.1
STATUS_GOAL_S = 1.0
CHECKPOINT_GOAL_S = 0.2
GROWTH_GOAL = 0.05
"""Of the size of the tree."""
SET_UP = ("python3 -m venv --without-pip .venv",)


async def rows() -> list[dict[str, object]]:
    """One object a row of the benchmark; makes its own folder and removes it."""
    home = Path(tempfile.mkdtemp(prefix="minions-bench-"))
    try:
        await asyncio.to_thread(home.chmod, 0o711)
        return await _Bench(home).rows()
    finally:
        await asyncio.to_thread(unmount_below, home)
        await asyncio.to_thread(shutil.rmtree, home)


class _Bench:
    def __init__(self, home: Path) -> None:
        self._home = home
        self._origin = home / "origin"
        self._workspaces = Workspaces(home / "data", BubblewrapBoxes(home / "data"))
        self._number = 0

    async def rows(self) -> list[dict[str, object]]:
        sha = await asyncio.to_thread(_repository, self._origin)
        first = await self._ready(sha)  # fetches, and makes the layers
        await first.remove()
        hot, shallow, worktree, status, checkpoint, plain = [], [], [], [], [], []
        for number in range(ROUNDS):
            began = time.monotonic()
            workspace = await self._ready(sha)
            hot.append(time.monotonic() - began)
            status.append(await _timed(partial(_ok, workspace, "git status --short")))
            await _ok(workspace, _CHANGE)
            checkpoint.append(await _timed(workspace.patch))
            assert len((await workspace.patch()).files) == CHANGED
            await workspace.remove()
            target = self._home / f"clone{number}"
            shallow.append(await _git("clone", "--quiet", "--depth", "1", self._origin.as_uri(), str(target)))
            plain.append(await _git("-C", str(target), "status", "--short"))
            await asyncio.to_thread(shutil.rmtree, target)
            tree = self._home / f"worktree{number}"
            worktree.append(await _git("-C", str(self._origin), "worktree", "add", "--quiet", "--detach", str(tree)))
            await asyncio.to_thread(shutil.rmtree, tree)
        name = f"work tree of {FILES} files, set up"
        return [
            _row(f"{name}: first command", hot, shallow, "git clone --depth 1", HOT_GOAL_S),
            _row(f"{name}: first command", hot, worktree, "git worktree add", HOT_GOAL_S),
            _row("… its first git status", status, plain, "git status in the clone", STATUS_GOAL_S),
            _row(f"… checkpoint of {CHANGED} changed files", checkpoint, plain, "one git status", CHECKPOINT_GOAL_S),
            await self._many(sha),
        ]

    async def _ready(self, sha: str) -> GitWorkspace:
        """A work tree that is set up and has run its first command."""
        self._number += 1

        async def remote(write: bool) -> Remote:  # noqa: ARG001, FBT001 # as the workspace asks
            return Remote(url=str(self._origin))

        workspace = self._workspaces.open(self._number, 1, remote)
        await workspace.check_out(sha)
        assert all(result.ok for result in await workspace.sandbox.set_up(SET_UP))
        await _ok(workspace, "true")
        return workspace

    async def _many(self, sha: str) -> dict[str, object]:
        """Disk that each of many work trees takes, with a changed and committed file, as a part of the tree's size."""
        made = await asyncio.gather(*(self._ready(sha) for _ in range(PARALLEL)))
        for workspace in made:
            await _ok(workspace, f"{_CHANGE}; git add --all; git commit -qm x")
        size = await asyncio.to_thread(_size, self._origin, "--exclude=.git")
        each = median([await asyncio.to_thread(_size, workspace._folder.run, "-x") for workspace in made])
        for workspace in made:
            await workspace.remove()
        return {
            "name": f"disk of each of {PARALLEL} work trees at once",
            "value": round(each / 1e6, 1),
            "unit": "MB",
            "reference": f"the tree's {size / 1e6:.0f} MB",
            "ratio": round(each / size, 3),
            "runs": PARALLEL,
            "goal": f"<= {GROWTH_GOAL:.0%}",
            "met": each / size <= GROWTH_GOAL,
        }


_CHANGE = f"for i in $(seq {CHANGED}); do echo '// more' >> packages/p$i/src0/f1.js; done"


def _repository(folder: Path) -> str:
    """A generated monorepo: files of some kilobytes in folders of thirty."""
    numbers = random.Random(27)  # noqa: S311 - nothing secret
    folder.mkdir()
    for number in range(FILES):
        place = folder / f"packages/p{number // 450}/src{number // 30 % 15}"
        place.mkdir(parents=True, exist_ok=True)
        lines = range(numbers.randrange(20, 400))
        (place / f"f{number % 30}.js").write_text("".join(f"const v{line} = {numbers.random()};\n" for line in lines))
    (folder / ".gitignore").write_text(".venv\n")
    script = "git init -q -b main && git add -A && git -c user.name=Bench -c user.email=bench@localhost commit -qm base"
    subprocess.run(f"{script} && git rev-parse HEAD", shell=True, check=True, cwd=folder, capture_output=True)  # noqa: S602
    return subprocess.run(
        ["git", "rev-parse", "HEAD"], check=True, cwd=folder, capture_output=True, text=True
    ).stdout.strip()


def _size(folder: Path, *options: str) -> int:
    """Bytes on the disk."""
    said = subprocess.run(["du", "-sk", *options, str(folder)], check=True, capture_output=True, text=True)
    return int(said.stdout.split()[0]) * 1024


async def _ok(workspace: GitWorkspace, command: str) -> None:
    result = await workspace.sandbox.run(command)
    assert result.ok, result.output


async def _git(*words: str) -> float:
    async def run() -> None:
        process = await asyncio.create_subprocess_exec("git", *words, stdout=asyncio.subprocess.DEVNULL)
        assert await process.wait() == 0

    return await _timed(run)


async def _timed(act: Callable[[], Awaitable[object]]) -> float:
    began = time.monotonic()
    await act()
    return time.monotonic() - began


def _row(name: str, ours: list[float], theirs: list[float], reference: str, goal: float) -> dict[str, object]:
    return {
        "name": name,
        "value": round(median(ours), 3),
        "unit": "s",
        "reference": f"{reference}: {median(theirs):.3f} s",
        "ratio": round(median(ours) / median(theirs), 3),
        "runs": len(ours),
        "goal": f"<= {goal:g} s",
        "met": median(ours) <= goal,
    }
