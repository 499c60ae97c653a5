"""A model that reads the change cold. Nothing is held up by its word, only by what can be seen to fail."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from app.core import wording
from app.core.blueprint import agent
from app.core.budget import Budget
from app.core.evidence import Reviews, Where
from app.core.fence import fenced
from app.core.hunks import numbered
from app.core.minion import GaveUp
from app.core.patch import Patch
from app.core.redaction import Redactor
from app.core.reviewer import ReviewFinding
from app.core.sandbox import CommandResult
from app.core.world import World
from blueprints.steps.change import Change, digest
from blueprints.steps.leftovers import change_of

MOST_ROUNDS: Final = 2
"""As often a blocker goes back. Who was not convinced by then is for people to hear."""
_MOST_SHOWN: Final = 60_000
"""Characters of the change in the prompt, some 15,000 tokens: guards stop most changes that are larger."""
_LONGEST_TRY_S: Final = 300.0
"""For one command of a reviewer's: it is one test, not the suite."""


@agent(
    "Review the change",
    prompt="review.md",
    budget=Budget(turns=20, tokens=1_000_000, usd=0.75, seconds=600),
    role="review",
    tools=("read", "search", "bash", "give_up"),
)
async def review(change: Change, world: World) -> Literal["pass", "blocked"]:
    """Have the change read by another model; a blocker that is seen to fail goes back, everything else is told."""
    patch = await change_of(change, world.workspace)
    if change.reviews.of == digest(patch):
        return "pass"  # nothing was changed since
    result = await world.reviewer.review(patch, _facts(change, patch))
    usage = change.reviews.usage + result.usage
    if isinstance(result, GaveUp):
        why = wording.no_review(result.reason, Redactor().redact(result.detail))
        told = {"newest": None, "why_none": why, "of": digest(patch), "usage": usage}
        change.reviews = change.reviews.model_copy(update=told)
        return "pass"
    findings = await _tried(change, patch, [_clean(one) for one in result.findings], world)
    settled = await _tried(change, patch, change.reviews.settled, world)
    change.reviews = change.reviews.model_copy(
        update={
            "newest": result.model_copy(update={"findings": findings, "summary": Redactor().redact(result.summary)}),
            "why_none": "",
            "of": digest(patch),
            "settled": settled,
            "usage": usage,
        }
    )
    if not change.reviews.open or change.reviews.sent_back >= MOST_ROUNDS:
        return "pass"
    change.reviews = change.reviews.model_copy(update={"sent_back": change.reviews.sent_back + 1})
    return "blocked"


def told_to_the_author(reviews: Reviews) -> str:
    """The blockers that were seen to fail, as facts for who is to mend them."""
    parts = [
        f"{one.path}, line {one.line}: {one.claim}\n\nEvidence: {one.evidence}\n\n"
        f"This command ends with exit code {one.exit_code} and has to end with 0:\n{one.reproduction}"
        for one in reviews.open
    ]
    return "\n\n".join(parts)


async def _tried(
    change: Change, patch: Patch, findings: Sequence[ReviewFinding], world: World
) -> tuple[ReviewFinding, ...]:
    """The findings, each blocker with what its command ends with, run by us."""
    commands = [one.reproduction for one in findings if one.severity == "blocker" and one.reproduction.strip()]
    results: dict[str, CommandResult] = {}
    if commands:
        timeout_s = min(_LONGEST_TRY_S, change.config.test_timeout_s)
        done = await world.reviewer.reproduce(patch, commands, timeout_s=timeout_s)
        results = {result.command: result for result in done}
    return tuple(one.model_copy(update={"exit_code": _ended(results.get(one.reproduction))}) for one in findings)


def _ended(result: CommandResult | None) -> int | None:
    """What took too long shows nothing."""
    return None if result is None or result.timed_out else result.exit_code


def _clean(finding: ReviewFinding) -> ReviewFinding:
    redact = Redactor().redact
    words = {name: redact(getattr(finding, name)) for name in ("claim", "evidence", "suggestion")}
    return finding.model_copy(update=words)


def _facts(change: Change, patch: Patch) -> dict[str, str]:
    """Nothing of what the author said: the task, the change, and exit codes."""
    task = change.task
    remarks = [f"{one.author.login} on {one.path or 'the change'}: {one.body}" for one in task.remarks]
    return {
        "issue": fenced("\n\n".join([task.title, task.body, *remarks]), "the task"),
        "instructions": task.instructions.strip() or "(nothing more)",
        "demands": change.demands,
        "change": fenced(numbered(patch, _MOST_SHOWN), "the change"),
        "commands": "\n".join(_ran(change)) or "Nothing: this repository has no tests.",
    }


def _ran(change: Change) -> Iterator[str]:
    for one in change.evidence:
        if one.where in {Where.BEFORE, Where.AFTER}:
            yield f"- {one.where.value}: `{one.command}`, exit code {one.exit_code}"
