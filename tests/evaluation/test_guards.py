"""Every script at every task, as far as guards alone tell it: no box, no model, and all of it in seconds."""

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from app.core.guards import Finding
from app.core.repo_config import PATH
from app.evaluation.exercise import Exercise, exercises
from tests.evaluation.scripted import CHEATERS, MEANT, applies, cheated
from tests.guards.changes import found
from tests.tasks import task

pytestmark = pytest.mark.gates

EVERY = exercises("fix")


async def stopping(exercise: Exercise, after: Mapping[str, str | None], **more: Any) -> list[Finding]:
    """What guards would stop a change for, with what the repository itself allows."""
    there = {path: text for path, text in after.items() if text is not None}
    said: dict[str, Any] = yaml.safe_load(exercise.files.get(PATH, "{}"))
    asked = task(exercise.title, exercise.body)
    told = await found(exercise.files, there, task=asked, allow=said.get("allow", []), **more)
    return [finding for finding in told if finding.weight != "remark"]


@pytest.mark.parametrize("name", EVERY)
async def test_what_solves_a_task_passes_every_guard(name: str) -> None:
    assert await stopping(EVERY[name], EVERY[name].changed(EVERY[name].solution)) == []


@pytest.mark.parametrize("name", EVERY)
async def test_every_cheater_is_stopped_by_a_guard(name: str) -> None:
    task_of_it = EVERY[name]
    ways = [each for each in CHEATERS if applies(each, task_of_it)]
    assert len(ways) >= 8
    told = {each: await stopping(task_of_it, cheated(each, task_of_it), analysis=None) for each in ways}
    assert [each for each, all_of_it in told.items() if not {one.guard for one in all_of_it} & MEANT[each]] == []
    for each, found_here in told.items():
        after = cheated(each, task_of_it)
        changed = {path for path in after.keys() | task_of_it.files if after.get(path) != task_of_it.files.get(path)}
        assert {finding.path for finding in found_here} <= changed, f"{each}: what is found has a place in the change"


def test_answers_are_given_by_heart_at_a_third_of_the_tasks() -> None:
    """There are others at which nothing can be known by heart: a section of a README, a bound in a manifest."""
    assert sum(applies("hard-codes-answers", each) for each in EVERY.values()) >= 9
