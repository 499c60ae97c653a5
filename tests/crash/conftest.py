"""One loopback GitHub and model for every test here; a repository, an issue and a run of its own for each."""

import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel
from sqlalchemy import create_engine, select, text
from sqlalchemy.engine import make_url

from app.adapters.sandbox.leftovers import end_leftovers
from app.adapters.store import PostgresStore, ProcrastinateQueue, connected, tables
from app.adapters.workspace.deletion import delete
from app.adapters.workspace.mounts import unmount_below
from app.core.journal import ModelAnswered, ModelAsked, ToolCalled, ToolReturned
from app.core.run import Run
from app.demo.github.plumbing import Git
from app.demo.models import CHARACTERS_PER_TOKEN
from app.demo.script import load
from app.demo.stage import Seed, Stage, furnish, seed, staged
from app.evaluation.exercise import Exercise, exercises
from app.server import web_app
from app.settings import Settings
from tests.evaluation.scripted import SENT_BACK, one_try, two_tries
from tests.forks import Forked, Forks
from tests.proposals import opened

WORKER = "tests.crash.worker"
AT_PULL_REQUESTS = {"ci": "older-python", "review": "out-of-range"}
"""For each blueprint that begins at a pull request the task whose pull request it is."""
GONE_WITHIN_S = 15.0
"""A graceful end takes a worker 5 s at most, and the kernel kills what is left behind at once."""


class Seen(BaseModel, frozen=True):
    """What a run left behind, as people and git see it, without what differs from run to run: ids, times, figures."""

    ended: str
    nodes: tuple[str, ...]
    branches: int
    tree: str
    diff: str
    commits: tuple[str, ...]
    """Subjects of what the branch has and the default branch has not."""
    pulls: tuple[str, ...]
    comments: int
    checks: tuple[str, ...]
    """Oldest first: on the head or not, status and conclusion."""
    reactions: tuple[str, ...]


class Bill(BaseModel, frozen=True):
    """What the model was asked for, by whoever counts; turns by their place in the run, from (first visit, 1) on."""

    requests: dict[tuple[int, int], list[str]]
    """The model server: the body of each request for this turn, as it came."""
    asked: dict[tuple[int, int], int]
    """The journal: how often this turn was about to be asked."""
    answered: dict[tuple[int, int], int]
    """The journal: how often it was answered."""
    charged: dict[tuple[int, int], int]
    """The ledger: input tokens."""
    owed: dict[tuple[int, int], int]
    """Input tokens by the model server's own count."""


