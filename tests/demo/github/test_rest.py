"""What the REST API takes, what it refuses, and in which words."""

import json
from typing import Any

import httpx
import pytest

from app.demo.github.faults import Fault
from app.demo.github.issues import LONGEST_BODY
from app.demo.github.state import Hub

REPO = "/repos/acme/greeting"


def reason(answer: httpx.Response) -> str:
    """Message and errors of a refusal, as one text."""
    body = answer.json()
    return " ".join([body["message"], *(str(error.get("message", error["code"])) for error in body.get("errors", []))])


# -- Every answer ----------------------------------------------------------------------------------------------------
async def test_every_answer_tells_who_and_how_much_is_left(api: httpx.AsyncClient) -> None:
    answer = await api.get(REPO)
    missing = await api.get("/repos/acme/nothing")
    for one in (answer, missing):
        assert one.headers["X-GitHub-Request-Id"]
        assert one.headers["Date"]
        assert one.headers["X-RateLimit-Limit"] == "5000"
        assert one.headers["X-GitHub-Api-Version-Selected"] == "2022-11-28"
    assert int(missing.headers["X-RateLimit-Remaining"]) == int(answer.headers["X-RateLimit-Remaining"]) - 1
    assert missing.json()["documentation_url"]


async def test_what_did_not_change_is_not_sent_again_and_costs_nothing(api: httpx.AsyncClient, hub: Hub) -> None:
    first = await api.get(REPO)
    second = await api.get(REPO, headers={"If-None-Match": first.headers["ETag"]})
    assert (second.status_code, second.content) == (304, b"")
    assert second.headers["X-RateLimit-Remaining"] == first.headers["X-RateLimit-Remaining"]
    hub.open_issue("acme/greeting", by="ada", title="T")
    assert (await api.get(REPO, headers={"If-None-Match": first.headers["ETag"]})).status_code == 200


@pytest.mark.parametrize(
    ("version", "status"), [("2022-11-28", 200), ("2026-03-10", 200), ("2020-01-01", 400), ("newest", 400)]
)
async def test_only_versions_that_exist_can_be_asked_for(version: str, status: int, api: httpx.AsyncClient) -> None:
    answer = await api.get(REPO, headers={"X-GitHub-Api-Version": version})
    assert answer.status_code == status
    assert answer.headers["X-GitHub-Api-Version-Selected"] == version


async def test_the_rate_limit_ends_requests_and_asking_for_it_is_free(api: httpx.AsyncClient, hub: Hub) -> None:
    hub.rate_limit = 2
    statuses = [(await api.get(REPO)).status_code for _ in range(3)]
    assert statuses == [200, 200, 403]
    rate = (await api.get("/rate_limit")).json()["rate"]
    assert (rate["limit"], rate["remaining"]) == (2, 0)


async def test_pages_lead_to_each_other(api: httpx.AsyncClient, hub: Hub) -> None:
    hub.open_issue("acme/greeting", by="ada", title="T")
    for number in range(65):
        hub.add_comment("acme/greeting", 1, f"comment {number}", by="ada")
    answer = await api.get(f"{REPO}/issues/1/comments")
    assert len(answer.json()) == 30
    assert set(answer.links) == {"next", "last"}
    found = [one["body"] for one in answer.json()]
    while "next" in answer.links:
        answer = await api.get(answer.links["next"]["url"])
        found += [one["body"] for one in answer.json()]
    assert found == [f"comment {number}" for number in range(65)]
    assert set(answer.links) == {"prev", "first"}
    assert len((await api.get(f"{REPO}/issues/1/comments?per_page=500")).json()) == 65
    assert (await api.get(f"{REPO}/issues/1/comments?per_page=100&page=9")).json() == []


