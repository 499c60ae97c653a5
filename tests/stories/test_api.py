"""Somebody asks over the HTTP API, with a token; an issue is the record, and a pull request comes back."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.stories.conftest import Minions

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]


def settings_of(town: Any) -> dict[str, str]:
    environment = {**town.stage.environment, "MINIONS_HOME": str(town.stage.home / "minions")}
    return {name.removeprefix("MINIONS_").lower(): value for name, value in environment.items() if "MINIONS_" in name}


async def token(minions: Minions, town: Any, name: str, repository: str, login: str = "ann") -> str:
    words = ("token", "create", "--name", name, "--login", login, "--repositories", repository)
    code, out = await minions(*words, **settings_of(town))
    assert code == 0, out
    return out.strip()


async def test_a_call_becomes_an_issue_and_a_pull_request(minions: Minions, town: Any) -> None:
    repository, wish = town.repository(), town.wanted.issue
    secret = await token(minions, town, "ci", repository)
    wanted = {"repository": repository, "title": wish.title, "body": wish.body}
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "once"}
    async with httpx.AsyncClient(base_url=f"{town.stage.app_url}/api/v1", headers=headers, timeout=30) as http:
        first, second = await asyncio.gather(*(http.post("/runs", json=wanted) for _ in range(2)))
        assert (first.status_code, first.json()["id"]) == (202, second.json()["id"])
        address = first.headers["location"].removeprefix("/api/v1")
        async with asyncio.timeout(120):
            while (run := (await http.get(address)).json())["status"] not in {"done", "failed", "refused", "stopped"}:
                await asyncio.sleep(0.1)
    assert run["status"] == "done", run
    ann = town.person("ann", repository)
    (pull,) = await ann.pulls()
    assert run["pull_request_url"] == pull["html_url"]
    (issue,) = [one for one in town.stage.hub.repository(repository).issues.values() if one.pull is None]
    assert run["issue_url"].endswith(f"/issues/{issue.number}")
    assert (issue.title, issue.user.login) == (wish.title, "minions[bot]")
    assert "Asked for by `ann` over the API, `token ci`, as `fix`." in issue.body
    assert f"Closes #{issue.number}" in pull["body"]
    code, out = await minions("token", "list", **settings_of(town))
    assert (code, secret in out) == (0, False)
    assert f"ci    ann      {repository}" in out


async def test_asking_at_a_terminal_tells_why_nothing_comes_of_it(minions: Minions, town: Any) -> None:
    """Mallory may only read, whoever made the token for her."""
    repository = town.repository()
    secret = await token(minions, town, "hers", repository, login="mallory")
    town_settings = {"public_url": town.stage.app_url, "token": secret}
    code, out = await minions("ask", repository, "Greet the moon", "--wait", **town_settings)
    assert (code, f"refused: mallory may not ask for work in {repository}" in out) == (1, True), out
    assert await town.person("ann", repository).branches() == ["main"]
    code, out = await minions("token", "revoke", "hers", **settings_of(town))
    assert code == 0, out
    code, out = await minions("ask", repository, "Greet the moon", **town_settings)
    assert (code, "with a token of this server that was not revoked" in out) == (2, True), out
