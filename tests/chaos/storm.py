"""Everything goes wrong at once: GitHub's answers, workers that are killed, a database that is restarted.

A web server and several workers, each with a disk of its own, share one PostgreSQL. People label issues on a loopback
GitHub in bad weather; a worker is killed every few seconds, and takes up work again at once, with the disk it had.
One seed decides the weather, the moments and whom it hits; how fast the machine is decides the rest.
"""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from sqlalchemy import func, select

from app.adapters.postgres import EmbeddedPostgres
from app.adapters.store import PostgresStore, ProcrastinateQueue, connected, tables
from app.adapters.store.schema import migrate
from app.adapters.workspace.leftovers import clear
from app.core.run import Run
from app.demo.github.plumbing import Git
from app.demo.github.weather import weather
from app.demo.stage import Stage, seed, staged

REPOSITORIES: Final = 4
_KILL_AFTER_S: Final = (2.0, 6.0)
_MOST_PATIENCE: Final = 4.0
"""Times longer between two kills, where nothing was written down since the last."""
_SETTINGS: Final = {
    "MINIONS_WORKER_LOST_AFTER_S": "3",
    "MINIONS_CONCURRENCY": "3",
    "MINIONS_DISK_GIB": "1",
    "MINIONS_LOG_LEVEL": "INFO",
}


