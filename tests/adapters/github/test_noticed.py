"""What a workflow of the default branch says that people may want to know."""

from typing import Any

import pytest

from app.adapters.github.payloads import parse
from app.core.events import ChecksMoved, Noticed

SHA = "a" * 40


def told(**changed: Any) -> Any:
    run = {
        "id": 1,
        "name": "CI",
        "head_branch": "main",
        "head_sha": SHA,
        "event": "push",
        "status": "completed",
        "conclusion": "failure",
        "run_attempt": 1,
        "html_url": "https://github.test/octo/cat/actions/runs/1",
    }
    payload = {
        "action": "completed",
        "workflow_run": run | changed,
        "repository": {"id": 5, "full_name": "octo/cat", "default_branch": "main"},
        "installation": {"id": 3},
    }
    return parse("workflow_run", payload, app_id="42")


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({}, "failed on main"),
        ({"event": "schedule"}, "failed on main"),
        ({"conclusion": "success", "run_attempt": 2}, "flaky"),
    ],
)
def test_what_is_worth_an_issue(changed: dict[str, Any], what: str) -> None:
    event = told(**changed)
    assert isinstance(event, Noticed)
    assert (event.what, event.name, event.sha) == (what, "CI", SHA)


@pytest.mark.parametrize(
    "changed",
    [
        {"conclusion": "success"},
        {"conclusion": "cancelled"},
        {"head_branch": "minions/1-7"},
        {"event": "pull_request"},
        {"name": None},
    ],
)
def test_everything_else_is_a_hint_as_before(changed: dict[str, Any]) -> None:
    assert told(**changed) == ChecksMoved(repository_id=5, sha=SHA)
