"""Who asks over the HTTP API sends the same call again when no answer came: whatever was killed, there is one run.

Every other door stores the same request, from which on the way is the same.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.adapters.store import PostgresStore, ProcrastinateQueue, connected
from app.adapters.store.url import with_driver
from app.core.access import digest_of
from app.engine.requests import standing_of
from tests.crash.conftest import MortalWorker, fork_server
from tests.crash.door_worker import LOGIN, TOKEN, is_campaign, repository_of
from tests.forks import Forks

pytestmark = [pytest.mark.crash, pytest.mark.timeout(420)]

SIGKILL = 9
WORKER = "tests.crash.door_worker"


@dataclass(frozen=True)
class Wish:
    """As a scene, of which nothing but its number is known."""

    run_id: int
    database: str


@pytest.fixture(scope="module")
async def door(stage: Any, forks: Forks) -> AsyncIterator[MortalWorker]:
    """Web server and worker in one process, which can be ordered to die."""
    stage.hub.add_user(LOGIN)
    async with fork_server(stage, forks, WORKER) as worker:
        yield worker


@pytest.mark.parametrize(
    ("number", "when", "steps"),
    [(1, "after", (1, 1)), (2, "before", (1, 2)), (11, "after", (1, 1)), (12, "before", (1, 2))],
    ids=["run, after", "run, before", "campaign, after", "campaign, before"],
)
async def test_killed_at_every_commit_from_the_call_to_the_work(
    stage: Any, door: MortalWorker, runs_database: str, number: int, when: str, steps: tuple[int, int]
) -> None:
    """Also between acceptance and answer, and when the issue is there and nobody knows its number.

    There is one issue, and one run or one campaign with one job, however often it was killed and asked for.
    """
    name = repository_of(number)
    stage.add_repository(name, {"README.md": "# slugs\n"})
    stage.hub.add_collaborator(name, LOGIN, "write")
    wish, commits = Wish(number, runs_database), list[str]()
    for kills in range(10):
        answer = await door.attempt(wish, die_at=steps[min(kills, 1)], when=when)  # type: ignore[arg-type]
        commits += answer["commits"]
        assert not answer["hung"], commits
        if answer["died_by"] != SIGKILL:
            break
    assert (answer["died_by"], answer["exit_code"], kills) == (0, 0, 3), door.log.read_text()[-2_000:]
    assert [one for one in commits if not one.startswith("again: ")] == ["taken", "opened", "started"]
    await door.attempt(wish)  # type: ignore[arg-type] # once more, when all is long done
    (issue,) = stage.hub.repository(name).issues.values()
    url = with_driver(runs_database)
    async with connected(url) as engine:
        store = PostgresStore(engine, ProcrastinateQueue(url))
        token = await store.api_tokens().find(digest_of(TOKEN))
        assert token
        found = [one for one in await store.requests().of_token(token.id, 10) if one[0].wanted.full_name == name]
        ((request, run),) = found
        assert (request.number, request.error) == (issue.number, "")
        assert await jobs_of(engine, "requests", request.id) == 1, "who never asks again gets the run all the same"
        if not is_campaign(number):
            assert run
            assert run.task.number == issue.number
            return
        assert run is None
        standing = await standing_of(request, store.campaigns())
        assert standing
        assert (standing.campaign.task.number, standing.campaign.task.requester.login) == (issue.number, LOGIN)
        assert await campaigns_at(engine, name) == 1
        assert await jobs_of(engine, "campaigns", standing.campaign.id) == 1


async def jobs_of(engine: AsyncEngine, queue: str, number: int) -> int:
    """How many jobs were ever put that are about this one."""
    query = text("SELECT args FROM procrastinate_jobs WHERE queue_name = :queue").bindparams(queue=queue)
    async with engine.connect() as connection:
        return [list(args.values()) for (args,) in await connection.execute(query)].count([number])


async def campaigns_at(engine: AsyncEngine, full_name: str) -> int:
    """How many campaigns were ever begun at issues of a repository."""
    query = text("SELECT count(*) FROM campaigns WHERE task -> 'repository' ->> 'full_name' = :name")
    async with engine.connect() as connection:
        return int((await connection.execute(query.bindparams(name=full_name))).scalar_one())
