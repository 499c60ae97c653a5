"""What a change has to pass. A gate is an exit code or a guard, never somebody's word."""

from collections.abc import Sequence
from typing import Final, Literal

from app.core import wording
from app.core.allowances import allowed
from app.core.blueprint import step
from app.core.evidence import Where
from app.core.failures import failures
from app.core.guards import Finding, Weight
from app.core.kinds import is_test
from app.core.patch import Patch
from app.core.world import World
from blueprints.steps.change import Change, digest
from blueprints.steps.commands import report, run
from blueprints.steps.leftovers import change_of

_MOST_FINDINGS: Final = 100
"""Kept of those of one kind: people and minions are told of the first twenty."""


@step("Tidy the code")
async def lint(change: Change, world: World) -> None:
    """Let the repository's own formatters and fixers work. What they cannot put right is for the reviewer to see."""
    before = set() if change.tidies_others else {file.path for file in (await change_of(change, world.workspace)).files}
    results = await run(change, world.sandbox, change.config.lint, Where.LINT)
    if results and not change.tidies_others:
        after = (await change_of(change, world.workspace)).files
        await world.workspace.restore([file.path for file in after if file.path not in before])


@step("Run the tests")
async def test(change: Change, world: World) -> Literal["green", "red"]:
    """Run every test command; green if all of them succeed."""
    results = await run(change, world.sandbox, change.config.test, Where.AFTER)
    change.report, change.findings = report(results), ()
    return "red" if change.report and not await _is_red_as_before(change, world) else "green"


async def _is_red_as_before(change: Change, world: World) -> bool:
    """Whether nothing fails that did not before, and yet something was done about it, or tests came."""
    now, before = failures(change.report), failures(change.report_before)
    if not now or not now <= before:
        return False
    return now < before or any(is_test(file.path) for file in (await change_of(change, world.workspace)).files)


@step("Guard the way out")
async def guard(change: Change, world: World) -> Literal["pass", "mend", "stop"]:
    """Let every guard look at the change that would leave."""
    patch = await change_of(change, world.workspace)
    found = await inspected(change, world, patch)
    change.remarks = tuple(each for each in found if each.weight is Weight.REMARK)[:_MOST_FINDINGS]
    change.guards, change.guarded = tuple(world.guards.names), digest(patch)
    return judged(change, found)


async def inspected(change: Change, world: World, patch: Patch) -> Sequence[Finding]:
    """What guards find about a change, with what its task allows."""
    task = change.task
    return await world.guards.inspect(patch, change.config, show=world.workspace.show, allowed=allowed(task), task=task)


def checked(change: Change, name: str, found: Sequence[Finding]) -> Literal["pass", "mend", "stop"]:
    """What a check of a blueprint's own came to: it is told to the reviewer beside the guards, by its name."""
    kept = [each for each in change.remarks if each.guard != name]
    kept += [each for each in found if each.weight is Weight.REMARK]
    change.remarks = tuple(kept)[:_MOST_FINDINGS]
    change.guards = (*(each for each in change.guards if each != name), name)
    return judged(change, found)


def judged(change: Change, found: Sequence[Finding]) -> Literal["pass", "mend", "stop"]:
    """What is to become of a change about which this was found."""
    change.findings = tuple(each for each in found if each.weight is not Weight.REMARK)[:_MOST_FINDINGS]
    if any(each.weight is Weight.PEOPLE for each in change.findings):
        change.explanation = wording.stopped_by_guards(change.findings)
        return "stop"
    return "mend" if change.findings else "pass"
