"""Who asks over the HTTP API sends the same call again when no answer came: whatever was killed, there is one run."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from app.adapters.store import PostgresStore, ProcrastinateQueue, connected
from app.adapters.store.url import with_driver
from app.core.access import digest_of
from tests.crash.conftest import MortalWorker, fork_server
from tests.crash.door_worker import LOGIN, TOKEN, repository_of
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
    ("number", "when", "steps"), [(1, "after", (1, 1)), (2, "before", (1, 2))], ids=["after", "before"]
)
async def test_killed_at_every_commit_from_the_call_to_the_run(
    stage: Any, door: MortalWorker, runs_database: str, number: int, when: str, steps: tuple[int, int]
) -> None:
    """Also between acceptance and answer, and when the issue is there and nobody knows its number."""
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
        async with engine.connect() as connection:
            query = "SELECT args FROM procrastinate_jobs WHERE queue_name = 'requests'"
            jobs = [list(args.values()) for (args,) in await connection.execute(text(query))]
    ((request, run),) = found
    assert run
    assert (request.number, run.task.number, request.error) == (issue.number, issue.number, "")
    assert jobs.count([request.id]) == 1, "who never asks again gets the run all the same"
