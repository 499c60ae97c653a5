import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.adapters.store import PostgresStore
from app.core.access import digest_of, new_secret
from app.core.campaign_wish import Spot
from app.core.run import Status, Trail
from app.core.store import Draft
from app.core.task import Person, Repository, Task
from app.engine.requests import Opener
from app.web.api import LARGEST, PATH, Api
from app.web.rate import Rate
from blueprints import BLUEPRINTS
from tests.trackers import MemoryTracker, MemoryTrackers

SECRET, OTHER = new_secret(), new_secret()
PLACES = "repositories: octo/cat, octo/lib-*"
WISH = {"repository": "octo/cat", "title": "Greet", "body": "Say hello."}


@pytest.fixture
async def api(store: PostgresStore) -> Api:
    tokens = store.api_tokens()
    await tokens.add("ci", "ann", ["octo/*"], digest_of(SECRET))
    await tokens.add("other", "ann", ["*/*"], digest_of(OTHER))
    return Api(
        tokens=tokens,
        requests=store.requests(),
        campaigns=store.campaigns(),
        store=store,
        blueprints=BLUEPRINTS,
        page_url="https://minions.test",
        github_url="https://github.test",
        per_hour=3,
        rate=Rate(lambda: 0.0, 300),
    )


def caller(api: Api, secret: str = SECRET) -> httpx.AsyncClient:
    app = FastAPI()
    app.mount(PATH, api.app())
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url=f"http://minions.test{PATH}",
        headers={"Authorization": f"Bearer {secret}"} if secret else {},
    )


@pytest.fixture
async def client(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with caller(api) as http:
        yield http


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer x", f"Basic {SECRET}", f"Bearer {new_secret()}"],
    ids=["none", "no word", "a short word", "another scheme", "one that nobody has"],
)
async def test_without_a_token_that_is_in_use_nothing_is_told(api: Api, header: str) -> None:
    async with caller(api, "") as http:
        for verb, path in (("POST", "/runs"), ("GET", "/runs"), ("GET", "/runs/x"), ("POST", "/runs/x/stop")):
            answer = await http.request(verb, path, headers={"Authorization": header}, json=WISH)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


async def test_a_wish_is_kept_and_shown(client: httpx.AsyncClient) -> None:
    answer = await client.post("/runs", json=WISH)
    assert answer.status_code == 202
    run = answer.json()
    assert (run["status"], run["repository"], run["blueprint"]) == ("opening", "octo/cat", "fix")
    assert answer.headers["location"] == f"{PATH}/runs/{run['id']}"
    assert (await client.get(f"/runs/{run['id']}")).json() == run
    assert (await client.get("/runs")).json() == {"runs": [run]}


async def test_an_idempotency_key_makes_one_run(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "deploy 7".replace(" ", "-")}
    first, second = [(await client.post("/runs", json=WISH, headers=key)).json() for _ in range(2)]
    assert first["id"] == second["id"]
    other = await client.post("/runs", json=WISH | {"title": "Else"}, headers=key)
    assert (other.status_code, "another key" in other.json()["detail"]) == (409, True)
    assert (await client.post("/runs", json=WISH)).json()["id"] != first["id"]


@pytest.mark.parametrize(
    ("changed", "status", "told"),
    [
        ({"repository": "evil/cat"}, 403, "This token is not for evil/cat."),
        ({"repository": "octo/../x"}, 422, "repository"),
        ({"repository": "octo/.."}, 422, "repository"),
        ({"repository": "octo"}, 422, "repository"),
        ({"title": ""}, 422, "title"),
        ({"blueprint": "fxi"}, 422, "There is no such blueprint. There are: fix"),
        ({"login": "root"}, 422, "login"),
        ({"body": "x" * LARGEST}, 413, "larger than 256 KiB"),
        ({"blueprint": "migrate", "body": f"{PLACES}, evil/dog\nbudget: $9"}, 403, "not for evil/dog."),
        ({"blueprint": "migrate", "body": f"{PLACES}, evil/*\nbudget: $9"}, 403, "not for evil/*."),
        ({"blueprint": "migrate", "body": f"{PLACES}, octo/dog"}, 422, "Add a line such as `budget: $20`."),
    ],
)
async def test_what_cannot_be_done_is_told(
    client: httpx.AsyncClient, changed: dict[str, Any], status: int, told: str
) -> None:
    answer = await client.post("/runs", json=WISH | changed)
    assert answer.status_code == status
    assert told in answer.json()["detail"]
    assert (await client.get("/runs")).json() == {"runs": []}


async def test_a_body_that_is_no_json_is_told(client: httpx.AsyncClient) -> None:
    assert (await client.post("/runs", content=b"\xff{")).status_code == 422


async def test_a_token_sees_and_stops_only_what_it_asked_for(api: Api, client: httpx.AsyncClient) -> None:
    run = (await client.post("/runs", json=WISH)).json()
    async with caller(api, OTHER) as other:
        assert (await other.get("/runs")).json() == {"runs": []}
        assert (await other.get(f"/runs/{run['id']}")).status_code == 404
        assert (await other.post(f"/runs/{run['id']}/stop")).status_code == 404
    assert (await client.get(f"/runs/{run['id']}")).json()["status"] == "opening"


