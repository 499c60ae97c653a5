"""What a monitoring system is told, and whom it is told to."""

from collections import Counter
from datetime import UTC, datetime

import httpx
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from app.adapters.store import PostgresStore
from app.core.budget import Usage
from app.core.events import InstallationChanged
from app.core.journal import ModelAnswered, ModelAsked, Opened
from app.core.store import Delivery, Draft
from app.core.task import Person, Repository, Task
from app.core.vitals import Look
from app.web.health import Health
from app.web.metrics import FAMILIES, Metrics

TOKEN = "a-token"


def client(store: PostgresStore, token: str, counts: Counter[str] | None = None) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(Metrics(store, counts or Counter(), token).router())
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://minions.test")


async def figures(http: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    answer = await http.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def asked(store: PostgresStore, intent: str = "one") -> int:
    task = Task(
        repository=Repository(id=5, full_name="octo/cat", installation_id=3),
        number=7,
        title="Broken",
        body="",
        requester=Person(id=1, login="ann"),
        asked_at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    draft = Draft(intent=intent, task=task, blueprint="fix", blueprint_version=1, start="prepare")
    return (await store.accept(None, draft, "why")).run_id or 0


async def answered(store: PostgresStore, run_id: int, turn: int) -> None:
    journal = store.journal(run_id, 0)
    if turn == 1:
        await journal.append(Opened(messages=(), model="some/model"))
    await journal.append(ModelAsked(turn=turn))
    usage = Usage(turns=1, input_tokens=100, output_tokens=10, cached_tokens=50, usd=0.25)
    await journal.append(ModelAnswered(turn=turn, message={}, usage=usage, finish_reason="stop", seconds=1))


async def looked_after(store: PostgresStore) -> None:
    """Three installations, of which GitHub told, and a look at what it told."""
    for number, change in ((3, "created"), (4, "created"), (4, "suspended"), (5, "created"), (5, "deleted")):
        event = InstallationChanged.model_validate({"installation_id": number, "account": "octo", "change": change})
        told = Delivery(app_id="1", guid=f"guid-{number}-{change}", event="installation", action=change)
        await store.accept(told, event, "why")
    logbook = store.logbook("1")
    await logbook.note(datetime.now(UTC), last=None)
    await logbook.note_look(Look(undelivered=2, clock_off_s=-30, calls_left=0.25))


async def test_nobody_without_the_token_is_told_anything(store: PostgresStore) -> None:
    async with client(store, TOKEN) as http:
        for headers in ({}, {"authorization": "Bearer other"}, {"authorization": "Basic YTpi"}):
            assert (await http.get("/metrics", headers=headers)).status_code == 401


async def test_without_a_token_in_the_settings_there_is_nothing(store: PostgresStore) -> None:
    async with client(store, "") as http:
        answer = await http.get("/metrics", headers={"authorization": "Bearer "})
        assert answer.status_code == 404
        assert "MINIONS_METRICS_TOKEN" in answer.text


async def test_tells_runs_deliveries_and_what_models_took(store: PostgresStore) -> None:
    async with client(store, TOKEN, Counter({"issues": 3, "refused: 401": 2})) as http:
        run_id = await asked(store)
        await answered(store, run_id, 1)
        before = await figures(http)
        assert before["minions_runs", "fix", "queued"] == before["minions_queue_runs",] == 1
        assert before["minions_runs", "fix", "failed"] == 0, "what fails first shall be seen as a rise"
        assert before["minions_queue_oldest_seconds",] > 0
        assert before["minions_deliveries_total", "issues"] == 3
        assert before["minions_deliveries_refused_total", "401"] == 2
        assert before["minions_model_usd_total", "some/model"] == 0.25
        await answered(store, run_id, 2)
        after = await figures(http)
        assert after["minions_model_usd_total", "some/model"] == 0.5
        assert after["minions_model_tokens_total", "cached", "some/model"] == 100


async def test_tells_how_things_stand_with_github(store: PostgresStore) -> None:
    """So does readiness, to whoever asks for it."""
    app = FastAPI()
    app.include_router(Health(store, Counter()).router())
    transport = httpx.ASGITransport(app)
    async with client(store, TOKEN) as http, httpx.AsyncClient(transport=transport, base_url="http://m.test") as plain:
        nothing = (await plain.get("/readyz")).json()
        assert nothing.items() >= {"status": "ready", "installations": {}, "last_look_s": None}.items()
        assert ("minions_undelivered",) not in await figures(http)
        await looked_after(store)
        found = await figures(http)
        assert {state: found["minions_installations", state] for state in ("active", "suspended", "deleted")} == {
            **dict.fromkeys(("active", "suspended", "deleted"), 1)
        }
        assert [found[f"minions_{name}",] for name in ("undelivered", "clock_off_seconds")] == [2, -30]
        assert found["minions_github_calls_left_ratio",] == 0.25
        assert found["minions_last_delivery_seconds",] >= 0 <= found["minions_last_look_seconds",]
        said = (await plain.get("/readyz")).json()
        assert said.items() >= {"undelivered": 2, "clock_off_s": -30, "calls_left": 0.25}.items()


async def test_a_counter_never_counts_the_same_twice(store: PostgresStore) -> None:
    async with client(store, TOKEN) as http:
        await answered(store, await asked(store), 1)
        assert (await figures(http))["minions_model_calls_total", "some/model"] == 1
        assert (await figures(http))["minions_model_calls_total", "some/model"] == 1


async def test_every_family_is_described(store: PostgresStore) -> None:
    async with client(store, TOKEN, Counter({"issues": 1, "refused: 401": 1})) as http:
        await answered(store, await asked(store), 1)
        await looked_after(store)
        told = {name for name, *_ in await figures(http) if name.startswith("minions_") and "_created" not in name}
    assert told == set(FAMILIES)
