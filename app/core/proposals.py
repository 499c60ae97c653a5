"""Pull requests of minions that wait for review: what is known of them, and when nobody looked at one for too long."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol

from pydantic import BaseModel

from app.core.forge import Pull
from app.core.task import Repository

_NOTICE: Final = timedelta(days=7)
"""Between the word that a pull request is about to be closed and its end: a week has a working day for anybody."""


class Proposed(BaseModel, frozen=True):
    """A pull request that a run opened, and that is open as far as we were told."""

    number: int
    heads: frozenset[str]
    """Commits that runs pushed last: at another one somebody else has pushed."""
    is_at_work: bool
    """Whether a run has to do with it that has not ended."""
    is_ending: bool = False
    """Whether somebody of us began to close it, and perhaps was killed on the way."""


class Desk(BaseModel, frozen=True):
    """A repository with pull requests of minions that wait for review."""

    repository: Repository
    proposed: tuple[Proposed, ...]
    is_waited_for: bool
    """Whether runs in its installation wait, be it until one of them is closed."""


class Heard(BaseModel, frozen=True):
    """What was said about a pull request."""

    person_at: datetime | None
    """When a person said something last, in a comment or a review."""
    ours: tuple[tuple[datetime, str], ...] = ()
    """Our own comments."""


class Proposals(Protocol):
    """What the store knows of them. Each call may raise StoreDown."""

    def turn(self) -> AbstractAsyncContextManager[bool]:
        """Whether it is ours to look now; nobody else's turn comes before this one is over, or its process gone."""
        ...

    async def due(self, *, often: timedelta, seldom: timedelta) -> Sequence[Desk]:
        """Where nobody has looked for so long: `often` where somebody waits, `seldom` elsewhere."""
        ...

    async def end(self, repository_id: int, number: int) -> None:
        """It is about to be closed by us: whoever looks next sees to it, whatever becomes of this process."""
        ...

    async def note(self, repository_id: int) -> None:
        """Somebody has looked there just now."""
        ...


class Reviewed(Protocol):
    """GitHub, for one repository, as far as reviews go. Calls may raise ForgeErrors."""

    async def open_pulls(self) -> Mapping[int, datetime]:
        """Every pull request that is open, whoever opened it, with when something happened to it last."""
        ...

    async def pull(self, number: int) -> Pull:
        """The pull request. Raises NotFound."""
        ...

    async def heard(self, number: int) -> Heard:
        """What was said about the pull request."""
        ...

    async def put_comment(self, number: int, marker: str, text: str, *, comment_id: int | None) -> int:
        """Make our one comment that carries `marker` say `text`; answer with its id."""
        ...

    async def close_pull(self, number: int) -> None:
        """Close the pull request, unless it is closed."""
        ...

    async def file(self, path: str, ref: str) -> bytes:
        """A file at a branch, tag or commit. Raises NotFound if there is no such file."""
        ...


@dataclass(frozen=True)
class Quiet:
    """That nobody did anything about a pull request."""

    since: datetime
    warned_at: datetime | None
    """When it was told that this very time of quiet would end it."""

    def due(self, now: datetime, after: timedelta) -> Literal["", "warn", "close"]:
        """What is to be done, if quiet for `after` ends it: always a word first, and time to answer it."""
        if self.warned_at is None:
            return "warn" if now - self.since >= after - notice(after) else ""
        is_over = now - self.since >= after and now - self.warned_at >= notice(after)
        return "close" if is_over else ""


def notice(after: timedelta) -> timedelta:
    """How long before the end it is told."""
    return min(_NOTICE, after / 2)
