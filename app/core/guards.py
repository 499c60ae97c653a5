"""Every deterministic check of a change before it leaves the box, and what it found."""

from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel

from app.core.patch import Patch
from app.core.repo_config import RepoConfig
from app.core.task import Task


class Weight(StrEnum):
    """What a finding means for the change."""

    MEND = "mend"
    """It may not leave like this; a minion can put it right."""
    PEOPLE = "people"
    """It may not leave, and only people may decide what becomes of it."""
    REMARK = "remark"
    """It may leave, and whoever reviews it should know this."""


class Finding(BaseModel, frozen=True):
    """What is the matter with a change."""

    guard: str
    sentence: str
    """What is wrong and what to do about it."""
    path: str = ""
    line: int = 0
    """In the file afterwards, from 1; 0 where it is about the whole file."""
    is_before: bool = False
    """Whether `line` is one of the file as it was: what is meant went."""
    weight: Weight = Weight.PEOPLE


Show = Callable[[str], Awaitable[bytes | None]]
"""A file of the base commit by its path, as `Workspace.show` gives it."""


class Guards(Protocol):
    """Every deterministic check of a change before it leaves the box."""

    @property
    def names(self) -> Sequence[str]:
        """Which guards there are, for people."""
        ...

    async def inspect(
        self,
        patch: Patch,
        config: RepoConfig,
        *,
        show: Show | None = None,
        allowed: AbstractSet[str] = frozenset(),
        task: Task | None = None,
    ) -> Sequence[Finding]:
        """What is the matter with `patch`; it may leave if there are only remarks.

        `config` is the repository's, from the base commit, whose files `show` gives; without it less can be told.
        `allowed` are words of `core/allowances.py`: what is allowed becomes a remark.
        `task` is what was asked for; without it, whether the change has to do with that is not looked at.
        """
        ...
