"""Webhooks: to whom, signed how, kept how, and again only when asked for."""

import asyncio
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from app.demo.github.objects import Installation
from app.demo.github.server import serve
from app.demo.github.state import Hub


@pytest.fixture
async def own(url: str, signed: Callable[..., str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client that speaks as the App itself."""
    headers = {"Authorization": f"Bearer {signed()}"}
    async with httpx.AsyncClient(base_url=f"{url}/api/v3", headers=headers) as client:
        yield client


@pytest.mark.usefixtures("url")
async def test_what_happened_before_the_server_ran_is_told_when_it_starts(received: list[httpx.Request]) -> None:
    assert [one.headers["X-GitHub-Event"] for one in received] == ["ping", "installation"]
    assert "127.0.0.1" in json.loads(received[1].content)["installation"]["account"]["url"]


@pytest.mark.usefixtures("url")
async def test_a_delivery_is_signed_and_says_what_it_is(
    received: list[httpx.Request], hub: Hub, installation: Installation
) -> None:
    received.clear()
    hub.open_issue("acme/greeting", by="ada", title="Grüße")
    await hub.settled()
    (delivery,) = received
    app = installation.app
    digest = hmac.new(app.webhook_secret.encode(), delivery.content, hashlib.sha256).hexdigest()
    assert delivery.headers["X-Hub-Signature-256"] == f"sha256={digest}"
    assert "X-Hub-Signature" not in delivery.headers
    assert delivery.headers["User-Agent"].startswith("GitHub-Hookshot/")
    assert delivery.headers["Content-Type"] == "application/json"
    assert delivery.headers["X-GitHub-Event"] == "issues"
    assert delivery.headers["X-GitHub-Delivery"] == hub.deliveries[-1].guid
    assert delivery.headers["X-GitHub-Hook-ID"] == str(app.hook_id)
    assert delivery.headers["X-GitHub-Hook-Installation-Target-ID"] == str(app.id)
    assert delivery.headers["X-GitHub-Hook-Installation-Target-Type"] == "integration"
    body = json.loads(delivery.content)
    assert body["installation"]["id"] == installation.id
    assert body["issue"]["title"] == "Grüße"
    assert body["sender"]["login"] == "ada"


@pytest.mark.usefixtures("url")
async def test_only_who_is_installed_subscribed_and_not_suspended_is_told(
    received: list[httpx.Request], receiver: str, hub: Hub, installation: Installation, keys: tuple[str, str]
) -> None:
    other = hub.register_app(
        "Other",
        public_key_pem=keys[1],
        webhook_url=f"{receiver}/200",
        webhook_secret="s",
        permissions={"issues": "read"},
        events=["issues"],
    )
    hub.install(other, ["acme/greeting"])
    await hub.settled()
    received.clear()
    hub.open_issue("acme/other", by="ada", title="Nobody is here")
    hub.suspend(installation)
    hub.open_issue("acme/greeting", by="ada", title="Only the other is here")
    hub.unsuspend(installation)
    hub.open_issue("acme/greeting", by="ada", title="Both are here")
    hub.add_comment("acme/greeting", 1, "The other did not subscribe", by="ada")
    await hub.settled()
    told = [
        (
            one.headers["X-GitHub-Hook-Installation-Target-ID"],
            one.headers["X-GitHub-Event"],
            one.headers["X-GitHub-Delivery"],
        )
        for one in received
    ]
    ours, theirs = str(installation.app.id), str(other.id)
    kinds = sorted((app, event) for app, event, _ in told)
    assert kinds == sorted(
        [(ours, "installation")] * 2 + [(theirs, "issues")] * 2 + [(ours, "issues"), (ours, "issue_comment")]
    )
    guids = [guid for app, event, guid in told if (app, event) == (ours, "issues")]
    assert guids[0] in [guid for app, _, guid in told if app == theirs]  # one event, one guid


async def test_a_failed_delivery_is_kept_and_sent_again_only_when_asked_for(
    own: httpx.AsyncClient, received: list[httpx.Request], receiver: str, hub: Hub, installation: Installation
) -> None:
    installation.app.webhook_url = f"{receiver}/503"
    hub.open_issue("acme/greeting", by="ada", title="T")
    await hub.settled()
    received.clear()
    failed = (await own.get("/app/hook/deliveries?status=failure")).json()
    assert [(one["event"], one["action"], one["status_code"]) for one in failed] == [("issues", "opened", 503)]
    assert failed[0]["status"] == "Invalid HTTP Response: 503"

    assert (await own.patch("/app/hook/config", json={"url": f"{receiver}/202"})).json()["url"] == f"{receiver}/202"
    assert (await own.post(f"/app/hook/deliveries/{failed[0]['id']}/attempts")).status_code == 202
    await hub.settled()
    (again,) = received
    newest = (await own.get("/app/hook/deliveries?per_page=1")).json()[0]
    assert again.headers["X-GitHub-Delivery"] == newest["guid"] == failed[0]["guid"]
    assert (newest["redelivery"], newest["status"], newest["status_code"]) == (True, "OK", 202)
    assert newest["id"] > failed[0]["id"]
    whole = (await own.get(f"/app/hook/deliveries/{newest['id']}")).json()
    assert whole["request"]["headers"]["X-GitHub-Event"] == "issues"
    assert whole["request"]["payload"] == json.loads(again.content)
    assert whole["response"]["payload"] == "taken"


async def test_deliveries_are_paged_by_a_cursor(own: httpx.AsyncClient, hub: Hub) -> None:
    for number in range(7):
        hub.open_issue("acme/greeting", by="ada", title=f"T{number}")
    await hub.settled()
    answer = await own.get("/app/hook/deliveries?per_page=4")
    found = [one["id"] for one in answer.json()]
    while "next" in answer.links:
        answer = await own.get(answer.links["next"]["url"])
        found += [one["id"] for one in answer.json()]
    assert found == [one.id for one in reversed(hub.deliveries)]
    assert (await own.get("/app/hook/deliveries?cursor=x")).status_code == 422
    assert (await own.get("/app/hook/deliveries?status=odd")).status_code == 422
    assert (await own.get("/app/hook/deliveries/1")).status_code == 404


async def test_who_does_not_answer_in_time_is_given_up(tmp_path: Path, source: Path, keys: tuple[str, str]) -> None:
    deaf = socket.create_server(("127.0.0.1", 0))  # takes connections into its backlog and never answers
    hub = Hub(tmp_path / "deaf", webhook_timeout_s=0.2)
    hub.add_repository("acme/greeting", source=source)
    hub.register_app(
        "Minions",
        public_key_pem=keys[1],
        webhook_url=f"http://127.0.0.1:{deaf.getsockname()[1]}/",
        webhook_secret="s",
        permissions={"contents": "read"},
        events=["push"],
    )
    async with serve(hub):
        await hub.settled()
    deaf.close()
    assert [(one.status, one.status_code) for one in hub.deliveries] == [("timed out", 0)]


async def test_stopping_the_server_cuts_deliveries_off(tmp_path: Path, source: Path, keys: tuple[str, str]) -> None:
    deaf = socket.create_server(("127.0.0.1", 0))
    hub = Hub(tmp_path / "deaf")
    hub.add_repository("acme/greeting", source=source)
    hub.register_app(
        "Minions",
        public_key_pem=keys[1],
        webhook_url=f"http://127.0.0.1:{deaf.getsockname()[1]}/",
        webhook_secret="s",
        permissions={"contents": "read"},
        events=["push"],
    )
    before = asyncio.all_tasks()
    async with serve(hub):
        assert hub.url
    deaf.close()
    assert hub.url == ""
    assert asyncio.all_tasks() <= before


async def test_a_served_hub_can_be_served_again(tmp_path: Path, source: Path) -> None:
    hub = Hub(tmp_path / "hub")
    hub.add_user("ada")
    hub.add_repository("acme/greeting", source=source)
    for number in (1, 2):
        async with serve(hub) as url, httpx.AsyncClient() as client:
            headers = {"Authorization": f"token {hub.user('ada').token}"}
            path = f"{url}/api/v3/repos/acme/greeting/issues"
            made = await client.post(path, headers=headers, json={"title": "T"})
            assert made.json()["number"] == number