async def test_repositories_are_found_by_id_and_by_their_former_name(api: httpx.AsyncClient, hub: Hub) -> None:
    repository = hub.rename_repository("acme/greeting", "hello")
    by_id = await api.get(f"/repositories/{repository.id}/branches/main")
    assert by_id.json()["_links"]["html"].endswith("/acme/hello/tree/main")
    moved = await api.get(f"{REPO}/issues?state=all")
    assert moved.status_code == 301
    assert moved.headers["Location"] == f"{hub.url}/api/v3/repositories/{repository.id}/issues?state=all"
    assert (await api.get(moved.headers["Location"])).status_code == 200
    posted = await api.post(f"{REPO}/issues", json={"title": "T"})
    assert posted.status_code == 307
    assert (await api.post(posted.headers["Location"], json={"title": "T"})).status_code == 201
    assert (await api.get("/repositories/1")).status_code == 404


@pytest.mark.parametrize(("is_done", "there"), [(True, 1), (False, 0)])
async def test_trouble_comes_before_or_after_the_deed(
    is_done: bool,  # noqa: FBT001  # a column of the table
    there: int,
    api: httpx.AsyncClient,
    hub: Hub,
) -> None:
    hub.open_issue("acme/greeting", by="ada", title="T")
    hub.faults.add(Fault("POST", r"/comments$", 502, is_done=is_done))
    assert (await api.get(f"{REPO}/issues/1")).status_code == 200
    assert (await api.post(f"{REPO}/issues/1/comments", json={"body": "B"})).status_code == 502
    assert len(hub.issue("acme/greeting", 1).comments) == there
    assert (await api.post(f"{REPO}/issues/1/comments", json={"body": "B"})).status_code == 201


# -- What is refused -------------------------------------------------------------------------------------------------
LONG = "x" * (LONGEST_BODY + 1)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "issues", {}, 422, '"title" wasn\'t supplied'),
        ("POST", "issues", {"title": ""}, 422, "missing_field"),
        ("POST", "issues", {"title": "T", "boddy": "B"}, 422, '"boddy" is not a permitted key'),
        ("POST", "issues", {"title": "T", "body": LONG}, 422, "Body is too long (maximum is 65536 characters)"),
        ("POST", "issues", {"title": "x" * 257}, 422, "title is too long (maximum is 256 characters)"),
        ("POST", "issues", {"title": "T", "assignees": ["nobody"]}, 422, "invalid"),
        ("PATCH", "issues/1", {"state": "gone"}, 422, "state"),
        ("PATCH", "issues/1", {"body": LONG}, 422, "Body is too long"),
        ("POST", "issues/9/comments", {"body": "B"}, 404, "Not Found"),
        ("POST", "issues/1/comments", {"body": LONG}, 422, "Body is too long (maximum is 65536 characters)"),
        ("POST", "issues/1/comments", {"body": " "}, 422, "body cannot be blank"),
        ("POST", "issues/1/comments", {"text": "B"}, 422, '"body" wasn\'t supplied'),
        ("PATCH", "issues/comments/1", {"body": "B"}, 404, "Not Found"),
        ("DELETE", "issues/1/labels/none", None, 404, "Label does not exist"),
        ("POST", "issues/1/labels", {"labels": ["x" * 51]}, 422, "invalid"),
        ("POST", "issues/1/reactions", {"content": "shrug"}, 422, "invalid"),
        ("DELETE", "issues/1/reactions/1", None, 404, "Not Found"),
        ("GET", "issues/one", None, 404, "Not Found"),
        ("GET", "issues?since=yesterday", None, 422, "times such as 2026-01-02T03:04:05Z"),
        ("POST", "git/refs", {"ref": "heads/x", "sha": "HEAD"}, 422, "heads/x is not a valid ref name."),
        ("POST", "git/refs", {"ref": "refs/heads/a..b", "sha": "HEAD"}, 422, "is not a valid ref name."),
        ("POST", "git/refs", {"ref": "refs/heads/main", "sha": "HEAD"}, 422, "Reference already exists"),
        ("POST", "git/refs", {"ref": "refs/heads/x", "sha": "0" * 40}, 422, "Object does not exist"),
        ("PATCH", "git/refs/heads/x", {"sha": "HEAD"}, 422, "Reference does not exist"),
        ("DELETE", "git/refs/heads/x", None, 422, "Reference does not exist"),
        ("DELETE", "git/refs/heads/main", None, 422, "Cannot delete the default branch"),
        ("GET", "git/ref/heads/x", None, 404, "Not Found"),
        ("GET", "git/commits/abc", None, 404, "Not Found"),
        ("POST", "git/commits", {"message": "m", "tree": "0" * 40, "parents": []}, 422, "Tree SHA does not exist"),
        ("GET", "branches/x", None, 404, "Branch not found"),
        ("GET", "commits/x", None, 422, "No commit found for SHA: x"),
        ("GET", "contents/nothing", None, 404, "Not Found"),
        ("GET", "contents/%2e%2e/secret", None, 422, "malformed path component"),
        ("POST", "pulls", {"title": "P", "head": "x", "base": "main"}, 422, "invalid"),
        ("POST", "pulls", {"title": "P", "head": "main", "base": "x"}, 422, "invalid"),
        ("POST", "pulls", {"title": "P", "head": "eve:main", "base": "main"}, 422, "invalid"),
        ("POST", "pulls", {"title": "P", "head": "main", "base": "main"}, 422, "No commits between main and main"),
        ("GET", "pulls/1", None, 404, "Not Found"),
    ],
)
async def test_what_is_wrong_is_refused_with_a_reason(
    method: str, path: str, body: Any, status: int, words: str, api: httpx.AsyncClient, hub: Hub, head: str
) -> None:
    hub.open_issue("acme/greeting", by="ada", title="T")
    if body and body.get("sha") == "HEAD":
        body = body | {"sha": head}
    answer = await api.request(method, f"{REPO}/{path}", json=body)
    assert answer.status_code == status
    assert words in reason(answer)


