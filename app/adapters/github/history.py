"""What GitHub remembers of what it told us: deliveries, labels, and how issues, pull requests and branches stand."""

import logging
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ValidationError

from app.adapters.github.app import App, Delivery, Installation, read
from app.adapters.github.lookups import Json, Lookups
from app.adapters.github.reading import PayloadError
from app.core.errors import ForgeError, RateLimited, Unavailable
from app.core.events import Event, Ignored, StopRequested, WorkRequested
from app.core.history import Attempt, Doubtful
from app.core.run import Run
from app.core.task import Repository, Task
from app.core.vitals import Look

_log = logging.getLogger(__name__)

_MOST_DELIVERIES: Final = 10_000
"""That are looked through at once: 100 pages."""
_MOST_CHANGES: Final = 1000
"""That are looked through at once in one repository: 10 pages. The next glance goes on behind them."""
_LAG: Final = timedelta(minutes=1)
"""A change may be listed so much later than one that was made after it."""
_FOR_PEOPLE: Final = frozenset(
    {"issues", "issue_comment", "pull_request", "pull_request_review", "installation", "installation_repositories"}
)
"""Events that people cause, and wait for; the others are machines' talk, and much more."""

M = TypeVar("M", bound=BaseModel)

Parse = Callable[[str, dict[str, Any]], Event]
_Action = Literal["labeled", "unlabeled", "closed"]


class _Named(BaseModel):
    name: str = ""


class _Happened(BaseModel):
    """An entry of an issue's history; most kinds are of no use here."""

    event: str = ""
    actor: dict[str, Any] | None = None
    created_at: datetime | None = None
    label: _Named | None = None


class _Issue(BaseModel):
    number: int
    state: str
    updated_at: datetime
    closed_at: datetime | None = None
    closed_by: dict[str, Any] | None = None
    labels: list[_Named] = []
    pull_request: dict[str, Any] | None = None


class _Repository(BaseModel):
    id: int
    full_name: str
    archived: bool = False
    has_issues: bool = True
    open_issues_count: int = 1
    """Pull requests count, too."""


class _Repositories(BaseModel):
    repositories: list[_Repository]


