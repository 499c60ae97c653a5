"""Check runs: the limits, what follows from what, and whose they are."""

from typing import Any

import httpx
import pytest

from app.demo.github.state import Hub

REPO = "/repos/acme/greeting"
ACTION = {"label": "Retry", "description": "Try again", "identifier": "retry"}
NOTE = {"path": "a", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "m"}
OUTPUT = {"title": "t", "summary": "s"}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 201),
        ({"output": OUTPUT | {"summary": "x" * 65_535, "text": "x" * 65_535}}, 201),
        ({"output": OUTPUT | {"summary": "x" * 65_536}}, 422),
        ({"output": OUTPUT | {"text": "x" * 65_536}}, 422),
        ({"output": {"title": "t"}}, 422),
        ({"output": {"summary": "s"}}, 422),
        ({"output": OUTPUT | {"annotations": [NOTE] * 50}}, 201),
        ({"output": OUTPUT | {"annotations": [NOTE] * 51}}, 422),
        ({"actions": [ACTION] * 3}, 201),
        ({"actions": [ACTION] * 4}, 422),
        ({"actions": [ACTION | {"label": "x" * 20, "description": "x" * 40, "identifier": "x" * 20}]}, 201),
        ({"actions": [ACTION | {"label": "x" * 21}]}, 422),
        ({"actions": [ACTION | {"description": "x" * 41}]}, 422),
        ({"actions": [ACTION | {"identifier": "x" * 21}]}, 422),
        ({"status": "completed"}, 422),
        ({"status": "completed", "conclusion": "success"}, 201),
        ({"conclusion": "stale"}, 422),
        ({"status": "waiting"}, 422),
        ({"completed_at": "2026-01-01T00:00:00Z"}, 422),
        ({"started_at": "2026-01-01T00:00:00Z"}, 201),
        ({"started_at": "yesterday"}, 422),
        ({"conclusions": "success"}, 422),
        ({"head_sha": "0" * 40}, 422),
        ({"head_sha": "main"}, 422),
        ({"name": None}, 422),
    ],
)
async def test_check_runs_keep_to_the_limits(
    change: dict[str, Any], status: int, api: httpx.AsyncClient, head: str, hub: Hub
) -> None:
    answer = await api.post(f"{REPO}/check-runs", json={"name": "minion", "head_sha": head} | change)
    assert answer.status_code == status, answer.text
    assert len(hub.check_runs("acme/greeting")) == (status == 201)


async def test_a_conclusion_completes_and_a_status_reopens(api: httpx.AsyncClient, head: str) -> None:
    body = {"name": "minion", "head_sha": head, "status": "in_progress", "output": OUTPUT, "external_id": "7"}
    made = (await api.post(f"{REPO}/check-runs", json=body)).json()
    assert (made["status"], made["conclusion"], made["completed_at"]) == ("in_progress", None, None)
    place = f"{REPO}/check-runs/{made['id']}"
    done = (await api.patch(place, json={"conclusion": "neutral"})).json()
    assert (done["status"], done["conclusion"], done["external_id"]) == ("completed", "neutral", "7")
    assert done["completed_at"]
    assert done["output"]["summary"] == "s"
    again = (await api.patch(place, json={"status": "in_progress"})).json()
    assert (again["status"], again["conclusion"]) == ("in_progress", None)
    for wrong in ({"head_sha": head}, {"status": "completed"}, {"output": {"title": "t"}}):
        assert (await api.patch(place, json=wrong)).status_code == 422


async def test_annotations_only_ever_grow(api: httpx.AsyncClient, head: str) -> None:
    output = OUTPUT | {"annotations": [NOTE]}
    made = (await api.post(f"{REPO}/check-runs", json={"name": "m", "head_sha": head, "output": output})).json()
    changed = (await api.patch(f"{REPO}/check-runs/{made['id']}", json={"output": output})).json()
    assert changed["output"]["annotations_count"] == 2
    assert len((await api.get(f"{REPO}/check-runs/{made['id']}/annotations")).json()) == 2


async def test_check_runs_of_a_commit_are_narrowed(api: httpx.AsyncClient, head: str, hub: Hub) -> None:
    app = hub.accounts.apps[0]
    for name, external_id in (("minion", "1"), ("minion", "2"), ("other", "3")):
        body = {"name": name, "head_sha": head, "external_id": external_id}
        await api.post(f"{REPO}/check-runs", json=body)
    table = {
        "": "32",
        "filter=all": "321",
        "check_name=minion": "2",
        f"check_name=minion&filter=all&app_id={app.id}": "21",
        "app_id=1": "",
        "status=completed": "",
        "status=queued": "32",
    }
    for query, found in table.items():
        answer = (await api.get(f"{REPO}/commits/{head}/check-runs?{query}")).json()
        assert "".join(one["external_id"] for one in answer["check_runs"]) == found, query
        assert answer["total_count"] == len(found)
    suite = (await api.get(f"{REPO}/commits/main/check-suites")).json()["check_suites"][0]
    assert (suite["head_sha"], suite["status"], suite["latest_check_runs_count"]) == (head, "queued", 2)


async def test_nobody_changes_the_check_run_of_another_app(
    api: httpx.AsyncClient, head: str, hub: Hub, keys: tuple[str, str]
) -> None:
    made = (await api.post(f"{REPO}/check-runs", json={"name": "m", "head_sha": head})).json()
    other = hub.register_app(
        "Other",
        public_key_pem=keys[1],
        webhook_url="http://127.0.0.1:9/",
        webhook_secret="s",
        permissions={"checks": "write"},
        events=["check_run"],
    )
    token = hub.accounts.mint(hub.install(other, ["acme/greeting"]), None, None)
    answer = await api.patch(
        f"{REPO}/check-runs/{made['id']}",
        json={"conclusion": "success"},
        headers={"Authorization": f"token {token.value}"},
    )
    assert answer.status_code == 403