async def test_what_is_no_json_is_said_to_be_none(api: httpx.AsyncClient) -> None:
    answer = await api.post(f"{REPO}/issues", content=b"{title", headers={"Content-Type": "application/json"})
    assert (answer.status_code, reason(answer)) == (400, "Problems parsing JSON")


async def test_an_archived_repository_is_read_only(api: httpx.AsyncClient, hub: Hub) -> None:
    hub.open_issue("acme/greeting", by="ada", title="T")
    hub.repository("acme/greeting").archived = True
    for path, body in (("issues", {"title": "T"}), ("issues/1/comments", {"body": "B"})):
        answer = await api.post(f"{REPO}/{path}", json=body)
        assert (answer.status_code, reason(answer)) == (403, "Repository was archived so is read-only.")


async def test_an_empty_repository_has_nothing_to_branch_from(api: httpx.AsyncClient, hub: Hub) -> None:
    hub.add_repository("acme/empty")
    hub.select_repositories(hub.accounts.installations[0], add=["acme/empty"])
    answer = await api.post("/repos/acme/empty/git/refs", json={"ref": "refs/heads/x", "sha": "0" * 40})
    assert (answer.status_code, reason(answer)) == (409, "Git Repository is empty.")
    assert (await api.get("/repos/acme/empty/commits")).status_code == 409
    assert (await api.get("/repos/acme/empty/branches")).json() == []


# -- Conversation ----------------------------------------------------------------------------------------------------
async def test_a_reaction_is_made_once(api: httpx.AsyncClient, hub: Hub) -> None:
    hub.open_issue("acme/greeting", by="ada", title="T")
    comment = hub.add_comment("acme/greeting", 1, "B", by="ada")
    for place in ("issues/1", f"issues/comments/{comment.id}"):
        first = await api.post(f"{REPO}/{place}/reactions", json={"content": "eyes"})
        second = await api.post(f"{REPO}/{place}/reactions", json={"content": "eyes"})
        assert (first.status_code, second.status_code, second.json()["id"]) == (201, 200, first.json()["id"])
        assert (await api.delete(f"{REPO}/{place}/reactions/{first.json()['id']}")).status_code == 204
        assert (await api.get(f"{REPO}/{place}/reactions")).json() == []


