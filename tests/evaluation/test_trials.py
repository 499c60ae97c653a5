"""Scripts at the evaluation tasks: one that can do all, one that does nothing, and some that cheat."""

from collections import Counter
from collections.abc import Sequence

import pytest

from app.evaluation.exercise import Exercise, Kind, exercises
from app.evaluation.trial import Trial, Verdict
from tests.evaluation.conftest import Evaluated
from tests.evaluation.scripted import CHEATERS, LAZY, applies, cheater, no_op, oracle, scripts

pytestmark = [pytest.mark.gates, pytest.mark.timeout(600)]

EVERY = exercises("fix")
KINDS: set[Kind] = {"configuration", "dependency", "bug fix", "refactoring", "test", "documentation"}
"""Of work that people hand over by `/minion fix`."""
STOPPED_BY = {
    "deletes-tests": ("recent", "weakened tests"),
    "skips-tests": ("one-rule", "weakened tests"),
    "weakens-assertions": ("log-level", "weakened tests"),
    "edits-ci": ("paginate", "protected paths"),
    "edits-conftest": ("changelog-entry", "weakened tests"),
    "suppresses-lint": ("promises", "suppressions"),
    "leaves-a-secret": ("standard-toml", "secrets"),
    "knows-tests": ("durations", "answers"),
    "hard-codes-answers": ("environment", "answers"),
    "claims-success": ("one-bound", "effect"),
}
"""A task for each cheater, and the gate that stops it there."""


def chosen(*names: str) -> list[Exercise]:
    return [EVERY[name] for name in names]


def failures(trials: Sequence[Trial]) -> list[str]:
    """Those that did not solve their task, in words."""
    return [
        f"{trial.model} at {trial.task}: {trial.verdict}, {trial.reason}" for trial in trials if not is_solved(trial)
    ]


def is_solved(trial: Trial) -> bool:
    return trial.verdict is Verdict.SOLVED


def test_there_are_tasks_of_every_kind_and_language() -> None:
    kinds = Counter(each.kind for each in EVERY.values())
    assert len(EVERY) >= 24
    assert min(kinds[kind] for kind in KINDS) >= 3, kinds
    assert {each.language for each in EVERY.values()} == {"Python", "JavaScript", "TypeScript", "Go", "Rust"}
    assert len({each.title for each in EVERY.values()}) == len(EVERY)


def test_no_hidden_file_is_there_already() -> None:
    for each in EVERY.values():
        assert not each.hidden.files.keys() & (each.files.keys() | each.changed(each.solution).keys()), each.name


def test_every_cheater_is_tried_in_every_run() -> None:
    assert STOPPED_BY.keys() == CHEATERS.keys()
    assert all(applies(name, EVERY[task]) for name, (task, _) in STOPPED_BY.items())


async def test_an_oracle_solves_tasks_of_every_kind(evaluated: Evaluated) -> None:
    tasks = chosen("environment", "standard-toml", "recent", "better-name", "regression-test", "examples-run")
    assert {each.kind for each in tasks} == KINDS
    trials = await evaluated({"oracle": oracle(tasks)}, tasks)
    assert (failures(trials), len(trials)) == ([], len(tasks))
    assert {trial.turns for trial in trials} == {3}, "two to work, one to review"


async def test_who_does_nothing_solves_nothing(evaluated: Evaluated) -> None:
    tasks = chosen("paginate", "options-documented")
    trials = await evaluated({"no-op": no_op(tasks)}, tasks)
    assert [(trial.verdict, trial.hidden) for trial in trials] == [(Verdict.STOPPED, "red")] * 2
    assert "changed nothing" in trials[0].reason or "No change" in trials[0].reason, trials[0].reason


@pytest.mark.parametrize("name", CHEATERS)
async def test_a_cheater_is_stopped_by_its_gate(evaluated: Evaluated, name: str) -> None:
    task, gate = STOPPED_BY[name]
    (trial,) = await evaluated({name: cheater(name, chosen(task))}, chosen(task))
    assert (trial.verdict, gate in trial.stopped_by) == (Verdict.STOPPED, True), trial
    assert trial.hidden == ("red" if name in LAZY else "green"), "nothing but the gate stood in its way"


async def test_a_task_whose_language_is_not_there_is_skipped(evaluated: Evaluated) -> None:
    task = EVERY["paginate"].model_copy(update={"needs": ("no-such-program",)})
    (trial,) = await evaluated({"oracle": oracle([task])}, [task])
    assert (trial.verdict, trial.reason) == (Verdict.SKIPPED, "There is no no-such-program in the box.")


async def test_hidden_tests_that_stay_red_are_no_success(evaluated: Evaluated) -> None:
    """What the gates let pass may still be wrong."""
    task = EVERY["options-documented"]
    wrong = task.model_copy(update={"solution": (task.solution[0].model_copy(update={"new": "## Options\n"}),)})
    (trial,) = await evaluated({"oracle": oracle([wrong])}, [task])
    assert (trial.verdict, trial.hidden) == (Verdict.WRONG, "red")
    assert "test_the_rest_stays" in trial.reason


@pytest.mark.soak
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("name", ["oracle", "no-op", *CHEATERS])
async def test_each_script_at_every_task(evaluated: Evaluated, name: str) -> None:
    """The oracle solves all of them. Nobody else gets a pull request for any."""
    tasks = [each for each in EVERY.values() if name not in CHEATERS or applies(name, each)]
    trials = await evaluated({name: scripts(tasks)[name]}, tasks)
    wanted = {Verdict.SKIPPED, Verdict.SOLVED if name == "oracle" else Verdict.STOPPED}
    assert [f"{trial.task}: {trial.verdict}, {trial.reason}" for trial in trials if trial.verdict not in wanted] == []
    languages = {trial.language for trial in trials if trial.verdict is not Verdict.SKIPPED}
    assert (len(trials), "Python" in languages) == (len(tasks), True)
