"""What becomes of a request that came by another door: an issue as its record, then a run as a label starts one.

Each step can be done again: the issue carries a mark by which it is found, and the run has the request's own word. So
whatever happens in between, there is one issue and one run.
"""

import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from app.core import wording
from app.core.campaign_wish import NAME, wish_of
from app.core.errors import MinionsError, RateLimited, Unavailable
from app.core.events import WorkRequested
from app.core.forms import answered, fields
from app.core.hidden import strip_hidden
from app.core.redaction import Redactor
from app.core.requests import Request, Requests, Trackers, Wanted
from app.core.shift import HandedOver
from app.core.store import StoreDown
from app.core.task import Person, Repository, Task
from app.engine.dispatch import Blueprints, draft

_log = logging.getLogger(__name__)

PATIENCE: Final = timedelta(days=1)
"""For so long a request waits for a GitHub that is away; later on, nobody expects it any more."""

_AGAIN_AFTER: Final = timedelta(days=30)
"""So long after an issue about a workflow there may be another one about the same."""
SUGGESTED: Final = "suggested"
"""Label of issues that nobody asked for. It starts nothing."""

Suggestions = Callable[[Repository], Awaitable[Collection[str]]]
Complete = Callable[[Request], Awaitable[Wanted]]


async def as_it_is(request: Request) -> Wanted:
    """What was wanted, where the door told all of it at once."""
    return request.wanted


async def nothing(_: Repository) -> Collection[str]:
    """What a repository wants to be told unasked, where nobody looks."""
    return ()


@dataclass(frozen=True)
class Opener:
    """Opens requests; everything outside comes in by these."""

    requests: Requests
    trackers: Trackers
    blueprints: Blueprints
    now: Callable[[], datetime]
    """The time of day, with time zone."""
    complete: Complete = as_it_is
    """Finds out what the door did not tell, such as the words of a thread. Raises MinionsError."""
    redactor: Redactor = field(default_factory=Redactor)
    """An issue is read by more people than a thread in Slack: secrets that were pasted there stay there."""

    suggestions: Suggestions = nothing
    """What a repository wants to be told unasked. Raises MinionsError."""
    label: str = "minion"
    """That asks for work."""

    async def open(self, request_id: int) -> None:
        """Open it, or note why not. Raises what may pass, so that it is tried again."""
        request = await self.requests.load(request_id)
        if request.error or await self.requests.run_of(request) is not None:
            return
        try:
            await self._open(request)
        except (StoreDown, HandedOver):
            raise
        except (RateLimited, Unavailable) as error:
            if self.now() - request.asked_at < PATIENCE:
                raise
            await self._refuse(request, wording.took_too_long(str(error)))
        except MinionsError as error:
            await self._refuse(request, str(error))

    async def _open(self, request: Request) -> None:
        if request.wanted.door == "event":
            await self._suggest(request)
            return
        wanted = self._redacted(await self.complete(request))
        if wanted.blueprint not in self.blueprints:
            known = ", ".join(self.blueprints)
            await self._refuse(request, f"There is no blueprint {wanted.blueprint!r}. There are: {known}.")
            return
        repository = request.repository or await self.trackers.find(wanted.full_name)
        tracker = self.trackers.tracker(repository)
        asker = await tracker.asker(wanted.login)
        if asker is None or not asker.may_ask:
            await self._refuse(request, wording.asker_may_not(wanted.login, repository.full_name))
            return
        if _is_campaign(request.model_copy(update={"repository": repository}), wanted, asker.person):
            await self._refuse(request, wording.campaigns_begin_on_an_issue(self.label))
            return
        number = request.number or await tracker.find_or_create_issue(
            marker=wording.request_marker(request),
            title=wording.issue_title(wanted),
            body=wording.issue_body(wanted),
            since=request.asked_at,
        )
        request = await self.requests.opened(request, repository, number)
        task = _task(request, wanted, asker.person)
        event = WorkRequested(task=task, blueprint=wanted.blueprint, intent=request.run_intent)
        reason = wording.asked_elsewhere(wanted, number)
        await self.requests.start(request, draft(event, self.blueprints), reason)
        _log.info("%s", reason)

    async def _suggest(self, request: Request) -> None:
        """Open an issue about what was noticed, where that is wanted; one a month about the same."""
        repository, wanted = request.repository, self._redacted(request.wanted)
        if repository is None or request.number or wanted.suggestion not in await self.suggestions(repository):
            return
        number = await self.trackers.tracker(repository).find_or_create_issue(
            marker=wording.suggestion_marker(wanted),
            title=wording.issue_title(wanted),
            body=wording.suggestion_body(wanted, self.label),
            since=request.asked_at - _AGAIN_AFTER,
            labels=(SUGGESTED,),
        )
        await self.requests.opened(request, repository, number)

    def _redacted(self, wanted: Wanted) -> Wanted:
        said = {"title": wanted.title, "body": wanted.body, "instructions": wanted.instructions}
        return wanted.model_copy(update={name: self.redactor.redact(text) for name, text in said.items()})

    async def _refuse(self, request: Request, why: str) -> None:
        _log.info("Request %s is refused: %s", request.id, why)
        await self.requests.refuse(request, why)


def _is_campaign(request: Request, wanted: Wanted, person: Person) -> bool:
    """Whether more places are named than one repository, by somebody: parts of a campaign name theirs alone.

    One run would do a part of that, and nobody would be told of the rest.
    """
    is_meant = wanted.blueprint == NAME and wanted.campaign is None
    return is_meant and wish_of(_task(request, wanted, person)) is not None


def _task(request: Request, wanted: Wanted, person: Person) -> Task:
    """The words as they were asked, not as an issue shows them."""
    repository = request.repository
    if repository is None:
        raise MinionsError("The request has no repository.")
    return Task(
        repository=repository,
        number=request.number,
        title=wording.issue_title(wanted),
        body=answered(strip_hidden(wanted.body)),
        form=fields(strip_hidden(wanted.body)),
        # A thread is written by many, of whom only one asks.
        author=None if wanted.door == "slack" or not wanted.is_own else person,
        requester=person,
        instructions=strip_hidden(wanted.instructions),
        asked_at=request.asked_at,
        campaign=wanted.campaign,
    )
