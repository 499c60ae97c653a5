"""Work that a repository wants to be done by the clock, and what is known of it."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel

from app.core.repo_config import Schedule
from app.core.task import Repository


class Entry(BaseModel, frozen=True):
    """A schedule as it stands in a repository."""

    schedule: Schedule
    since: datetime
    """When it was seen first: what was due before is not made up for."""

    @property
    def digest(self) -> str:
        """Another one for another schedule."""
        return hashlib.sha256(self.schedule.model_dump_json().encode()).hexdigest()[:16]


class Timetable(Protocol):
    """What is known of all repositories. Every method is one transaction."""

    def turn(self) -> AbstractAsyncContextManager[bool]:
        """Whether it is ours, among all workers, to look."""
        ...

    async def add(self, repositories: Sequence[Repository]) -> None:
        """Have those read that nothing is known of yet."""
        ...

    async def stale(self, at_most: int) -> Sequence[Repository]:
        """Repositories whose file has to be read: it may have changed, or nobody looked for a day."""
        ...

    async def entries(self) -> Sequence[tuple[Repository, Sequence[Entry]]]:
        """Every repository that wants something."""
        ...

    async def keep(self, repository: Repository, entries: Sequence[Entry]) -> None:
        """What its file says now."""
        ...


class Everywhere(Protocol):
    """Every repository that the App is installed on."""

    def repositories(self) -> AsyncIterator[Repository]:
        """All of them. Raises ForgeErrors."""
        ...
