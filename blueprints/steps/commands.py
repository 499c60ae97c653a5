"""Run commands of the repository, or of who claims something, in a box; what they came to is evidence."""

from collections.abc import Iterable, Sequence

from app.core.evidence import Where, evidence
from app.core.redaction import Redactor
from app.core.sandbox import CommandResult, Sandbox
from blueprints.steps.change import MOST_REPORT, Change


async def run(change: Change, sandbox: Sandbox, commands: Iterable[str] | None, where: Where) -> list[CommandResult]:
    """Each command, one after the other. Their evidence takes the place of what was known from there."""
    timeout_s = change.config.test_timeout_s
    results = [await sandbox.run(command, timeout_s=timeout_s) for command in commands or ()]
    change.keep([evidence(result, where) for result in results], where)
    return results


def report(results: Sequence[CommandResult]) -> str:
    """The end of what each command that failed printed, under its name; empty if none did."""
    failed, clean = [result for result in results if not result.ok], Redactor().redact
    room = MOST_REPORT // max(len(failed), 1)
    return "\n\n".join(
        f"$ {clean(one.command)}  (exit code {one.exit_code})\n{clean(one.output)[-room:]}" for one in failed
    )
