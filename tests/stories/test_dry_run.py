"""A blueprint is tried on a past issue: all of it is worked on, and nobody on GitHub sees anything."""

from typing import Any

import pytest

from tests.stories.conftest import Minions
from tests.stories.test_api import settings_of

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]


async def test_a_blueprint_is_tried_on_an_issue_that_is_closed(minions: Minions, town: Any) -> None:
    repository, wish = town.repository(), town.wanted.issue
    ann = town.person("ann", repository)
    number = await ann.file(wish.title, wish.body)
    town.stage.hub.close_issue(repository, number, by="ann")
    words = ("run", "--dry-run", "--issue", f"{repository}#{number}")
    code, out = await minions(*words, **settings_of(town))
    assert (code, "Tries fix on slugs at " in out, "Change the code" in out) == (0, True, True), out
    assert "nothing was published" in out
    assert "unicodedata.normalize" in out
    assert (await ann.pulls(), await ann.comments(number), await ann.reactions(number)) == ([], [], [])
    assert await ann.branches() == ["main"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--issue", "octo/cat#7"], "Say --repo with --task, or --dry-run with --issue."),
        (["--dry-run"], "Say --repo with --task, or --dry-run with --issue."),
        (["--dry-run", "--issue", "octo/cat"], "'octo/cat' is no issue: give OWNER/NAME#NUMBER."),
        (["--dry-run", "--issue", "../cat#7"], "'../cat#7' is no issue"),
        (["--dry-run", "--repo", "/", "--task", " ", "--model", "a/b"], "The task is empty"),
    ],
)
async def test_what_cannot_be_tried_is_told(minions: Minions, words: list[str], told: str) -> None:
    code, out = await minions("run", *words)
    assert (code, told in out) == (2, True), out
