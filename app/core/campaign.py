"""A campaign: one change in many places, each a run of its own, with one budget and so many at once.

Where a campaign stands follows from its parts, and where a part stands from its request and its run: nothing is noted
twice. What may begin next is decided here, and carried out by the store in one transaction.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from pydantic import BaseModel

from app.core.campaign_wish import Spot, Wish
from app.core.orders import Given, Order
from app.core.run import Status
from app.core.task import Person, Task

_ROUNDING: Final = 1e-9
"""US dollars: equal shares of a budget add up to a little more or less than all of it."""


class Stage(StrEnum):
    """Where a campaign stands."""

    ASKED = "asked"
    """Whether who asked may is not looked up yet, nor what its repositories are."""
    REFUSED = "refused"
    AT_WORK = "at work"
    ENDED = "ended"
    """Nothing is at work, and nothing more can begin."""


class CampaignDraft(BaseModel, frozen=True):
    """A campaign that somebody asked for and that does not exist yet."""

    intent: str
    """Unique word of the act that asked."""
    task: Task
    wish: Wish


class Campaign(BaseModel, frozen=True):
    """A campaign as it is stored."""

    id: int
    task: Task
    """Its issue is the one that tells of all."""
    wish: Wish
    stage: Stage
    error: str = ""
    """Why it was refused, a sentence for people."""
    budget_usd: float
    """As it was asked for, and what was added since."""
    comment_id: int | None = None
    told: str = ""
    """Digest of what our comment says."""
    revision: int = 0
    """Counted up with everything that may change what is to be told."""
    asked_at: datetime


class PartRun(BaseModel, frozen=True):
    """The newest run of a part."""

    id: int
    key: str
    status: Status
    at: str
    error: str = ""
    pull_request_number: int | None = None
    pull_request_url: str = ""
    is_needless: bool = False
    """Whether it found that there is nothing to be changed."""


class Part(BaseModel, frozen=True):
    """One part of a campaign, with what became of it so far."""

    position: int
    spot: Spot
    request_id: int | None = None
    """Of its newest go; None as long as it has not begun."""
    number: int = 0
    """Its own issue, in the repository where it works; 0 if there is none yet."""
    error: str = ""
    """Why there is no run, a sentence for people."""
    is_stopped: bool = False
    """Whether a person stopped it before it began."""
    reserved_usd: float = 0.0
    """Set aside for it when it began."""
    spent_usd: float = 0.0
    """By all its runs."""
    run: PartRun | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether it is still to begin."""
        return self.request_id is None and not self.is_stopped

    @property
    def is_open(self) -> bool:
        """Whether it has begun and has not ended."""
        return self.request_id is not None and not self.error and (self.run is None or not self.run.status.has_ended)

    @property
    def has_result(self) -> bool:
        """Whether it came to what it was for: a pull request, or nothing to be changed."""
        run = self.run
        return run is not None and run.status is Status.DONE and (bool(run.pull_request_number) or run.is_needless)

    @property
    def can_be_retried(self) -> bool:
        """Whether it ended without a result."""
        return not self.is_waiting and not self.is_open and not self.has_result


