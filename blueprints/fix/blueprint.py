"""Fix an issue: change the code, tidy and test it, repair what is red, guard it, and open a pull request."""

from collections.abc import Iterator
from typing import Final, Literal

from app.core import wording
from app.core.blueprint import END, EXHAUSTED, Blueprint, agent
from app.core.budget import Budget
from app.core.fence import fenced
from app.core.redaction import Redactor
from app.core.repo_config import RepoConfig
from app.core.task import Task
from app.core.world import GaveUp, World
from blueprints.steps.change import Change
from blueprints.steps.delivery import explain, publish
from blueprints.steps.gates import guard, lint, test
from blueprints.steps.leftovers import change_of
from blueprints.steps.preparation import prepare

_REPAIRS: Final = 3
"""More rounds than three hardly ever turn red into green; they turn tests into what passes."""
_HUNK: Final = 2_000
"""Characters of the piece of diff that a remark stands under: its end, which is the line that is meant."""


class Fix(Change):
    """A fix under way."""


@agent("Change the code", prompt="implement.md", budget=Budget(), role="implement")
async def implement(fix: Fix, world: World) -> Literal["changed", "gave up"]:
    """Let a minion do what the issue asks for."""
    return await _work(fix, world, _task(fix) | {"baseline": _baseline(fix)})


@agent(
    "Repair what is red",
    prompt="repair.md",
    budget=Budget(turns=40, tokens=2_000_000, usd=1.5, seconds=900),
    role="repair",
    at_most=_REPAIRS,
)
async def repair(fix: Fix, world: World) -> Literal["changed", "gave up"]:
    """Let a minion see what failed, and mend it."""
    fix.repairs += 1
    report = fenced(fix.report, "the end of the tests' output")
    return await _work(fix, world, _task(fix) | {"report": report, "attempt": f"{fix.repairs} of {_REPAIRS}"})


async def _work(fix: Fix, world: World, facts: dict[str, str]) -> Literal["changed", "gave up"]:
    result = await world.minion.work(facts)
    fix.model = result.model or fix.model
    fix.usage += result.usage
    if isinstance(result, GaveUp):
        fix.explanation = wording.gave_up(result.reason, Redactor().redact(result.detail))
        return "gave up"
    if all(file.path in fix.generated for file in (await change_of(world.workspace)).files):
        fix.explanation = wording.nothing_changed()
        return "gave up"
    told = [fix.summary, result.summary] if fix.summary and fix.repairs else [result.summary]
    fix.summary = "\n\nAfter red tests: ".join(told)
    fix.risks = result.risks or fix.risks
    return "changed"


def _task(fix: Fix) -> dict[str, str]:
    task = fix.task
    return {
        "issue": fenced("\n\n".join([task.title, task.body, *_remarks(task)]), "the issue"),
        "instructions": task.instructions.strip() or "(nothing more)",
        "commands": _commands(fix.config),
        "limits": f"at most {fix.config.max_files} files and {fix.config.max_changed_lines} changed lines",
    }


def _remarks(task: Task) -> Iterator[str]:
    """What reviewers said, each with the place that it is about."""
    if task.remarks:
        yield "What reviewers said about this pull request, which is to be answered by the change:"
    for remark in task.remarks:
        where = f", at {remark.path}" + (f", line {remark.line}" if remark.line else "") if remark.path else ""
        hunk = f"\n\n```diff\n{remark.hunk[-_HUNK:]}\n```" if remark.hunk else ""
        yield f"{remark.author.login}{where}:{hunk}\n\n{remark.body}"


def _commands(config: RepoConfig) -> str:
    lines = [f"- tests: `{command}`" for command in config.test or ()] or ["- tests: this repository has none"]
    lines += [f"- tidying, done for you afterwards: `{command}`" for command in config.lint or ()]
    return "\n".join(lines)


def _baseline(fix: Fix) -> str:
    if not fix.config.test:
        return "There are no tests to run."
    if not fix.failed_before:
        return "Before any change, all tests pass."
    report = fenced(fix.report_before, "the end of the tests' output before any change")
    return f"Before any change, these fail already: {', '.join(fix.failed_before)}\n\n{report}"


BLUEPRINT: Final[Blueprint[Fix]] = Blueprint(
    name="fix",
    summary="Do what the issue asks for, and open a pull request",
    state=Fix,
    start=prepare,
    edges={
        prepare: {"ready": implement, "cannot": explain},
        implement: {"changed": lint, "gave up": explain},
        lint: test,
        test: {"green": guard, "red": repair},
        repair: {"changed": lint, "gave up": explain, EXHAUSTED: explain},
        guard: {"pass": publish, "stop": explain},
        publish: END,
        explain: END,
    },
)
