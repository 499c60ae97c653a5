"""Ten thousand runs that wait for the checks of their pull requests: what they cost, and how soon one of them goes on.

Some are real, in a repository of their own; one more is copied, with its issue, its branch and its job, until there are
as many as wanted. Web server, worker and PostgreSQL are measured together; the loopback GitHub is not.
"""

import asyncio
import dataclasses
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Final

from sqlalchemy import text

from app.adapters.store import connected
from app.demo.github.actions import Job, Push, Workflow
from app.demo.github.plumbing import Git
from app.engine.recovery import EVERY_S
from app.engine.reviews import SELDOM
from tests.fleet import Fleet, fleet

PARKED: Final = 10_000
FEW, MANY = "few/slugs", "many/slugs"
_BEFORE, _AFTER = 5, 9
"""Of the real ones, how many go on while there are few, and while there are many."""
_QUIET_S: Final = EVERY_S
"""In which all that is looked at again and again is looked at once or more, but for pull requests that wait."""
_SETTLED_S: Final = 40.0
"""Of a worker that was started: it has its model's client, and its first look at GitHub is over."""
_IDLE_GOAL: Final = 0.02
"""Of one processor."""
_RESUME_GOAL_S: Final = 1.0
_RESTART_GOAL_S: Final = 5.0
_SETTINGS: Final = {
    "MINIONS_CONCURRENCY": "4",
    "MINIONS_LOG_LEVEL": "WARNING",
    "MINIONS_CHECKS_WAIT_S": "21600",
    "MINIONS_REQUESTER_LIMIT": "0",
    "MINIONS_REPOSITORY_LIMIT": "0",
}


async def rows() -> list[dict[str, object]]:
    """Processor of an idle server, seconds to go on, seconds to start."""
    async with fleet(workers=0, settings=_SETTINGS) as one:
        await _stop(one)
        start_s = await _restart(one)
        idle = await _idle(one)
        few = await _parked(one, FEW, _BEFORE + _AFTER + 1)
        resume_s = [await _resumed(one, few.pop()) for _ in range(_BEFORE)]
        await _until(one, "SELECT count(*) FROM runs WHERE is_reported", _BEFORE)
        (template,) = await _parked(one, MANY, 1)
        await _copy(one, template, PARKED - 1 - len(few))
        review_s = await _looked_at(one, idle)
        many_idle = await _idle(one)
        many_resume_s = [await _resumed(one, few.pop()) for _ in range(_AFTER)]
        await _stop(one)
        many_start_s = await _restart(one, few.pop())
    review = review_s / SELDOM.total_seconds()
    return [
        _row("an idle server", "of a processor", many_idle + review, idle, idle + _IDLE_GOAL, 1),
        _row("one goes on", "s", median(many_resume_s), median(resume_s), _RESUME_GOAL_S, _AFTER),
        _row("the server starts and one goes on", "s", many_start_s, start_s, _RESTART_GOAL_S, 1),
    ]


def _row(name: str, unit: str, value: float, reference: float, goal: float, runs: int) -> dict[str, object]:
    return {
        "name": f"{PARKED:,} parked runs: {name}",
        "value": round(value, 4),
        "unit": unit,
        "reference": f"with a few or none: {reference:.4f} {unit}",
        "ratio": round(value / reference, 3) if reference else None,
        "goal": f"<= {goal:.3g} {unit}",
        "met": value <= goal,
        "runs": runs,
    }


# -- What is measured ------------------------------------------------------------------------------------------------
async def _restart(one: Fleet, number: int = 0) -> float:
    """Start everything and wait until it is idle: seconds until it was ready and, if one is named, that run went on."""
    began = time.perf_counter()
    await one.start(1)
    if number:
        await _resumed(one, number)
    seconds = time.perf_counter() - began
    await asyncio.sleep(max(_SETTLED_S - seconds, 0))
    return seconds


async def _stop(one: Fleet) -> None:
    for process in (one.web, *one.workers.values()):
        if process is not None:
            process.terminate()
            await process.wait()


async def _idle(one: Fleet) -> float:
    """The part of one processor that is used while nothing happens."""
    before = _processor_s(one)
    await asyncio.sleep(_QUIET_S)
    return (_processor_s(one) - before) / _QUIET_S


async def _looked_at(one: Fleet, idle: float) -> float:
    """Seconds of processor that the look takes which asks GitHub for each open pull request."""
    async with connected(one.url) as engine, engine.begin() as connection:
        await connection.execute(text("UPDATE desks SET looked_at = '-infinity'"))
    before, began = _processor_s(one), time.perf_counter()
    await _until(one, "SELECT 1 - count(*) FROM desks WHERE looked_at = '-infinity'", 1)
    return max(_processor_s(one) - before - idle * (time.perf_counter() - began), 0.0)


async def _resumed(one: Fleet, number: int) -> float:
    """Seconds from the end of a run's checks, of which GitHub tells, until it was looked at and saved."""
    hub = one.stage.hub
    branches = [pull.head.branch for pull in hub.repository(FEW).pulls]
    branch = next(name for name in branches if name.startswith(f"minions/{number}-"))
    workflow = next(flow for flow in hub.workflow_runs(FEW) if flow.suite.head_branch == branch)
    revision = "SELECT revision FROM runs WHERE number = :number AND task->'repository'->>'full_name' = :name"
    about = {"number": number, "name": FEW}
    async with connected(one.url) as engine, engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        before = (await connection.execute(text(revision), about)).scalar_one()
        began = time.perf_counter()
        await hub.actions.finish(workflow)
        while (await connection.execute(text(revision), about)).scalar_one() == before:
            await asyncio.sleep(0.005)
        return time.perf_counter() - began


