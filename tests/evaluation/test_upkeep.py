"""The tasks of the blueprints that keep repositories up: each is done by its solution, and by nothing less."""

import pytest

from app.evaluation.exercise import exercises
from app.evaluation.trial import Verdict
from tests.evaluation.conftest import Evaluated
from tests.evaluation.scripted import no_op, oracle

pytestmark = [pytest.mark.gates, pytest.mark.timeout(600)]


@pytest.mark.parametrize("blueprint", ["dependency", "flaky"])
async def test_its_tasks_are_done_by_their_solutions_and_by_nothing_less(evaluated: Evaluated, blueprint: str) -> None:
    tasks = list(exercises(blueprint).values())
    assert len(tasks) >= 2
    trials = await evaluated({"oracle": oracle(tasks), "no-op": no_op(tasks)}, tasks, blueprint)
    by_oracle = [(trial.task, trial.verdict, trial.reason) for trial in trials if trial.model == "openai/oracle"]
    assert sorted(by_oracle) == [(task.name, Verdict.SOLVED, "") for task in tasks]
    assert {(trial.verdict, trial.hidden) for trial in trials if trial.model == "openai/no-op"} == {
        (Verdict.STOPPED, "red")
    }
