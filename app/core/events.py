"""Our words for what GitHub told us. `adapters/github/payloads.py` makes them of its JSON; nothing else knows that."""

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel

from app.core.task import Person, Repository, Task

HELP: Final = "help"
"""What `/minion help`, and `/minion` alone, ask for in the place of a blueprint."""


class WorkRequested(BaseModel, frozen=True):
    """Somebody added the label, or commented `/minion <blueprint>`."""

    task: Task
    blueprint: str
    """Also `HELP`, which is answered and not worked on."""
    intent: str
    """Says which act this was: the same label event or comment gives the same word, in whatever delivery it comes."""


class StopRequested(BaseModel, frozen=True):
    """Somebody commented `/minion stop`, took the label off, or closed, deleted or moved the issue."""

    repository: Repository
    number: int
    comment_id: int | None
    """None if it was not said in a comment."""
    requester: Person | None
    """None if nobody said it: what the run is about is seen to be gone, and nobody needs a right for that."""
    at: datetime
    """GitHub's time: runs that were asked for later are not meant."""
    intent: str
    """Says which act this was, as that of `WorkRequested` does."""


class InstallationChanged(BaseModel, frozen=True):
    """Somebody installed, removed, suspended or changed the App."""

    installation_id: int
    account: str
    change: Literal["created", "deleted", "suspended", "unsuspended", "permissions", "repositories"]
    at: datetime | None = None


class Pushed(BaseModel, frozen=True):
    """The default branch of a repository has another newest commit."""

    repository: Repository
    branch: str


class Pinged(BaseModel, frozen=True):
    """GitHub tries whether we are here."""

    zen: str = ""


class Ignored(BaseModel, frozen=True):
    """Nothing to do, and why."""

    reason: str


Event = WorkRequested | StopRequested | InstallationChanged | Pushed | Pinged | Ignored