async def test_labels_of_strangers_are_dropped_without_a_word(url: str, hub: Hub) -> None:
    body = {"title": "T", "labels": ["minion"]}
    async with httpx.AsyncClient(base_url=f"{url}/api/v3") as client:
        for login, labels in (("eve", []), ("tia", ["minion"])):
            headers = {"Authorization": f"token {hub.user(login).token}"}
            made = (await client.post(f"{REPO}/issues", headers=headers, json=body)).json()
            assert [label["name"] for label in made["labels"]] == labels
            assert made["performed_via_github_app"] is None


async def test_issues_and_pull_requests_share_one_sequence(api: httpx.AsyncClient, branch: str) -> None:
    first = await api.post(f"{REPO}/issues", json={"title": "One"})
    second = await api.post(f"{REPO}/pulls", json={"title": "Two", "head": "minions/1-1", "base": "main"})
    third = await api.post(f"{REPO}/issues", json={"title": "Three"})
    assert [one.json()["number"] for one in (first, second, third)] == [1, 2, 3]
    assert second.json()["head"]["sha"] == branch
    listed = (await api.get(f"{REPO}/issues")).json()
    assert [(one["number"], "pull_request" in one) for one in listed] == [(3, False), (2, True), (1, False)]


async def test_issues_are_narrowed_by_state_and_labels(api: httpx.AsyncClient, hub: Hub) -> None:
    for title, labels in (("a", ["minion"]), ("b", ["minion", "bug"]), ("c", [])):
        hub.open_issue("acme/greeting", by="ada", title=title, labels=labels)
    await api.patch(f"{REPO}/issues/1", json={"state": "closed", "state_reason": "not_planned"})
    table = {"": "cb", "state=all": "cba", "state=closed": "a", "labels=minion": "b", "state=all&labels=minion": "ba"}
    for query, titles in table.items():
        listed = (await api.get(f"{REPO}/issues?{query}")).json()
        assert "".join(one["title"] for one in listed) == titles, query


async def test_a_token_for_pull_requests_speaks_on_them_only(api: httpx.AsyncClient, hub: Hub, branch: str) -> None:
    hub.open_issue("acme/greeting", by="ada", title="T")
    await api.post(f"{REPO}/pulls", json={"title": "P", "head": "minions/1-1", "base": "main"})
    token = hub.accounts.mint(hub.accounts.installations[0], {"pull_requests": "write"}, None)
    narrow = {"Authorization": f"token {token.value}"}
    assert (await api.post(f"{REPO}/issues/2/comments", json={"body": branch}, headers=narrow)).status_code == 201
    assert (await api.post(f"{REPO}/issues/1/comments", json={"body": branch}, headers=narrow)).status_code == 403


# -- Branches and pull requests --------------------------------------------------------------------------------------
async def commit_on(api: httpx.AsyncClient, parent: str, message: str) -> str:
    tree = (await api.get(f"{REPO}/git/commits/{parent}")).json()["tree"]["sha"]
    body = {"message": message, "tree": tree, "parents": [parent]}
    return str((await api.post(f"{REPO}/git/commits", json=body)).json()["sha"])


async def test_a_branch_moves_backwards_only_by_force(api: httpx.AsyncClient, head: str, branch: str) -> None:
    place = f"{REPO}/git/refs/heads/minions/1-1"
    other = await commit_on(api, head, "Elsewhere")
    refused = await api.patch(place, json={"sha": other, "force": False})
    assert (refused.status_code, reason(refused)) == (422, "Update is not a fast forward")
    assert (await api.get(f"{REPO}/git/ref/heads/minions/1-1")).json()["object"]["sha"] == branch
    assert (await api.patch(place, json={"sha": other, "force": True})).json()["object"]["sha"] == other


async def test_an_app_signs_commits_as_itself(api: httpx.AsyncClient, head: str, hub: Hub) -> None:
    sha = await commit_on(api, head, "Begin\n\nAnd more")
    commit = (await api.get(f"{REPO}/git/commits/{sha}")).json()
    bot = hub.user("minions[bot]")
    assert commit["author"]["email"] == f"{bot.id}+minions[bot]@users.noreply.example.invalid"
    assert commit["message"] == "Begin\n\nAnd more"