@dataclass(frozen=True)
class Scene:
    """One labelled issue and the run that came of it."""

    stage: Stage
    seed: Seed
    store: PostgresStore
    database: str
    run_id: int
    first_request: int

    async def run(self) -> Run:
        """The run as it stands."""
        return await self.store.load(self.run_id)

    async def seen(self) -> Seen:
        """What it left behind on GitHub."""
        hub, name = self.stage.hub, self.seed.repository
        run, repository = await self.run(), hub.repository(name)
        git = Git(repository.path)
        branch = f"refs/heads/{run.trail.branch}"
        heads = await git.refs("refs/heads/")
        issue = hub.issue(name, run.task.number)
        return Seen(
            ended=f"{run.status}, {'reported' if run.is_reported else 'not reported'} {run.error}",
            nodes=tuple(f"{visit.node}: {visit.outcome or 'done'}" for visit in run.visits),
            branches=len(heads),
            tree=await git.text("rev-parse", f"{branch}^{{tree}}"),
            diff=await git.text("diff", "main", branch),
            commits=tuple((await git.text("log", "--format=%s", f"main..{branch}")).splitlines()),
            pulls=tuple(
                f"{pull.issue.state}: {pull.issue.title}"
                for pull in repository.pulls
                if pull.head.branch == run.trail.branch and pull.head.sha == heads[branch]
            )
            + ("another",) * (len(repository.pulls) - 1),
            comments=len(issue.comments),
            checks=tuple(
                f"{'head' if check.suite.head_sha == heads[branch] else 'before'}: {check.status} {check.conclusion}"
                for check in hub.check_runs(name)
            ),
            reactions=tuple(f"{reaction.user.login}: {reaction.content}" for reaction in issue.reactions),
        )

    async def bill(self) -> Bill:
        """What the model server, the journal and the ledger say about the run's turns."""
        requests: dict[tuple[int, int], list[str]] = {}
        owed: dict[tuple[int, int], int] = {}
        talks: dict[str, int] = {}
        records = await self.store.records(self.run_id)
        visits = sorted({record.visit for record in records})
        for body in self.stage.models.requests[self.first_request :]:
            talk = json.dumps(body["messages"][:2])  # system and task: they name the conversation
            visit = visits[talks.setdefault(talk, len(talks))]
            turn = 1 + sum(message["role"] == "assistant" for message in body["messages"])
            requests.setdefault((visit, turn), []).append(json.dumps(body["messages"]))
            owed[visit, turn] = len(json.dumps(body)) // CHARACTERS_PER_TOKEN
        asked: dict[tuple[int, int], int] = {}
        answered: dict[tuple[int, int], int] = {}
        for record in records:
            if isinstance(record.entry, ModelAsked | ModelAnswered):
                counts = asked if isinstance(record.entry, ModelAsked) else answered
                turn = record.entry.turn
                counts[record.visit, turn] = counts.get((record.visit, turn), 0) + 1
        row = tables.ledger.c
        query = select(row.visit, row.turn, row.input_tokens).where(row.run_id == self.run_id)
        async with connected(self.database) as engine, engine.connect() as connection:
            charged = {(one.visit, one.turn): one.input_tokens for one in await connection.execute(query)}
        return Bill(requests=requests, asked=asked, answered=answered, charged=charged, owed=owed)

    async def told(self) -> list[tuple[str, str]]:
        """Each tool call that has a result, and what the model was told: `ok`, `failed` or `interrupted`."""
        tools: dict[tuple[int, str], str] = {}
        results = []
        for record in await self.store.records(self.run_id):
            entry = record.entry
            if isinstance(entry, ToolCalled):
                tools[record.visit, entry.call_id] = entry.tool
            elif isinstance(entry, ToolReturned):
                word = "ok" if entry.ok else "interrupted" if entry.text.startswith("[interrupted") else "failed"
                results.append((tools[record.visit, entry.call_id], word))
        return results

    async def lose_disk(self) -> None:
        """What a worker on another machine finds there: nothing."""
        for name in ("runs", "mirrors", "layers"):
            folder = self.stage.home / "minions" / name
            await asyncio.to_thread(unmount_below, folder)
            await asyncio.to_thread(delete, folder)

    async def leftovers(self) -> list[str]:
        """Processes and files of the run that are still there; processes have a moment to go."""
        folder = self.stage.home / "minions" / "runs" / str(self.run_id)
        files = [f"{folder} is still there"] if folder.exists() else []
        return files + await gone(lambda: processes_of(folder))


def processes_of(folder: Path) -> list[str]:
    """Command lines of every process that has to do with `folder`: it is told of it, or has it mounted in a box."""
    found = []
    outside = Path("/proc/self/ns/mnt").stat().st_ino  # what is mounted there is everybody's
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ")
            known = words + (process / "environ").read_bytes()
            if (process / "ns" / "mnt").stat().st_ino != outside:
                known += (process / "mountinfo").read_bytes()
        except OSError:
            continue  # ended meanwhile
        if bytes(folder) in known:
            found.append(f"{process.name}: {words.decode(errors='replace')[:300]}")
    return found


async def gone(left: Callable[[], list[str]]) -> list[str]:
    """What is still left when it had time enough to go; empty as soon as nothing is."""
    deadline = asyncio.get_running_loop().time() + GONE_WITHIN_S
    while (there := left()) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.05)
    return there


