"""What was asked, frozen at the moment of asking."""

from datetime import datetime

from pydantic import BaseModel

from app.core.forms import Field


class Person(BaseModel, frozen=True):
    """A GitHub account. `id` stays when the login is renamed."""

    id: int
    login: str
    is_bot: bool = False


class Repository(BaseModel, frozen=True):
    """A repository as its installation sees it. Everything is keyed by `id`: names change."""

    id: int
    full_name: str
    """`owner/name` at the moment of asking."""
    installation_id: int

    @property
    def owner(self) -> str:
        """The account that the repository belongs to."""
        return self.full_name.partition("/")[0]

    @property
    def name(self) -> str:
        """The repository's name without its owner."""
        return self.full_name.partition("/")[2]


class Place(BaseModel, frozen=True):
    """A comment on GitHub: where something was said, and where the answer to it goes."""

    number: int
    """Issue or pull request that it stands under."""
    comment_id: int
    in_review: bool = False
    """Whether it stands at a line of a pull request, or in a review; those are numbered apart."""


class Remark(BaseModel, frozen=True):
    """What a reviewer said about a pull request."""

    author: Person
    body: str
    """Hidden parts already removed."""
    path: str = ""
    """The file that it is about; empty if it is about all of the change."""
    line: int | None = None
    hunk: str = ""
    """The piece of the diff that it stands under."""
    comment_id: int | None = None
    """The comment that began its thread, under which an answer belongs; None if it is about all of the change."""
    at: datetime


class Task(BaseModel, frozen=True):
    """One thing that one person asked for. Later edits of the issue do not change it."""

    repository: Repository
    number: int
    """Issue or pull request number; 0 for work that was asked for without an issue."""
    is_pull_request: bool = False
    title: str
    body: str
    """Issue text as of the moment of asking, hidden parts already removed."""
    author: Person | None = None
    """Who wrote the issue: not necessarily who asked. None if the account is gone."""
    requester: Person
    instructions: str = ""
    """What stood behind the command, for example `/minion fix only touch the parser`."""
    form: tuple[Field, ...] = ()
    """What was filled in, if the issue was made by a form; `body` says it, too."""
    comment_id: int | None = None
    """The comment that asked, if it was one: where the 👀 goes."""
    in_review: bool = False
    """Whether that comment is part of a review."""
    remarks: tuple[Remark, ...] = ()
    """What reviewers said about the pull request, oldest first."""
    asked_at: datetime
    campaign: int | None = None
    """The campaign that it is a part of, and whose money it uses."""

    @property
    def place(self) -> Place | None:
        """The comment that asked, if it was one."""
        if self.comment_id is None:
            return None
        return Place(number=self.number, comment_id=self.comment_id, in_review=self.in_review)
