"""What a run would wait for, made before anybody asks: the mirror, the checkout and the set-up of a repository."""

import time
from collections.abc import Callable
from typing import Final

from app.adapters.workspace.workspaces import Workspaces
from app.core.forge import Forge
from app.core.redaction import Redactor
from app.core.task import Repository
from app.core.wording.figures import counted, duration
from blueprints.steps.configuration import configuration

_SHOWN: Final = 2_000
"""Characters of a failing command's output: its end."""


async def make_ready(
    workspaces: Workspaces, repository: Repository, forge: Forge, redactor: Redactor, tell: Callable[[str], None]
) -> bool:
    """Do with the newest commit of the default branch what `prepare` would, and `tell` it; whether set-up succeeded.

    Where work trees are copied, only the mirror is brought up to date. Raises ForgeError, SandboxError,
    RepositoryError, and ConfigError if `.github/minion.yml` cannot be used.
    """
    head = await forge.default_head()
    named = f"{head.branch} at {head.sha[:12]}"
    async with workspaces.ahead(repository.id, lambda write: forge.remote(write=write)) as workspace:
        began = time.monotonic()
        if workspaces.ways.no_overlay:
            await workspace.fetch(head.sha)
            tell(f"{named} is fetched: {duration(time.monotonic() - began)}")
            tell(f"Work trees are copied on this machine, so each run sets itself up: {workspaces.ways.no_overlay}.")
            return True
        await workspace.check_out(head.sha)
        tell(f"{named} is fetched and checked out: {duration(time.monotonic() - began)}")
        config = await configuration(workspace)
        commands = config.setup or ()
        for result in await workspace.sandbox.set_up(commands, timeout_s=config.setup_timeout_s):
            took = duration(result.seconds) if result.seconds else "was done before"
            tell(f"{result.command}: {took if result.ok else f'failed with exit code {result.exit_code}'}")
            if not result.ok:
                tell(redactor.redact(result.output[-_SHOWN:]).rstrip())
                return False
        if commands and not workspace.shares_set_up:
            tell("What set-up makes would hide files of this commit, so each run sets itself up.")
            return True
    done = f"{counted(len(commands), 'command')} of set-up done" if commands else "nothing to set up"
    tell(f"Ready, with {done}: the next run of {repository.full_name} begins at once.")
    return True
