"""GitHub's own descriptions, as githubkit generates models of them, hold for what the double says."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from githubkit import GitHub, TokenAuthStrategy
from githubkit.webhooks import parse

from app.demo.github.actions import Job, Workflow
from app.demo.github.objects import Installation
from app.demo.github.reviews import Remark
from app.demo.github.state import Hub

Kit = GitHub[TokenAuthStrategy]
REPO = "acme", "greeting"


@pytest.fixture
async def kit(url: str, hub: Hub, installation: Installation) -> AsyncIterator[Kit]:
    """Githubkit with an installation token; it retries nothing and caches nothing."""
    token = hub.accounts.mint(installation, None, None).value
    async with GitHub(token, base_url=f"{url}/api/v3", auto_retry=False, http_cache=False) as client:
        yield client


def parsed(*answers: Any) -> bool:
    """Whether the generated models take every answer; they raise where they do not."""
    return all(answer.parsed_data is not None for answer in answers)


async def test_every_answer_about_a_repository_parses(kit: Kit, branch: str) -> None:
    repos, git = kit.rest.repos, kit.rest.git
    commit = (await git.async_get_commit(*REPO, branch)).parsed_data
    entries: Any = (await git.async_get_tree(*REPO, commit.tree.sha, recursive="1")).parsed_data.tree
    blob = next(entry.sha for entry in entries if entry.type == "blob")
    assert parsed(
        await repos.async_get(*REPO),
        await repos.async_get_collaborator_permission_level(*REPO, "ada"),
        await repos.async_get_content(*REPO, "greet.py"),
        await repos.async_get_content(*REPO, "docs"),
        await repos.async_list_branches(*REPO),
        await repos.async_get_branch(*REPO, "minions/1-1"),
        await repos.async_list_commits(*REPO),
        await repos.async_get_commit(*REPO, "minions/1-1"),
        await repos.async_get_combined_status_for_ref(*REPO, "main"),
        await repos.async_compare_commits(*REPO, "main...minions/1-1"),
        await git.async_get_ref(*REPO, "heads/main"),
        await git.async_create_ref(*REPO, ref="refs/heads/x", sha=branch),
        await git.async_update_ref(*REPO, "heads/x", sha=branch),
        await git.async_get_blob(*REPO, blob),
        await git.async_create_blob(*REPO, content="x"),
        await git.async_create_commit(*REPO, message="m", tree=commit.tree.sha, parents=[branch]),
        await kit.rest.apps.async_list_repos_accessible_to_installation(),
        await kit.rest.meta.async_root(),
        await kit.rest.meta.async_get(),
        await kit.rest.rate_limit.async_get(),
        await kit.rest.users.async_get_by_username("ada"),
    )


async def test_every_answer_about_a_conversation_parses(kit: Kit, hub: Hub) -> None:
    issues, reactions = kit.rest.issues, kit.rest.reactions
    hub.open_issue("acme/greeting", by="ada", title="Greets nobody", labels=["minion"])
    hub.add_comment("acme/greeting", 1, "Look", by="rob")
    comment = (await issues.async_create_comment(*REPO, 1, body="Working")).parsed_data
    assert parsed(
        await issues.async_create(*REPO, title="Another"),
        await issues.async_list_for_repo(*REPO, state="all"),
        await issues.async_get(*REPO, 1),
        await issues.async_list_events(*REPO, 1),  # before it is closed: GitHub's description lacks that event
        await issues.async_update(*REPO, 1, state="closed"),
        await issues.async_list_comments(*REPO, 1),
        await issues.async_get_comment(*REPO, comment.id),
        await issues.async_update_comment(*REPO, comment.id, body="Done"),
        await issues.async_list_labels_on_issue(*REPO, 1),
        await issues.async_add_labels(*REPO, 1, labels=["bug"]),
        await issues.async_remove_label(*REPO, 1, "bug"),
        await reactions.async_create_for_issue(*REPO, 1, content="eyes"),
        await reactions.async_create_for_issue_comment(*REPO, comment.id, content="rocket"),
        await reactions.async_list_for_issue(*REPO, 1),
        await reactions.async_list_for_issue_comment(*REPO, comment.id),
    )


@pytest.mark.usefixtures("branch")
async def test_every_answer_about_a_pull_request_parses(kit: Kit, hub: Hub) -> None:
    pulls = kit.rest.pulls
    made = await pulls.async_create(*REPO, title="Greet", head="minions/1-1", base="main", body="b", draft=True)
    number = made.parsed_data.number
    hub.add_label("acme/greeting", number, "bug", by="ada")
    assert parsed(
        await pulls.async_list(*REPO, head="acme:minions/1-1"),
        await pulls.async_get(*REPO, number),
        await pulls.async_update(*REPO, number, title="Greet all"),
        await pulls.async_list_files(*REPO, number),
        await pulls.async_list_commits(*REPO, number),
        await kit.rest.issues.async_get(*REPO, number),
    )
    hub.set_draft("acme/greeting", number, by="ada", draft=False)
    assert parsed(await pulls.async_merge(*REPO, number, data={}), await pulls.async_get(*REPO, number))


@pytest.mark.usefixtures("branch")
async def test_every_answer_about_a_review_parses(kit: Kit, hub: Hub) -> None:
    pulls, reactions = kit.rest.pulls, kit.rest.reactions
    made = (await pulls.async_create(*REPO, title="Greet", head="minions/1-1", base="main")).parsed_data
    remark: Any = {"path": "greet.py", "line": 2, "body": "Why?"}
    theirs = await hub.review_pull(
        "acme/greeting", made.number, by="ada", verdict="APPROVE", remarks=[Remark("greet.py", 2, "Well")]
    )
    review = await pulls.async_create_review(*REPO, made.number, event="COMMENT", body="B", comments=[remark])
    comment = await pulls.async_create_review_comment(
        *REPO, made.number, commit_id=made.head.sha, path="greet.py", line=1, side="LEFT", body="Gone?"
    )
    number = comment.parsed_data.id
    assert parsed(
        review,
        comment,
        await pulls.async_list_reviews(*REPO, made.number),
        await pulls.async_get_review(*REPO, made.number, review.parsed_data.id),
        await pulls.async_list_comments_for_review(*REPO, made.number, review.parsed_data.id),
        await pulls.async_list_review_comments(*REPO, made.number),
        await pulls.async_get_review_comment(*REPO, number),
        await pulls.async_update_review_comment(*REPO, number, body="Really?"),
        await pulls.async_create_reply_for_review_comment(*REPO, made.number, number, body="Yes"),
        await reactions.async_create_for_pull_request_review_comment(*REPO, number, content="eyes"),
        await reactions.async_list_for_pull_request_review_comment(*REPO, number),
        await pulls.async_dismiss_review(*REPO, made.number, theirs.id, message="Changed since"),
        await pulls.async_get(*REPO, made.number),
    )


async def test_every_answer_about_checks_parses(kit: Kit, branch: str) -> None:
    checks = kit.rest.checks
    await kit.rest.pulls.async_create(*REPO, title="Greet", head="minions/1-1", base="main")
    made = await checks.async_create(*REPO, data={"name": "minion", "head_sha": branch, "status": "in_progress"})
    run: Any = made.parsed_data
    note: Any = {"path": "greet.py", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "m"}
    output: Any = {"title": "t", "summary": "s", "annotations": [note]}
    assert parsed(
        await checks.async_get(*REPO, run.id),
        await checks.async_update(*REPO, run.id, data={"conclusion": "success", "output": output}),
        await checks.async_list_annotations(*REPO, run.id),
        await checks.async_list_for_ref(*REPO, branch),
        await checks.async_list_for_suite(*REPO, run.check_suite.id),
        await checks.async_list_suites_for_ref(*REPO, branch),
        await checks.async_get_suite(*REPO, run.check_suite.id),
    )


async def test_every_answer_about_ci_parses(kit: Kit, branch: str, hub: Hub) -> None:
    repos, actions, tests = kit.rest.repos, kit.rest.actions, Workflow("Tests", (Job("unit", "failure", log="no"),))
    run = await hub.actions.start(hub.repository("acme/greeting"), hub.user("ada"), "minions/1-1", branch, tests)
    await hub.actions.finish(run)
    assert parsed(
        await repos.async_create_commit_status(*REPO, branch, state="pending", context="circle", description="d"),
        await repos.async_list_commit_statuses_for_ref(*REPO, branch),
        await repos.async_get_combined_status_for_ref(*REPO, branch),
        await actions.async_list_workflow_runs_for_repo(*REPO, head_sha=branch),
        await actions.async_get_workflow_run(*REPO, run.id),
        await actions.async_get_job_for_workflow_run(*REPO, run.suite.runs[0].id),
    )


async def test_every_answer_about_the_app_parses(
    url: str, signed: Callable[..., str], installation: Installation, hub: Hub
) -> None:
    async with GitHub(signed(), base_url=f"{url}/api/v3", auto_retry=False, http_cache=False) as kit:
        apps = kit.rest.apps
        token = await apps.async_create_installation_access_token(
            installation.id, repositories=["greeting"], permissions={"contents": "read"}
        )
        assert parsed(
            token,
            await apps.async_get_authenticated(),
            await apps.async_list_installations(),
            await apps.async_get_installation(installation.id),
            await apps.async_get_webhook_config_for_app(),
            await apps.async_list_webhook_deliveries(),
            await apps.async_get_webhook_delivery(hub.deliveries[0].id),
        )


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
    hub.lock_issue("acme/greeting", issue.number, by="ada", reason="too heated")
    hub.unlock_issue("acme/greeting", issue.number, by="ada")
    await api.post("/repos/acme/greeting/pulls", json={"title": "P", "head": "minions/1-1", "base": "main"})
    hub.add_comment("acme/greeting", 2, "On a pull request", by="ada")
    hub.edit_issue("acme/greeting", 2, by="ada", title="Q")
    hub.add_label("acme/greeting", 2, "bug", by="ada")
    hub.set_draft("acme/greeting", 2, by="ada", draft=True)
    hub.set_draft("acme/greeting", 2, by="ada", draft=False)
    remarks = [Remark("greet.py", 2, "Why?")]
    review = await hub.review_pull("acme/greeting", 2, by="ada", verdict="REQUEST_CHANGES", remarks=remarks)
    remark = hub.reply(hub.pull("acme/greeting", 2).remarks[0], "Because", by="rob")
    hub.reviews.edit(remark, hub.user("rob"), "Because of that")
    hub.reviews.delete(remark, hub.user("rob"))
    hub.reviews.dismiss(review, hub.user("ada"))
    made = await api.post("/repos/acme/greeting/check-runs", json={"name": "m", "head_sha": branch})
    actions = [{"label": "Retry", "description": "Try again", "identifier": "retry"}]
    body = {"conclusion": "failure", "actions": actions}
    await api.patch(f"/repos/acme/greeting/check-runs/{made.json()['id']}", json=body)
    await hub.add_status("acme/greeting", branch, "success", by="ada", context="circle")
    tests = Workflow("Tests", (Job("unit", "failure", log="no"),))
    await hub.actions.finish(
        await hub.actions.start(hub.repository("acme/greeting"), hub.user("ada"), "minions/1-1", branch, tests)
    )
    run = hub.checks.by_id(hub.repository("acme/greeting"), made.json()["id"])
    hub.checks.rerequest(run, hub.user("ada"))
    hub.checks.press(run, hub.user("ada"), "retry")
    hub.checks.rerequest_suite(run.suite, hub.user("ada"))
    commit = (await api.get(f"/repos/acme/greeting/git/commits/{branch}")).json()
    body = {"message": "n", "tree": commit["tree"]["sha"], "parents": [branch]}
    sha = (await api.post("/repos/acme/greeting/git/commits", json=body)).json()["sha"]
    await api.patch("/repos/acme/greeting/git/refs/heads/minions/1-1", json={"sha": sha})
    await hub.delete_branch("acme/greeting", "minions/1-1", by="ada")
    hub.transfer_issue("acme/greeting", issue.number, "acme/secret", by="ada")
    hub.delete_issue("acme/secret", 1, by="ada")
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
        *(("issues", act) for act in ("locked", "unlocked", "transferred", "deleted")),
        *(("issue_comment", action) for action in ("created", "edited", "deleted")),
        *(("pull_request", act) for act in ("opened", "edited", "labeled", "synchronize", "closed")),
        *(("pull_request", act) for act in ("converted_to_draft", "ready_for_review")),
        *(("pull_request_review", act) for act in ("submitted", "dismissed")),
        *(("pull_request_review_comment", act) for act in ("created", "edited", "deleted")),
        *(("check_run", action) for action in ("created", "completed", "rerequested", "requested_action")),
        *(("check_suite", action) for action in ("requested", "rerequested", "completed")),
        *(("workflow_run", action) for action in ("requested", "completed")),
        ("status", None),
        ("push", None),
        ("create", None),
        ("delete", None),
    }
