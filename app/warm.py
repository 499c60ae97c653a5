"""`minions warm`: make ahead what the first run of a repository would wait for."""

import re
from collections.abc import Callable
from typing import Final

from app import loop
from app.adapters.workspace.folders import GIB
from app.adapters.workspace.workspaces import Workspaces
from app.ahead import make_ready
from app.boxes import chosen_boxes
from app.core.errors import SettingsError
from app.github import github
from app.home import prepared_home
from app.log import redactor_of
from app.settings import Settings
from blueprints.steps.configuration import layout

_NAME: Final = re.compile(r"(?!\.+/)[A-Za-z0-9_.-]+/(?!\.+$)[A-Za-z0-9_.-]+")
"""As in deliveries, and no way to another path: it becomes a part of an address."""


def warm(settings: Settings, full_name: str, tell: Callable[[str], None] = print) -> int:
    """Fetch the repository, check its default branch out and set it up; answer with the exit code.

    Raises SettingsError, ForgeError, SandboxError, and ConfigError if `.github/minion.yml` cannot be used.
    """
    if not _NAME.fullmatch(full_name):
        raise SettingsError(f"{full_name!r} is no repository: give OWNER/NAME.")
    if missing := [sentence for sentence in settings.missing() if "APP_ID" in sentence or "PRIVATE_KEY" in sentence]:
        raise SettingsError("\n".join(missing))
    return loop.run(_warm(settings, full_name, tell))


async def _warm(settings: Settings, full_name: str, tell: Callable[[str], None]) -> int:
    redactor = redactor_of(settings)
    home = prepared_home(settings)
    boxes = chosen_boxes(settings, redactor)
    if faults := await boxes.check():
        raise SettingsError("\n".join(faults))
    workspaces = Workspaces(home, boxes, disk_bytes=int(settings.disk_gib * GIB), read_layout=layout)
    async with github(settings, redactor) as (_, forges):
        repository = await forges.find(full_name)
        return 0 if await make_ready(workspaces, repository, forges.open(repository), redactor, tell) else 1
