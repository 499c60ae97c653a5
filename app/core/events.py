"""Our words for what GitHub told us. `adapters/github/payloads.py` makes them of its JSON; nothing else knows that."""

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel

from app.core.orders import Order
from app.core.repo_config import Suggestion
from app.core.task import Person, Place, Repository, Task

HELP: Final = "help"
"""What `/minion help`, and `/minion` alone, ask for in the place of a blueprint."""


class WorkRequested(BaseModel, frozen=True):
    """Somebody added the label, or commented `/minion <blueprint>`."""

    task: Task
    blueprint: str
    """Also `HELP`, which is answered and not worked on."""
    is_open: bool = False
    """Whether nobody named a blueprint: it is then the usual one, unless triage knows better."""
    intent: str
    """Says which act this was: the same label event or comment gives the same word, in whatever delivery it comes."""


class Closed(BaseModel, frozen=True):
    """What a pull request came to."""

    is_merged: bool
    head_sha: str
    """The newest commit of its branch."""
    comments: int | None
    """Of reviewers, at lines of the change; None if nobody counted them."""
    reverts: int = 0
    """The pull request that it takes back; 0 if it is none of those that GitHub's button "Revert" makes."""
    merge_sha: str = ""
    """The commit by which it came to its base; empty if it did not."""


class StopRequested(BaseModel, frozen=True):
    """Somebody took the label off, or closed, deleted or moved the issue, or the pull request was closed."""

    repository: Repository
    number: int
    """Of the issue, or of the pull request."""
    requester: Person | None
    """None if nobody said it: what the run is about is seen to be gone, and nobody needs a right for that."""
    at: datetime
    """GitHub's time: runs that were asked for later are not meant."""
    intent: str
    """Says which act this was, as that of `WorkRequested` does."""
    pull: Closed | None = None
    """What it came to, if it was a pull request that was closed."""


class IssueEdited(BaseModel, frozen=True):
    """Somebody changed the words of an issue."""

    repository: Repository
    number: int
    at: datetime
    """GitHub's time: what was asked for later goes by the new words."""


class PullReopened(BaseModel, frozen=True):
    """A pull request that was closed waits for review again."""

    repository: Repository
    number: int


class OrderGiven(BaseModel, frozen=True):
    """Somebody told a run to do something, in a comment or by a button of its check run."""

    repository: Repository
    number: int = 0
    """Issue or pull request whose newest run is meant; 0 if the run is known otherwise."""
    run_id: int | None = None
    """The run whose button was pressed."""
    check_sha: str = ""
    """The commit whose checks were asked for once more; the run is that whose check hangs on it."""
    order: Order
    requester: Person
    place: Place | None = None
    """The comment; None if it was a button."""
    at: datetime | None = None
    """GitHub's time: runs that were asked for later are not meant. None if the run is known without."""
    intent: str
    """Says which act this was, as that of `WorkRequested` does."""
    task: Task | None = None
    """What would be asked for, were it asked for anew: the words of now. None if the delivery does not hold them."""


class BranchDeleted(BaseModel, frozen=True):
    """A branch with a name such as ours have is gone."""

    repository: Repository
    branch: str


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
    reverts: tuple[str, ...] = ()
    """Commits that the pushed ones take back, as their messages name them."""


class ChecksMoved(BaseModel, frozen=True):
    """A check or status of a commit is not what it was. A hint: what it is now has to be looked up."""

    repository_id: int
    sha: str


class Noticed(BaseModel, frozen=True):
    """Something about the default branch that somebody may want to be looked at."""

    repository: Repository
    what: Suggestion
    name: str
    """Of the workflow."""
    url: str
    """Of its run, for people."""
    sha: str


class Pinged(BaseModel, frozen=True):
    """GitHub tries whether we are here."""

    zen: str = ""


class Ignored(BaseModel, frozen=True):
    """Nothing to do, and why."""

    reason: str


Event = (
    WorkRequested
    | StopRequested
    | IssueEdited
    | PullReopened
    | OrderGiven
    | BranchDeleted
    | InstallationChanged
    | Pushed
    | ChecksMoved
    | Noticed
    | Pinged
    | Ignored
)
