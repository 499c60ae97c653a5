"""As `worker.py`, for one minion alone: `turns_worker.py FOLDER URL` works in FOLDER, with the model at URL.

Journal and model client are those of any worker. Tree and commands are those of a plain folder, so that an attempt
takes a tenth of a second; the tree is made anew from what is stored, as a machine that takes a run over makes it.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from app.adapters.litellm import LiteLLMModel
from app.adapters.model_prices import Price
from app.adapters.store import PostgresStore, ProcrastinateQueue, connected
from app.adapters.store.url import with_driver
from app.agent.minion import AgentLoop
from app.core.blueprint import TOOLS, AgentSpec
from app.core.journal import Entry, ToolCalled, ToolReturned
from app.core.model import Profile
from app.core.signals import Signals
from tests.agent.folder import FolderSandbox, FolderWorkspace
from tests.agent.thirty_turns import BUDGET, WINDOW, lay_out
from tests.crash.worker import Fuse, FusedJournal, JournalOfAgent, Order, answer_orders

VISIT = 1


class PatientJournal(FusedJournal):
    """Does not count that an interrupted command is begun once more, and ends: else none would ever do so."""

    def __init__(self, journal: JournalOfAgent, visit: int, fuse: Fuse) -> None:
        super().__init__(journal, visit, fuse)
        self._was_interrupted = False
        self._is_second_try = False

    async def entries(self) -> list[Entry]:
        """As `Journal` says."""
        entries = list(await super().entries())
        for entry in entries:
            self._look(entry)
        return entries

    async def append(self, *entries: Entry, patch: bytes | None = None) -> None:
        """As `Journal` says."""
        await super().append(*entries, patch=patch)
        for entry in entries:
            self._look(entry)

    def _look(self, entry: Entry) -> None:
        if isinstance(entry, ToolCalled):
            self._is_second_try = self._was_interrupted
        if isinstance(entry, ToolReturned):
            self._is_second_try = False
            self._was_interrupted = entry.text.startswith("[interrupted")

    def _is_again(self, entries: Sequence[Entry]) -> bool:
        is_begun = any(isinstance(entry, ToolCalled) for entry in entries)
        ends = isinstance(entries[0], ToolReturned) and self._is_second_try
        return super()._is_again(entries) or (is_begun and self._was_interrupted) or ends


async def advance(folder: Path, url: str, order: Order, pipe: int) -> None:
    """One attempt at the order's run."""
    database = with_driver(order.database)
    async with connected(database) as engine:
        store = PostgresStore(engine, ProcrastinateQueue(database))
        await go_on(folder, url, store, order.run, Fuse(order, pipe))


async def go_on(folder: Path, url: str, store: PostgresStore, run: int, fuse: Fuse) -> None:
    """Go on with a run, or begin it, until its end or until the fuse blows."""
    workspace = FolderWorkspace(folder)
    if patch := await store.patch(run):
        workspace.bring_to(patch)
    elif not await asyncio.to_thread(folder.exists):
        lay_out(folder)
    price, profile = Price(input=1, output=1), Profile(window=WINDOW)
    minion = AgentLoop(
        model=LiteLLMModel("openai/thirty", api_base=url, api_key="none", price=price, profile=profile),
        spec=AgentSpec("work.md", TOOLS, "implement", BUDGET),
        prompt="Task: $task",
        sandbox=FolderSandbox(folder),
        workspace=workspace,
        journal=PatientJournal(store.journal(run, VISIT), VISIT, fuse),
        clock=time.monotonic,
        signals=Signals(),
    )
    await minion.work({"task": "greet the moon"})


def main() -> None:
    """Answer orders until there are no more."""
    answer_orders(partial(advance, Path(sys.argv[1]), sys.argv[2]))


if __name__ == "__main__":
    main()
