"""The web server as `server.py` puts it together, with a GitHub on loopback where people sign in to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI

from app.adapters.store import PostgresStore
from app.core.run import Run, Status
from app.core.store import Draft
from app.core.task import Person, Repository, Task
from app.demo.github.server import serve
from app.demo.github.state import Hub
from app.server import web_app
from app.settings import Settings

OURS: Final = "http://127.0.0.1:8030"
SAME: Final = {"Origin": OURS}
"""What a browser sends along from pages of ours."""
FOREIGN: Final = {"Origin": "https://evil.example"}


@dataclass
class Door:
    """Pages with a sign-in, the GitHub behind it, and two runs: of a repository that is shown, and of a secret one.

    ann may write to the first, tim may read it, eve may do nothing.
    """

    hub: Hub
    site: FastAPI
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
    """A run that is at work in a repository."""
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


def settings_of(home: Path, **more: Any) -> Settings:
    """Those of a server on loopback."""
    facts = {"app_id": "1", "webhook_secrets": "of-the-webhook", "port": 8030, "home": home}
    return Settings.model_validate(facts | more)


@asynccontextmanager
async def opened_door(store: PostgresStore, home: Path) -> AsyncIterator[Door]:
    """Everything at work, and put away at the end."""
    hub = Hub(home / "github")
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
    async with serve(hub), httpx.AsyncClient() as github:
        github_s = {"github_url": hub.url, "api_url": f"{hub.url}/api/v3"}
        ours = {"client_id": app.client_id, "client_secret": app.client_secret}
        (home / "slack.toml").touch()
        slack = {"slack_signing_secret": "of-slack", "slack_bot_token": "xoxb-1", "slack_file": home / "slack.toml"}
        site = web_app(settings_of(home, **github_s, **ours, **slack), store)
        runs = [await run_in(store, hub.repository(name).id, name) for name in ("octo/shown", "octo/secret")]
        transport = httpx.ASGITransport(site)
        async with site.router.lifespan_context(site), httpx.AsyncClient(transport=transport, base_url=OURS) as http:
            yield Door(hub, site, http, github, *runs)
