"""A campaign over twenty repositories whose worker is killed again and again: it goes on, within limit and budget."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.adapters.store import PostgresStore, ProcrastinateQueue, connected
from app.demo.stage import Stage, staged
from app.server import web_app
from app.settings import Settings

pytestmark = [pytest.mark.crash, pytest.mark.timeout(420)]

SIGKILL = 9
LIMIT, BUDGET = 3, 20
DEATHS = (1, 2, 3, 6, 11, 19, 31)
"""At which commit of each attempt it dies; the last attempt comes to the end."""


@pytest.fixture
async def ground() -> AsyncIterator[Stage]:
    """A GitHub with twenty-one repositories, all of Ann's."""
    async with staged(settings={"MINIONS_PROGRESS_INTERVAL_S": "0"}) as stage:
        stage.hub.add_user("ann")
        for name in ("acme/hub", *places()):
            stage.add_repository(name, {"README.md": name})
            stage.hub.add_collaborator(name, "ann", "write")
        yield stage


def places() -> list[str]:
    return [f"acme-{number:02}/lib" for number in range(1, 21)]


async def filed(stage: Stage, store: PostgresStore) -> None:
    """Ann files the issue and labels it; the web server's application takes the delivery, twice."""
    listed = "\n".join(f"- {name}" for name in places())
    wanted = {"title": "Use httpx", "body": f"Do it.\n\nrepositories:\n{listed}\nlimit: {LIMIT}\nbudget: ${BUDGET}"}
    headers = {"Authorization": f"Bearer {stage.hub.user('ann').token}"}
    async with httpx.AsyncClient(base_url=f"{stage.hub.url}/api/v3/repos/acme/hub", headers=headers) as client:
        (await client.post("/issues", json=wanted)).raise_for_status()
        (await client.post("/issues/1/labels", json={"labels": ["minion:migrate"]})).raise_for_status()
    await stage.hub.settled()
    delivery = next(one for one in reversed(stage.hub.deliveries) if one.action == "labeled")
    settings = Settings.model_validate(
        {name.removeprefix("MINIONS_").lower(): value for name, value in stage.environment.items()}
    )
    transport = httpx.ASGITransport(web_app(settings, store))
    async with httpx.AsyncClient(transport=transport, base_url=stage.app_url) as client:
        for _ in range(2):
            taken = await client.post("/webhook", content=delivery.body, headers=delivery.request_headers)
            assert taken.status_code == 202, taken.text


async def test_twenty_repositories_are_finished_whatever_kills_the_worker(ground: Stage, database_url: str) -> None:
    queue = ProcrastinateQueue(database_url)
    async with connected(database_url) as engine:
        store = PostgresStore(engine, queue)
        await filed(ground, store)
        log = ground.home / "worker.log"
        with log.open("ab") as stderr:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, str(Path(__file__).with_name("campaign_worker.py"))),
                env={**ground.environment, "PYTHONPATH": str(Path(__file__).parents[2])},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
            )
        try:
            answers = [await attempt(process, database_url, at) for at in (*DEATHS, 0)]
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()
        told = (await asyncio.to_thread(log.read_text, errors="replace"))[-3_000:]
        assert None not in answers, told
        assert [answer["died_by"] for answer in answers] == [SIGKILL] * len(DEATHS) + [0], answers
        assert answers[-1]["exit_code"] == 0, told
        parts = await store.campaigns().parts(1)
        assert [part.spot.full_name for part in parts] == places()
        assert all(part.has_result for part in parts)
        async with engine.connect() as connection:
            spent = (await connection.execute(text("SELECT sum(usd) FROM ledger"))).scalar_one()
            is_of = "runs.intent = 'request/' || requests.id"
            query = text(f"SELECT requests.asked_at, runs.ended_at FROM requests JOIN runs ON {is_of}")  # noqa: S608
            times = [(one.asked_at, one.ended_at) for one in await connection.execute(query)]
    assert len(times) == len(places())
    assert spent == pytest.approx(18.0)
    assert most_at_once(times) == LIMIT
    for name in places():
        (issue,) = ground.hub.repository(name).issues.values()
        assert issue.title == "Use httpx"
    (comment,) = ground.hub.issue("acme/hub", 1).comments
    assert "**✅ 20 of 20 parts done**" in comment.body
    assert f"$18.00 of ${BUDGET}.00 spent, at most {LIMIT} at once." in comment.body


async def attempt(process: asyncio.subprocess.Process, database: str, at: int) -> Any:
    """One worker, that dies at its `at`-th commit; None if there is nobody who forks it any more."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps({"run": 0, "database": database, "die_at": at}).encode() + b"\n")
    while (line := await process.stdout.readline()) == b"ready\n":
        pass
    return json.loads(line) if line else None


def most_at_once(times: list[tuple[datetime, datetime]]) -> int:
    """How many parts had begun and not ended at one moment."""
    return max(sum(begun <= moment < ended for begun, ended in times) for moment, _ in times)
