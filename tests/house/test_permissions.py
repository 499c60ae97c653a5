"""The table that an operator reads says what the App asks for, and the App asks for what the code uses."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.adapters.github import permissions, tokens

ROOT = Path(__file__).parents[2]
README = (ROOT / "manifests/README.md").read_text("utf-8")
MANIFEST: dict[str, Any] = json.loads((ROOT / "manifests/github-app/app.json").read_text("utf-8"))

pytestmark = pytest.mark.house


def rows(heading: str) -> list[list[str]]:
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_of_permissions_is_the_manifest() -> None:
    assert {row[0]: row[1] for row in rows("Permissions")} == MANIFEST["default_permissions"]


def test_the_table_of_events_is_the_manifest() -> None:
    assert [row[0] for row in rows("Events")] == MANIFEST["default_events"]


def test_the_code_knows_the_manifest() -> None:
    assert dict(permissions.PERMISSIONS) == MANIFEST["default_permissions"]
    assert list(permissions.EVENTS) == MANIFEST["default_events"]


def test_each_has_a_reason() -> None:
    assert all(len(row[-1]) > 15 for row in [*rows("Permissions"), *rows("Events")])


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
