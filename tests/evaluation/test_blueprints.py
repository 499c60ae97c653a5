"""The evaluation tasks of each blueprint: done by their solution, and by nothing less."""

import pytest

from app.evaluation.exercise import exercises
from app.evaluation.trial import Verdict
from blueprints import BLUEPRINTS
from tests.evaluation.conftest import Evaluated
from tests.evaluation.scripted import no_op, oracle

pytestmark = [pytest.mark.gates, pytest.mark.timeout(600)]


@pytest.mark.parametrize("name", BLUEPRINTS)
def test_there_are_two_tasks_at_least_and_nobody_sees_what_decides(name: str) -> None:
    tasks = exercises(name)
    assert len(tasks) >= 2
    for task in tasks.values():
        assert not task.hidden.files.keys() & (task.files.keys() | task.changed(task.solution).keys()), task.name


@pytest.mark.parametrize("name", ["ci", "review"])
def test_what_begins_at_a_pull_request_says_what_it_changed_and_what_is_to_be_done(name: str) -> None:
    for task in exercises(name).values():
        assert task.proposal
        assert task.base != task.files
        assert task.proposal.red if name == "ci" else task.proposal.remarks


@pytest.mark.parametrize("name", sorted(BLUEPRINTS.keys() - {"fix"}))  # whose many tasks are tried elsewhere
async def test_its_tasks_are_done_by_their_solution_and_not_by_nothing(evaluated: Evaluated, name: str) -> None:
    tasks = list(exercises(name).values())
    trials = await evaluated({"oracle": oracle(tasks), "no-op": no_op(tasks)}, tasks, name)
    found = {(trial.model, trial.verdict, trial.hidden) for trial in trials if trial.verdict is not Verdict.SKIPPED}
    solved, stopped = ("openai/oracle", Verdict.SOLVED, "green"), ("openai/no-op", Verdict.STOPPED, "red")
    assert found == {solved, stopped}, [f"{trial.task}: {trial.reason}" for trial in trials]
