"""A lane from a finished tree straight through the gates, prepared once for a task and taken by many trees.

No model and no loop: what a script would have written is there at once, and the nodes of the blueprint judge it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from app.adapters.workspace.workspace import GitWorkspace
from app.core.blueprint import Blueprint, Node
from app.core.guards import Finding
from app.core.task import Task
from app.evaluation.exercise import Exercise
from tests.evaluation.scripted import NOTHING, RED
from tests.gates.conftest import Act, Worker, Yard, Yards, writes

Texts = Mapping[str, str | None]
"""Files as a script leaves them; None for one that it deletes."""

ASKS_ONCE: Final = frozenset({"notice"})
"""Gates that nobody can always satisfy: some mistakes change nothing that a test could see."""


@dataclass(frozen=True)
class Judged:
    """What became of a finished tree."""

    by: tuple[str, ...]
    """Names of the gates that hold it; empty if it goes on to review and pull request."""
    remarks: tuple[Finding, ...] = ()
    """What reviewers are told of one that goes on, and of one that does not."""


@dataclass
class Lane:
    """One task of a blueprint, whose minion has yet to begin."""

    yard: Yard
    blueprint: Blueprint[Any]
    exercise: Exercise
    at: Node[Any]
    """The node of the minion."""
    state: str
    """What is known when it begins, as JSON."""

    @classmethod
    async def open(cls, yards: Yards, blueprint: Blueprint[Any], exercise: Exercise) -> "Lane | None":
        """Prepare it; None if the box lacks a program that the task needs."""
        yard = yards(writes({}), files=exercise.base, whole=True)
        yard.task = _asked(yard.task, exercise)
        await yard.workspace.check_out(yard.base)
        for program in exercise.needs:
            if not (await yard.sandbox.run(f"command -v {program}")).ok:
                return None
        state: Any = await yard.begin(blueprint)
        at, visits = blueprint.start, list[str]()
        while not at.agent:
            word, state = await yard.visit(at, visits, state)
            assert isinstance(word, str)
            visits.append(at.name)
            target = blueprint.after(at, word)
            assert isinstance(target, Node), f"{exercise.name}: {visits} {state.explanation}"
            at = target
        return cls(yard, blueprint, exercise, at, json.dumps(state.model_dump(mode="json")))

    async def judge(self, after: Texts, *claims: str) -> Judged:
        """Put a tree there as a script leaves it, and walk to where somebody else has to look at it."""
        yard, tree = self.yard, cast("GitWorkspace", self.yard.workspace)
        state: Any = self.blueprint.state.model_validate_json(self.state)
        await tree.bring_to(yard.base, patch=b"", set_up=state.config.setup or ())
        yard.minion = Worker(tree, (_leaves(self.exercise, after, claims),))  # type: ignore[arg-type]
        at, visits, word = self.at, list[str](), ""
        while at.name not in {"review", "repair", "explain"}:
            answer, state = await yard.visit(at, visits, state)
            assert isinstance(answer, str)
            word = answer
            visits.append(at.name)
            target = self.blueprint.after(at, word)
            assert isinstance(target, Node), visits
            # What asks once, and tells reviewers then, is asked again by a minion that leaves everything as it is.
            at = at if target.name == "repair" and at.name in ASKS_ONCE and visits.count(at.name) == 1 else target
        told = (*state.remarks, *state.proof)
        if at.name == "review":
            return Judged((), told)
        if word == "gave up":
            return Judged((NOTHING,), told)
        gates = {each.guard for each in state.findings} or {RED}
        return Judged(tuple(sorted(gates)), told)


def _asked(task: Task, exercise: Exercise) -> Task:
    return task.model_copy(update={"title": exercise.title, "body": exercise.body})


def _leaves(exercise: Exercise, after: Texts, claims: Sequence[str]) -> Act:
    changed = {path: text for path, text in after.items() if exercise.files.get(path) != text}
    return writes(changed, *claims, summary="Done as the issue asks; all tests pass.")
