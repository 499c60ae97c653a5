"""`minions warm`: make ahead what the first run of a repository would wait for."""

import asyncio
import re
import time
from collections.abc import Callable
from typing import Final

from app.adapters.workspace.folders import GIB
from app.adapters.workspace.workspaces import Workspaces
from app.core.errors import SettingsError
from app.core.wording.figures import counted, duration
from app.main import chosen_boxes, github, redactor_of
from app.processes import prepared_home
from app.settings import Settings
from blueprints.steps.configuration import configuration

_NAME: Final = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+")
_SHOWN: Final = 2_000
"""Characters of a failing command's output: its end."""


def warm(settings: Settings, full_name: str, tell: Callable[[str], None] = print) -> int:
    """Fetch the repository, check its default branch out and set it up; answer with the exit code.

    Raises SettingsError, ForgeError, SandboxError, and ConfigError if `.github/minion.yml` cannot be used.
    """
    if not _NAME.fullmatch(full_name):
        raise SettingsError(f"{full_name!r} is no repository: give OWNER/NAME.")
    if missing := [sentence for sentence in settings.missing() if "APP_ID" in sentence or "PRIVATE_KEY" in sentence]:
        raise SettingsError("\n".join(missing))
    return asyncio.run(_warm(settings, full_name, tell))


async def _warm(settings: Settings, full_name: str, tell: Callable[[str], None]) -> int:
    redactor = redactor_of(settings)
    home = prepared_home(settings)
    boxes = chosen_boxes(settings, redactor)
    if faults := await boxes.check():
        raise SettingsError("\n".join(faults))
    workspaces = Workspaces(home, boxes, disk_bytes=int(settings.disk_gib * GIB))
    async with github(settings, redactor) as (_, forges):
        repository = await forges.find(full_name)
        forge = forges.open(repository)
        head = await forge.default_head()
        async with workspaces.ahead(repository.id, lambda write: forge.remote(write=write)) as workspace:
            began = time.monotonic()
            await workspace.check_out(head.sha)
            tell(f"{head.branch} at {head.sha[:12]} is fetched and checked out: {duration(time.monotonic() - began)}")
            if workspaces.ways.no_overlay:
                tell(
                    f"Work trees are copied on this machine, so each run sets itself up: {workspaces.ways.no_overlay}."
                )
                return 0
            commands = (await configuration(workspace)).setup or ()
            for result in await workspace.sandbox.set_up(commands):
                took = duration(result.seconds) if result.seconds else "was done before"
                tell(f"{result.command}: {took if result.ok else f'failed with exit code {result.exit_code}'}")
                if not result.ok:
                    tell(redactor.redact(result.output[-_SHOWN:]).rstrip())
                    return 1
    done = f"{counted(len(commands), 'command')} of set-up done" if commands else "nothing to set up"
    tell(f"Ready, with {done}: the next run of {full_name} begins at once.")
    return 0
