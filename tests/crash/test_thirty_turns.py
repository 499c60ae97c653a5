"""A minion at work for thirty turns dies at every write of its journal, and is started again each time.

All of it is real: the journal in PostgreSQL, the model client, HTTP, and a provider that keeps its own books. At every
sixth write it is a process, killed by SIGKILL; at each of them what it does ends there, and nothing is written any
more, which takes seconds. All deaths are in *one* run, as in `test_boundaries.py`; only the second try of a command is
left to end.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import pytest
from sqlalchemy import func, select

from app.adapters.store import PostgresStore, tables
from app.core.journal import Closed, Entry, Masked, ModelAnswered
from app.core.store import Draft
from app.core.task import Person, Repository, Task
from tests.agent.folder import FolderWorkspace
from tests.agent.thirty_turns import STEPS, policy, whole
from tests.crash.provider import Provider, provider
from tests.crash.turns_worker import VISIT, go_on
from tests.crash.worker import Fuse, Order
from tests.forks import Forked, Forks

pytestmark = [pytest.mark.crash, pytest.mark.timeout(600)]

SIGKILL = 9
T = TypeVar("T")


class PowerCut(Exception):
    """What is at work is gone."""


class Breaker(Fuse):
    """Ends what is at work, and not its process. What is dead writes nothing."""

    def __init__(self, order: Order) -> None:
        super().__init__(order, pipe=-1)
        self.commits: list[str] = []
        self.is_dead = False

    async def commit(self, name: str, effect: Callable[[], Awaitable[T]], *, again: bool = False, node: str = "") -> T:
        if self.is_dead:
            raise PowerCut
        return await super().commit(name, effect, again=again, node=node)

    def _tell(self, name: str) -> None:
        self.commits.append(name)

    def _die(self) -> NoReturn:
        self.is_dead = True
        raise PowerCut


@dataclass
class Minion:
    """One run, whose workers die as they are told to."""

    store: PostgresStore
    database: str
    run_id: int
    folder: Path
    provider: Provider

    async def attempt(self, **order: Any) -> Any:
        """One attempt to advance it; what `worker.Answer` says, as a dict."""
        fuse = Breaker(Order(run=self.run_id, database=self.database, **order))
        with suppress(PowerCut):
            await go_on(self.folder, self.provider.url, self.store, self.run_id, fuse)
        return {"died_by": SIGKILL if fuse.is_dead else 0, "exit_code": 0, "commits": fuse.commits}

    async def killed_throughout(self, when: str, steps: Sequence[int]) -> list[str]:
        """Kill it at each new entry until it ends; what was committed. `steps` as in `test_boundaries.py`."""
        commits: list[str] = []
        for kills in range(400):
            answer = await self.attempt(die_at=steps[min(kills, 1)], when=when)
            commits += answer["commits"]
            if answer["died_by"] != SIGKILL:
                assert (answer["died_by"], answer["exit_code"]) == (0, 0), commits
                news = sum(not commit.startswith("again: ") for commit in commits)
                assert kills >= news // max(steps) > 10
                return commits
        raise AssertionError(f"It does not end: {commits[-20:]}")

    async def entries(self) -> Sequence[Entry]:
        return await self.store.journal(self.run_id, VISIT).entries()

    async def tree(self) -> bytes:
        return (await FolderWorkspace(self.folder).patch()).data

    async def charged(self) -> int:
        """Input tokens, as the ledger has them."""
        async with self.store._engine.connect() as connection:
            query = select(func.sum(tables.ledger.c.input_tokens)).where(tables.ledger.c.run_id == self.run_id)
            return int((await connection.execute(query)).scalar_one())


@dataclass
class MinionInProcess(Minion):
    """As before, in processes of their own."""

    process: Forked

    async def attempt(self, **order: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        asked = {"run": self.run_id, "database": self.database} | order
        self.process.stdin.write(json.dumps(asked).encode() + b"\n")
        answer = json.loads(await self.process.stdout.readline())
        assert not answer["hung"]
        return answer


@asynccontextmanager
async def begun(store: PostgresStore, database: str, folder: Path) -> AsyncIterator[Minion]:
    """A run that nobody has worked on yet."""
    task = Task(
        repository=Repository(id=1, full_name="octo/thirty", installation_id=1),
        number=1,
        title="Thirty",
        body="Do them all.",
        requester=Person(id=1, login="ann"),
        asked_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    draft = Draft(intent="label 1", task=task, blueprint="fix", blueprint_version=1, start="prepare")
    run_id = (await store.accept(None, draft, "It was asked for.")).run_id
    assert run_id is not None
    with provider(policy) as books:
        yield Minion(store, database, run_id, folder, books)


@asynccontextmanager
async def forked(forks: Forks, minion: Minion) -> AsyncIterator[MinionInProcess]:
    """The same with a fork server that is warm."""
    words = ("tests.crash.turns_worker", str(minion.folder), minion.provider.url)
    process = await forks.talking(*words, environment=os.environ, errors=sys.stderr.fileno())
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        yield MinionInProcess(**vars(minion), process=process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.kill()
        await process.wait()


SAMPLE = 6
"""Every so many writes: killing processes at each takes minutes, and is for `make soak`."""
EVERY = pytest.mark.soak


@pytest.mark.parametrize(
    ("when", "steps"),
    [
        pytest.param("after", (1, SAMPLE), id="after some"),
        pytest.param("before", (1, SAMPLE), id="before some"),
        pytest.param("after", (1, 1), id="after each", marks=EVERY),
        pytest.param("before", (1, 2), id="before each", marks=EVERY),
    ],
)
async def test_killed_at_entries_of_thirty_turns(
    forks: Forks, store: PostgresStore, database_url: str, tmp_path: Path, when: str, steps: Sequence[int]
) -> None:
    async with begun(store, database_url, tmp_path / "tree") as one, forked(forks, one) as minion:
        await same_in_the_end(minion, await minion.killed_throughout(when, steps), when, tmp_path)


@pytest.mark.parametrize(("when", "steps"), [("after", (1, 1)), ("before", (1, 2))])
async def test_cut_at_each_entry_of_thirty_turns(
    store: PostgresStore, database_url: str, tmp_path: Path, when: str, steps: Sequence[int]
) -> None:
    """Before a write it is each second one: what dies before the first new one gets nowhere."""
    async with begun(store, database_url, tmp_path / "tree") as minion:
        commits = await minion.killed_throughout(when, steps)
        assert len(commits) > 60
        await same_in_the_end(minion, commits, when, tmp_path)


async def same_in_the_end(minion: Minion, commits: Sequence[str], when: str, folder: Path) -> None:
    """The tree is that of an undisturbed run, and no answer that was kept was asked for again.

    What becomes of a question that is in flight when its worker dies nobody can know: it is asked once more, and
    charged once.
    """
    entries, books = await minion.entries(), minion.provider
    answers = [entry for entry in entries if isinstance(entry, ModelAnswered)]
    assert isinstance(entries[-1], Closed)
    assert entries[-1].result["kind"] == "submission"
    assert len(answers) >= len(STEPS) == 30
    assert any(isinstance(entry, Masked) for entry in entries)
    assert await minion.tree() == (await whole(folder / "undisturbed"))[1]
    assert len(set(books.asked)) == len(answers)
    lost = len(books.asked) - len(answers)
    assert max(Counter(books.asked).values()) <= (1 if when == "after" else 2)
    assert lost <= sum(commit.startswith("again: ") for commit in commits)
    billed = dict(zip(books.asked, books.billed, strict=True))
    assert sum(answer.usage.input_tokens for answer in answers) == sum(billed.values())
    assert (await minion.charged()) == sum(billed.values())
