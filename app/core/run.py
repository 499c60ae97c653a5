"""What happened: plain facts about a run, as stored."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel

from app.core.blueprint import CheckState, Kind, Wait
from app.core.budget import Usage
from app.core.places import Turn
from app.core.task import Task
from app.core.terms import Terms


class Status(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    """Asked for; who asked has not been looked up yet."""
    REFUSED = "refused"
    """Not started, with a reason."""
    RUNNING = "running"
    WAITING = "waiting"
    """Parked until the world moves or a deadline is past; costs nothing."""
    DONE = "done"
    FAILED = "failed"
    """An error ended it. `error` is the sentence for people."""
    STOPPED = "stopped"
    """A person ended it."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing will happen to the run any more."""
        return self in {Status.REFUSED, Status.DONE, Status.FAILED, Status.STOPPED}


class Visit(BaseModel, frozen=True):
    """One passage through one node."""

    node: str
    title: str
    kind: Kind
    outcome: str
    """The word it answered; empty if it has only one way on."""
    started_at: datetime
    seconds: float
    usage: Usage = Usage()


class Trail(BaseModel, frozen=True):
    """What the run left on GitHub, so that it is found again and never made twice."""

    branch: str = ""
    base_branch: str = ""
    base_sha: str = ""
    rules_sha: str = ""
    """Where the default branch stood whose rules hold, if the run is on a pull request; else those of its base do."""
    head_sha: str = ""
    """Where our branch stood when we last moved it."""
    check_id: int | None = None
    check_sha: str = ""
    """The commit that `check_id` hangs on."""
    comment_id: int | None = None
    pull_request_number: int | None = None
    pull_request_url: str = ""
    checks: CheckState = ""
    """What came of the checks of the pull request."""
    turn: Turn | None = None
    """Where it stands in line, as people were told; None if it was not told to wait for reviews, or has begun."""


class Run(BaseModel, frozen=True):
    """One blueprint on one task."""

    id: int
    key: str
    """Unguessable part of the address of its page."""
    task: Task
    blueprint: str
    blueprint_version: int
    status: Status
    at: str
    """Name of the node to run next, or that ran last if the run has ended."""
    state: dict[str, object]
    visits: tuple[Visit, ...] = ()
    wait: Wait | None = None
    trail: Trail = Trail()
    error: str = ""
    """Why it was refused, failed or stopped, or what is in its way while it is tried again; a sentence for people."""
    was_held: bool = False
    """Whether it found no place when it was to begin. While it is queued, it waits for one."""
    tries: int = 0
    """How often the node at which it stands was tried in vain since something last went well."""
    is_reported: bool = False
    """Whether the end was told on GitHub."""
    fresh_from: int = 0
    """Visits before this one were of an earlier go: bounds on their number count from here."""
    last_retry: int = 0
    """The order by which it was begun again; 0 if it never was."""
    revision: int = 0
    """Counted up at each save; a save that does not know the newest one is refused."""
    stirred: int = 0
    """Counted up, by whoever hears of it, when something happened to the commit that our branch stands at."""
    terms: Terms = Terms()
    """What was settled before it began."""
    asked_at: datetime
    ended_at: datetime | None = None
    edited_at: datetime | None = None
    """When the issue's words were changed last since it was asked for, by GitHub's time. It goes by the old ones."""

    @property
    def usage(self) -> Usage:
        """What all visits used together, and who chose the blueprint."""
        before = self.terms.triage.usage if self.terms.triage else Usage()
        return sum((visit.usage for visit in self.visits), before)