def _processor_s(one: Fleet) -> float:
    """Seconds that all processes of the server used so far, and those that they have seen end."""
    postmaster = int((one.stage.home / "database/postgres/data/postmaster.pid").read_text().split()[0])
    roots = {postmaster, *(process.pid for process in (one.web, *one.workers.values()) if process is not None)}
    parents, used = dict[int, int](), dict[int, float]()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        number = int(stat.parent.name)
        parents[number], used[number] = int(fields[1]), sum(map(int, fields[11:15])) / 100  # USER_HZ
    return sum(seconds for number, seconds in used.items() if roots & set(_line(number, parents)))


def _line(number: int, parents: dict[int, int]) -> Sequence[int]:
    """A process and those that it comes from."""
    line = [number]
    while line[-1] in parents:
        line.append(parents[line[-1]])
    return line


# -- Who is parked ---------------------------------------------------------------------------------------------------
async def _held(_push: Push) -> Sequence[Workflow]:
    return [Workflow("CI", (Job("unit tests"),), is_held=True)]


async def _parked(one: Fleet, name: str, number: int) -> list[int]:
    """Issues of so many real runs that wait for checks."""
    issues = [issue for _, issue in one.label(number, [name])]
    one.stage.hub.run_on_push(name, _held)
    waiting = "SELECT count(*) FROM runs WHERE status = 'waiting' AND task->'repository'->>'full_name' = :name"
    await _until(one, waiting, number, name)
    return issues


async def _until(one: Fleet, query: str, value: int, name: str = "") -> None:
    async with connected(one.url) as engine, asyncio.timeout(600):
        while True:
            async with engine.connect() as connection:
                if (await connection.execute(text(query), {"name": name})).scalar_one() == value:
                    return
            await asyncio.sleep(0.5)


async def _copy(one: Fleet, number: int, times: int) -> None:
    """Let there be so many more runs like that of this issue; nobody has looked at them for a while.

    Nobody has changed them either: they became what they are a second after each other, as GitHub tells it.
    """
    hub = one.stage.hub
    repository = hub.repository(MANY)
    git = Git(repository.path)
    (pull,) = (pull for pull in repository.pulls if pull.head.branch.startswith(f"minions/{number}-"))
    first = 10 * PARKED
    refs = "".join(f"create refs/heads/minions/{first + index}-0 {pull.head.sha}\n" for index in range(times))
    await git.run("update-ref", "--stdin", stdin=refs.encode())
    for index in range(first, first + times):
        changed_at = pull.issue.updated_at - timedelta(seconds=first + times - index)
        issue = dataclasses.replace(
            repository.issues[number], id=hub.ground.new_id(), number=index, updated_at=changed_at
        )
        repository.issues[index] = issue
        proposed = dataclasses.replace(pull.issue, id=hub.ground.new_id(), number=index + PARKED, updated_at=changed_at)
        head = dataclasses.replace(pull.head, branch=f"minions/{index}-0")
        proposed.pull = dataclasses.replace(pull, id=hub.ground.new_id(), issue=proposed, head=head)
        repository.issues[index + PARKED] = proposed
    async with connected(one.url) as engine, engine.begin() as connection:
        for statement in _COPIES:
            about = {"name": MANY, "first": first, "times": times, "pulls": PARKED}
            await connection.execute(text(statement), about)
    async with connected(one.url) as engine, engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        for word in ("VACUUM ANALYZE", "CHECKPOINT"):  # what a database does by itself when rows have come
            await connection.execute(text(word))


_COPIES: Final = (
    """
    INSERT INTO runs (
        key, intent, installation_id, repository_id, number, blueprint, blueprint_version, status, at, wait, rank,
        pull_request_number, revision, patch, begun_at, asked_at, parked_at, branch, task, trail, state
    )
    SELECT
        md5(random()::text), 'copy ' || n, installation_id, repository_id, n, blueprint, blueprint_version, status, at,
        wait, rank, n + (:pulls)::int, revision, patch, begun_at, asked_at,
        now() - random() * interval '2 hours', 'minions/' || n || '-0',
        jsonb_set(task, '{number}', to_jsonb(n)),
        jsonb_set(trail, '{branch}', to_jsonb('minions/' || n || '-0')),
        jsonb_set(jsonb_set(state, '{branch}', to_jsonb('minions/' || n || '-0')), '{task,number}', to_jsonb(n))
    FROM runs, generate_series((:first)::int, (:first + :times - 1)::int) AS n
    WHERE task->'repository'->>'full_name' = :name
    """,
    """
    INSERT INTO visits (run_id, number, visit)
    SELECT copy.id, visits.number, visits.visit
    FROM runs AS copy JOIN runs AS template USING (repository_id) JOIN visits ON visits.run_id = template.id
    WHERE copy.number >= :first AND template.number < :first AND copy.task->'repository'->>'full_name' = :name
    """,
    """
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args, scheduled_at)
    SELECT 'default', 'advance', job.priority, jsonb_build_object('run_id', copy.id, 'revision', copy.revision),
        now() + interval '1 hour' + random() * interval '5 hours'
    FROM runs AS copy JOIN runs AS template USING (repository_id)
    JOIN LATERAL (
        SELECT priority FROM procrastinate_jobs
        WHERE args->>'run_id' = template.id::text AND args ? 'revision' ORDER BY id DESC LIMIT 1
    ) AS job ON true
    WHERE copy.number >= :first AND template.number < :first AND copy.task->'repository'->>'full_name' = :name
    """,
)
"""What a run that waits consists of; it looks again by itself only at its deadline."""
