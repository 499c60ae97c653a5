"""Every script at every task, straight through the gates and clean trees of the task's blueprint, in real boxes."""

from pathlib import Path

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.evaluation.exercise import exercises
from blueprints import BLUEPRINTS
from tests.evaluation.scripted import IDLERS, LAZY, MEANT, RED, applicable, cheated
from tests.gates.conftest import Yards
from tests.gates.lane import Lane
from tests.registries import reach_from_here

pytestmark = [pytest.mark.gates, pytest.mark.timeout(1_800)]

BEGIN_ELSEWHERE = {"ci", "review", "dependency"}
"""At a pull request, or at what a tool has done: the evaluation tries their oracle and who does nothing."""
TASKS = [(name, task) for name in BLUEPRINTS if name not in BEGIN_ELSEWHERE for task in exercises(name)]


@pytest.fixture
def boxes(reachable_folder: Path) -> BubblewrapBoxes:
    """Boxes whose set-up reaches registries, as some tasks want."""
    return BubblewrapBoxes(reachable_folder / "sandbox", reach=reach_from_here())


async def through(yard: Yards, blueprint: str, task: str) -> list[str]:
    """Who comes through, or is held by another gate than is meant for them, each with what held them.

    Of those who do something else than was asked it is enough that reviewers are told so.
    """
    exercise = exercises(blueprint)[task]
    lane = await Lane.open(yard, BLUEPRINTS[blueprint], exercise)
    if lane is None:
        pytest.skip(f"the box has no {', '.join(exercise.needs)}")
    found = []
    for name in ["oracle", "no-op", *applicable(exercise)]:
        judged = await lane.judge(cheated(name, exercise))
        told = {each.guard for each in judged.remarks} if name in IDLERS else set()
        # What fails at times, and was not mended, may fail here, too.
        by_chance = {RED} if blueprint == "flaky" and name in LAZY else set()
        if not (MEANT.get(name, frozenset()) | by_chance) & {*judged.by, *told}:
            found.append(f"{name}: {', '.join(judged.by) or 'nothing'}")
    return found


async def test_nobody_but_the_oracle_gets_through(yard: Yards) -> None:
    """At one task; at all of them below."""
    assert await through(yard, "feature", "csv-delimiter") == ["oracle: nothing"]


@pytest.mark.soak
@pytest.mark.parametrize(("blueprint", "task"), TASKS, ids=str)
async def test_nobody_but_the_oracle_gets_through_at_any_task(yard: Yards, blueprint: str, task: str) -> None:
    """Who writes something else and a test of just that is stopped at a defect, and told to reviewers elsewhere."""
    assert await through(yard, blueprint, task) == ["oracle: nothing"]