async def test_too_many_runs_an_hour_are_refused(client: httpx.AsyncClient) -> None:
    said = [(await client.post("/runs", json=WISH)) for _ in range(4)]
    assert [one.status_code for one in said] == [202, 202, 202, 429]
    assert 3_500 < int(said[-1].headers["retry-after"]) <= 3_600


async def test_a_token_that_calls_too_often_waits(api: Api) -> None:
    async with caller(replace(api, rate=Rate(lambda: 0.0, 2))) as http:
        said = [await http.get("/runs") for _ in range(3)]
    assert [one.status_code for one in said] == [200, 200, 429]
    assert said[-1].headers["retry-after"] == "60"


async def test_what_is_stopped_before_it_began_never_begins(client: httpx.AsyncClient) -> None:
    run = (await client.post("/runs", json=WISH)).json()
    stopped = await client.post(f"/runs/{run['id']}/stop")
    assert (stopped.status_code, stopped.json()["status"]) == (202, "refused")
    assert stopped.json()["explanation"] == "ann stopped it before it began."


async def test_a_run_is_shown_as_it_stands_and_told_to_stop(store: PostgresStore, client: httpx.AsyncClient) -> None:
    key = (await client.post("/runs", json=WISH)).json()["id"]
    asked = await store.requests().find(key)
    here = Repository(id=5, full_name="octo/cat", installation_id=3)
    asked = await store.requests().opened(asked, here, 7)
    task = Task(
        repository=here,
        number=7,
        title="Greet",
        body="",
        requester=Person(id=1, login="ann"),
        asked_at=asked.asked_at,
    )
    draft = Draft(intent=asked.run_intent, task=task, blueprint="fix", blueprint_version=1, start="prepare")
    await store.requests().start(asked, draft, "why")
    run = await store.requests().run_of(asked)
    assert run is not None
    trail = Trail(pull_request_number=8, pull_request_url="https://github.test/octo/cat/pull/8")
    await store.save(run.model_copy(update={"status": Status.WAITING, "trail": trail}))
    shown = (await client.get(f"/runs/{key}")).json()
    assert (shown["status"], shown["node"]) == ("waiting", "prepare")
    assert shown["issue_url"] == "https://github.test/octo/cat/issues/7"
    assert shown["pull_request_url"] == "https://github.test/octo/cat/pull/8"
    assert shown["page_url"] == f"https://minions.test/runs/{run.key}"
    assert (await client.post(f"/runs/{key}/stop")).status_code == 202
    (order,) = await store.orders(run.id)
    assert (order.order.kind, order.requester and order.requester.login) == ("stop", "ann")


async def test_a_campaign_is_shown_with_its_parts_and_told_to_stop(
    store: PostgresStore, client: httpx.AsyncClient
) -> None:
    wish = WISH | {"blueprint": "migrate", "body": "repositories: octo/cat, octo/dog\nlimit: 1\nbudget: $9"}
    key = (await client.post("/runs", json=wish)).json()["id"]
    people = {name: MemoryTracker({"ann": 1}) for name in ("octo/cat", "octo/dog")}
    campaigns = store.campaigns()
    opener = Opener(store.requests(), campaigns, MemoryTrackers(people), BLUEPRINTS, lambda: datetime.now(UTC))
    await opener.open((await store.requests().find(key)).id)
    shown = (await client.get(f"/runs/{key}")).json()
    assert (shown["status"], shown["explanation"]) == ("queued", "A campaign: its parts are looked up.")
    assert shown["issue_url"] == "https://github.test/octo/cat/issues/1"
    await campaigns.plan(await campaigns.load(1), [Spot(full_name=name) for name in people])
    await campaigns.fill(1)
    (shown,) = (await client.get("/runs")).json()["runs"]
    assert (shown["status"], shown["blueprint"], shown["node"]) == ("running", "migrate", "")
    assert "0 of 2 parts done, 1 at work, 1 waiting" in shown["explanation"]
    assert [(one["repository"], one["status"]) for one in shown["parts"]] == [
        ("octo/cat", "opening"),
        ("octo/dog", "queued"),
    ]
    assert [(await client.post(f"/runs/{key}/stop")).status_code for _ in range(2)] == [202, 202]
    (order,) = await campaigns.orders(1)
    assert (order.order.kind, order.requester and order.requester.login) == ("stop", "ann")


async def test_the_reference_needs_nothing_from_elsewhere(api: Api) -> None:
    async with caller(api, "") as http:
        page, described = await http.get("/docs"), (await http.get("/openapi.json")).json()
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert all(f"POST https://minions.test{path}" in page.text for path in ("/api/v1/runs", "/api/v1/runs/{key}/stop"))
    assert "Idempotency-Key" in page.text.title()
    assert set(described["paths"]) == {"/runs", "/runs/{key}", "/runs/{key}/stop"}
    assert "repository" in json.dumps(described["paths"]["/runs"]["post"]["requestBody"])
