"""What GitHub still knows of what it told us, and what we have noted of it: all that is needed after an outage."""

from collections.abc import AsyncIterator, Collection, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel

from app.core.events import StopRequested, WorkRequested
from app.core.run import Run
from app.core.task import Repository, Task
from app.core.vitals import Look


class Attempt(BaseModel, frozen=True):
    """One attempt of GitHub's to deliver an event to us."""

    id: int
    guid: str
    """Names the event: it is the same in each attempt."""
    at: datetime
    arrived: bool
    """Whether we answered that we took it."""
    is_repeat: bool
    """Whether somebody asked for this attempt; GitHub itself makes one only."""
    answer: int
    """Status of our answer; 0 if there was none."""
    event: str
    """What happened, in GitHub's words, for the log: `issues.labeled`."""
    repository_id: int | None
    is_label: bool
    """Whether it says that a label was put on an issue."""
    is_urgent: bool
    """Whether somebody may wait for what it leads to."""
    is_hint: bool = False
    """Whether it only told that others' checks moved: it is not asked for again, but who waits for some looks."""


class Doubtful(BaseModel, frozen=True):
    """What may not be wanted any more in a repository, by a glance at what changed there."""

    numbers: Sequence[int]
    """Issues and pull requests that are closed, and issues that do not have our label."""
    until: datetime
    """Where the next glance begins, by GitHub's time: shortly before the newest change that was looked at."""


class History(Protocol):
    """What GitHub remembers. Calls may raise ForgeErrors; RateLimited and Unavailable are worth another try later."""

    def seen(self) -> Look:
        """What its answers said by the way, since this was asked last."""
        ...

    async def failed(self, since: datetime) -> Sequence[Attempt]:
        """Attempts from `since` on that failed, newest first."""
        ...

    async def arrived(self, since: datetime) -> Sequence[Attempt]:
        """Attempts from `since` on that arrived, newest first."""
        ...

    async def deliver_again(self, attempt: Attempt) -> None:
        """Ask for one more attempt of the same event. It is made soon afterwards."""
        ...

    def labelled(self, since: datetime | None) -> AsyncIterator[WorkRequested]:
        """What open issues ask for by a label that was put on them from `since` on.

        From the time of the installation on, if that is later or `since` is None: what was labelled before was never
        meant for us. The words of an issue are those that it has now.
        """
        ...

    async def doubtful(self, repository: Repository, since: datetime) -> Doubtful:
        """What of all that changed in a repository from `since` on a run may have to end for.

        Nothing is told of what was deleted or moved elsewhere: that is not listed any more.
        """
        ...

    async def withdrawn(self, run: Run) -> StopRequested | None:
        """Why nobody wants the run any more, by what its issue, pull request and branch look like now.

        One that nobody requests is there because something was not found, which may also be GitHub's own lag.
        """
        ...

    async def called_off(self, task: Task) -> StopRequested | None:
        """The same of what an issue asks for, by nothing but the issue: a campaign has no branch of its own."""
        ...


class Logbook(Protocol):
    """What one App has noted, for all its workers. Each call may raise StoreDown."""

    def turn(self) -> AbstractAsyncContextManager[bool]:
        """Whether it is ours to look now; nobody else's turn comes before this one is over, or its process gone."""
        ...

    async def looked_at(self) -> datetime | None:
        """Up to when all that GitHub told us is known to have been looked after; None if that never was so."""
        ...

    async def note(self, looked_at: datetime, *, last: datetime | None) -> None:
        """Note that everything until then was looked after.

        `last` is what `looked_at` answered before. If it is not so any more, nothing is noted: an installation was
        suspended and came back meanwhile. GitHub tells nothing of that time, so all is to be looked at anew.
        """
        ...

    async def note_look(self, look: Look) -> None:
        """Note how things stood at this look."""
        ...

    async def received(self, guids: Collection[str]) -> AbstractSet[str]:
        """Which of these deliveries are in the store."""
        ...

    async def asked_at(self, repository_id: int, number: int) -> datetime | None:
        """When the newest run on an issue was asked for, by GitHub's time; None if there is none."""
        ...
