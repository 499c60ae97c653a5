"""The node that lets a program rewrite the code before a minion does: what a program can do is not asked of a model."""

from typing import Final, Literal

from app.core.blueprint import step
from app.core.codemods import codemods_of
from app.core.evidence import Where
from app.core.fence import fenced
from app.core.redaction import Redactor
from app.core.sandbox import CommandResult
from app.core.world import World
from blueprints.steps.change import Change
from blueprints.steps.commands import run
from blueprints.steps.leftovers import change_of

NONE: Final = "The issue names none."
_MOST_OUTPUT: Final = 2_000
"""Characters of what a codemod says at its end, for the minion."""
_MOST_FILES: Final = 100
"""Changed files that the minion is told by name; it can look at the others by itself."""


@step("Apply the codemod")
async def rewrite(change: Change, world: World) -> Literal["applied", "none"]:
    """Run the codemods that the issue names on the code as it was. The minion sees what came of it, and goes on."""
    commands = codemods_of(change.task)
    if not commands:
        return "none"
    again = await change_of(change, world.workspace)  # nothing, but after a crash
    await world.workspace.restore([file.path for file in again.files])
    results = await run(change, world.sandbox, commands, Where.CODEMOD)
    paths = [file.path for file in (await change_of(change, world.workspace)).files]
    change.rewritten = fenced(_told(results, paths), "what the codemods did")
    return "applied"


def _told(results: list[CommandResult], paths: list[str]) -> str:
    said = "\n\n".join(
        f"$ {one.command}  (exit code {one.exit_code})\n{one.output[-_MOST_OUTPUT:].strip()}".strip() for one in results
    )
    more = f"\n… and {len(paths) - _MOST_FILES} more" if len(paths) > _MOST_FILES else ""
    files = "\n".join(paths[:_MOST_FILES]) + more if paths else "(none)"
    return Redactor().redact(f"{said}\n\nFiles that are changed now:\n{files}")