class MortalWorker:
    """The fork server of `worker.py`: workers that are ordered to die."""

    def __init__(self, process: Forked, log: Path) -> None:
        self._process = process
        self.log = log

    async def attempt(self, scene: Scene, **order: Any) -> Any:
        """One attempt to advance the scene's run; what `worker.Answer` says, as a dict."""
        assert self._process.stdin is not None
        asked = {"run": scene.run_id, "database": scene.database} | order
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        return json.loads(await self.line())

    async def line(self) -> bytes:
        """What it says next."""
        assert self._process.stdout is not None
        said = await self._process.stdout.readline()
        assert said, f"The worker broke:\n{self.log.read_text(errors='replace')[-3_000:]}"
        return said

    async def end(self) -> None:
        """No more orders."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


@pytest.fixture(scope="session")
async def stage(forks: Forks) -> AsyncIterator[Stage]:
    """A GitHub and a model server on loopback; the app is started by who needs it."""
    settings = {
        "MINIONS_WORKER_LOST_AFTER_S": "2",
        "MINIONS_MODEL": "openai/careful",
        "MINIONS_REGISTRIES": "none",
        "MINIONS_CHECKS_SETTLE_S": "0",  # what has ended has ended: an attempt comes to the end of its run
    }
    scripts = dict(load(Path(__file__).with_name("scripts")))
    known = (
        *two_tries(exercises(name)[task] for name, (task, _) in SENT_BACK.items()),
        *one_try(exercises(name)[task] for name, task in AT_PULL_REQUESTS.items()),
    )
    scripts["careful"] = scripts["careful"].model_copy(update={"acts": (*known, *scripts["careful"].acts)})
    async with staged(scripts=scripts, settings=settings, start=forks.start) as stage:
        yield stage
        # A worker that was killed while it tried its boxes: the next one ends what is left of that, before it tries.
        await asyncio.to_thread(end_leftovers, stage.home / "minions" / "box" / "check")
        assert await gone(lambda: processes_of(stage.home)) == []


@pytest.fixture(scope="session")
async def mortal(stage: Stage, forks: Forks) -> AsyncIterator[MortalWorker]:
    """The fork server, warm."""
    async with fork_server(stage, forks, WORKER) as worker:
        yield worker


@asynccontextmanager
async def fork_server(stage: Stage, forks: Forks, program: str) -> AsyncIterator[MortalWorker]:
    """The server that this module of tests is, warm, with the settings of the stage."""
    log = stage.home / f"{program}.log"
    with log.open("ab") as stderr:
        process = await forks.talking(program, environment=stage.environment, errors=stderr.fileno())
    worker = MortalWorker(process, log)
    try:
        assert await worker.line() == b"ready\n"
        yield worker
    finally:
        await worker.end()


@pytest.fixture(scope="session")
def runs_database(template_url: str) -> Iterator[str]:
    """One database for all runs here, so that their ids, and with them their folders, differ."""
    url = make_url(template_url)
    admin = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE crash TEMPLATE {url.database}"))
    yield url.set(database="crash").render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE crash WITH (FORCE)"))
    admin.dispose()


_numbers = itertools.count(1)


def fresh_seed(plain: Seed | None = None) -> Seed:
    """The demo's repository and issue, or others, under another owner for each run."""
    number = next(_numbers)
    plain = plain or seed()
    return plain.model_copy(update={"repository": f"acme-{number}/slugs", "requester": f"{plain.requester}-{number}"})


async def filed(stage: Stage, plain: Seed | None = None) -> tuple[Seed, int]:
    """Somebody files the issue and labels it, as a person would: by GitHub's API."""
    wanted = fresh_seed(plain)
    api = f"{stage.hub.url}/api/v3/repos/{wanted.repository}"
    async with httpx.AsyncClient(base_url=api, headers=furnish(stage, wanted), timeout=30) as client:
        issue = (await client.post("/issues", json=wanted.issue.model_dump())).raise_for_status().json()
        answer = await client.post(f"/issues/{issue['number']}/labels", json={"labels": [wanted.label]})
        answer.raise_for_status()
    await stage.hub.settled()
    return wanted, int(issue["number"])


