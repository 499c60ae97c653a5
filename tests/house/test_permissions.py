"""The table that an operator reads says what the App asks for, and the App asks for what the code uses."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.adapters.github import permissions, tokens
from app.adapters.github.payloads import parse
from app.adapters.github.reading import PayloadError
from app.core.app_manifest import REASONS
from app.core.events import Ignored

ROOT = Path(__file__).parents[2]
README = (ROOT / "manifests/README.md").read_text("utf-8")
MANIFEST: dict[str, Any] = json.loads((ROOT / "manifests/github-app/app.json").read_text("utf-8"))

pytestmark = pytest.mark.house

ACTIONS = {
    "issues": "assigned closed deleted demilestoned edited labeled locked milestoned opened pinned reopened "
    "transferred typed unassigned unlabeled unlocked unpinned untyped",
    "issue_comment": "created deleted edited pinned unpinned",
    "pull_request": "assigned auto_merge_disabled auto_merge_enabled closed converted_to_draft demilestoned dequeued "
    "edited enqueued labeled locked milestoned opened ready_for_review reopened review_request_removed "
    "review_requested synchronize unassigned unlabeled unlocked",
    "pull_request_review": "dismissed edited submitted",
    "pull_request_review_comment": "created deleted edited",
    "check_run": "completed created requested_action rerequested",
    "check_suite": "completed requested rerequested",
    "push": "",
    "status": "",
    "workflow_run": "completed in_progress requested",
    "installation": "created deleted new_permissions_accepted suspend unsuspend",
    "installation_repositories": "added removed",
    "ping": "",
}
"""All that GitHub may tell of these: https://docs.github.com/en/webhooks/webhook-events-and-payloads"""


EVENT_TABLES = ("Events", "Events that come by themselves")


def rows(heading: str) -> list[list[str]]:
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_of_permissions_is_the_manifest() -> None:
    assert {row[0]: row[1] for row in rows("Permissions")} == MANIFEST["default_permissions"]


def test_the_table_of_events_is_the_manifest() -> None:
    assert [row[0] for row in rows("Events")] == MANIFEST["default_events"]


def is_heeded(event: str, action: str) -> bool:
    """Whether the program looks further into such a delivery: this one has nothing in it."""
    try:
        told = parse(event, {"action": action} if action else {}, app_id="1")
    except PayloadError:
        return True
    return not (isinstance(told, Ignored) and told.reason.startswith("Nothing is done on"))


def test_the_actions_of_the_tables_are_those_that_something_is_done_on() -> None:
    documented = {row[0]: set(re.findall(r"[a-z_]+", row[1])) for heading in EVENT_TABLES for row in rows(heading)}
    heeded = {event: {action for action in ACTIONS[event].split() if is_heeded(event, action)} for event in ACTIONS}
    assert documented == heeded
    assert all(is_heeded(event, "") for event, actions in documented.items() if not actions)


def test_nothing_is_done_on_an_event_that_is_in_no_table() -> None:
    for event in ("create", "delete", "discussion", "fork", "release", "repository", "star", "workflow_job"):
        assert not is_heeded(event, "created")


def test_every_permission_has_its_reason_on_the_page_that_makes_the_app() -> None:
    assert set(REASONS) == set(permissions.PERMISSIONS)


def test_the_code_knows_the_manifest() -> None:
    assert dict(permissions.PERMISSIONS) == MANIFEST["default_permissions"]
    assert list(permissions.EVENTS) == MANIFEST["default_events"]


def test_each_has_a_reason() -> None:
    tables = ("Permissions", *EVENT_TABLES)
    assert all(len(row[-1]) > 15 for heading in tables for row in rows(heading))


@pytest.mark.parametrize("used", [tokens.READ_CODE, tokens.WRITE_CODE, tokens.TALK, tokens.READ_CI])
def test_no_token_wants_more_than_the_app_asks_for(used: Mapping[str, str]) -> None:
    granted = MANIFEST["default_permissions"]
    assert all(granted[name] in {level, "write"} for name, level in used.items())


def test_nothing_is_asked_for_that_no_token_uses() -> None:
    used = {name for uses in (tokens.READ_CODE, tokens.WRITE_CODE, tokens.TALK, tokens.READ_CI) for name in uses}
    assert used == set(MANIFEST["default_permissions"])


def test_what_would_be_too_much_is_never_asked_for() -> None:
    assert not {"workflows", "administration", "secrets"} & set(MANIFEST["default_permissions"])
    assert MANIFEST["default_permissions"]["actions"] == "read"
    assert MANIFEST["public"] is False


def test_the_form_is_one_that_github_takes() -> None:
    assert re.match(r"https://[^/]+/webhook$", MANIFEST["hook_attributes"]["url"])
    assert MANIFEST["url"].startswith("https://")
