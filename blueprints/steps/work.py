"""The nodes in which a minion changes code: what it is told, and what becomes of what it answers.

The first one is each blueprint's own, with a prompt of its own; `implemented` is what it does. The others are the same
for all. What differs in them is told by the state: `demands`. A blueprint that needs other words for one of them makes
a node of its own with the same name, which calls `repaired`, and hands it to `to_a_pull_request`.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from app.core import wording
from app.core.blueprint import agent
from app.core.budget import Budget
from app.core.fence import fenced
from app.core.minion import GaveUp
from app.core.patch import Patch
from app.core.redaction import Redactor
from app.core.repo_config import RepoConfig
from app.core.task import Task
from app.core.world import World
from blueprints.steps.change import Change, digest
from blueprints.steps.ci import report
from blueprints.steps.context import context
from blueprints.steps.leftovers import change_of
from blueprints.steps.refusals import refusals
from blueprints.steps.remarks import told_remark
from blueprints.steps.review import MOST_ROUNDS, told_to_the_author

REPAIRS: Final = 3
"""More rounds than three hardly ever turn red into green; they turn tests into what passes."""
_AFTER_CHECKS: Final = "After red checks"

Worked = Literal["changed", "gave up"]
"""What a node answers in which a minion worked."""


async def implemented(change: Change, world: World, facts: Mapping[str, str] | None = None) -> Worked:
    """Let a minion do what the issue asks for, by the prompt of the node that calls this, which may want more facts."""
    return await worked(change, world, told(change) | {"baseline": _baseline(change)} | dict(facts or {}))


async def repaired(
    change: Change, world: World, facts: Mapping[str, str] | None = None, *, after: str = "After red tests"
) -> Worked:
    """Let a minion mend what failed, by the prompt of the node that calls this, which may want more facts."""
    change.repairs += 1
    known = told(change) | {"report": failed(change), "attempt": f"{change.repairs} of {REPAIRS}"} | dict(facts or {})
    return await worked(change, world, known, after="After gates stopped it" if change.findings else after)


@agent(
    "Repair what is red",
    prompt="repair.md",
    budget=Budget(turns=40, tokens=2_000_000, usd=1.5, seconds=900),
    role="repair",
    at_most=REPAIRS,
)
async def repair(change: Change, world: World) -> Worked:
    """Let a minion see what failed, and mend it."""
    return await repaired(change, world)


@agent(
    "Mend what the checks found",
    prompt="mend.md",
    budget=Budget(turns=60, tokens=3_000_000, usd=2.0, seconds=1_200),
    role="repair",
)
async def mend(change: Change, world: World) -> Worked:
    """Let a minion see what the checks of the pull request found, and mend it."""
    said = fenced(report(change.failing), "what the checks say, with the parts of their logs that matter")
    outcome = await worked(change, world, told(change) | {"report": said}, after=_AFTER_CHECKS)
    if outcome == "changed":
        done = wording.tried_mending(change.summary.rpartition(f"{_AFTER_CHECKS}: ")[2])
        change.tried = (*change.tried, done)
    return outcome


@agent(
    "Answer the review",
    prompt="answer.md",
    budget=Budget(turns=40, tokens=2_000_000, usd=1.5, seconds=900),
    role="repair",
    at_most=MOST_ROUNDS,
)
async def answer(change: Change, world: World) -> Worked:
    """Let a minion mend what a reviewer found and we saw fail. If it does not, people hear of both."""
    said = fenced(told_to_the_author(change.reviews), "what the reviewer found")
    facts = told(change) | {"report": said, "attempt": f"{change.reviews.sent_back} of {MOST_ROUNDS}"}
    passed = await change_of(change, world.workspace)
    outcome = await worked(change, world, facts, after="After review")
    if outcome == "changed":
        change.reviews = change.reviews.sent()
    else:
        # The change as it was is still one that passes: it goes on, and so does what was said against it.
        disputed = {"disputed": change.explanation, "sent_back": MOST_ROUNDS}
        change.reviews, change.explanation = change.reviews.model_copy(update=disputed), ""
        await _go_back(change, world, passed)
    return outcome


async def _go_back(change: Change, world: World, passed: Patch) -> None:
    """Take away what a minion tried that gave up. After a crash in its middle it stays, and gates look at it."""
    now = await change_of(change, world.workspace)
    if change.guarded == digest(passed) != digest(now):
        touched = {file.path for file in (*passed.files, *now.files)}
        await world.workspace.restore(sorted(touched), patch=passed.data)


async def worked(change: Change, world: World, facts: dict[str, str], *, after: str = "") -> Worked:
    """Let the minion work. Its summary comes behind the earlier ones, `after` says what."""
    result = await world.minion.work(facts)
    change.model = result.model or change.model
    change.usage += result.usage
    change.rules = tuple(dict.fromkeys((*change.rules, *result.rules)))
    if isinstance(result, GaveUp):
        change.explanation = wording.gave_up(result.reason, Redactor().redact(result.detail))
        return "gave up"
    if (await change_of(change, world.workspace)).is_empty:
        change.explanation = wording.nothing_changed()
        change.summary = change.summary or result.summary
        return "gave up"
    before = change.summary
    change.summary = f"{before}\n\n{after}: {result.summary}" if before and after else result.summary
    change.risks = result.risks or change.risks
    change.claimed = result.verification or change.claimed
    return "changed"


def told(change: Change) -> dict[str, str]:
    """What every prompt here is told: the task, where it is done, and how it will be judged."""
    task = change.task
    return context(change) | {
        "issue": issue(task, _said(task)),
        "instructions": task.instructions.strip() or "(nothing more)",
        "commands": _commands(change.config),
        "demands": change.demands,
        "gates": refusals(change),
        "limits": f"at most {change.config.max_files} files and {change.config.max_changed_lines} changed lines",
    }


def issue(task: Task, remarks: Sequence[str] = ()) -> str:
    """The task's words as data, and after them what reviewers said."""
    return fenced("\n\n".join([task.title, task.body, *remarks]), "the issue")


def _said(task: Task) -> list[str]:
    heading = "What reviewers said about this pull request, which is to be answered by the change:"
    return [heading, *map(told_remark, task.remarks)] if task.remarks else []


def failed(change: Change) -> str:
    """What did not let the change pass. Names of tests and files in it were written by others."""
    parts = []
    if change.findings:
        parts.append(fenced(wording.found_by_gates(change.findings), "what the gates found, which is to be put right"))
    if change.report:
        parts.append(fenced(change.report, "the end of the tests' output"))
    return "\n\n".join(parts)


def _commands(config: RepoConfig) -> str:
    lines = [f"- tests: `{command}`" for command in config.test or ()] or ["- tests: this repository has none"]
    lines += [f"- tidying, done for you before that, which stops nothing: `{command}`" for command in config.lint or ()]
    return "\n".join(lines)


def _baseline(change: Change) -> str:
    if not change.config.test:
        return "There are no tests to run."
    if not change.failed_before:
        return "Before any change, all tests pass."
    shown = fenced(change.report_before, "the end of the tests' output before any change")
    return f"Before any change, these fail already: {', '.join(change.failed_before)}\n\n{shown}"