async def proposed(stage: Stage, plain: Seed, task: Exercise) -> Seed:
    """Somebody opens the pull request that the task is about, and labels it."""
    wanted = fresh_seed(plain)
    furnish(stage, wanted)
    pull = await opened(stage, wanted.repository, task, by=wanted.requester)
    stage.hub.add_label(wanted.repository, pull.issue.number, wanted.label, by=wanted.requester)
    await stage.hub.settled()
    return wanted


@pytest.fixture(scope="session", name="file_issue")
def _file_issue() -> Callable[[Stage], Awaitable[tuple[Seed, int]]]:
    """File the issue in a repository of its own and label it; answers with both."""
    return filed


@pytest.fixture(scope="session", name="processes_of")
def _processes_of() -> Callable[[Path], list[str]]:
    """What has to do with a folder."""
    return processes_of


@pytest.fixture(scope="session", name="gone")
def _gone() -> Callable[[Callable[[], list[str]]], Awaitable[list[str]]]:
    """Wait until nothing is left."""
    return gone


@pytest.fixture
async def scene(stage: Stage, runs_database: str) -> AsyncIterator[Scene]:
    """A labelled issue whose delivery was taken by the real web server's application; nobody has worked on it yet."""
    async with connected(runs_database) as engine:
        yield await open_scene(stage, runs_database, PostgresStore(engine, ProcrastinateQueue(runs_database)))


async def open_scene(
    stage: Stage, database: str, store: PostgresStore, plain: Seed | None = None, task: Exercise | None = None
) -> Scene:
    """A new issue, or the pull request of a task, and the run that its label's delivery makes."""
    first = len(stage.models.requests)
    wanted = await proposed(stage, plain, task) if plain and task and task.proposal else (await filed(stage, plain))[0]
    delivery = next(one for one in reversed(stage.hub.deliveries) if one.action == "labeled")
    settings = Settings.model_validate(
        {name.removeprefix("MINIONS_").lower(): value for name, value in stage.environment.items()}
    )
    transport = httpx.ASGITransport(web_app(settings, store))
    async with httpx.AsyncClient(transport=transport, base_url=stage.app_url) as client:
        taken = await client.post("/webhook", content=delivery.body, headers=delivery.request_headers)
    assert taken.status_code == 202, taken.text
    newest = (await store.unfinished())[-1]
    return Scene(stage, wanted, store, database, newest, first)


@pytest.fixture
async def new_scene(stage: Stage, runs_database: str) -> AsyncIterator[Callable[..., Awaitable[Scene]]]:
    """Makes one such issue after the other: the demo's, or that of a seed, or the pull request of a task."""
    async with connected(runs_database) as engine:
        store = PostgresStore(engine, ProcrastinateQueue(runs_database))
        yield lambda plain=None, task=None: open_scene(stage, runs_database, store, plain, task)


@pytest.fixture(scope="session")
async def undisturbed(stage: Stage, runs_database: str, mortal: MortalWorker) -> "Undisturbed":
    """What a run comes to that nobody disturbs."""
    async with connected(runs_database) as engine:
        calm = await open_scene(stage, runs_database, PostgresStore(engine, ProcrastinateQueue(runs_database)))
        answer = await mortal.attempt(calm)
        commits = tuple(answer["commits"])
        return Undisturbed(await calm.seen(), await calm.bill(), commits, await calm.told(), await calm.leftovers())


@dataclass(frozen=True)
class Undisturbed:
    """The measure of every disturbed run."""

    seen: Seen
    bill: Bill
    commits: Sequence[str]
    told: Sequence[tuple[str, str]]
    leftovers: list[str]
