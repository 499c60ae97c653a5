"""GitHub as seen from inside, for one repository: what there is, what we write, and what others check."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

from pydantic import BaseModel

from app.core.links import Said
from app.core.task import Place, Remark


class Permission(StrEnum):
    """What a person may do in a repository; GitHub maps maintain to write and triage to read."""

    NONE = "none"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    @property
    def may_write(self) -> bool:
        """Whether this is enough to ask for work."""
        return self in {Permission.WRITE, Permission.ADMIN}


class Reaction(StrEnum):
    """Reactions that Minions uses, as the REST API spells them."""

    EYES = "eyes"
    ROCKET = "rocket"
    CONFUSED = "confused"
    YES = "+1"
    NO = "-1"


class Head(BaseModel, frozen=True):
    """A branch and the commit that it stands at."""

    branch: str
    sha: str


class Remote(BaseModel, frozen=True):
    """Where git fetches from and pushes to."""

    url: str
    """Without any credential in it."""
    header: str = ""
    """HTTP header that carries the credential, for this host only; a secret. Empty where none is needed."""


class Button(BaseModel, frozen=True):
    """What people can press on a check run that is completed; GitHub shows three at most."""

    label: str
    """At most 20 characters."""
    description: str
    """At most 40 characters."""
    identifier: str
    """At most 20 characters: comes back when it is pressed."""


class Annotation(BaseModel, frozen=True):
    """What a check run says about one line of its commit. People see it beside the line in the pull request."""

    path: str
    line: int
    """From 1; 1 as well for what is about the whole file."""
    level: Literal["notice", "warning", "failure"]
    title: str
    message: str


class Check(BaseModel, frozen=True):
    """A check run as we want it to be."""

    name: str
    external_id: str
    """Our run: the same external id on the same commit is the same check run."""
    status: Literal["queued", "in_progress", "completed"]
    conclusion: Literal["success", "failure", "neutral", "cancelled", "timed_out", ""] = ""
    details_url: str
    title: str
    summary: str
    text: str = ""
    buttons: tuple[Button, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    """Given once the check is completed. GitHub adds those of every edit to what is there: none is given twice."""


class Pull(BaseModel, frozen=True):
    """A pull request as it stands, whoever opened it."""

    number: int
    url: str
    head: Head
    base: str
    """The branch that it wants to go to."""
    is_open: bool
    is_merged: bool
    is_ours: bool
    """Whether we opened it, from a branch of ours in this repository."""
    is_from_fork: bool
    moved_at: datetime
    """When its newest commit was made."""


class PullRequest(BaseModel, frozen=True):
    """A pull request that exists."""

    number: int
    url: str
    """The page for people."""


class Verdict(BaseModel, frozen=True):
    """What the checks and statuses of one commit say together, ours left out."""

    state: Literal["never", "none", "pending", "red", "unclear", "green"]
    """`never`: nobody checks commits here. `none`: nothing has started yet. `pending`: something is still to come.

    All have ended: `red` if one failed, else `unclear` if one was cancelled or wants a person, else `green`.
    """
    mark: str = ""
    """Another one whenever anything about them is different."""
    red: tuple[str, ...] = ()
    """Names of those that failed, also while others are still to come."""
    unclear: tuple[str, ...] = ()
    """Names of those that ended without telling whether the commit is good."""
    open: tuple[str, ...] = ()
    """Names of those that are still to come."""


class FailedCheck(BaseModel, frozen=True):
    """A check or status that failed, with what it says. Everything in it was written by others."""

    name: str
    url: str = ""
    """The page for people."""
    summary: str = ""
    annotations: tuple[str, ...] = ()
    """As `path:line: message`."""
    log: str = ""
    """What matters of the job's log: around its errors, and the end."""


class Forge(Protocol):
    """GitHub as seen from inside, for one repository. Every write is find-or-create; ids given back are stored.

    Each call may raise a ForgeError; RateLimited and Unavailable are worth another try later.
    """

    async def permission(self, login: str) -> Permission:
        """What `login` may do here. Not found means NONE."""
        ...

    async def default_head(self) -> Head:
        """The default branch and its newest commit. Raises RepositoryError if the repository is empty."""
        ...

    async def issue_is_open(self, number: int) -> bool:
        """Whether the issue or pull request is there and open."""
        ...

    async def remote(self, *, write: bool) -> Remote:
        """Where git may fetch (or push, if `write`), with a credential of the narrowest kind."""
        ...

    async def react(self, number: int, place: Place | None, reaction: Reaction) -> None:
        """React to the comment, or to the issue itself if there is none."""
        ...

    async def find_or_create_branch(self, branch: str, *, base_sha: str, message: str) -> str:
        """Make `branch` with one empty commit on `base_sha`; answer with its sha, or with that of the existing one."""
        ...

    async def restart_branch(self, branch: str, *, base_sha: str, message: str) -> str:
        """Have `branch`, which holds nothing but its one empty commit, begin on `base_sha`; answer with its sha.

        Made, if it is gone. Raises Conflict if it holds anything else.
        """
        ...

    async def branch_sha(self, branch: str) -> str:
        """Where `branch` stands; empty if it does not exist."""
        ...

    async def delete_branch(self, branch: str, *, expected_sha: str) -> bool:
        """Delete `branch` if it stands at `expected_sha`; False if it stands elsewhere, and is left alone."""
        ...

    async def pull(self, number: int) -> Pull:
        """The pull request. Raises NotFound."""
        ...

    async def close_pull(self, number: int) -> None:
        """Close the pull request, unless it is closed."""
        ...

    async def remarks(self, number: int, *, since: datetime) -> Sequence[Remark]:
        """What was said in reviews of the pull request from `since` on, oldest first, whoever said it.

        GitHub tells times in whole seconds.
        """
        ...

    async def reply(self, place: Place, marker: str, text: str) -> None:
        """Answer in the thread of the review comment at `place`, once: an answer that carries `marker` is there."""
        ...

    async def talk(self, number: int, place: Place | None) -> Said:
        """The issue or pull request as it stands, or the comment at `place`. Raises NotFound."""
        ...

    async def file(self, path: str, ref: str) -> bytes:
        """A file at a branch, tag or commit, at most a megabyte of it. Raises NotFound if there is no such file."""
        ...

    async def put_check(self, sha: str, check: Check, *, check_id: int | None) -> int:
        """Make the check run with this external id on `sha` look like `check`; answer with its id."""
        ...

    async def put_comment(self, number: int, marker: str, text: str, *, comment_id: int | None) -> int:
        """Make our one comment that carries `marker` say `text`; answer with its id. A deleted one is made again."""
        ...

    async def find_or_create_pull_request(
        self, *, branch: str, base: str, marker: str, title: str, body: str
    ) -> PullRequest:
        """Open a pull request (a draft where the plan allows it), or bring ours up to date if there is one."""
        ...

    async def verdict(self, sha: str) -> Verdict:
        """What the checks of this very commit say. Raises Denied if this installation may not read them."""
        ...

    async def failures(self, sha: str) -> Sequence[FailedCheck]:
        """What failed on this very commit, the most telling first; with logs of as many as can be read by a model."""
        ...