@dataclass
class Storm:
    """What is going on, and what it left behind."""

    stage: Stage
    database: EmbeddedPostgres
    url: str
    chance: int
    workers: dict[int, asyncio.subprocess.Process] = field(default_factory=dict)
    web: asyncio.subprocess.Process | None = None
    kills: int = 0
    restarts: int = 0

    async def start(self, workers: int) -> None:
        """Start the web server and the workers, and wait until deliveries can arrive."""
        self.web = await self._spawn("serve", "--no-work", home="web")
        for number in range(workers):
            self.workers[number] = await self._spawn("work", home=f"worker{number}")
        async with httpx.AsyncClient() as client:
            async with asyncio.timeout(120):
                while not await _is_ready(client, self.stage.app_url):
                    await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Stop everything that was started."""
        for process in (self.web, *self.workers.values()):
            if process is not None and process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        for name in ("web", *(f"worker{number}" for number in self.workers)):
            await asyncio.to_thread(clear, self.stage.home / name)

    async def label(self, number: int) -> Sequence[tuple[str, int]]:
        """People file and label so many issues, all at once; answer with (repository, issue) of each."""
        hub, wanted = self.stage.hub, seed()
        hub.add_user("ann")
        names = [f"storm{index}/slugs" for index in range(REPOSITORIES)]
        for name in names:
            self.stage.add_repository(name, wanted.files)
            hub.add_collaborator(name, "ann", "write")
        issues = []
        for index in range(number):
            name = names[index % REPOSITORIES]
            # Words of its own, by which the model's server can tell its turns from those of the others.
            body = f"{wanted.issue.body}\n\nSeen {index + 1} times."
            issue = hub.open_issue(name, by="ann", title=wanted.issue.title, body=body)
            hub.add_label(name, issue.number, "minion", by="ann")
            issues.append((name, issue.number))
        return issues

    async def blow(self, issues: Sequence[tuple[str, int]], *, restarts: int, within_s: float) -> None:
        """Kill and restart until every issue has a run and every run has ended. Raises TimeoutError."""
        dice = random.Random(self.chance)  # noqa: S311 - it has to be repeatable
        asks, patience, done = len(issues), 1.0, 0
        async with asyncio.timeout(within_s):
            while not await self._is_over(asks):
                await asyncio.sleep(patience * dice.uniform(*_KILL_AFTER_S))
                before, done = done, await self._done()
                # Where the longest node takes longer than a worker lives, no run would ever end.
                patience = max(patience / 1.5, 1.0) if done > before else min(patience * 1.5, _MOST_PATIENCE)
                await self._kill(dice.choice(sorted(self.workers)))
                if self.restarts < restarts and self.kills >= 3 * (self.restarts + 1):
                    await asyncio.to_thread(self._restart_database)

    async def _kill(self, number: int) -> None:
        process = self.workers[number]
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        self.kills += 1
        self.workers[number] = await self._spawn("work", home=f"worker{number}")

    def _restart_database(self) -> None:
        self.database.stop()
        self.database.start()
        self.restarts += 1

    async def _is_over(self, asks: int) -> bool:
        async with connected(self.url) as engine:
            store = PostgresStore(engine, ProcrastinateQueue(self.url))
            counts = await store.counts()
            return sum(counts.values()) >= asks and not await store.unfinished()

    async def _done(self) -> int:
        """How much was written down so far."""
        async with connected(self.url) as engine, engine.connect() as connection:
            written = [
                (await connection.execute(select(func.count()).select_from(table))).scalar_one()
                for table in (tables.visits, tables.journal)
            ]
        return sum(written)

    async def _spawn(self, *words: str, home: str) -> asyncio.subprocess.Process:
        folder = self.stage.home / home
        await asyncio.to_thread(folder.mkdir, exist_ok=True)
        await asyncio.to_thread(folder.chmod, 0o711)
        log = os.open(self.stage.home / f"{home}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                *("setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", "app.cli", *words),
                env={
                    **self.stage.environment,
                    "MINIONS_HOME": str(folder),
                    "MINIONS_DATABASE_URL": self.url.replace("+psycopg", "", 1),
                },
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        finally:
            os.close(log)

    # -- What it left behind -----------------------------------------------------------------------------------------
    async def runs(self) -> Sequence[Run]:
        """Every run, oldest first."""
        async with connected(self.url) as engine:
            store = PostgresStore(engine, ProcrastinateQueue(self.url))
            async with engine.connect() as connection:
                ids = list((await connection.execute(select(tables.runs.c.id).order_by(tables.runs.c.id))).scalars())
            return [await store.load(run_id) for run_id in ids]

    async def left_on(self, name: str, number: int) -> Mapping[str, int]:
        """How many of each thing of ours there are for one issue."""
        hub = self.stage.hub
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
        names = {repository.full_name for repository in self.stage.hub.repositories.values()}
        return sum(check.status != "completed" for name in names for check in self.stage.hub.check_runs(name))

    async def ledger(self) -> Mapping[str, int]:
        """Turns in the ledger, in the journals, and by the model server's own count, each turn counted once."""
        async with connected(self.url) as engine, engine.connect() as connection:
            charged = (await connection.execute(select(func.count()).select_from(tables.ledger))).scalar_one()
            kind = tables.journal.c.entry["kind"].as_string()
            answers = select(func.count()).select_from(tables.journal).where(kind == "model answered")
            answered = (await connection.execute(answers)).scalar_one()
        asked = Counter(str(body["messages"]) for body in self.stage.models.requests)
        return {
            "charged": charged,
            "answered": answered,
            "asked": len(asked),
            "asked again": asked.total() - len(asked),
        }

    def log_ends(self) -> str:
        """The last lines of every log, for a test that fails."""
        return "\n".join(
            f"== {log.name}\n{log.read_text(errors='replace')[-4_000:]}"
            for log in sorted(self.stage.home.glob("*.log"))
        )


async def _is_ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/readyz")).status_code == 200
    except httpx.TransportError:
        return False


@asynccontextmanager
async def storm(chance: int, *, workers: int = 3, settings: Mapping[str, Any] | None = None) -> AsyncIterator[Storm]:
    """A storm that is about to begin; everything is stopped and removed at the end."""
    async with staged(settings=_SETTINGS | dict(settings or {})) as stage:
        database = EmbeddedPostgres(stage.home / "database")
        url = await asyncio.to_thread(database.start)
        try:
            await asyncio.to_thread(migrate, url)
            one = Storm(stage, database, url, chance)
            try:
                await one.start(workers)
                weather(stage.hub.faults, chance)
                yield one
            finally:
                await one.stop()
        finally:
            await asyncio.to_thread(database.stop)
