"""Every blueprint is held by a story from webhook to pull request, a crash test, and tasks to evaluate it by."""

import ast
from pathlib import Path

import pytest

from app.evaluation.exercise import exercises
from blueprints import BLUEPRINTS
from tests.crash import test_blueprints as killed
from tests.evaluation.scripted import SENT_BACK

pytestmark = pytest.mark.house

ROOT = Path(__file__).parents[1]
UPKEEP = "stories/test_upkeep.py"
STORIES = {
    "fix": ("stories/test_from_label_to_pull_request.py", "test_a_label_becomes_a_pull_request_that_passes", "minion"),
    "dependency": (
        UPKEEP,
        "test_an_update_that_breaks_something_is_adapted_to_and_its_review_answered",
        "minion:dependency",
    ),
    "review": (
        UPKEEP,
        "test_an_update_that_breaks_something_is_adapted_to_and_its_review_answered",
        "/minion review",
    ),
    "flaky": (UPKEEP, "test_a_flaky_test_is_made_steady_and_that_is_shown_by_repetition", "/minion flaky"),
    "ci": (
        UPKEEP,
        "test_red_checks_of_somebody_elses_pull_request_become_a_pull_request_into_theirs",
        "/minion ci",
    ),
}
"""Of blueprints that the parametrized story does not tell: file, test, and the word by which it asks for one."""


def test_each_blueprint_has_its_story_in_one_of_the_tables() -> None:
    assert STORIES.keys() | SENT_BACK.keys() == BLUEPRINTS.keys()
    assert not STORIES.keys() & SENT_BACK.keys()


@pytest.mark.parametrize("name", STORIES)
def test_its_story_is_there_and_asks_for_it(name: str) -> None:
    file, test, word = STORIES[name]
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    (story,) = [one for one in tree.body if isinstance(one, ast.AsyncFunctionDef) and one.name == test]
    assert any(isinstance(one, ast.Constant) and one.value == word for one in ast.walk(story))


def test_every_blueprint_is_killed_at_its_own_nodes() -> None:
    """`fix` has no nodes of its own beyond those that `test_boundaries.py` kills at every commit."""
    assert killed.TASKS.keys() | {"fix"} == BLUEPRINTS.keys()


@pytest.mark.parametrize("name", BLUEPRINTS)
def test_it_has_two_tasks_at_least(name: str) -> None:
    assert len(exercises(name)) >= 2


@pytest.mark.parametrize("name", BLUEPRINTS)
def test_its_drawing_is_shown(name: str) -> None:
    pages = (ROOT.parent / "README.md", ROOT.parent / "blueprints" / name / "README.md")
    assert any(f"<!-- drawing: minions draw {name} -->" in page.read_text(encoding="utf-8") for page in pages)