class GitHubHistory:
    """`History` on GitHub. What it finds goes through the parser of deliveries: one act, one meaning, one word."""

    def __init__(self, app: App, lookups: Lookups, parse: Parse, *, label: str, blueprints: Collection[str]) -> None:
        """`label` and `label:NAME` for each name of `blueprints` ask for work."""
        self._app = app
        self._lookups = lookups
        self._parse = parse
        self._label = label
        self._labels = (label, *(f"{label}:{name}" for name in blueprints))

    def seen(self) -> Look:
        """What GitHub's answers said by the way, since this was asked last."""
        return self._app.seen()

    # -- Deliveries ----------------------------------------------------------------------------------------------
    async def failed(self, since: datetime) -> Sequence[Attempt]:
        """Attempts from `since` on that failed, newest first."""
        found = await self._app.deliveries(since=since, status="failure", at_most=_MOST_DELIVERIES)
        # A server that does not know `status` answers with all of them.
        return [_attempt(one) for one in found if not one.arrived]

    async def arrived(self, since: datetime) -> Sequence[Attempt]:
        """Attempts from `since` on that arrived, newest first."""
        found = await self._app.deliveries(since=since, status="success", at_most=_MOST_DELIVERIES)
        return [_attempt(one) for one in found if one.arrived]

    async def deliver_again(self, attempt: Attempt) -> None:
        """Ask for one more attempt of the same event."""
        await self._app.redeliver(attempt.id)

    # -- Labels --------------------------------------------------------------------------------------------------
    async def labelled(self, since: datetime | None) -> AsyncIterator[WorkRequested]:
        """What open issues ask for by a label that was put on them from `since` on."""
        for installation in await self._app.installations():
            if installation.suspended_at is not None:
                continue
            times = [moment for moment in (since, installation.created_at) if moment is not None]
            account = installation.account.login if installation.account else ""
            async for request in _as_far_as(self._labelled_in(installation, max(times, default=None)), account):
                yield request

    async def repositories(self) -> AsyncIterator[Repository]:
        """Every repository that the App may work in."""
        for installation in await self._app.installations():
            path: str | None = "/installation/repositories?per_page=100"
            while path and installation.suspended_at is None:
                answer = await self._lookups.read(installation.id, path, "read the repositories of an installation")
                for one in read(_Repositories, answer).repositories:
                    if not one.archived and one.has_issues:
                        yield Repository(id=one.id, full_name=one.full_name, installation_id=installation.id)
                path = self._app.next_page(answer)

    async def _labelled_in(self, installation: Installation, since: datetime | None) -> AsyncIterator[WorkRequested]:
        path: str | None = "/installation/repositories?per_page=100"
        while path:
            answer = await self._lookups.read(installation.id, path, "read the repositories of an installation")
            for one in read(_Repositories, answer).repositories:
                if one.archived or not one.has_issues or not one.open_issues_count:
                    continue
                here = Repository(id=one.id, full_name=one.full_name, installation_id=installation.id)
                async for request in _as_far_as(self._labelled_here(here, since), one.full_name):
                    yield request
            path = self._app.next_page(answer)

    async def _labelled_here(self, here: Repository, since: datetime | None) -> AsyncIterator[WorkRequested]:
        for label in self._labels:
            query = urlencode({"state": "open", "labels": label, "per_page": 100})
            async for found in self._lookups.each(here, f"/issues?{query}", "look for labelled issues"):
                issue = _as(_Issue, found)
                if issue.pull_request is not None:
                    continue  # labels on those ask for nothing, in deliveries neither
                if since is not None and issue.updated_at < since:
                    continue  # nothing happened to it since, so it was not labelled either
                set_by = await self._newest(here, issue.number, "labeled", label)
                if set_by is None or set_by.created_at is None or (since is not None and set_by.created_at < since):
                    continue
                event = self._told(here, "labeled", found, set_by)
                if isinstance(event, WorkRequested):
                    yield event

    # -- Runs ----------------------------------------------------------------------------------------------------
    async def doubtful(self, repository: Repository, since: datetime) -> Doubtful:
        """What of all that changed in a repository from `since` on a run may have to end for."""
        here = await self._lookups.named(repository, "look what changed")
        start = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        wanted = {"state": "all", "since": start, "sort": "updated", "direction": "asc", "per_page": 100}
        numbers: list[int] = []
        newest, seen = since, 0
        async for found in self._lookups.each(here, f"/issues?{urlencode(wanted)}", "look what changed"):
            issue = _as(_Issue, found)
            if issue.state != "open" or (issue.pull_request is None and not self._is_labelled(issue)):
                numbers.append(issue.number)
            newest, seen = max(newest, issue.updated_at), seen + 1
            if seen >= _MOST_CHANGES:
                # Onwards in any case, also where so many changed in one second: what is passed over has its turn later.
                return Doubtful(numbers=numbers, until=max(newest, since + timedelta(seconds=1)))
        return Doubtful(numbers=numbers, until=max(since, newest - _LAG))

    async def withdrawn(self, run: Run) -> StopRequested | None:
        """Why nobody wants the run any more, by what its issue, pull request and branch look like now."""
        task, trail = run.task, run.trail
        doing = f"look whether #{task.number} is still wanted"
        here = await self._lookups.named(task.repository, doing)
        for number in dict.fromkeys(filter(None, (task.number, trail.pull_request_number))):
            found = await self._lookups.found(here, f"/issues/{number}", doing)
            if found is None:
                return _gone(task)
            if stop := await self._withdrawn(here, found, task):
                return stop.model_copy(update={"number": task.number})
        if trail.branch and trail.head_sha and trail.pull_request_number is None:  # an open one has its branch
            branch = await self._lookups.found(here, f"/branches/{quote(trail.branch, safe='')}", doing)
            return None if branch is not None else _gone(task)
        return None

    async def called_off(self, task: Task) -> StopRequested | None:
        """Why nobody wants what an issue asks for any more, by what the issue looks like now."""
        doing = f"look whether #{task.number} is still wanted"
        here = await self._lookups.named(task.repository, doing)
        found = await self._lookups.found(here, f"/issues/{task.number}", doing)
        return _gone(task) if found is None else await self._withdrawn(here, found, task)

    async def _withdrawn(self, here: Repository, found: Json, task: Task) -> StopRequested | None:
        """Who closed the issue (or pull request), or took the label off by which it was asked for."""
        issue = _as(_Issue, found)
        event: Event | None = None
        if issue.state != "open":
            if issue.closed_by is None:
                return _gone(task)
            closed = _Happened(actor=issue.closed_by, created_at=issue.closed_at or issue.updated_at)
            event = self._told(here, "closed", found, closed)
        elif issue.number == task.number and task.comment_id is None and not self._is_labelled(issue):
            taken = await self._newest(here, issue.number, "unlabeled", "")
            if taken is not None:
                event = self._told(here, "unlabeled", found, taken)
        return event if isinstance(event, StopRequested) else None

    def _is_labelled(self, issue: _Issue) -> bool:
        return any(self._is_ours(label.name) for label in issue.labels)

    def _is_ours(self, name: str) -> bool:
        return name.partition(":")[0].strip().lower() == self._label.lower()

    # -- Acts ----------------------------------------------------------------------------------------------------
    async def _newest(self, here: Repository, number: int, event: _Action, label: str) -> _Happened | None:
        """The newest time that this happened with this label, or with any of ours if it is empty."""
        newest: _Happened | None = None
        async for found in self._lookups.each(
            here, f"/issues/{number}/events?per_page=100", f"read the history of #{number}"
        ):
            one = _as(_Happened, found)
            if one.event == event and one.label and one.actor:
                name = one.label.name
                if name.lower() == label.lower() or (not label and self._is_ours(name)):
                    newest = one
        return newest

    def _told(self, here: Repository, action: _Action, issue: Json, act: _Happened) -> Event:
        """What the delivery would have said. The issue's time is that of the act, as it was then."""
        payload: dict[str, Any] = {
            "action": action,
            "installation": {"id": here.installation_id},
            "repository": {"id": here.id, "full_name": here.full_name},
            "sender": act.actor,
            "issue": {**issue, "updated_at": act.created_at and act.created_at.isoformat()},
        }
        if act.label is not None:
            payload["label"] = {"name": act.label.name}
        try:
            return self._parse("issues", payload)
        except PayloadError as error:
            return Ignored(reason=str(error))


