"""Makes our words of what GitHub tells us. What is not used here is ignored, with a sentence that says what it was."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from app.adapters.github import wire
from app.core import command
from app.core.errors import MinionsError
from app.core.events import HELP, Event, Ignored, InstallationChanged, Pinged, Pushed, StopRequested, WorkRequested
from app.core.hidden import one_line, strip_hidden
from app.core.task import Person, Repository, Task

M = TypeVar("M", bound=BaseModel)


class PayloadError(MinionsError):
    """A delivery lacks what every delivery of its kind has. The sentence names it."""


_Change = Literal["created", "deleted", "suspended", "unsuspended", "permissions", "repositories"]
_INSTALLATION: Final[Mapping[str, _Change]] = {
    "created": "created",
    "deleted": "deleted",
    "suspend": "suspended",
    "unsuspend": "unsuspended",
    "new_permissions_accepted": "permissions",
    "added": "repositories",
    "removed": "repositories",
}


def parse(  # noqa: PLR0911 - a table: one delivery, one event
    event: str,
    payload: Mapping[str, Any],
    *,
    app_id: str,
    label: str = "minion",
    default_blueprint: str = "fix",
    allowed_bots: Collection[int] = (),
) -> Event:
    """Answer with what happened. Raises PayloadError.

    `app_id` is the id or the client id of our own App: its comments are ignored. `label` asks for `default_blueprint`,
    `label:NAME` for the blueprint NAME. `allowed_bots` are ids of bot accounts that may ask for work.
    """
    action = payload.get("action")
    match event, action:
        case "ping", _:
            return Pinged(zen=one_line(str(payload.get("zen") or ""))[:200])
        case "issues", "labeled":
            return _labeled(_read(wire.IssueEvent, event, payload), label, default_blueprint, allowed_bots)
        case "issues", "unlabeled" | "closed" | "deleted" | "transferred":
            return _withdrawn(_read(wire.IssueEvent, event, payload), str(action), label, allowed_bots)
        case "issue_comment", "created":
            return _commented(_read(wire.CommentEvent, event, payload), app_id, allowed_bots)
        case "push", _:
            return _pushed(_read(wire.PushEvent, event, payload))
        case "installation" | "installation_repositories", str() if action in _INSTALLATION:
            return _installed(_read(wire.InstallationEvent, event, payload), _INSTALLATION[action])
        case "installation" | "installation_repositories" | "issues" | "issue_comment", None:
            raise PayloadError(f"This {event} delivery has no action.")
    what = f"{event}.{action}" if isinstance(action, str) else event
    return Ignored(reason=f"Nothing is done on {one_line(what)[:100]}.")


def _labeled(event: wire.IssueEvent, label: str, default_blueprint: str, allowed_bots: Collection[int]) -> Event:
    where = f"{event.repository.full_name}#{event.issue.number}"
    name = one_line(event.label.name) if event.label else ""
    ours, _, blueprint = name.partition(":")
    if ours.strip().lower() != label.lower():
        return Ignored(reason=f"The label {name!r} on {where} is not {label!r}.")
    if bot := _unwelcome(event.sender, allowed_bots):
        return Ignored(reason=bot)
    if event.issue.state != "open":
        return Ignored(reason=f"{where} is {one_line(event.issue.state)}: a label on it starts nothing.")
    asked_at = event.issue.updated_at
    # The moment is part of the key: whoever takes the label off and adds it again asks anew.
    intent = f"label/{event.repository.id}/{event.issue.number}/{name.lower()}/{asked_at.isoformat()}"
    task = _task(event, asked_at=asked_at)
    return WorkRequested(task=task, blueprint=blueprint.strip().lower() or default_blueprint, intent=intent)


def _withdrawn(event: wire.IssueEvent, action: str, label: str, allowed_bots: Collection[int]) -> Event:
    """The issue is not there any more, or the label is not."""
    where = f"{event.repository.full_name}#{event.issue.number}"
    name = one_line(event.label.name) if event.label else ""
    if action == "unlabeled" and name.partition(":")[0].strip().lower() != label.lower():
        return Ignored(reason=f"The label {name!r} on {where} is not {label!r}.")
    if bot := _unwelcome(event.sender, allowed_bots):
        return Ignored(reason=bot)
    at = event.issue.updated_at
    return StopRequested(
        repository=_repository(event),
        number=event.issue.number,
        comment_id=None,
        requester=_person(event.sender),
        at=at,
        intent=f"{action}/{event.repository.id}/{event.issue.number}/{name.lower()}/{at.isoformat()}",
    )


def _commented(event: wire.CommentEvent, app_id: str, allowed_bots: Collection[int]) -> Event:
    where = f"{event.repository.full_name}#{event.issue.number}"
    via = event.comment.performed_via_github_app
    if via and app_id in {str(via.id), via.client_id}:
        return Ignored(reason=f"The comment on {where} is our own.")
    asked = command.parse(event.comment.body or "")
    if asked is None:
        return Ignored(reason=f"The comment on {where} holds no command.")
    if bot := _unwelcome(event.sender, allowed_bots):
        return Ignored(reason=bot)
    if asked.word == "stop":
        return StopRequested(
            repository=_repository(event),
            number=event.issue.number,
            comment_id=event.comment.id,
            requester=_person(event.sender),
            at=event.comment.created_at,
            intent=f"comment/{event.repository.id}/{event.comment.id}",
        )
    task = _task(
        event,
        asked_at=event.comment.created_at,
        instructions=strip_hidden(asked.instructions),
        comment_id=event.comment.id,
    )
    blueprint = asked.word or HELP
    return WorkRequested(task=task, blueprint=blueprint, intent=f"comment/{event.repository.id}/{event.comment.id}")


def _installed(
    event: wire.InstallationEvent,
    change: _Change,
) -> Event:
    account = event.installation.account or wire.Account()
    return InstallationChanged(
        installation_id=event.installation.id,
        account=one_line(account.login or account.slug),
        change=change,
        at=event.installation.updated_at,
    )


def _pushed(event: wire.PushEvent) -> Event:
    """Whoever pushed: what is done about it is the same for a bot's push, and nobody asked for anything."""
    where, branch = event.repository.full_name, event.repository.default_branch
    if event.ref != f"refs/heads/{branch}":
        return Ignored(reason=f"{one_line(event.ref)[:100]} of {where} is not its default branch.")
    if event.deleted:
        return Ignored(reason=f"The default branch of {where} was deleted: nothing is there to be prepared.")
    return Pushed(repository=_repository(event), branch=one_line(branch))


