"""What there is on this GitHub. Plain data: objects point at each other, and nothing here knows HTTP."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

Role = Literal["none", "read", "triage", "write", "maintain", "admin"]
ROLES: tuple[Role, ...] = ("none", "read", "triage", "write", "maintain", "admin")
"""From the least to the most."""
HistoryWord = Literal[
    "labeled", "unlabeled", "closed", "reopened", "locked", "unlocked", "renamed", "converted_to_discussion"
]
"""What the history of an issue tells of."""
Reason = Literal["off-topic", "too heated", "resolved", "spam"]
"""Why a conversation was locked."""


@dataclass(eq=False)
class User:
    """An account: a person, a bot of an App, or an organisation that owns repositories."""

    id: int
    login: str
    type: Literal["User", "Bot", "Organization"]
    token: str = field(repr=False)
    """A personal access token; REST and git accept it as this account."""
    created_at: datetime
    app: "App | None" = None
    """The App that this bot belongs to."""


@dataclass(eq=False)
class App:
    """A registered GitHub App with its one webhook."""

    id: int
    slug: str
    name: str
    client_id: str
    owner: User
    public_key_pem: str
    webhook_url: str
    webhook_secret: str = field(repr=False)
    permissions: dict[str, str]
    events: list[str]
    hook_id: int
    created_at: datetime
    bot: User
    client_secret: str = field(default="", repr=False)
    """With it and the client id, people sign in to the App."""


@dataclass(eq=False)
class Installation:
    """An App on an account, with the repositories that were selected for it."""

    id: int
    app: App
    account: User
    repositories: "list[Repository]"
    permissions: dict[str, str]
    created_at: datetime
    updated_at: datetime
    suspended_by: User | None = None
    suspended_at: datetime | None = None


@dataclass(eq=False)
class Token:
    """An installation token. Its value is a secret and does not show in `repr`."""

    value: str = field(repr=False)
    installation: Installation
    permissions: dict[str, str]
    repositories: "tuple[Repository, ...] | None"
    """None: every repository of the installation, also those that are added later."""
    expires_at: datetime


@dataclass(eq=False)
class Label:
    """A label of a repository."""

    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass(eq=False)
class Reaction:
    """An emoji that an account put on an issue or a comment."""

    id: int
    user: User
    content: str
    created_at: datetime


@dataclass(eq=False)
class Comment:
    """A comment in the conversation of an issue or pull request."""

    id: int
    issue: "Issue"
    user: User
    body: str
    created_at: datetime
    updated_at: datetime
    app: App | None = None
    """The App that wrote it."""
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(eq=False)
class IssueEvent:
    """Something that happened to an issue, as its history shows it."""

    id: int
    event: HistoryWord
    actor: User
    created_at: datetime
    label: Label | None = None
    rename: tuple[str, str] | None = None
    """The title before and after."""


@dataclass(eq=False)
class Side:
    """Head or base of a pull request: a branch and the commit that it stood at when last looked at."""

    repository: "Repository"
    branch: str
    sha: str

    @property
    def label(self) -> str:
        """`owner:branch`."""
        return f"{self.repository.owner.login}:{self.branch}"


@dataclass(eq=False)
class Review:
    """What somebody said of a pull request as a whole; remarks on lines belong to one."""

    id: int
    pull: "Pull"
    user: User
    state: Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED"]
    body: str
    sha: str
    """The head that was looked at."""
    submitted_at: datetime


@dataclass(eq=False)
class ReviewComment:
    """A remark on a line of a pull request's difference. `line` and `position` are None once the line is outdated."""

    id: int
    review: Review
    user: User
    body: str
    path: str
    diff_hunk: str
    """The hunk from its `@@` to the line."""
    side: Literal["LEFT", "RIGHT"]
    original_line: int
    original_position: int
    """Lines below the first `@@` of the file."""
    original_sha: str
    sha: str
    line: int | None
    position: int | None
    start_line: int | None
    created_at: datetime
    updated_at: datetime
    in_reply_to: int | None = None
    """The id of the remark that began the thread."""
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(eq=False)
class Pull:
    """What makes an issue a pull request. The figures are those of the diff from the merge base to the head."""

    id: int
    issue: "Issue"
    head: Side
    base: Side
    draft: bool
    maintainer_can_modify: bool = False
    merged_at: datetime | None = None
    merged_by: User | None = None
    merge_commit_sha: str | None = None
    commits: int = 0
    additions: int = 0
    deletions: int = 0
    changed_files: int = 0
    reviews: list[Review] = field(default_factory=list)
    """Oldest first."""
    remarks: list[ReviewComment] = field(default_factory=list)
    """Review comments, oldest first."""


