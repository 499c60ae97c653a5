"""Locked conversations, read-only repositories, and issues that are deleted, moved or made discussions."""

import httpx
import pytest

from app.demo.github.state import Hub

REPO = "/repos/acme/greeting"


@pytest.fixture
async def issue(hub: Hub) -> str:
    """Issue number 1 with a comment by ada; answers with its path in the API."""
    hub.open_issue("acme/greeting", by="ada", title="T", labels=["minion"])
    hub.add_comment("acme/greeting", 1, "Look", by="ada")
    return f"{REPO}/issues/1"


async def test_a_locked_conversation_is_for_people_who_may_write(api: httpx.AsyncClient, issue: str, hub: Hub) -> None:
    mine = (await api.post(f"{issue}/comments", json={"body": "Working"})).json()
    hub.lock_issue("acme/greeting", 1, by="ada", reason="too heated")
    shown = (await api.get(issue)).json()
    assert (shown["locked"], shown["active_lock_reason"]) == (True, "too heated")
    for method, path, body in (
        ("POST", f"{issue}/comments", {"body": "B"}),
        ("PATCH", f"{REPO}/issues/comments/{mine['id']}", {"body": "B"}),
        ("POST", f"{issue}/reactions", {"content": "eyes"}),
        ("POST", f"{REPO}/issues/comments/{mine['id']}/reactions", {"content": "eyes"}),
    ):
        refused = await api.request(method, path, json=body)
        assert refused.status_code == 403
        assert refused.json()["message"] == "Unable to create comment because issue is locked."
    hub.add_comment("acme/greeting", 1, "I may", by="ada")
    hub.unlock_issue("acme/greeting", 1, by="ada")
    assert (await api.post(f"{issue}/comments", json={"body": "B"})).status_code == 201


async def test_an_app_may_lock_and_unlock(api: httpx.AsyncClient, issue: str, hub: Hub) -> None:
    assert (await api.put(f"{issue}/lock", json={"lock_reason": "spam"})).status_code == 204
    assert hub.issue("acme/greeting", 1).locked
    assert (await api.delete(f"{issue}/lock")).status_code == 204
    assert [one["event"] for one in (await api.get(f"{issue}/events")).json()][1:] == ["locked", "unlocked"]


async def test_a_deleted_issue_is_gone_and_its_number_is_not_given_again(
    api: httpx.AsyncClient, issue: str, hub: Hub
) -> None:
    hub.delete_issue("acme/greeting", 1, by="ada")
    answers = [await api.get(issue), await api.post(f"{issue}/comments", json={"body": "B"})]
    assert [(one.status_code, one.json()["message"]) for one in answers] == [(410, "This issue was deleted")] * 2
    assert (await api.get(f"{REPO}/issues?state=all")).json() == []
    assert hub.open_issue("acme/greeting", by="ada", title="U").number == 2


async def test_a_transferred_issue_is_redirected_for_who_sees_where_it_went(
    api: httpx.AsyncClient, issue: str, hub: Hub
) -> None:
    arrived = hub.transfer_issue("acme/greeting", 1, "acme/secret", by="ada")
    moved = await api.get(issue)
    assert (moved.status_code, (await api.get(moved.headers["Location"])).json()["id"]) == (301, arrived.id)
    assert (await api.get(f"{issue}/comments")).status_code == 404
    assert (await api.post(f"{issue}/comments", json={"body": "B"})).status_code == 404
    assert [one.body for one in arrived.comments] == ["Look"]
    hub.open_issue("acme/greeting", by="ada", title="U")
    hub.transfer_issue("acme/greeting", 2, "acme/other", by="ada")
    assert (await api.get(f"{REPO}/issues/2")).status_code == 404


async def test_what_became_a_discussion_is_closed_and_locked(api: httpx.AsyncClient, issue: str, hub: Hub) -> None:
    hub.make_discussion("acme/greeting", 1, by="ada")
    shown = (await api.get(issue)).json()
    assert (shown["state"], shown["locked"]) == ("closed", True)


async def test_an_archived_repository_takes_nothing(api: httpx.AsyncClient, issue: str, head: str, hub: Hub) -> None:
    hub.repository("acme/greeting").archived = True
    for path, body in (
        (f"{issue}/comments", {"body": "B"}),
        (f"{issue}/reactions", {"content": "eyes"}),
        (f"{REPO}/check-runs", {"name": "m", "head_sha": head}),
        (f"{REPO}/git/refs", {"ref": "refs/heads/x", "sha": head}),
    ):
        refused = await api.post(path, json=body)
        assert (refused.status_code, refused.json()["message"]) == (403, "Repository was archived so is read-only.")
    assert (await api.get(issue)).status_code == 200


async def test_asking_for_all_checks_again_lets_the_suite_wait(api: httpx.AsyncClient, head: str, hub: Hub) -> None:
    made = (await api.post(f"{REPO}/check-runs", json={"name": "m", "head_sha": head, "conclusion": "success"})).json()
    suite = f"{REPO}/check-suites/{made['check_suite']['id']}"
    assert (await api.get(suite)).json()["conclusion"] == "success"
    assert (await api.post(f"{suite}/rerequest")).status_code == 201
    waiting = (await api.get(suite)).json()
    assert (waiting["status"], waiting["conclusion"]) == ("queued", None)
    assert hub.check_runs("acme/greeting", head)[0].conclusion == "success"
    await api.patch(f"{REPO}/check-runs/{made['id']}", json={"status": "in_progress"})
    assert (await api.get(suite)).json()["status"] == "in_progress"
