"""Signing in, with a real GitHub on loopback and a browser that only keeps cookies."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from fastapi import FastAPI

from app.adapters.github.sign_in import GitHubGate
from app.adapters.store import PostgresStore
from app.core.run import Run, Status
from app.core.store import Draft
from app.core.task import Person, Repository, Task
from app.demo.github.server import serve
from app.demo.github.state import Hub
from app.web.html import Paper
from app.web.overview import OverviewPages
from app.web.pages import Pages
from app.web.sign_in import SignIn
from blueprints import BLUEPRINTS

OURS = "http://127.0.0.1:8030"
SAME = {"Origin": OURS}


@dataclass
class Door:
    """Pages with a sign-in, the GitHub behind it, and two runs: of a repository that is shown, and of a secret one."""

    hub: Hub
    http: httpx.AsyncClient
    github: httpx.AsyncClient
    shown: Run
    secret: Run

    async def sign_in(self, login: str, path: str = "/overview") -> httpx.Response:
        """As a browser: from our page to GitHub, there a choice, and back."""
        self.http.cookies.clear()
        to_us = await self.http.get(path)
        to_github = await self.http.get(to_us.headers["location"])
        query = urlsplit(to_github.headers["location"]).query
        assert login in (await self.github.get(to_github.headers["location"])).text
        back = await self.github.get(f"{self.hub.url}/login/oauth/approve?{query}&login={login}")
        return await self.http.get(back.headers["location"])


async def run_in(store: PostgresStore, repository_id: int, full_name: str) -> Run:
    task = Task(
        repository=Repository(id=repository_id, full_name=full_name, installation_id=3),
        number=7,
        title=f"Broken in {full_name}",
        body="",
        requester=Person(id=1, login="ann"),
        asked_at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    draft = Draft(intent=full_name, task=task, blueprint="fix", blueprint_version=1, start="prepare")
    run = await store.load((await store.accept(None, draft, "why")).run_id or 0)
    return await store.save(run.model_copy(update={"status": Status.RUNNING}))


@pytest.fixture
async def door(store: PostgresStore, tmp_path: Path) -> AsyncIterator[Door]:
    hub = Hub(tmp_path / "github")
    app = hub.register_app(
        "Minions",
        public_key_pem="",
        webhook_url=f"{OURS}/webhook",
        webhook_secret="s",
        permissions={"metadata": "read"},
        events=[],
    )
    for login in ("ann", "tim", "eve"):
        hub.add_user(login)
    for name in ("octo/shown", "octo/secret"):
        hub.add_repository(name, private=True)
    hub.add_collaborator("octo/shown", "ann", "write")
    hub.add_collaborator("octo/shown", "tim", "read")
    hub.install(app, ["octo/shown", "octo/secret"])
    async with serve(hub), httpx.AsyncClient() as outward, httpx.AsyncClient() as github:
        gate = GitHubGate(
            outward,
            github_url=hub.url,
            api_url=f"{hub.url}/api/v3",
            client_id=app.client_id,
            client_secret=app.client_secret,
        )
        access = SignIn(gate, store.sessions(), Paper(), own_url=OURS, secret=app.client_secret)
        facts = {"github_url": hub.url, "own_url": OURS}
        pages = Pages(store, store.reader(), BLUEPRINTS, access, **facts, budget_usd=6.0)
        site = FastAPI()
        for part in (pages, OverviewPages(store.figures(), pages), access):
            site.include_router(part.router())
        runs = [await run_in(store, hub.repository(name).id, name) for name in ("octo/shown", "octo/secret")]
        async with httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url=OURS) as http:
            yield Door(hub, http, github, *runs)
        await pages.live.close()


async def test_who_signs_in_sees_the_runs_of_what_they_can_read(door: Door) -> None:
    back = await door.sign_in("tim", f"/runs/{door.shown.key}")
    assert back.headers["location"] == f"/runs/{door.shown.key}"
    cookie = next(one for one in back.headers.get_list("set-cookie") if one.startswith("minions="))
    assert {"HttpOnly", "SameSite=lax"} <= {part.strip() for part in cookie.split(";")}
    assert "ghu_" not in str(back.headers)
    page = await door.http.get(f"/runs/{door.shown.key}")
    assert page.status_code == 200
    assert "tim" in page.text
    assert "Stop" not in page.text
    listed = (await door.http.get("/overview")).text
    assert "octo/shown" in listed
    assert "octo/secret" not in listed
    for path in ("", "/live", "/change.patch", "/events/0/0"):
        assert (await door.http.get(f"/runs/{door.secret.key}{path}")).status_code == 404


async def test_who_may_write_may_stop_and_who_may_only_read_may_not(door: Door, store: PostgresStore) -> None:
    async def stop(run: Run) -> int:
        pressed = await door.http.post(f"/runs/{run.key}/orders", data={"order": "stop"}, headers=SAME)
        return pressed.status_code

    await door.sign_in("tim")
    assert await stop(door.shown) == 403
    await door.sign_in("ann")
    assert "Stop" in (await door.http.get(f"/runs/{door.shown.key}")).text
    assert await stop(door.secret) == 404
    assert await stop(door.shown) == 303
    given = await store.orders(door.shown.id)
    assert [(one.order.kind, one.requester.login if one.requester else "") for one in given] == [("stop", "ann")]


async def test_who_signed_out_is_out(door: Door) -> None:
    await door.sign_in("ann")
    kept = {"Cookie": f"minions={door.http.cookies['minions']}"}
    assert (await door.http.post("/sign-out", headers={"Origin": "https://evil.example"})).status_code == 403
    assert (await door.http.get("/overview")).status_code == 200
    assert (await door.http.post("/sign-out", headers=SAME)).status_code == 200
    assert (await door.http.get("/overview", headers=kept)).status_code == 303
    assert (await door.http.post(f"/runs/{door.shown.key}/orders", headers=SAME)).status_code == 401


@pytest.mark.parametrize("path", ["/", "/overview", "/overview/runs.csv", "/runs/{key}", "/runs/{key}/change.patch"])
async def test_a_stranger_is_sent_to_sign_in_and_told_nothing(door: Door, path: str) -> None:
    answer = await door.http.get(path.format(key=door.shown.key))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=%2F")
    assert answer.text == ""
    assert (await door.http.get(f"/runs/{door.shown.key}/statement")).status_code == 404  # signed, and by its key alone


@pytest.mark.parametrize("wanted", ["https://evil.example", "//evil.example", "/\\evil.example", "/x\\y", "/a\nb", ""])
async def test_nobody_is_led_elsewhere_after_signing_in(door: Door, wanted: str) -> None:
    to_github = await door.http.get("/sign-in", params={"next": wanted})
    query = urlsplit(to_github.headers["location"]).query
    back = await door.github.get(f"{door.hub.url}/login/oauth/approve?{query}&login=ann")
    assert (await door.http.get(back.headers["location"])).headers["location"] == "/overview"


async def test_a_code_that_was_not_fetched_here_opens_nothing(door: Door) -> None:
    """Somebody signs in and gives another person the address that they were sent back to."""
    theirs = await door.http.get("/sign-in")
    query = urlsplit(theirs.headers["location"]).query
    back = (await door.github.get(f"{door.hub.url}/login/oauth/approve?{query}&login=eve")).headers["location"]
    door.http.cookies.clear()
    assert (await door.http.get(back)).status_code == 400
    await door.http.get("/sign-in")
    assert (await door.http.get(back)).status_code == 400  # the state is another one
    state = parse_qs(urlsplit((await door.http.get("/sign-in")).headers["location"]).query)["state"][0]
    code = parse_qs(urlsplit(back).query)["code"][0]
    assert (await door.http.get("/signed-in", params={"state": state, "code": code})).status_code == 403
    assert (await door.http.get("/overview")).status_code == 303


@pytest.mark.parametrize("key", [b"", b"another key of thirty-two bytes!!"])
async def test_a_cookie_that_somebody_made_is_none(door: Door, key: bytes) -> None:
    claims = {"word": "x", "aud": "session", "exp": 4_000_000_000}
    forged = jwt.encode(claims, key or None, algorithm="HS256" if key else "none")  # type: ignore[arg-type]
    assert (await door.http.get("/overview", headers={"Cookie": f"minions={forged}"})).status_code == 303


async def test_no_token_and_no_word_of_a_session_is_kept(door: Door, store: PostgresStore) -> None:
    await door.sign_in("ann")
    cookie = jwt.decode(door.http.cookies["minions"], options={"verify_signature": False})
    async with store._engine.connect() as connection:
        kept = str((await connection.exec_driver_sql("SELECT * FROM sessions")).all())
    assert "ann" in kept
    assert "ghu_" not in kept
    assert cookie["word"] not in kept
