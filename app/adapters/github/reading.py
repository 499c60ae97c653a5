"""Reads the parts of GitHub's payloads that are common to several events, and makes our words of them."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from app.adapters.github import wire
from app.core.errors import MinionsError
from app.core.forms import answered, fields
from app.core.hidden import one_line, strip_hidden
from app.core.task import Person, Place, Remark, Repository, Task

M = TypeVar("M", bound=BaseModel)


class PayloadError(MinionsError):
    """A delivery lacks what every delivery of its kind has. The sentence names it."""


class Somewhere(Protocol):
    """Every event that happened in a repository."""

    @property
    def installation(self) -> wire.Reference:
        """Through which installation we heard of it."""
        ...

    @property
    def repository(self) -> wire.Repository:
        """Where it happened."""
        ...


def read(model: type[M], event: str, payload: Mapping[str, Any]) -> M:
    """The payload as `model`. Raises PayloadError."""
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        # The wrong value itself is not told: it may be long, or hostile.
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PayloadError(f"This {event} delivery cannot be read: {place}: {first['msg']}.") from None


def unwelcome(sender: wire.User, allowed_bots: Collection[int]) -> str:
    """Why the sender's wish counts for nothing; empty if it may count."""
    if sender.type == "User" or sender.id in allowed_bots:
        return ""
    return (
        f"{sender.login} (id {sender.id}) is a {one_line(sender.type)}, not a person, and is not on the list of bots."
    )


def is_own(app: wire.App | None, app_id: str) -> bool:
    """Whether this is our own App; `app_id` is its id or its client id."""
    return app is not None and app_id in {str(app.id), app.client_id}


def repository(event: Somewhere) -> Repository:
    """Where it happened."""
    return Repository(
        id=event.repository.id, full_name=event.repository.full_name, installation_id=event.installation.id
    )


def person(user: wire.User) -> Person:
    """An account."""
    return Person(id=user.id, login=user.login, is_bot=user.type != "User")


def task(
    where: Somewhere,
    issue: wire.Issue,
    sender: wire.User,
    *,
    asked_at: datetime,
    instructions: str = "",
    place: Place | None = None,
    remarks: tuple[Remark, ...] = (),
) -> Task:
    """What is asked for, in the words that the delivery holds."""
    body = strip_hidden(issue.body or "")
    return Task(
        repository=repository(where),
        number=issue.number,
        is_pull_request=issue.pull_request is not None,
        title=one_line(issue.title),
        body=answered(body),
        form=fields(body),
        author=person(issue.user) if issue.user else None,
        requester=person(sender),
        instructions=strip_hidden(instructions),
        comment_id=place.comment_id if place else None,
        in_review=place.in_review if place else False,
        remarks=remarks,
        asked_at=asked_at,
    )
