"""The evaluation tasks of each blueprint: done by their solution, and by nothing less."""

import pytest

from app.evaluation.exercise import exercises
from app.evaluation.trial import Verdict
from blueprints import BLUEPRINTS
from tests.evaluation.conftest import Evaluated
from tests.evaluation.scripted import SENT_BACK, no_op, oracle

pytestmark = [pytest.mark.gates, pytest.mark.timeout(600)]


WITHOUT = {"ci", "review"}
"""They begin at a pull request, and an evaluation has none: their ways are shown by stories."""


@pytest.mark.parametrize("name", sorted(BLUEPRINTS.keys() - WITHOUT))
def test_there_are_two_tasks_at_least_and_nobody_sees_what_decides(name: str) -> None:
    tasks = exercises(name)
    assert len(tasks) >= 2
    for task in tasks.values():
        assert not task.hidden.files.keys() & (task.files.keys() | task.changed(task.solution).keys()), task.name


@pytest.mark.parametrize("name", SENT_BACK)
async def test_its_tasks_are_done_by_their_solution_and_not_by_nothing(evaluated: Evaluated, name: str) -> None:
    tasks = list(exercises(name).values())
    trials = await evaluated({"oracle": oracle(tasks), "no-op": no_op(tasks)}, tasks, name)
    found = {(trial.model, trial.verdict, trial.hidden) for trial in trials if trial.verdict is not Verdict.SKIPPED}
    solved, stopped = ("openai/oracle", Verdict.SOLVED, "green"), ("openai/no-op", Verdict.STOPPED, "red")
    assert found == {solved, stopped}, [f"{trial.task}: {trial.reason}" for trial in trials]
