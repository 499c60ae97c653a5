"""Workflows that pushes start, and what others see of them."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from app.demo.github.actions import Job, Push, Workflow
from app.demo.github.objects import Installation
from app.demo.github.state import Hub

NAME = "acme/greeting"


@pytest.fixture
def pushes(hub: Hub) -> list[Push]:
    """What was pushed to a repository whose workflow greets."""
    seen: list[Push] = []

    async def script(push: Push) -> Sequence[Workflow]:
        seen.append(push)
        is_red = "..." in await push.read("greet.py")
        held = push.branch.startswith("held")
        return [Workflow("Tests", (Job("unit", "failure" if is_red else "success", log="It ran."),), is_held=held)]

    hub.run_on_push(NAME, script)
    return seen


async def pushed(api: httpx.AsyncClient, name: str, parent: str, message: str = "Change") -> str:
    """A new branch with one more commit, by the REST API."""
    tree = (await api.get(f"/repos/{NAME}/git/commits/{parent}")).json()["tree"]["sha"]
    body = {"message": message, "tree": tree, "parents": [parent]}
    sha = str((await api.post(f"/repos/{NAME}/git/commits", json=body)).json()["sha"])
    await api.post(f"/repos/{NAME}/git/refs", json={"ref": f"refs/heads/{name}", "sha": sha})
    return sha


async def listed(api: httpx.AsyncClient, sha: str) -> list[tuple[str, str, str | None]]:
    found = (await api.get(f"/repos/{NAME}/commits/{sha}/check-runs")).json()["check_runs"]
    return [(one["app"]["slug"], one["name"], one["conclusion"]) for one in found]


async def test_a_push_by_an_app_starts_workflows_on_its_commit(
    api: httpx.AsyncClient, branch: str, pushes: list[Push]
) -> None:
    sha = await pushed(api, "topic", branch)
    assert [(push.branch, push.sha) for push in pushes] == [("topic", sha)]
    assert await listed(api, sha) == [("github-actions", "unit", "failure")]
    assert await listed(api, branch) == []


@pytest.mark.parametrize("words", ["[skip ci]", "[no ci]"])
async def test_a_commit_that_says_so_starts_none(
    api: httpx.AsyncClient, branch: str, pushes: list[Push], words: str
) -> None:
    await pushed(api, "topic", branch, f"At work {words}")
    assert pushes == []


@pytest.mark.usefixtures("pushes")
async def test_a_workflow_that_is_held_ends_when_it_is_told_to(
    api: httpx.AsyncClient, branch: str, hub: Hub, received: list[httpx.Request]
) -> None:
    sha = await pushed(api, "held", branch)
    (run,) = hub.workflow_runs(NAME, sha)
    assert await listed(api, sha) == [("github-actions", "unit", None)]
    await hub.settled()
    received.clear()
    await hub.actions.finish(run, [Job("unit", "success")])
    assert await listed(api, sha) == [("github-actions", "unit", "success")]
    await hub.settled()
    told = [(one.headers["X-GitHub-Event"], one.read()) for one in received]
    assert sorted(event for event, _ in told) == ["check_run", "check_suite", "workflow_run"]


@pytest.mark.usefixtures("pushes", "installation")
async def test_a_log_is_downloaded_from_elsewhere_without_a_token(
    api: httpx.AsyncClient, branch: str, hub: Hub
) -> None:
    sha = await pushed(api, "topic", branch)
    (check,) = (one for one in hub.check_runs(NAME, sha) if one.log is not None)
    answer = await api.get(f"/repos/{NAME}/actions/jobs/{check.id}/logs")
    assert answer.status_code == 302
    place = answer.headers["location"]
    assert place.startswith(hub.blob_url)
    async with httpx.AsyncClient() as http:
        assert (await http.get(place)).text == "It ran."
        refused: Any = await http.get(place, headers={"Authorization": "Bearer x"})
        assert refused.status_code == 403
        assert (await http.get(place.replace(hub.blob_url, hub.url))).status_code == 404


async def test_who_may_not_read_actions_sees_no_log(
    api: httpx.AsyncClient, branch: str, hub: Hub, installation: Installation, pushes: list[Push]
) -> None:
    sha = await pushed(api, "topic", branch)
    assert pushes
    del installation.permissions["actions"]
    (check,) = (one for one in hub.check_runs(NAME, sha) if one.log is not None)
    assert (await api.get(f"/repos/{NAME}/actions/jobs/{check.id}/logs")).status_code == 403
    assert (await api.get(f"/repos/{NAME}/actions/runs")).status_code == 403


async def test_of_each_context_the_newest_status_counts(api: httpx.AsyncClient, branch: str) -> None:
    for state in ("pending", "failure", "success"):
        made = await api.post(f"/repos/{NAME}/statuses/{branch}", json={"state": state, "context": "circle"})
        assert made.status_code == 201
    combined = (await api.get(f"/repos/{NAME}/commits/{branch}/status")).json()
    assert (combined["state"], combined["total_count"]) == ("success", 1)
    every = (await api.get(f"/repos/{NAME}/commits/{branch}/statuses")).json()
    assert [one["state"] for one in every] == ["success", "failure", "pending"]