@dataclass(eq=False)
class Issue:
    """An issue, or (with `pull`) a pull request: both share one sequence of numbers."""

    id: int
    repository: "Repository"
    number: int
    title: str
    body: str | None
    user: User
    created_at: datetime
    updated_at: datetime
    state: Literal["open", "closed"] = "open"
    state_reason: str | None = None
    closed_at: datetime | None = None
    closed_by: User | None = None
    locked: bool = False
    lock_reason: Reason | None = None
    app: App | None = None
    labels: list[Label] = field(default_factory=list)
    assignees: list[User] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    events: list[IssueEvent] = field(default_factory=list)
    """Oldest first."""
    pull: Pull | None = None


@dataclass(eq=False)
class CheckRun:
    """A check run. `annotations` only ever grow."""

    id: int
    suite: "CheckSuite"
    name: str
    status: str
    conclusion: str | None
    started_at: datetime | None
    completed_at: datetime | None
    external_id: str
    details_url: str | None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[dict[str, Any]] = field(default_factory=list)
    actions: list[dict[str, str]] = field(default_factory=list)
    log: str | None = None
    """What the job printed, if this is one of GitHub Actions."""


@dataclass(eq=False)
class CheckSuite:
    """All check runs of one App on one commit."""

    id: int
    app: App
    repository: "Repository"
    head_sha: str
    head_branch: str | None
    before: str | None
    head_commit: dict[str, Any]
    """The commit as webhooks tell it (GitHub's `simple-commit`)."""
    created_at: datetime
    updated_at: datetime
    runs: list[CheckRun] = field(default_factory=list)
    is_asked_again: bool = False
    """Somebody pressed "Re-run", and the App has not said anything since: the suite counts as queued."""


@dataclass(eq=False)
class WorkflowRun:
    """A workflow of GitHub Actions on one commit. Its jobs are check runs of a suite of its own."""

    id: int
    name: str
    number: int
    suite: CheckSuite
    by: User
    status: str
    conclusion: str | None
    created_at: datetime
    updated_at: datetime
    attempt: int = 1


@dataclass(eq=False)
class CommitStatus:
    """What somebody says about a commit; of each context the newest counts."""

    id: int
    sha: str
    state: str
    context: str
    description: str | None
    target_url: str | None
    creator: User
    created_at: datetime


@dataclass(eq=False)
class Repository:
    """A repository: a bare git repository at `path` and everything that hangs on it."""

    id: int
    owner: User
    name: str
    path: Path
    private: bool
    default_branch: str
    created_at: datetime
    updated_at: datetime
    pushed_at: datetime
    archived: bool = False
    collaborators: dict[str, Role] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    """By lower-case name: GitHub's label names do not tell cases apart."""
    issues: dict[int, Issue] = field(default_factory=dict)
    gone: dict[int, Issue | None] = field(default_factory=dict)
    """Numbers of former issues: what became of them elsewhere, or None for those that were deleted."""
    suites: list[CheckSuite] = field(default_factory=list)
    workflow_runs: list[WorkflowRun] = field(default_factory=list)
    """Oldest first."""
    statuses: list[CommitStatus] = field(default_factory=list)
    """Oldest first."""
    protected: set[str] = field(default_factory=set)
    """Branches that refuse every push."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while refs are moved, so that each move is told once."""

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner.login}/{self.name}"

    @property
    def pulls(self) -> list[Pull]:
        """Pull requests, oldest first."""
        return [issue.pull for issue in self.issues.values() if issue.pull is not None]

    def role_of(self, user: User) -> Role:
        """What `user` may do here; everybody may read what is public."""
        if user is self.owner and user.type != "Organization":
            return "admin"
        return self.collaborators.get(user.login.lower(), "none" if self.private else "read")


@dataclass(eq=False)
class Delivery:
    """One attempt to deliver a webhook. `guid` names the event and is shared with redeliveries and with other Apps."""

    id: int
    guid: str
    app: App
    event: str
    action: str | None
    installation_id: int | None
    repository_id: int | None
    redelivery: bool
    delivered_at: datetime
    request_headers: dict[str, str]
    body: bytes
    duration: float = 0.0
    """Seconds."""
    status: str = "pending"
    status_code: int = 0
    """0 until there is an answer, and when none came."""
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str = ""