def _unwelcome(sender: wire.User, allowed_bots: Collection[int]) -> str:
    """Why the sender's wish counts for nothing; empty if it may count."""
    if sender.type == "User" or sender.id in allowed_bots:
        return ""
    return (
        f"{sender.login} (id {sender.id}) is a {one_line(sender.type)}, not a person, and is not on the list of bots."
    )


def _task(
    event: wire.IssueEvent | wire.CommentEvent,
    *,
    asked_at: datetime,
    instructions: str = "",
    comment_id: int | None = None,
) -> Task:
    issue = event.issue
    return Task(
        repository=_repository(event),
        number=issue.number,
        is_pull_request=issue.pull_request is not None,
        title=one_line(issue.title),
        body=strip_hidden(issue.body or ""),
        author=_person(issue.user) if issue.user else None,
        requester=_person(event.sender),
        instructions=instructions,
        comment_id=comment_id,
        asked_at=asked_at,
    )


def _repository(event: wire.IssueEvent | wire.CommentEvent | wire.PushEvent) -> Repository:
    return Repository(
        id=event.repository.id, full_name=event.repository.full_name, installation_id=event.installation.id
    )


def _person(user: wire.User) -> Person:
    return Person(id=user.id, login=user.login, is_bot=user.type != "User")


def _read(model: type[M], event: str, payload: Mapping[str, Any]) -> M:
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        # The wrong value itself is not told: it may be long, or hostile.
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PayloadError(f"This {event} delivery cannot be read: {place}: {first['msg']}.") from None
