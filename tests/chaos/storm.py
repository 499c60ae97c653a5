"""Everything goes wrong at once: GitHub's answers, workers that are killed, a database that is restarted.

People label issues on a loopback GitHub in bad weather; a worker is killed every few seconds, and takes up work again
at once, with the disk it had. One seed decides the weather, the moments and whom it hits; how fast the machine is
decides the rest.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select

from app.adapters.store import PostgresStore, ProcrastinateQueue, connected, tables
from app.core.run import Run
from app.demo.github.plumbing import Git
from app.demo.github.weather import weather
from app.demo.stage import Start
from tests.fleet import Fleet, fleet

REPOSITORIES: Final = tuple(f"storm{index}/slugs" for index in range(4))
_KILL_AFTER_S: Final = (2.0, 6.0)
_MOST_PATIENCE: Final = 4.0
"""Times longer between two kills, where nothing was written down since the last."""
_SETTINGS: Final = {
    "MINIONS_WORKER_LOST_AFTER_S": "3",
    "MINIONS_CONCURRENCY": "3",
    "MINIONS_DISK_GIB": "1",
}


@dataclass
class Storm:
    """What is going on, and what it left behind."""

    fleet: Fleet
    chance: int
    kills: int = 0
    restarts: int = 0

    async def blow(self, issues: Sequence[tuple[str, int]], *, restarts: int, within_s: float) -> None:
        """Kill and restart until every issue has a run and every run has ended. Raises TimeoutError."""
        dice = random.Random(self.chance)  # noqa: S311 - it has to be repeatable
        patience, done = 1.0, 0
        async with asyncio.timeout(within_s):
            while not await self.fleet.is_through(len(issues)):
                await asyncio.sleep(patience * dice.uniform(*_KILL_AFTER_S))
                before, done = done, await self._done()
                # Where the longest node takes longer than a worker lives, no run would ever end.
                patience = max(patience / 1.5, 1.0) if done > before else min(patience * 1.5, _MOST_PATIENCE)
                await self.fleet.kill(dice.choice(sorted(self.fleet.workers)))
                self.kills += 1
                if self.restarts < restarts and self.kills >= 3 * (self.restarts + 1):
                    await asyncio.to_thread(self._restart_database)

    def _restart_database(self) -> None:
        self.fleet.database.stop()
        self.fleet.database.start()
        self.restarts += 1

    async def _done(self) -> int:
        """How much was written down so far."""
        async with connected(self.fleet.url) as engine, engine.connect() as connection:
            written = [
                (await connection.execute(select(func.count()).select_from(table))).scalar_one()
                for table in (tables.visits, tables.journal)
            ]
        return sum(written)

    # -- What it left behind -----------------------------------------------------------------------------------------
    async def runs(self) -> Sequence[Run]:
        """Every run, oldest first."""
        async with connected(self.fleet.url) as engine:
            store = PostgresStore(engine, ProcrastinateQueue(self.fleet.url))
            async with engine.connect() as connection:
                ids = list((await connection.execute(select(tables.runs.c.id).order_by(tables.runs.c.id))).scalars())
            return [await store.load(run_id) for run_id in ids]

    async def left_on(self, name: str, number: int) -> Mapping[str, int]:
        """How many of each thing of ours there are for one issue."""
        hub = self.fleet.stage.hub
        repository = hub.repository(name)
        heads = await Git(repository.path).refs("refs/heads/")
        ours = {ref: sha for ref, sha in heads.items() if ref.startswith(f"refs/heads/minions/{number}-")}
        pulls = [pull for pull in repository.pulls if f"refs/heads/{pull.head.branch}" in ours]
        checks = [check for sha in ours.values() for check in hub.check_runs(name, sha)]
        return {
            "branches": len(ours),
            "pull requests": len(pulls),
            "open pull requests": sum(pull.issue.state == "open" for pull in pulls),
            "comments": sum(comment.user.login == "minions[bot]" for comment in hub.issue(name, number).comments),
            "checks of the head": len(checks),
            "green checks of the head": sum(check.conclusion == "success" for check in checks),
        }

    async def unfinished_checks(self) -> int:
        """Check runs that say that somebody is still at work."""
        hub = self.fleet.stage.hub
        return sum(check.status != "completed" for name in REPOSITORIES for check in hub.check_runs(name))

    async def ledger(self) -> Mapping[str, int]:
        """Turns in the ledger, in the journals, and by the model server's own count, each turn counted once."""
        async with connected(self.fleet.url) as engine, engine.connect() as connection:
            charged = (await connection.execute(select(func.count()).select_from(tables.ledger))).scalar_one()
            kind = tables.journal.c.entry["kind"].as_string()
            answers = select(func.count()).select_from(tables.journal).where(kind == "model answered")
            answered = (await connection.execute(answers)).scalar_one()
        asked = Counter(str(body["messages"]) for body in self.fleet.stage.models.requests)
        return {"charged": charged, "answered": answered, "asked": len(asked)}


@asynccontextmanager
async def storm(chance: int, start: Start, *, workers: int = 3) -> AsyncIterator[Storm]:
    """A storm that is about to begin; everything is stopped and removed at the end."""
    async with fleet(workers=workers, settings=_SETTINGS, start=start) as there:
        weather(there.stage.hub.faults, chance)
        yield Storm(there, chance)
