"""Fix an issue: change the code, tidy and test it, guard and prove it, have it read, propose it, mend what CI finds."""

from collections.abc import Iterator
from typing import Final, Literal

from app.core import wording
from app.core.blueprint import END, EXHAUSTED, Blueprint, agent
from app.core.budget import Budget
from app.core.fence import fenced
from app.core.minion import GaveUp
from app.core.redaction import Redactor
from app.core.repo_config import RepoConfig
from app.core.task import Task
from app.core.world import World
from blueprints.steps.change import Change
from blueprints.steps.ci import autofix, hand_over, report, watch
from blueprints.steps.context import context
from blueprints.steps.delivery import explain, publish
from blueprints.steps.gates import guard, lint, test
from blueprints.steps.leftovers import change_of
from blueprints.steps.preparation import prepare
from blueprints.steps.proof import prove
from blueprints.steps.review import MOST_ROUNDS, review, told_to_the_author

_REPAIRS: Final = 3
"""More rounds than three hardly ever turn red into green; they turn tests into what passes."""
_HUNK: Final = 2_000
"""Characters of the piece of diff that a remark stands under: its end, which is the line that is meant."""
_AFTER_CHECKS: Final = "After red checks"


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
    facts = _task(fix) | {"report": _failed(fix), "attempt": f"{fix.repairs} of {_REPAIRS}"}
    return await _work(fix, world, facts, after="After gates stopped it" if fix.findings else "After red tests")


@agent(
    "Mend what the checks found",
    prompt="mend.md",
    budget=Budget(turns=60, tokens=3_000_000, usd=2.0, seconds=1_200),
    role="repair",
)
async def mend(fix: Fix, world: World) -> Literal["changed", "gave up"]:
    """Let a minion see what the checks of the pull request found, and mend it."""
    told = fenced(report(fix.failing), "what the checks say, with the parts of their logs that matter")
    outcome = await _work(fix, world, _task(fix) | {"report": told}, after=_AFTER_CHECKS)
    if outcome == "changed":
        fix.tried = (*fix.tried, wording.tried_mending(fix.summary.rpartition(f"{_AFTER_CHECKS}: ")[2]))
    return outcome


@agent(
    "Answer the review",
    prompt="answer.md",
    budget=Budget(turns=40, tokens=2_000_000, usd=1.5, seconds=900),
    role="repair",
    at_most=MOST_ROUNDS,
)
async def answer(fix: Fix, world: World) -> Literal["changed", "gave up"]:
    """Let a minion mend what a reviewer found and we saw fail. If it does not, people hear of both."""
    told = fenced(told_to_the_author(fix.reviews), "what the reviewer found")
    facts = _task(fix) | {"report": told, "attempt": f"{fix.reviews.sent_back} of {MOST_ROUNDS}"}
    outcome = await _work(fix, world, facts, after="After review")
    if outcome == "changed":
        fix.reviews = fix.reviews.sent()
    else:
        # The change as it was is still one that passes: it goes on, and so does what was said against it.
        disputed = {"disputed": fix.explanation, "sent_back": MOST_ROUNDS}
        fix.reviews, fix.explanation = fix.reviews.model_copy(update=disputed), ""
    return outcome


async def _work(fix: Fix, world: World, facts: dict[str, str], *, after: str = "") -> Literal["changed", "gave up"]:
    """Let the minion work. Its summary comes behind the earlier ones, `after` says what."""
    result = await world.minion.work(facts)
    fix.model = result.model or fix.model
    fix.usage += result.usage
    fix.rules = tuple(dict.fromkeys((*fix.rules, *result.rules)))
    if isinstance(result, GaveUp):
        fix.explanation = wording.gave_up(result.reason, Redactor().redact(result.detail))
        return "gave up"
    if all(file.path in fix.generated for file in (await change_of(world.workspace)).files):
        fix.explanation = wording.nothing_changed()
        return "gave up"
    fix.summary = f"{fix.summary}\n\n{after}: {result.summary}" if fix.summary and after else result.summary
    fix.risks = result.risks or fix.risks
    fix.claimed = result.verification or fix.claimed
    return "changed"


def _failed(fix: Fix) -> str:
    """What did not let the change pass. Names of tests and files in it were written by others."""
    parts = []
    if fix.findings:
        parts.append(fenced(wording.found_by_gates(fix.findings), "what the gates found, which is to be put right"))
    if fix.report:
        parts.append(fenced(fix.report, "the end of the tests' output"))
    return "\n\n".join(parts)


def _task(fix: Fix) -> dict[str, str]:
    task = fix.task
    return context(fix) | {
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
    checks=watch,
    edges={
        prepare: {"ready": implement, "cannot": explain},
        implement: {"changed": lint, "gave up": explain},
        lint: test,
        test: {"green": guard, "red": repair},
        repair: {"changed": lint, "gave up": explain, EXHAUSTED: explain},
        guard: {"pass": prove, "mend": repair, "stop": explain},
        prove: {"pass": review, "mend": repair, "stop": explain},
        review: {"pass": publish, "blocked": answer},
        answer: {"changed": lint, "gave up": lint, EXHAUSTED: publish},
        publish: watch,
        watch: {
            "green": END,
            "none": END,
            "red": autofix,
            "undecided": hand_over,
            "moved": END,
            "unreadable": END,
        },
        autofix: {"fixed": lint, "not fixed": mend, EXHAUSTED: hand_over},
        mend: {"changed": lint, "gave up": hand_over},
        hand_over: END,
        explain: END,
    },
)
