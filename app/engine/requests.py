"""What becomes of a request that came by another door: an issue as its record, then a run or a campaign, as by a label.

Each step can be done again: the issue carries a mark by which it is found, and the run has the request's own word. So
whatever happens in between, there is one issue and one run, or one campaign.
"""

import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from app.core import wording
from app.core.campaign import CampaignDraft, Campaigns, Standing
from app.core.campaign_wish import NAME, Wish
from app.core.errors import ForgeError, MinionsError, RateLimited, Unavailable
from app.core.events import WorkRequested
from app.core.forms import answered, fields
from app.core.hidden import strip_hidden
from app.core.redaction import Redactor
from app.core.requests import Request, Requests, Trackers, Wanted, campaign_of
from app.core.shift import HandedOver
from app.core.store import StoreDown
from app.core.task import Person, Repository, Task
from app.core.wording import campaign as words
from app.core.wording.faults import Fault
from app.engine.dispatch import Blueprints, draft

_log = logging.getLogger(__name__)

PATIENCE: Final = timedelta(days=1)
"""For so long a request waits for a GitHub that is away; later on, nobody expects it any more."""

_AGAIN_AFTER: Final = timedelta(days=30)
"""So long after an issue about a workflow, or about a fault of the file, there may be another one about the same."""
SUGGESTED: Final = "suggested"
"""Label of issues that nobody asked for. It starts nothing."""

Suggestions = Callable[[Repository], Awaitable[Collection[str]]]
Complete = Callable[[Request], Awaitable[Wanted]]


async def as_it_is(request: Request) -> Wanted:
    """What was wanted, where the door told all of it at once."""
    return request.wanted


async def standing_of(request: Request, campaigns: Campaigns) -> Standing | None:
    """The campaign that works on a request, as it stands; None if there is none, or none yet."""
    if request.wanted.blueprint != NAME:
        return None
    campaign = await campaigns.made_of(request.run_intent)
    return None if campaign is None else Standing(campaign=campaign, parts=tuple(await campaigns.parts(campaign.id)))


async def nothing(_: Repository) -> Collection[str]:
    """What a repository wants to be told unasked, where nobody looks."""
    return ()


@dataclass(frozen=True)
class Opener:
    """Opens requests; everything outside comes in by these."""

    requests: Requests
    campaigns: Campaigns
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
        if await self.campaigns.made_of(request.run_intent) is not None:
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
            if request.wanted.door == "schedule":
                await self._tell(request, wording.not_begun(request.wanted, str(error)))
            await self._refuse(request, str(error))

    async def _open(self, request: Request) -> None:
        """Raises MinionsError, with why nothing can come of it or with what is in the way for now."""
        if request.wanted.door == "event":
            await (self._suggest(request) if request.wanted.suggestion else self._tell(request, fault_of(request)))
            return
        wanted = self._redacted(await self.complete(request))
        if wanted.blueprint not in self.blueprints:
            known = ", ".join(self.blueprints)
            raise MinionsError(f"There is no blueprint {wanted.blueprint!r}. There are: {known}.")
        repository = request.repository or await self.trackers.find(wanted.full_name)
        tracker = self.trackers.tracker(repository)
        asker = await tracker.asker(wanted.login)
        if asker is None or not asker.may_ask:
            raise MinionsError(wording.asker_may_not(wanted.login, repository.full_name))
        wish = campaign_of(wanted)
        if wish is not None and (why := _hindrance(wish, wanted, repository)):
            raise MinionsError(why)
        number = request.number or await tracker.find_or_create_issue(
            marker=wording.request_marker(request),
            title=wording.issue_title(wanted),
            body=wording.issue_body(wanted),
            since=request.asked_at,
        )
        request = await self.requests.opened(request, repository, number)
        task = _task(request, wanted, asker.person)
        reason = wording.asked_elsewhere(wanted, number)
        if wish is not None:
            campaign = CampaignDraft(intent=request.run_intent, task=task, wish=wish)
            await self.campaigns.begin(request.id, campaign)
        else:
            event = WorkRequested(task=task, blueprint=wanted.blueprint, intent=request.run_intent)
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

    async def _tell(self, request: Request, fault: Fault) -> None:
        """Open an issue about what is wrong with the repository's file, once in 30 days about the same.

        Where GitHub takes none, as in a repository without issues, the log has it. Raises what may pass.
        """
        redacted = Fault(fault.title, self.redactor.redact(fault.why))
        try:
            repository = request.repository or await self.trackers.find(request.wanted.full_name)
            number = await self.trackers.tracker(repository).find_or_create_issue(
                marker=wording.fault_marker(repository.full_name, redacted),
                title=redacted.title,
                body=wording.fault_body(redacted),
                since=request.asked_at - _AGAIN_AFTER,
                labels=(SUGGESTED,),
            )
        except ForgeError as error:
            if isinstance(error, RateLimited | Unavailable) and self.now() - request.asked_at < PATIENCE:
                raise
            _log.warning("Nobody in %s could be told: %s %s", request.wanted.full_name, fault.why, error)
            return
        await self.requests.opened(request, repository, number)

    def _redacted(self, wanted: Wanted) -> Wanted:
        said = {"title": wanted.title, "body": wanted.body, "instructions": wanted.instructions}
        return wanted.model_copy(update={name: self.redactor.redact(text) for name, text in said.items()})

    async def _refuse(self, request: Request, why: str) -> None:
        _log.info("Request %s is refused: %s", request.id, why)
        await self.requests.refuse(request, why)


def fault_of(request: Request) -> Fault:
    """What is told, where the request is that and nothing else."""
    return Fault(request.wanted.title, request.wanted.body)


def _hindrance(wish: Wish, wanted: Wanted, repository: Repository) -> str:
    """Why no campaign can come of it; empty if one can. What is looked up on GitHub is looked up when it begins."""
    if wish.fault:
        return words.what_is_wrong(wish)
    here = repository.full_name.lower()
    if wanted.door == "schedule" and any(name.lower() != here for name in wish.repositories):
        return wording.schedules_stay_at_home(repository.full_name)
    return ""


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
