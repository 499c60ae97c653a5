"""What a change has to pass. A gate is an exit code or a guard, never somebody's word."""

import shlex
from typing import Literal

from app.core import wording
from app.core.blueprint import step
from app.core.evidence import Where, evidence
from app.core.redaction import Redactor
from app.core.world import World
from blueprints.steps.change import MOST_REPORT, Change
from blueprints.steps.leftovers import change_of


@step("Tidy the code")
async def lint(change: Change, world: World) -> None:
    """Let the repository's own formatters and fixers work. What they cannot put right is for the reviewer to see."""
    results = [
        await world.sandbox.run(command, timeout_s=change.config.test_timeout_s) for command in change.config.lint or ()
    ]
    change.keep([evidence(result, Where.LINT) for result in results], Where.LINT)


@step("Run the tests")
async def test(change: Change, world: World) -> Literal["green", "red"]:
    """Run every test command; green if all of them succeed."""
    results = [
        await world.sandbox.run(command, timeout_s=change.config.test_timeout_s) for command in change.config.test or ()
    ]
    change.keep([evidence(result, Where.AFTER) for result in results], Where.AFTER)
    failed = [result for result in results if not result.ok]
    report = "\n\n".join(f"$ {result.command}  (exit code {result.exit_code})\n{result.output}" for result in failed)
    change.report = Redactor().redact(report)[-MOST_REPORT:]
    return "red" if failed else "green"


async def without_generated(change: Change, world: World) -> None:
    """Take out of the tree what only tests need."""
    if change.generated:
        await world.sandbox.run(f"rm -f -- {shlex.join(change.generated)}")


@step("Guard the way out")
async def guard(change: Change, world: World) -> Literal["pass", "stop"]:
    """Let every guard look at the change that would leave."""
    await without_generated(change, world)
    patch = await change_of(world.workspace)
    change.findings = tuple(await world.guards.inspect(patch, change.config))
    if change.findings:
        change.explanation = wording.stopped_by_guards(change.findings)
        return "stop"
    change.guards = tuple(world.guards.names)
    return "pass"