async def _as_far_as(found: AsyncIterator[WorkRequested], where: str) -> AsyncIterator[WorkRequested]:
    """What is found before GitHub refuses to show more of one place: that must hold up no other."""
    try:
        async for request in found:
            yield request
    except (RateLimited, Unavailable):
        raise
    except ForgeError as error:
        _log.info("Labels in %s cannot be looked for: %s", where, error)


def _as(kind: type[M], thing: Json) -> M:
    try:
        return kind.model_validate(thing)
    except ValidationError:
        raise Unavailable("GitHub's answer cannot be read.", detail="not the JSON expected") from None


def _is_hint(one: Delivery) -> bool:
    """Whether it tells only of what others check: whoever waits for that looks by itself, now and then.

    An hour without us may be thousands of these, and each attempt that is asked for is one of the App's calls.
    """
    return one.event in {"status", "workflow_run"} or (
        one.event in {"check_run", "check_suite"} and one.action in {"created", "completed", "requested"}
    )


def _attempt(one: Delivery) -> Attempt:
    event = f"{one.event}.{one.action}" if one.action else one.event
    return Attempt(
        id=one.id,
        guid=one.guid,
        at=one.delivered_at,
        arrived=one.arrived,
        is_repeat=one.redelivery,
        answer=one.status_code,
        event=event,
        repository_id=one.repository_id,
        is_label=event == "issues.labeled",
        is_urgent=one.event in _FOR_PEOPLE,
        is_hint=_is_hint(one),
    )


def _gone(task: Task) -> StopRequested:
    """Nobody knows who did it; it took the right to write to delete or move it."""
    return StopRequested(
        repository=task.repository,
        number=task.number,
        requester=None,
        at=task.asked_at,
        intent=f"gone/{task.repository.id}/{task.number}",
    )
