"""The parts of GitHub's webhook payloads that are used here; everything else in them is passed over.

Tolerant on purpose: GitHub adds fields without notice, and its own published examples break its own schemas.
"""

from datetime import datetime
from typing import Annotated

from pydantic import AliasChoices, BaseModel, Field

Id = Annotated[int, Field(gt=0, lt=2**63)]


class User(BaseModel):
    """An account."""

    id: Id
    login: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+(\[bot\])?$")]
    type: str = "User"


class Label(BaseModel):
    """A label."""

    name: str


class App(BaseModel):
    """The App through which something was written."""

    id: Id
    client_id: str | None = None


class Repository(BaseModel):
    """A repository."""

    id: Id
    full_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$")]


class PushedRepository(Repository):
    """A repository that somebody pushed to."""

    default_branch: str


class Numbered(BaseModel):
    """Something of which only the id is wanted."""

    id: Id


class Checked(BaseModel):
    """A check run, check suite, workflow run or status, by the commit that it is about; a status has no App."""

    sha: Annotated[str, Field(pattern=r"^[0-9a-f]{40,64}$", validation_alias=AliasChoices("head_sha", "sha"))]
    app: App | None = None
    state: str = ""
    """Of a status."""


class CheckEvent(BaseModel):
    """Events about checks, with what each is about under the same name. They come by the thousand."""

    repository: Numbered
    subject: Checked


class Reference(BaseModel):
    """The installation that a delivery belongs to."""

    id: Id


class Issue(BaseModel):
    """An issue or, if `pull_request` is there, a pull request."""

    number: Id
    title: str
    body: str | None = None
    state: str = "open"
    user: User | None = None
    pull_request: dict[str, object] | None = None
    updated_at: datetime


class Comment(BaseModel):
    """A comment on an issue or a pull request."""

    id: Id
    body: str | None = None
    created_at: datetime
    performed_via_github_app: App | None = None


class ReviewComment(Comment):
    """A comment at a line of a pull request's change. `line` is null where the change has moved on since."""

    path: str = ""
    line: int | None = None
    original_line: int | None = None
    diff_hunk: str = ""
    in_reply_to_id: int | None = None


class Review(BaseModel):
    """A review of a pull request; one that is not submitted yet has no time."""

    id: Id
    body: str | None = None
    submitted_at: datetime | None = None
    performed_via_github_app: App | None = None


class CheckRun(BaseModel):
    """A check run."""

    id: Id
    head_sha: str
    external_id: str | None = None
    completed_at: datetime | None = None
    app: App | None = None


class CheckSuite(BaseModel):
    """All check runs of one App on one commit."""

    id: Id
    head_sha: str
    updated_at: datetime
    app: App | None = None


class Requested(BaseModel):
    """Which button was pressed."""

    identifier: str


class IssueEvent(BaseModel):
    """Event `issues`; `label` is there when it was labelled or unlabelled."""

    installation: Reference
    repository: Repository
    sender: User
    issue: Issue
    label: Label | None = None


class IssueEditedEvent(IssueEvent):
    """Event `issues` about an edit; `changes` has what was changed, by its name."""

    changes: dict[str, object] = {}


class CommentEvent(BaseModel):
    """Event `issue_comment`."""

    installation: Reference
    repository: Repository
    sender: User
    issue: Issue
    comment: Comment


class Head(BaseModel):
    """Where a pull request's branch stands."""

    sha: str = ""


class PullRequest(Issue):
    """A pull request as its own events show it: as an issue has it, with `pull_request` left out."""

    pull_request: dict[str, object] | None = {}
    merged: bool | None = None
    merge_commit_sha: str | None = None
    head: Head = Head()
    review_comments: int = 0


class PullRequestEvent(BaseModel):
    """Event `pull_request`."""

    installation: Reference
    repository: Repository
    sender: User
    pull_request: PullRequest


class ReviewCommentEvent(PullRequestEvent):
    """Event `pull_request_review_comment`."""

    comment: ReviewComment


class ReviewEvent(PullRequestEvent):
    """Event `pull_request_review`."""

    review: Review


class CheckRunEvent(BaseModel):
    """Event `check_run`; `requested_action` is there when a button was pressed."""

    installation: Reference
    repository: Repository
    sender: User
    check_run: CheckRun
    requested_action: Requested | None = None


class CheckSuiteEvent(BaseModel):
    """Event `check_suite`."""

    installation: Reference
    repository: Repository
    sender: User
    check_suite: CheckSuite


class Account(BaseModel):
    """Whose installation it is; enterprises have a slug and no login."""

    login: str = ""
    slug: str = ""


class Installation(BaseModel):
    """An installation."""

    id: Id
    account: Account | None = None
    updated_at: datetime | None = None


class InstallationEvent(BaseModel):
    """Events `installation` and `installation_repositories`."""

    installation: Installation


class PushedCommit(BaseModel):
    """A commit of a push."""

    message: str = ""


class PushEvent(BaseModel):
    """Event `push`; `ref` is the whole name of a branch or tag, which is gone if `deleted`."""

    installation: Reference
    repository: PushedRepository
    ref: str
    deleted: bool = False
    commits: list[PushedCommit] = []
    """The newest 2,048 at most: https://docs.github.com/en/webhooks/webhook-events-and-payloads#push"""


class WorkflowRun(BaseModel):
    """A run of a workflow; `run_attempt` counts from 1."""

    name: str | None = None
    head_branch: str | None = None
    head_sha: Annotated[str, Field(pattern=r"^[0-9a-f]{40,64}$")]
    event: str = ""
    conclusion: str | None = None
    run_attempt: int = 1
    html_url: str = ""


class WorkflowRunEvent(BaseModel):
    """Event `workflow_run`."""

    installation: Reference
    repository: PushedRepository
    workflow_run: WorkflowRun
