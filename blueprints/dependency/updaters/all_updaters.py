"""Every updater, in the order in which they are asked whether a package is theirs."""

from typing import Final

from blueprints.dependency.plan import Updater
from blueprints.dependency.updaters.cargo import Cargo
from blueprints.dependency.updaters.go import Go
from blueprints.dependency.updaters.node import Npm, Pnpm
from blueprints.dependency.updaters.poetry import Poetry
from blueprints.dependency.updaters.requirements import PipTools, Requirements
from blueprints.dependency.updaters.uv import Unlocked, Uv

ALL: Final[tuple[Updater, ...]] = (
    *(Uv(), Poetry(), PipTools(), Unlocked(), Requirements()),
    *(Pnpm(), Npm()),
    *(Go(), Cargo()),
)
"""One package can be several updaters' in one folder only for Python; the first counts there."""
