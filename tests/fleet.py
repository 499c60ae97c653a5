"""Minions on several machines, as far as one can show it: a web server, workers with a disk each, one database."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx

from app.adapters.postgres import EmbeddedPostgres
from app.adapters.store import PostgresStore, ProcrastinateQueue, connected
from app.adapters.store.schema import migrate
from app.adapters.workspace.leftovers import clear
from app.demo.stage import Process, Stage, Start, seed, staged, started


@dataclass
class Fleet:
    """What is running, and the loopback GitHub that it works for."""

    stage: Stage
    database: EmbeddedPostgres
    url: str
    workers: dict[int, Process] = field(default_factory=dict)
    web: Process | None = None

    async def start(self, workers: int) -> None:
        """Start the web server and the workers, and wait until deliveries can arrive."""
        self.web = await self._spawn("serve", "--no-work", home="web")
        for number in range(workers):
            self.workers[number] = await self._spawn("work", home=f"worker{number}")
        async with httpx.AsyncClient() as client, asyncio.timeout(120):
            while not await _is_ready(client, self.stage.app_url):
                await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Stop everything that was started, and remove what it left on the disks."""
        for process in (self.web, *self.workers.values()):
            if process is not None:
                await _killed(process)
        for name in ("web", *(f"worker{number}" for number in self.workers)):
            await asyncio.to_thread(clear, self.stage.home / name)

    async def kill(self, number: int) -> None:
        """Kill a worker; another takes its place at once, on the same disk."""
        await _killed(self.workers[number])
        self.workers[number] = await self._spawn("work", home=f"worker{number}")

    def label(self, number: int, repositories: Sequence[str]) -> Sequence[tuple[str, int]]:
        """People file and label so many issues, all at once; answer with (repository, issue) of each."""
        hub, wanted = self.stage.hub, seed()
        for name in repositories:
            self.stage.add_repository(name, wanted.files)
            hub.add_collaborator(name, "ann", "write")
        issues = []
        for index in range(number):
            name = repositories[index % len(repositories)]
            # Words of its own, by which the model's server can tell its turns from those of the others.
            body = f"{wanted.issue.body}\n\nSeen {index + 1} times."
            issue = hub.open_issue(name, by="ann", title=wanted.issue.title, body=body)
            hub.add_label(name, issue.number, "minion", by="ann")
            issues.append((name, issue.number))
        return issues

    async def is_through(self, asked: int) -> bool:
        """Whether there were so many runs, and all of them have ended."""
        async with connected(self.url) as engine:
            store = PostgresStore(engine, ProcrastinateQueue(self.url))
            counts = await store.counts()
            return sum(counts.values()) >= asked and not await store.unfinished()

    def log_ends(self) -> str:
        """The last lines of every log, for a test that fails."""
        logs = sorted(self.stage.home.glob("*.log"))
        return "\n".join(f"== {log.name}\n{log.read_text(errors='replace')[-4_000:]}" for log in logs)

    async def _spawn(self, *words: str, home: str) -> Process:
        folder = self.stage.home / home
        await asyncio.to_thread(folder.mkdir, exist_ok=True)
        await asyncio.to_thread(folder.chmod, 0o711)  # boxes run as users of their own
        log = os.open(self.stage.home / f"{home}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        own = {"MINIONS_HOME": str(folder), "MINIONS_DATABASE_URL": self.url.replace("+psycopg", "", 1)}
        environment = {**self.stage.environment, **own}
        try:
            return await self.stage.start(*words, environment=environment, says=log, death=signal.SIGKILL)
        finally:
            os.close(log)


async def _killed(process: Process) -> None:
    with suppress(ProcessLookupError):  # one that starts while the database is away ends by itself, with a sentence
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def _is_ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/readyz")).status_code == 200
    except httpx.TransportError:
        return False


@asynccontextmanager
async def fleet(*, workers: int, settings: Mapping[str, str], start: Start = started) -> AsyncIterator[Fleet]:
    """A fleet at work; everything is stopped and removed at the end."""
    async with staged(settings=settings, start=start) as stage:
        stage.hub.add_user("ann")
        database = EmbeddedPostgres(stage.home / "database")
        url = await asyncio.to_thread(database.start)
        try:
            await asyncio.to_thread(migrate, url)
            one = Fleet(stage, database, url)
            try:
                await one.start(workers)
                yield one
            finally:
                await one.stop()
        finally:
            await asyncio.to_thread(database.stop)
