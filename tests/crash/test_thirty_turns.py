"""A minion at work for thirty turns is killed by SIGKILL at entries of its journal, and started again each time.

All of it is real: the process, the journal in PostgreSQL, the model client, HTTP, and a provider that keeps its own
books. All deaths are in *one* run, as in `test_boundaries.py`; only the second try of a command is left to end.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.adapters.store import PostgresStore, tables
from app.core.journal import Closed, Entry, Masked, ModelAnswered
from app.core.store import Draft
from app.core.task import Person, Repository, Task
from tests.agent.folder import FolderWorkspace
from tests.agent.thirty_turns import STEPS, policy, whole
from tests.crash.provider import Provider, provider
from tests.crash.turns_worker import VISIT
from tests.forks import Forked, Forks

pytestmark = [pytest.mark.crash, pytest.mark.timeout(600)]

SIGKILL = 9


@dataclass
class Minion:
    """One run, whose workers die as they are told to."""

    process: Forked
    store: PostgresStore
    database: str
    run_id: int
    folder: Path
    provider: Provider

    async def attempt(self, **order: Any) -> Any:
        """One attempt to advance it; what `worker.Answer` says, as a dict."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        asked = {"run": self.run_id, "database": self.database} | order
        self.process.stdin.write(json.dumps(asked).encode() + b"\n")
        answer = json.loads(await self.process.stdout.readline())
        assert not answer["hung"]
        return answer

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


@asynccontextmanager
async def at_work(forks: Forks, store: PostgresStore, database: str, folder: Path) -> AsyncIterator[Minion]:
    """A run that nobody has worked on yet, and a fork server that is warm."""
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
        words = ("tests.crash.turns_worker", str(folder), books.url)
        process = await forks.talking(*words, environment=os.environ, errors=sys.stderr.fileno())
        try:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
            yield Minion(process, store, database, run_id, folder, books)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.kill()
            await process.wait()


SAMPLE = 4
"""Every so many writes: what is killed at each takes minutes, and is for `make soak`."""
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
    """The tree is that of an undisturbed run, and no answer that was kept was asked for again.

    What becomes of a question that is in flight when its worker dies nobody can know: it is asked once more, and
    charged once.
    """
    async with at_work(forks, store, database_url, tmp_path / "tree") as minion:
        commits = await minion.killed_throughout(when, steps)
        entries, books = await minion.entries(), minion.provider
        answers = [entry for entry in entries if isinstance(entry, ModelAnswered)]
        assert isinstance(entries[-1], Closed)
        assert entries[-1].result["kind"] == "submission"
        assert len(answers) >= len(STEPS) == 30
        assert any(isinstance(entry, Masked) for entry in entries)
        assert await minion.tree() == (await whole(tmp_path / "undisturbed"))[1]
        assert len(set(books.asked)) == len(answers)
        lost = len(books.asked) - len(answers)
        assert max(Counter(books.asked).values()) <= (1 if when == "after" else 2)
        assert lost <= sum(commit.startswith("again: ") for commit in commits)
        billed = dict(zip(books.asked, books.billed, strict=True))
        assert sum(answer.usage.input_tokens for answer in answers) == sum(billed.values())
        assert (await minion.charged()) == sum(billed.values())
