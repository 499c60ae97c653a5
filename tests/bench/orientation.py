"""What looking around in a large repository costs, and a minion's search, beside ripgrep itself.

Ripgrep is timed over a plain clone, and over the work tree as the minion's user but outside the box: the kernel opens
each file of a work tree twice, once in the overlay, once below it, whoever asks.

Words are as frequent in the files as in a language: a few stand almost everywhere, most hardly anywhere.
"""

import asyncio
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.workspace.mounts import unmount_below
from app.adapters.workspace.workspace import GitWorkspace
from app.adapters.workspace.workspaces import Workspaces
from app.agent.tools.search import SEARCH, SearchArguments
from app.agent.tools.tool import Desk
from app.core.forge import Remote
from app.core.task import Person, Repository, Task
from blueprints.steps.orientation import orientation

FILES: Final = 30_000
ROUNDS: Final = 5
ORIENTATION_GOAL_S: Final = 0.3
SEARCH_GOAL: Final = 1.5
"""Times ripgrep itself over the same files."""
CLONE_GOAL: Final = 2.0
"""Times ripgrep where no overlay is in between: measured 1.4 to 1.8."""
_WORDS: Final = 20_000
_MEAN_BYTES: Final = 4_000
"""Of a file: those of babel/babel have 3 kB, those of django 5 kB."""


async def rows() -> list[dict[str, object]]:
    """One object a row of the benchmark; makes its own folder and removes it."""
    home = Path(tempfile.mkdtemp(prefix="minions-bench-"))
    try:
        await asyncio.to_thread(home.chmod, 0o711)
        return await _measured(home)
    finally:
        await asyncio.to_thread(unmount_below, home)
        await asyncio.to_thread(shutil.rmtree, home)


async def _measured(home: Path) -> list[dict[str, object]]:
    vocabulary = _vocabulary()
    origin = home / "origin"
    sha = await asyncio.to_thread(_repository, origin, vocabulary)
    boxes = BubblewrapBoxes(home / "data")

    async def remote(write: bool) -> Remote:  # noqa: ARG001, FBT001 # as the workspace asks
        return Remote(url=str(origin))

    async def fresh(number: int) -> GitWorkspace:
        """As a node gets it: nothing is known from before."""
        workspace = Workspaces(home / "data", boxes).open(number, 1, remote)
        await workspace.check_out(sha)
        return workspace

    task = _task(vocabulary)
    rare = vocabulary[_WORDS // 2]
    around, searched, bare, there = [], [], [], []
    for number in range(ROUNDS + 1):
        workspace = await fresh(1)
        block, seconds = await _timed(lambda here=workspace: orientation(task, here, here.sandbox))  # type: ignore[misc]
        assert "Files that speak of it most" in str(block)
        arguments = SearchArguments(pattern=rare)
        desk = Desk(workspace.sandbox, workspace, 60)
        told, search = await _timed(lambda one=arguments, at=desk: SEARCH.run(one, at))  # type: ignore[misc]
        _, alone = await _timed(lambda: _ripgrep(origin, rare))
        _, beside = await _timed(lambda: _ripgrep(_tree(home), rare))
        assert rare in str(told)
        if number:  # the first one reads from the disk
            around.append(seconds)
            searched.append(search)
            bare.append(alone)
            there.append(beside)
    await workspace.remove()
    reference = f"rg for one word in a clone: {median(bare):.3f} s"
    return [
        _row(f"looking around in {FILES:,} files", around, bare, reference)
        | {"goal": f"<= {ORIENTATION_GOAL_S:g} s", "met": median(around) <= ORIENTATION_GOAL_S},
        _row("search of a minion there", searched, there, f"rg in the same work tree: {median(there):.3f} s")
        | {"goal": f"<= {SEARCH_GOAL:g} x rg", "met": median(searched) <= SEARCH_GOAL * median(there)},
        _row("… beside ripgrep in a plain clone", searched, bare, reference)
        | {"goal": f"<= {CLONE_GOAL:g} x rg", "met": median(searched) <= CLONE_GOAL * median(bare)},
    ]


def _task(vocabulary: list[str]) -> Task:
    """An issue with frequent words, rare ones, and one that is nowhere."""
    said = " ".join(vocabulary[at] for at in (5, 40, 300, 1_000, 4_000, 9_000, 15_000))
    return Task(
        repository=Repository(id=1, full_name="octo/large", installation_id=1),
        number=1,
        title=f"{vocabulary[2_000]} is not {vocabulary[7_000]}",
        body=f"When {said}, then `{vocabulary[12_000]}` says unheardof. See packages/p3/src1/f2.js.",
        requester=Person(id=1, login="ann"),
        asked_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def _vocabulary() -> list[str]:
    """Words from frequent to rare."""
    numbers = random.Random(3)  # noqa: S311 - nothing secret
    letters = "abcdefghijklmnopqrstuvwxyz"
    return ["".join(numbers.choices(letters, k=numbers.randrange(5, 12))) for _ in range(_WORDS)]


def _repository(folder: Path, vocabulary: list[str]) -> str:
    """A generated monorepo whose words are distributed as Zipf says."""
    numbers = random.Random(27)  # noqa: S311 - nothing secret
    weights = [1 / rank for rank in range(1, len(vocabulary) + 1)]
    pool = numbers.choices(vocabulary, weights, k=2_000_000)
    folder.mkdir()
    for number in range(FILES):
        place = folder / f"packages/p{number // 450}/src{number // 30 % 15}"
        place.mkdir(parents=True, exist_ok=True)
        begin, count = numbers.randrange(len(pool)), int(numbers.expovariate(1) * _MEAN_BYTES / 12) + 10
        said = pool[begin : begin + count]
        lines = (f"  {said[at]}({', '.join(said[at + 1 : at + 5])});\n" for at in range(0, len(said), 5))
        (place / f"f{number % 30}.js").write_text("".join(lines))
    script = "git init -q -b main && git add -A && git -c user.name=Bench -c user.email=bench@localhost commit -qm base"
    subprocess.run(f"{script} && git rev-parse HEAD", shell=True, check=True, cwd=folder, capture_output=True)  # noqa: S602
    said_head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, cwd=folder, capture_output=True, text=True)
    return said_head.stdout.strip()


def _tree(home: Path) -> Path:
    """What the run works on, however it was made."""
    return next((home / "data/runs/1").glob("*/tree"))


async def _ripgrep(folder: Path, word: str) -> None:
    command = _as_owner(folder, "rg", "--no-config", "--line-number", "-e", word, "--", ".")
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=asyncio.subprocess.DEVNULL)
    assert await process.wait() == 0


def _as_owner(folder: Path, *command: str) -> tuple[str, ...]:
    """As who owns the folder, for whom the kernel asks less than for root."""
    owner = folder.stat()
    return ("setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups", *command)


async def _timed(act: Callable[[], Awaitable[object]]) -> tuple[object, float]:
    began = time.perf_counter()
    answer = await act()
    return answer, time.perf_counter() - began


def _row(name: str, ours: list[float], theirs: list[float], reference: str) -> dict[str, object]:
    return {
        "name": name,
        "value": round(median(ours), 3),
        "unit": "s",
        "reference": reference,
        "ratio": round(median(ours) / median(theirs), 2),
        "runs": len(ours),
    }
