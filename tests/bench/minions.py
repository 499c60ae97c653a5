"""Minions in a process of its own, as a worker is one: `python -m tests.bench.minions DATABASE`.

It imports its model client once; then each line of standard input is an order, answered by a line. A run has the real
journal in PostgreSQL, asks by litellm over HTTP, and runs commands in a local shell, as the other harnesses do.
"""

import asyncio
import gc
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from app import loop
from app.adapters.litellm import LiteLLMModel
from app.adapters.litellm_library import warm_up
from app.adapters.model_prices import Price
from app.adapters.store import PostgresStore, ProcrastinateQueue, connected
from app.adapters.workspace.look import look
from app.agent.minion import AgentLoop
from app.core.blueprint import TOOLS, AgentSpec
from app.core.budget import Budget
from app.core.minion import Submission
from app.core.patch import Patch
from app.core.signals import Signals
from app.core.store import Draft
from app.core.task import Person, Repository, Task
from tests.agent.folder import FolderSandbox, FolderWorkspace

_BUDGET: Final = Budget(turns=400, tokens=10**9, usd=1_000.0)


class Order(BaseModel, frozen=True):
    """Hold these conversations at once, each in its folder."""

    urls: tuple[str, ...]
    folders: tuple[str, ...]


class Answer(BaseModel, frozen=True):
    """What it took. Moments are those of `time.monotonic`."""

    began: float
    ended: float
    before_bytes: int
    most_bytes: int
    """Memory before it began, and the most of it meanwhile."""


@dataclass
class CheckedOut(FolderWorkspace):
    """A work tree whose change git tells, if a look from outside does not see that it is the same; as in a real one."""

    _look: bytes = b""
    _told: Patch = field(default_factory=Patch)

    async def patch(self) -> Patch:
        seen = await asyncio.to_thread(look, self.root, ())
        if not seen or seen != self._look:
            self._told, self._look = await self._diff(), seen
        return self._told

    async def _diff(self) -> Patch:
        process = await asyncio.create_subprocess_exec(
            *("git", "diff", "--binary", "HEAD"), cwd=self.root, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        data = await process.stdout.read()
        assert await process.wait() == 0
        return Patch(data=data)


async def _hold(store: PostgresStore, url: str, folder: Path) -> None:
    """One conversation, from its first journal entry to its last."""
    asked = Draft(intent=url, task=_task(), blueprint="fix", blueprint_version=1, start="prepare")
    run_id = (await store.accept(None, asked, "It was asked for.")).run_id
    assert run_id is not None
    minion = AgentLoop(
        model=LiteLLMModel("openai/scripted", api_base=url, api_key="none", price=Price(input=1, output=1)),
        spec=AgentSpec("bench.md", TOOLS, "implement", _BUDGET),
        prompt="Make everything new.",
        sandbox=FolderSandbox(folder),
        workspace=CheckedOut(folder),
        journal=store.journal(run_id, 1),
        clock=time.monotonic,
        signals=Signals(),
    )
    assert isinstance(await minion.work({}), Submission)


def _task() -> Task:
    return Task(
        repository=Repository(id=1, full_name="octo/bench", installation_id=1),
        number=1,
        title="New",
        body="Make everything new.",
        requester=Person(id=1, login="ann"),
        asked_at=datetime.now(UTC),
    )


async def _carried_out(store: PostgresStore, order: Order) -> Answer:
    gc.collect()
    before, began = _resident_bytes(), time.monotonic()
    watching = asyncio.create_task(_most_resident_bytes())
    await asyncio.gather(*(_hold(store, url, Path(at)) for url, at in zip(order.urls, order.folders, strict=True)))
    ended = time.monotonic()
    watching.cancel()
    most = max(_resident_bytes(), *(await asyncio.gather(watching)))
    return Answer(began=began, ended=ended, before_bytes=before, most_bytes=most)


async def _most_resident_bytes() -> int:
    """The most until it is told to stop."""
    most = 0
    try:
        while True:
            most = max(most, _resident_bytes())
            await asyncio.sleep(0.1)
    except asyncio.CancelledError:
        return most


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def _work(database: str) -> None:
    await warm_up()
    async with connected(database) as engine:
        store = PostgresStore(engine, ProcrastinateQueue(database))
        await store.unfinished()
        gc.collect()
        gc.freeze()
        _say("ready")
        while line := await asyncio.to_thread(sys.stdin.readline):
            _say((await _carried_out(store, Order.model_validate_json(line))).model_dump_json())


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(words: Sequence[str]) -> None:
    """Work for whoever started it."""
    loop.run(_work(words[1]))


if __name__ == "__main__":
    main(sys.argv)
