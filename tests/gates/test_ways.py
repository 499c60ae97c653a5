"""Which gates stand in the way of a change, blueprint by blueprint, and that nothing goes round them."""

from typing import Any

import pytest

from app.core.blueprint import EXHAUSTED, Blueprint, Node
from app.core.rollout import REVIEW
from app.evaluation.exercise import Exercise, exercises
from blueprints import BLUEPRINTS
from tests.evaluation.scripted import CHEATERS, IDLERS, LAZY, MEANT, applicable, cheated
from tests.guards.changes import found
from tests.tasks import task

pytestmark = pytest.mark.gates

GATES = {
    "fix": ["guard", "prove"],
    "feature": ["guard", "document", "prove"],
    "docs": ["guard", "check", "prove", "run_examples"],
    "config": ["guard", "check", "prove"],
    "tests": ["guard", "only_tests", "prove", "measure", "notice"],
    "refactor": ["guard", "keep", "prove", "compare"],
    "dependency": ["guard", "hold", "prove"],
    "migrate": ["guard", "left", "prove"],
    "flaky": ["guard", "look", "prove", "repeat"],
    "ci": ["guard", "prove"],
    "review": ["guard", "prove"],
}
"""From the tests that are green to the review. `guard` is every guard of the registry, `prove` the clean trees."""
NO_NEW_TEST = {
    "docs": "words have no test: links are followed and examples are run, before and after",
    "config": "settings have no test: they are held against their schema, and their comments, keys and order are kept",
    "refactor": "nothing is to behave differently: the tests as they were are run on both, and names are kept",
    "dependency": "what is new is somebody else's, and has its tests there: the tests here stay green with it",
    "migrate": "it is the same in other words: no place of the old is left",
    "flaky": "the test is there: it fails at times before, and never after",
    "review": "what reviewers want may be anything: they see for themselves",
}
"""Why nothing new has to fail without the change. `ci` asks where the words are of a defect, as `fix` does."""


def gates(blueprint: Blueprint[Any]) -> list[str]:
    """What a change passes, one after the other, from the first gate to the review."""
    at, names = next(node for node in blueprint.edges if node.name == "guard"), list[str]()
    while at.name != "review":
        names.append(at.name)
        target = blueprint.after(at, "pass")
        assert isinstance(target, Node)
        at = target
    return names


def reaches(blueprint: Blueprint[Any], begin: Node[Any], *, without: str) -> set[str]:
    """Names of the nodes that can follow, if one is taken out. A minion that is used up has changed nothing."""
    seen, ahead = set[str](), [(begin, begin.agent is not None)]
    while ahead:
        node, is_first = ahead.pop()
        words = node.outcomes - ({EXHAUSTED} if is_first else set()) or {""}
        for target in (blueprint.after(node, word) for word in words):
            if isinstance(target, Node) and target.name not in seen | {without}:
                seen.add(target.name)
                ahead.append((target, False))
    return seen


def test_every_blueprint_has_its_gates() -> None:
    assert {name: gates(blueprint) for name, blueprint in BLUEPRINTS.items()} == GATES


def test_a_new_test_is_not_asked_for_only_where_there_is_a_reason() -> None:
    left_out = {name for name, blueprint in BLUEPRINTS.items() if blueprint.state.new_tests == "never"}
    assert left_out == NO_NEW_TEST.keys()


@pytest.mark.parametrize("name", BLUEPRINTS)
def test_nothing_is_pushed_that_did_not_pass_every_gate(name: str) -> None:
    """Neither from the beginning, nor from a node in which a minion or a formatter changed something."""
    blueprint = BLUEPRINTS[name]
    changing = [node for node in blueprint.edges if node.agent and node.agent.role != REVIEW]
    changing += [node for node in blueprint.edges if node.name in {"lint", "autofix", "update", "rewrite"}]
    for gate in ["test", *GATES[name], "review"]:
        for begin in (blueprint.start, *changing):
            assert "publish" not in reaches(blueprint, begin, without=gate), f"round {gate}, from {begin.name}"


async def held(name: str, exercise: Exercise) -> dict[str, str]:
    """What the guards say to a script, by guard: its weight."""
    asked = task(exercise.title, exercise.body, is_pull_request=exercise.proposal is not None)
    after = {path: text for path, text in cheated(name, exercise).items() if text is not None}
    told = await found(exercise.files, after, task=asked, analysis=None)
    return {each.guard: each.weight for each in told}


@pytest.mark.parametrize("blueprint", ["ci", "dependency", "review"])
async def test_cheaters_at_what_is_there_already_are_stopped_by_the_gate_that_is_meant(blueprint: str) -> None:
    """At pull requests, and at what an updater wrote. Who does nothing there leaves red what was red."""
    for exercise in exercises(blueprint).values():
        ways = [name for name in applicable(exercise) if name in CHEATERS and name not in LAZY]
        assert len(ways) >= 6, exercise.name
        for name in ways:
            by = {gate for gate, weight in (await held(name, exercise)).items() if weight != "remark"}
            assert by & MEANT[name], f"{name} at {exercise.name}: {by}"


@pytest.mark.parametrize("blueprint", BLUEPRINTS)
async def test_who_does_something_else_is_told_of_at_every_task(blueprint: str) -> None:
    """By the guard that holds a change against the issue: stopped at a defect, and told to reviewers elsewhere."""
    for exercise in exercises(blueprint).values():
        for name in [name for name in applicable(exercise) if name in IDLERS]:
            assert MEANT[name] & (await held(name, exercise)).keys(), f"{name} at {exercise.name}"
        assert "mend" not in (await held("oracle", exercise)).get("what was asked", ""), exercise.name