class Standing(BaseModel, frozen=True):
    """A campaign with its parts, seen as one piece of work."""

    campaign: Campaign
    parts: tuple[Part, ...] = ()

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes of it, unless somebody says so."""
        return self.campaign.stage in {Stage.REFUSED, Stage.ENDED}

    @property
    def status(self) -> Status:
        """The word that a run would have. Done is only what came to something everywhere."""
        match self.campaign.stage:
            case Stage.ASKED:
                return Status.QUEUED
            case Stage.REFUSED:
                return Status.REFUSED
            case Stage.AT_WORK:
                return Status.RUNNING
            case Stage.ENDED if all(part.has_result for part in self.parts):
                return Status.DONE
            case Stage.ENDED:
                stopped = any(part.is_stopped or _ended_as(part, Status.STOPPED) for part in self.parts)
                return Status.STOPPED if stopped else Status.FAILED


def _ended_as(part: Part, status: Status) -> bool:
    return part.run is not None and part.run.status is status


class Purse(BaseModel, frozen=True):
    """The money of a campaign. All in US dollars."""

    budget: float
    spent: float
    reserved: float
    """For parts that are at work, beyond what they have spent."""
    share: float
    """What is set aside for a part that begins: what one took on average, and before that is known, an equal part.

    Parts that cost nothing tell nothing: they had nothing to change, or there was no money for them.
    """

    @property
    def left(self) -> float:
        """Neither spent nor reserved."""
        return self.budget - self.spent - self.reserved

    @property
    def suffices(self) -> bool:
        """Whether one more part can begin."""
        return self.left > _ROUNDING and self.share <= self.left + _ROUNDING


def purse_of(budget_usd: float, parts: Sequence[Part]) -> Purse:
    """How the money of a campaign stands."""
    ended = [one.spent_usd for one in parts if one.run is not None and one.run.status.has_ended and one.spent_usd]
    open_parts = [part for part in parts if part.is_open]
    return Purse(
        budget=budget_usd,
        spent=sum(part.spent_usd for part in parts),
        reserved=sum(max(part.reserved_usd - part.spent_usd, 0.0) for part in open_parts),
        share=sum(ended) / len(ended) if ended else budget_usd / max(len(parts), 1),
    )


def next_parts(limit: int, budget_usd: float, parts: Sequence[Part]) -> list[tuple[Part, float]]:
    """Which parts begin now, and what is set aside for each: never more at once than the limit or the money allows."""
    purse = purse_of(budget_usd, parts)
    room = limit - sum(part.is_open for part in parts)
    found: list[tuple[Part, float]] = []
    for part in parts:
        if room <= len(found) or not purse.suffices:
            break
        if part.is_waiting:
            found.append((part, purse.share))
            purse = purse.model_copy(update={"reserved": purse.reserved + purse.share})
    return found


def stage_of(limit: int, budget_usd: float, parts: Sequence[Part]) -> Stage:
    """Whether there is anything more to come."""
    goes_on = any(part.is_open for part in parts) or next_parts(limit, budget_usd, parts)
    return Stage.AT_WORK if goes_on else Stage.ENDED


class Campaigns(Protocol):
    """Where campaigns are kept. Every method is one transaction, and what it causes is put in the queue by it."""

    async def begin(self, request_id: int, draft: CampaignDraft) -> None:
        """Make the campaign that a request asks for, unless there is one already or the request was refused."""
        ...

    async def made_of(self, intent: str) -> Campaign | None:
        """The campaign that was made of this act; None if there is none."""
        ...

    async def give(self, campaign_id: int, intent: str, order: Order, requester: Person) -> None:
        """Tell it something, once, from elsewhere than its issue."""
        ...

    async def load(self, campaign_id: int) -> Campaign:
        """The campaign. Raises NotFound."""
        ...

    async def parts(self, campaign_id: int) -> Sequence[Part]:
        """Its parts, in the order in which they were named."""
        ...

    async def plan(self, campaign: Campaign, spots: Sequence[Spot]) -> None:
        """Note what its parts are, unless that was noted before."""
        ...

    async def refuse(self, campaign: Campaign, why: str) -> None:
        """Note that nothing comes of it; without `why` nothing is told of it either."""
        ...

    async def fill(self, campaign_id: int) -> Sequence[Spot]:
        """Begin what may begin, and answer with where; among all workers one does it at a time."""
        ...

    async def orders(self, campaign_id: int) -> Sequence[Given]:
        """What it was told and has not settled yet, oldest first."""
        ...

    async def stop(self, campaign_id: int, given: Given) -> None:
        """Let nothing more of it begin, and settle the order."""
        ...

    async def retry(self, campaign_id: int, given: Given) -> None:
        """Let what ended without a result begin once more, and settle the order. The second time does nothing."""
        ...

    async def raise_budget(self, campaign_id: int, given: Given, usd: float) -> None:
        """Give it so much more, and settle the order. The second time does nothing."""
        ...

    async def settle(self, given: Given) -> None:
        """Note that nothing more comes of an order."""
        ...

    async def unfinished(self) -> Sequence[Campaign]:
        """Those that have not ended, oldest first."""
        ...

    def turn(self) -> AbstractAsyncContextManager[bool]:
        """Whether it is ours, among all workers, to tell how campaigns stand."""
        ...

    async def untold(self, pause_s: float, at_most: int) -> Sequence[Campaign]:
        """Campaigns of which there is something to tell, and whose comment was not changed for so long."""
        ...

    async def tell(self, campaign: Campaign, *, comment_id: int | None, told: str, is_all: bool) -> None:
        """Note what our comment says, and whether that is all for now."""
        ...