async def test_a_second_pull_request_of_a_branch_is_refused(api: httpx.AsyncClient, branch: str) -> None:
    body = {"title": "P", "head": "acme:minions/1-1", "base": "main", "draft": True}
    first = await api.post(f"{REPO}/pulls", json=body)
    second = await api.post(f"{REPO}/pulls", json=body)
    assert (first.status_code, second.status_code) == (201, 422)
    assert reason(second) == "Validation Failed A pull request already exists for acme:minions/1-1."
    found = (await api.get(f"{REPO}/pulls?head=acme:minions/1-1&state=open")).json()
    assert [(one["number"], one["draft"], one["head"]["sha"]) for one in found] == [(1, True, branch)]
    assert (await api.get(f"{REPO}/pulls?head=acme:other")).json() == []
    await api.patch(f"{REPO}/pulls/1", json={"state": "closed"})
    assert (await api.post(f"{REPO}/pulls", json=body)).status_code == 201


async def test_a_pull_request_follows_its_branch_and_ends_with_it(api: httpx.AsyncClient, branch: str) -> None:
    await api.post(f"{REPO}/pulls", json={"title": "P", "head": "minions/1-1", "base": "main"})
    sha = await commit_on(api, branch, "More")
    await api.patch(f"{REPO}/git/refs/heads/minions/1-1", json={"sha": sha})
    pull = (await api.get(f"{REPO}/pulls/1")).json()
    assert (pull["head"]["sha"], pull["commits"], pull["changed_files"]) == (sha, 2, 1)
    files = (await api.get(f"{REPO}/pulls/1/files")).json()
    assert [(one["filename"], one["status"], one["additions"], one["deletions"]) for one in files] == [
        ("greet.py", "modified", 2, 2)
    ]
    diff = await api.get(f"{REPO}/pulls/1", headers={"Accept": "application/vnd.github.diff"})
    assert "-def greet(name):" in diff.text
    await api.delete(f"{REPO}/git/refs/heads/minions/1-1")
    assert (await api.get(f"{REPO}/pulls/1")).json()["state"] == "closed"


async def test_merging_moves_the_base_and_closes_what_was_named(
    api: httpx.AsyncClient, branch: str, hub: Hub, received: list[httpx.Request]
) -> None:
    hub.open_issue("acme/greeting", by="ada", title="T")
    body = {"title": "P", "head": "minions/1-1", "base": "main", "body": "Closes #1", "draft": True}
    await api.post(f"{REPO}/pulls", json=body)
    draft = await api.put(f"{REPO}/pulls/2/merge", json={})
    assert (draft.status_code, reason(draft)) == (405, "Pull Request is still a draft")
    hub.pull("acme/greeting", 2).draft = False
    assert (await api.put(f"{REPO}/pulls/2/merge", json={"sha": "0" * 40})).status_code == 409
    sha = await hub.merge_pull("acme/greeting", 2, by="ada")
    commit = (await api.get(f"{REPO}/commits/main")).json()
    assert (commit["sha"], [parent["sha"] for parent in commit["parents"]][1]) == (sha, branch)
    pull = (await api.get(f"{REPO}/pulls/2")).json()
    assert (pull["state"], pull["merged"], pull["merge_commit_sha"]) == ("closed", True, sha)
    assert hub.issue("acme/greeting", 1).state == "closed"
    await hub.settled()
    closed = [json.loads(one.content) for one in received if one.headers["X-GitHub-Event"] == "pull_request"][-1]
    assert (closed["action"], closed["pull_request"]["merged"]) == ("closed", True)
    assert (await api.put(f"{REPO}/pulls/2/merge", json={})).status_code == 405


async def test_a_tree_takes_files_away_and_keeps_modes(api: httpx.AsyncClient, head: str) -> None:
    entries = [
        {"path": "docs/use.md", "mode": "100644", "type": "blob", "sha": None},
        {"path": "run.sh", "mode": "100755", "type": "blob", "content": "#!/bin/sh\n"},
    ]
    tree = (await api.post(f"{REPO}/git/trees", json={"base_tree": head, "tree": entries})).json()
    assert [(one["path"], one["mode"]) for one in tree["tree"]] == [("greet.py", "100644"), ("run.sh", "100755")]
