"""Reviews: verdicts, remarks on lines, answers to them, and what a push makes of them."""

import json

import httpx
import pytest

from app.demo.github.reviews import Remark, find
from app.demo.github.state import Hub

REPO = "/repos/acme/greeting"
pytestmark = pytest.mark.usefixtures("pull")


@pytest.fixture
async def pull(api: httpx.AsyncClient, branch: str) -> str:
    """The App's pull request number 1; answers with its head."""
    await api.post(f"{REPO}/pulls", json={"title": "P", "head": "minions/1-1", "base": "main"})
    return branch


def events(received: list[httpx.Request], start: str) -> list[dict[str, object]]:
    """Bodies of what was told, of the events whose name begins so."""
    return [json.loads(one.content) for one in received if one.headers["X-GitHub-Event"].startswith(start)]


async def test_a_review_tells_its_verdict_and_every_remark(hub: Hub, received: list[httpx.Request]) -> None:
    remarks = [Remark("greet.py", 2, "Say something"), Remark("greet.py", 1, "Was right", side="LEFT")]
    await hub.review_pull("acme/greeting", 1, by="ada", verdict="REQUEST_CHANGES", body="Not yet", remarks=remarks)
    await hub.settled()
    (review,) = (body["review"] for body in events(received, "pull_request_review") if "review" in body)
    assert isinstance(review, dict)
    assert (review["state"], review["body"], review["user"]["login"]) == ("changes_requested", "Not yet", "ada")
    told = [body["comment"] for body in events(received, "pull_request_review_comment")]
    shown = [(one["line"], one["side"], one["position"], one["diff_hunk"]) for one in told if isinstance(one, dict)]
    hunk = "@@ -1,2 +1,2 @@\n-def greet(name):"
    whole = f'{hunk}\n-    return "Hello " + name\n+def greet():\n+    ...'
    assert sorted(shown) == [(1, "LEFT", 1, hunk), (2, "RIGHT", 4, whole)]


async def test_a_remark_is_found_by_its_pull_request_its_review_and_its_id(api: httpx.AsyncClient, hub: Hub) -> None:
    first = await hub.review_pull("acme/greeting", 1, by="ada", remarks=[Remark("greet.py", 2, "A")])
    await hub.review_pull("acme/greeting", 1, by="rob", remarks=[Remark("greet.py", 1, "B")])
    every = (await api.get(f"{REPO}/pulls/1/comments")).json()
    assert [one["body"] for one in every] == ["A", "B"]
    assert (await api.get(f"{REPO}/pulls/1/reviews/{first.id}/comments")).json() == every[:1]
    assert (await api.get(f"{REPO}/pulls/comments/{every[1]['id']}")).json() == every[1]
    assert (await api.get(f"{REPO}/pulls/1")).json()["review_comments"] == 2
    assert [one["state"] for one in (await api.get(f"{REPO}/pulls/1/reviews")).json()] == ["COMMENTED"] * 2


async def test_an_answer_joins_the_thread_and_can_be_reacted_to(api: httpx.AsyncClient, hub: Hub) -> None:
    await hub.review_pull("acme/greeting", 1, by="ada", remarks=[Remark("greet.py", 2, "Why?")])
    (asked,) = (await api.get(f"{REPO}/pulls/1/comments")).json()
    answer = await api.post(f"{REPO}/pulls/1/comments/{asked['id']}/replies", json={"body": "Because"})
    other = await api.post(f"{REPO}/pulls/1/comments", json={"body": "And so", "in_reply_to": asked["id"]})
    for made in (answer.json(), other.json()):
        assert (made["in_reply_to_id"], made["line"], made["path"]) == (asked["id"], 2, "greet.py")
        assert made["diff_hunk"] == asked["diff_hunk"]
    place = f"{REPO}/pulls/comments/{asked['id']}/reactions"
    assert [(await api.post(place, json={"content": "eyes"})).status_code for _ in range(2)] == [201, 200]
    assert (await api.get(f"{REPO}/pulls/comments/{asked['id']}")).json()["reactions"]["eyes"] == 1
    reaction = (await api.get(place)).json()[0]["id"]
    assert (await api.delete(f"{place}/{reaction}")).status_code == 204
    again = await api.post(f"{REPO}/pulls/1/comments/{answer.json()['id']}/replies", json={"body": "No"})
    assert again.status_code == 422


async def test_a_remark_stays_on_its_line_until_the_line_changes(api: httpx.AsyncClient, pull: str, hub: Hub) -> None:
    remarks = [Remark("greet.py", 1, "Name?"), Remark("greet.py", 2, "Say something")]
    await hub.review_pull("acme/greeting", 1, by="ada", remarks=remarks)
    entry = {"path": "greet.py", "mode": "100644", "type": "blob", "content": "def greet():\n    return 1\n"}
    tree = (await api.post(f"{REPO}/git/trees", json={"base_tree": pull, "tree": [entry]})).json()["sha"]
    commit = {"message": "Say", "tree": tree, "parents": [pull]}
    sha = (await api.post(f"{REPO}/git/commits", json=commit)).json()["sha"]
    await api.patch(f"{REPO}/git/refs/heads/minions/1-1", json={"sha": sha})
    found = (await api.get(f"{REPO}/pulls/1/comments")).json()
    assert [(one["line"], one["original_line"], one["commit_id"]) for one in found] == [(1, 1, sha), (None, 2, pull)]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("reviews", {"event": "APPROVE"}, "Can not approve your own pull request"),
        ("reviews", {"event": "REQUEST_CHANGES", "body": "B"}, "Can not request changes on your own pull request"),
        ("reviews", {"event": "COMMENT"}, "can't be blank"),
        ("reviews", {"body": "B"}, "wasn't supplied"),
        ("comments", {"body": "B"}, '"commit_id", "path" and "line" are needed'),
        ("comments", {"body": "B", "path": "greet.py", "line": 9}, "must be part of the diff"),
        ("comments", {"body": "B", "path": "docs/use.md", "line": 1}, "thread.path"),
        ("comments", {"body": " ", "path": "greet.py", "line": 1}, "cannot be blank"),
    ],
)
async def test_what_github_does_not_take(
    path: str, body: dict[str, object], words: str, api: httpx.AsyncClient, pull: str
) -> None:
    given = body | ({"commit_id": pull} if "line" in body else {})
    answer = await api.post(f"{REPO}/pulls/1/{path}", json=given)
    assert (answer.status_code, words in answer.text.replace('\\"', '"')) == (422, True)
    assert (await api.get(f"{REPO}/pulls/1/reviews")).json() == []


async def test_a_dismissed_verdict_stays_in_the_list(api: httpx.AsyncClient, hub: Hub) -> None:
    review = await hub.review_pull("acme/greeting", 1, by="ada", verdict="APPROVE")
    answer = await api.put(f"{REPO}/pulls/1/reviews/{review.id}/dismissals", json={"message": "Changed"})
    assert answer.json()["state"] == "DISMISSED"
    again = await api.put(f"{REPO}/pulls/1/reviews/{review.id}/dismissals", json={"message": "Changed"})
    assert again.status_code == 422


def test_a_line_is_found_in_the_second_hunk_of_a_difference() -> None:
    patch = "@@ -1,2 +1,2 @@\n-a\n+b\n c\n@@ -9,2 +9,3 @@ def x\n d\n+e\n f\n\\ No newline at end of file"
    spot = find(patch, "RIGHT", 10)
    assert spot is not None
    assert (spot.text, spot.position, spot.hunk) == ("+e", 6, "@@ -9,2 +9,3 @@ def x\n d\n+e")
    assert find(patch, "LEFT", 3) is None
