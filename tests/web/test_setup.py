"""The pages by which a server becomes a GitHub App."""

import html
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.adapters.github.permissions import EVENTS, PERMISSIONS
from app.core.app_manifest import REASONS, Created
from app.core.errors import ForgeError
from app.web.setup import Setup

APP = Created(
    id=42,
    slug="minions-ab",
    html_url="https://github.test/apps/minions-ab",
    client_id="Iv23",
    client_secret=SecretStr("the-client-secret"),
    webhook_secret=SecretStr("the-webhook-secret"),
    pem=SecretStr("-----BEGIN RSA PRIVATE KEY-----"),
)


@dataclass
class Made:
    """What the pages did."""

    where: str = "/var/lib/minions/github-app.json"
    codes: list[str] = field(default_factory=list)
    finished: int = 0

    async def exchange(self, code: str) -> Created:
        self.codes.append(code)
        if code != "good":
            raise ForgeError("GitHub does not know this code (any more).")
        return APP

    def finish(self) -> None:
        self.finished += 1


@dataclass
class Browser:
    """Somebody at the pages."""

    http: httpx.AsyncClient
    setup: Setup
    made: Made

    async def state(self) -> str:
        page = await self.http.get(self.setup.url)
        found = re.search(r"state=([^\"&]+)", page.text)
        assert found
        return found[1]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    made = Made()
    setup = Setup(
        "https://minions.test",
        "https://github.test",
        exchange=made.exchange,
        keep=lambda _: made.where,
        finished=made.finish,
    )
    app = FastAPI()
    app.include_router(setup.router())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://minions.test") as http:
        yield Browser(http, setup, made)


async def test_proposes_what_the_app_needs_with_a_reason_for_each(browser: Browser) -> None:
    page = await browser.http.get(browser.setup.url)
    found = re.search(r'name="manifest" value="([^"]*)"', page.text)
    assert found
    proposed = json.loads(html.unescape(found[1]))
    assert (proposed["default_permissions"], proposed["default_events"]) == (dict(PERMISSIONS), list(EVENTS))
    assert proposed["public"] is False
    assert proposed["hook_attributes"]["url"] == "https://minions.test/webhook"
    assert REASONS.keys() == PERMISSIONS.keys()
    assert all(reason in html.unescape(page.text) for reason in REASONS.values())


@pytest.mark.parametrize("path", ["/setup", "/setup?token=", "/setup?token=wrong", "/setup/created?code=good&state=no"])
async def test_who_was_not_told_by_the_server_gets_nowhere(browser: Browser, path: str) -> None:
    assert (await browser.http.get(path)).status_code == 403
    assert not browser.made.codes


async def test_who_looks_whether_it_lives_leaves_it_alone_and_sends_nobody_else(browser: Browser) -> None:
    """Started anew, it would have another token."""
    assert [(await browser.http.get(path)).status_code for path in ("/healthz", "/readyz")] == [200, 503]


async def test_an_organisation_is_asked_in_its_own_settings(browser: Browser) -> None:
    page = await browser.http.get(f"{browser.setup.url}&organization=octo-org")
    assert 'action="https://github.test/organizations/octo-org/settings/apps/new?' in page.text
    assert (await browser.http.get(f"{browser.setup.url}&organization=a/../b")).status_code == 400


async def test_makes_the_app_once_and_shows_no_secret(browser: Browser) -> None:
    state = await browser.state()
    done = await browser.http.get(f"/setup/created?code=good&state={state}")
    assert done.status_code == 200
    assert browser.made.finished == 1
    assert browser.made.where in done.text
    assert not [value for value in ("the-client-secret", "the-webhook-secret", "PRIVATE KEY") if value in done.text]
    assert (await browser.http.get(f"/setup/created?code=good&state={state}")).status_code == 403
    assert (await browser.http.get(browser.setup.url)).status_code == 403
    assert browser.made.codes == ["good"]


async def test_shows_the_credentials_once_to_who_keeps_them_elsewhere(browser: Browser) -> None:
    browser.made.where = ""
    done = await browser.http.get(f"/setup/created?code=good&state={await browser.state()}")
    assert "the-webhook-secret" in done.text
    assert "MINIONS_PRIVATE_KEY" in done.text


async def test_a_code_that_github_does_not_know_is_told_and_tried_again(browser: Browser) -> None:
    state = await browser.state()
    refused = await browser.http.get(f"/setup/created?code=late&state={state}")
    assert refused.status_code == 502
    assert "does not know this code" in refused.text
    assert browser.made.finished == 0
    assert (await browser.http.get(f"/setup/created?code=good&state={state}")).status_code == 200


async def test_nothing_is_fetched_from_elsewhere_and_forms_go_to_github_alone(browser: Browser) -> None:
    page = await browser.http.get(browser.setup.url)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "form-action 'self' https://github.test;" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
