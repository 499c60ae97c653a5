"""The parts of GitHub's webhook payloads that are used here; everything else in them is passed over.

Tolerant on purpose: GitHub adds fields without notice, and its own published examples break its own schemas.
"""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

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


class IssueEvent(BaseModel):
    """Event `issues`; `label` is there when it was labelled or unlabelled."""

    installation: Reference
    repository: Repository
    sender: User
    issue: Issue
    label: Label | None = None


class CommentEvent(BaseModel):
    """Event `issue_comment`."""

    installation: Reference
    repository: Repository
    sender: User
    issue: Issue
    comment: Comment


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


class PushEvent(BaseModel):
    """Event `push`; `ref` is the whole name of a branch or tag, which is gone if `deleted`."""

    installation: Reference
    repository: PushedRepository
    ref: str
    deleted: bool = False
