"""GitHub's own descriptions, as githubkit generates models of them, hold for what the double says."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from githubkit import GitHub, TokenAuthStrategy
from githubkit.webhooks import parse

from app.demo.github.objects import Installation
from app.demo.github.state import Hub

REPO = "acme", "greeting"


@pytest.fixture
async def kit(url: str, hub: Hub, installation: Installation) -> AsyncIterator[GitHub[TokenAuthStrategy]]:
    """Githubkit with an installation token; it retries nothing and caches nothing."""
    token = hub.accounts.mint(installation, None, None).value
    async with GitHub(token, base_url=f"{url}/api/v3", auto_retry=False, http_cache=False) as client:
        yield client


async def test_every_answer_about_a_repository_parses(kit: GitHub[TokenAuthStrategy], branch: str, hub: Hub) -> None:
    rest, (owner, name) = kit.rest, REPO
    hub.open_issue("acme/greeting", by="ada", title="Greets nobody", labels=["minion"])
    hub.add_comment("acme/greeting", 1, "Look", by="rob")
    comment = (await rest.issues.async_create_comment(owner, name, 1, body="Working")).parsed_data
    pull = (
        await rest.pulls.async_create(owner, name, title="Greet", head="minions/1-1", base="main", body="b", draft=True)
    ).parsed_data
    run = (
        await rest.checks.async_create(
            owner, name, data={"name": "minion", "head_sha": branch, "status": "in_progress"}
        )
    ).parsed_data
    await rest.reactions.async_create_for_issue(owner, name, 1, content="eyes")
    await rest.reactions.async_create_for_issue_comment(owner, name, comment.id, content="rocket")
    commit = (await rest.git.async_get_commit(owner, name, branch)).parsed_data
    answers: list[Any] = [
        await rest.repos.async_get(owner, name),
        await rest.repos.async_get_collaborator_permission_level(owner, name, "ada"),
        await rest.repos.async_get_content(owner, name, "greet.py"),
        await rest.repos.async_get_content(owner, name, "docs"),
        await rest.repos.async_list_branches(owner, name),
        await rest.repos.async_get_branch(owner, name, "minions/1-1"),
        await rest.repos.async_list_commits(owner, name),
        await rest.repos.async_get_commit(owner, name, "minions/1-1"),
        await rest.repos.async_get_combined_status_for_ref(owner, name, "main"),
        await rest.repos.async_compare_commits(owner, name, "main...minions/1-1"),
        await rest.issues.async_list_for_repo(owner, name, state="all"),
        await rest.issues.async_get(owner, name, 1),
        await rest.issues.async_create(owner, name, title="Another"),
        await rest.issues.async_update(owner, name, 1, state="closed"),
        await rest.issues.async_list_comments(owner, name, 1),
        await rest.issues.async_get_comment(owner, name, comment.id),
        await rest.issues.async_update_comment(owner, name, comment.id, body="Done"),
        await rest.issues.async_list_labels_on_issue(owner, name, 1),
        await rest.issues.async_add_labels(owner, name, 1, labels=["bug"]),
        await rest.issues.async_remove_label(owner, name, 1, "bug"),
        await rest.reactions.async_list_for_issue(owner, name, 1),
        await rest.reactions.async_list_for_issue_comment(owner, name, comment.id),
        await rest.git.async_get_ref(owner, name, "heads/main"),
        await rest.git.async_get_tree(owner, name, commit.tree.sha, recursive="1"),
        await rest.git.async_create_blob(owner, name, content="x"),
        await rest.git.async_create_commit(owner, name, message="m", tree=commit.tree.sha, parents=[branch]),
        await rest.pulls.async_list(owner, name, head="acme:minions/1-1"),
        await rest.pulls.async_get(owner, name, pull.number),
        await rest.pulls.async_update(owner, name, pull.number, title="Greet all"),
        await rest.pulls.async_list_files(owner, name, pull.number),
        await rest.pulls.async_list_commits(owner, name, pull.number),
        await rest.checks.async_get(owner, name, run.id),
        await rest.checks.async_update(owner, name, run.id, data={"conclusion": "success"}),
        await rest.checks.async_list_for_ref(owner, name, branch),
        await rest.checks.async_list_suites_for_ref(owner, name, branch),
        await rest.checks.async_get_suite(owner, name, run.check_suite.id if run.check_suite else 0),
        await rest.meta.async_root(),
        await rest.meta.async_get(),
        await rest.rate_limit.async_get(),
        await rest.users.async_get_by_username("ada"),
        await rest.apps.async_list_repos_accessible_to_installation(),
    ]
    files: Any = (await rest.pulls.async_list_files(owner, name, pull.number)).parsed_data
    answers.append(await rest.git.async_get_blob(owner, name, files[0].sha or ""))
    assert [answer.parsed_data is not None for answer in answers] == [True] * len(answers)


async def test_every_answer_about_the_app_parses(
    url: str, signed: Callable[..., str], installation: Installation, hub: Hub
) -> None:
    async with GitHub(signed(), base_url=f"{url}/api/v3", auto_retry=False, http_cache=False) as kit:
        apps = kit.rest.apps
        token = await apps.async_create_installation_access_token(
            installation.id, repositories=["greeting"], permissions={"contents": "read"}
        )
        answers: list[Any] = [
            token,
            await apps.async_get_authenticated(),
            await apps.async_list_installations(),
            await apps.async_get_installation(installation.id),
            await apps.async_get_webhook_config_for_app(),
            await apps.async_list_webhook_deliveries(),
            await apps.async_get_webhook_delivery(hub.deliveries[0].id),
        ]
    assert [answer.parsed_data is not None for answer in answers] == [True] * len(answers)


async def test_a_person_parses(url: str, hub: Hub) -> None:
    async with GitHub(hub.user("ada").token, base_url=f"{url}/api/v3", auto_retry=False, http_cache=False) as kit:
        assert (await kit.rest.users.async_get_authenticated()).parsed_data.login == "ada"


@pytest.mark.usefixtures("url")
async def test_every_webhook_parses_as_what_it_says_it_is(
    api: httpx.AsyncClient, branch: str, hub: Hub, installation: Installation, received: list[httpx.Request]
) -> None:
    issue = hub.open_issue("acme/greeting", by="ada", title="Greets nobody", labels=["minion"])
    hub.edit_issue("acme/greeting", issue.number, by="ada", title="Greets no one", body="At all")
    hub.remove_label("acme/greeting", issue.number, "minion", by="tia")
    comment = hub.add_comment("acme/greeting", issue.number, "/minion fix", by="ada")
    hub.edit_comment(comment, "/minion help", by="ada")
    hub.delete_comment(comment, by="ada")
    hub.close_issue("acme/greeting", issue.number, by="ada")
    hub.reopen_issue("acme/greeting", issue.number, by="ada")
    await api.post("/repos/acme/greeting/pulls", json={"title": "P", "head": "minions/1-1", "base": "main"})
    hub.add_comment("acme/greeting", 2, "On a pull request", by="ada")
    hub.edit_issue("acme/greeting", 2, by="ada", title="Q")
    hub.add_label("acme/greeting", 2, "bug", by="ada")
    made = await api.post("/repos/acme/greeting/check-runs", json={"name": "m", "head_sha": branch})
    actions = [{"label": "Retry", "description": "Try again", "identifier": "retry"}]
    body = {"conclusion": "failure", "actions": actions}
    await api.patch(f"/repos/acme/greeting/check-runs/{made.json()['id']}", json=body)
    run = hub.checks.by_id(hub.repository("acme/greeting"), made.json()["id"])
    hub.checks.rerequest(run, hub.user("ada"))
    hub.checks.press(run, hub.user("ada"), "retry")
    commit = (await api.get(f"/repos/acme/greeting/git/commits/{branch}")).json()
    body = {"message": "n", "tree": commit["tree"]["sha"], "parents": [branch]}
    sha = (await api.post("/repos/acme/greeting/git/commits", json=body)).json()["sha"]
    await api.patch("/repos/acme/greeting/git/refs/heads/minions/1-1", json={"sha": sha})
    await api.delete("/repos/acme/greeting/git/refs/heads/minions/1-1")
    hub.select_repositories(installation, add=["acme/other"], remove=["acme/secret"])
    hub.suspend(installation, by="ada")
    hub.unsuspend(installation, by="ada")
    hub.uninstall(installation, by="ada")
    await hub.settled()

    seen = []
    for delivery in received:
        event = delivery.headers["X-GitHub-Event"]
        parse(event, delivery.content)
        seen.append((event, json.loads(delivery.content).get("action")))
    assert set(seen) == {
        ("ping", None),
        *(("installation", action) for action in ("created", "deleted", "suspend", "unsuspend")),
        *(("installation_repositories", action) for action in ("added", "removed")),
        *(("issues", act) for act in ("opened", "labeled", "unlabeled", "edited", "closed", "reopened")),
        *(("issue_comment", action) for action in ("created", "edited", "deleted")),
        *(("pull_request", act) for act in ("opened", "edited", "labeled", "synchronize", "closed")),
        *(("check_run", action) for action in ("created", "completed", "rerequested", "requested_action")),
        ("check_suite", "requested"),
        ("push", None),
        ("create", None),
    }
