"""Look after campaigns: find out what their parts are, begin as many as may be at work, and heed what they are told.

Each look can be made again: parts are noted once, each go of a part is one request, each order is settled once. So
whatever happens in between, nothing is begun twice, and nothing is forgotten: who ends a part has the next look made.
"""

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from app.core.blueprint import Blueprint
from app.core.campaign import Campaign, Campaigns, Part, Stage
from app.core.campaign_wish import MOST_PARTS, NAME, Spot, spots
from app.core.errors import Denied, ForgeError, Locked, MinionsError, NotFound, RateLimited, Unavailable
from app.core.events import OrderGiven
from app.core.forge import Forge, Reaction
from app.core.orders import Given, RaiseBudget, Retry, ShowStatus, Stop
from app.core.requests import Requests, Trackers
from app.core.schedules import Everywhere
from app.core.shift import HandedOver
from app.core.store import Act, StoreDown
from app.core.task import Repository, Task
from app.core.wording import campaign as words
from app.core.wording import issue_is_closed, stopped_early
from app.engine import rounds

_log = logging.getLogger(__name__)

EVERY_S: Final = 2.0
"""Between two looks whether there is something to tell."""
_AT_ONCE: Final = 50
_PAUSE_S: Final = 30.0
"""After trouble with GitHub or the database."""

Tell = Callable[[Act, str], Awaitable[object]]
"""Stores an order for a run, with the sentence that says why."""


@dataclass(frozen=True)
class Conductor:
    """Looks after campaigns; everything outside comes in by these."""

    campaigns: Campaigns
    requests: Requests
    trackers: Trackers
    everywhere: Everywhere
    open_forge: Callable[[Repository], Forge]
    tell: Tell

    async def look_after(self, campaign_id: int) -> None:
        """Look once. Raises what may pass, so that it is tried again."""
        campaign = await self.campaigns.load(campaign_id)
        if campaign.stage is Stage.ASKED:
            try:
                await self._plan(campaign)
            except (StoreDown, HandedOver, RateLimited, Unavailable):
                raise
            except MinionsError as error:
                await self.campaigns.refuse(campaign, str(error))
            campaign = await self.campaigns.load(campaign_id)
        if campaign.stage is Stage.REFUSED:
            return
        for given in await self.campaigns.orders(campaign_id):
            try:
                await self._heed(campaign, given)
            except (RateLimited, Unavailable):
                raise
            except ForgeError as error:
                _log.warning("Campaign %s: %r cannot be heeded: %s", campaign_id, given.order.kind, error)
                await self.campaigns.settle(given)
        for spot in await self.campaigns.fill(campaign_id):
            _log.info("Campaign %s: %s %s begins.", campaign_id, spot.full_name, spot.within)

    # -- Beginning -----------------------------------------------------------------------------------------------
    async def _plan(self, campaign: Campaign) -> None:
        """Look up whether who asked may, and what the parts are."""
        task, wish = campaign.task, campaign.wish
        forge = self.open_forge(task.repository)
        if not (await forge.permission(task.requester.login)).may_write:
            await _react(forge, task, Reaction.NO)
            await self.campaigns.refuse(campaign, "")
            return
        if not await forge.issue_is_open(task.number):
            await self.campaigns.refuse(campaign, issue_is_closed(task.number))
            return
        if wish.fault:
            await self.campaigns.refuse(campaign, words.campaign_fault(wish))
            return
        await _react(forge, task, Reaction.EYES)
        found, why = await self._spots(campaign)
        if why:
            await self.campaigns.refuse(campaign, why)
        else:
            await self.campaigns.plan(campaign, found)

    async def _spots(self, campaign: Campaign) -> tuple[Sequence[Spot], str]:
        """Where the parts work, or why there are none."""
        wish, login = campaign.wish, campaign.task.requester.login
        if not wish.repositories:
            return spots([campaign.task.repository.full_name], wish.parts), ""
        names: dict[str, str] = {}
        for said in wish.repositories:
            matching = await self._matching(said, login) if _is_pattern(said) else [said]
            if not matching:
                return [], words.nothing_matches(said, login)
            for name in matching:
                names.setdefault(name.lower(), name)
        found = spots([*names.values()], wish.parts)
        return found, words.too_many_parts(len(found)) if len(found) > MOST_PARTS else ""

    async def _matching(self, pattern: str, login: str) -> Sequence[str]:
        """Repositories that a pattern names and in which who asks may write: of others nothing is told."""
        found = []
        async for repository in self.everywhere.repositories():
            if not fnmatchcase(repository.full_name.lower(), pattern.lower()):
                continue
            asker = await self.trackers.tracker(repository).asker(login)
            if asker is not None and asker.may_ask:
                found.append(repository.full_name)
            if len(found) > MOST_PARTS:
                break
        return sorted(found)

    # -- Orders --------------------------------------------------------------------------------------------------
    async def _heed(self, campaign: Campaign, given: Given) -> None:
        forge = self.open_forge(campaign.task.repository)
        if given.requester is not None and not (await forge.permission(given.requester.login)).may_write:
            await _react(forge, campaign.task, Reaction.NO, given)
            await self.campaigns.settle(given)
            return
        match given.order:
            case Stop():
                await self._stop(campaign, given)
            case Retry():
                await self.campaigns.retry(campaign.id, given)
            case RaiseBudget(usd=usd):
                await self.campaigns.raise_budget(campaign.id, given, usd)
            case ShowStatus():
                said = words.campaign_standing(campaign, await self.campaigns.parts(campaign.id))
                await self._answer(campaign, given, forge, said)
                return
            case _:
                await self._answer(campaign, given, forge, words.not_for_campaigns())
                return
        if given.place is not None:
            await _react(forge, campaign.task, Reaction.YES, given)

    async def _stop(self, campaign: Campaign, given: Given) -> None:
        """End what is at work, let nothing more begin. What is told twice has one effect."""
        who = given.requester.login if given.requester else campaign.task.requester.login
        for part in await self.campaigns.parts(campaign.id):
            if part.is_open and part.request_id is not None:
                await self._stop_part(campaign, part, part.request_id, given, who)
        await self.campaigns.stop(campaign.id, given)

    async def _stop_part(self, campaign: Campaign, part: Part, request_id: int, given: Given, who: str) -> None:
        request = await self.requests.load(request_id)
        if part.run is None and await self.requests.refuse(request, stopped_early(who)):
            return
        request = await self.requests.load(request_id)
        run = await self.requests.run_of(request)
        if run is None:
            return
        newest = part.run.id if part.run else run.id
        event = OrderGiven(
            repository=run.task.repository,
            run_id=newest,
            order=Stop(),
            requester=campaign.task.requester,  # who may write there, or the part would not have begun
            place=None,
            intent=f"campaign/{campaign.id}/stop/{given.id}",
        )
        await self.tell(event, f"Campaign {campaign.id} is stopped by {who}.")

    async def _answer(self, campaign: Campaign, given: Given, forge: Forge, text: str) -> None:
        number = given.place.number if given.place else campaign.task.number
        marker = words.campaign_order_marker(campaign, given)
        try:
            await forge.put_comment(number, marker, words.campaign_answer(campaign, given, text), comment_id=None)
        except (Denied, NotFound) as error:
            _log.info("Campaign %s: %r cannot be answered on GitHub: %s", campaign.id, given.order.kind, error)
        await self.campaigns.settle(given)


async def _react(forge: Forge, task: Task, reaction: Reaction, given: Given | None = None) -> None:
    """React to what asked for the campaign, or to the comment that told it something."""
    place = given.place if given else task.place
    if given is not None and place is None:
        return
    try:
        await forge.react(place.number if place else task.number, place, reaction)
    except (Locked, Denied, NotFound) as error:
        _log.info("#%s: no reaction: %s", task.number, error)


def _is_pattern(full_name: str) -> bool:
    return "*" in full_name or "?" in full_name


class Announcer:
    """Tells on the issue of each campaign how it stands, until cancelled; among all workers one at a time."""

    def __init__(
        self,
        campaigns: Campaigns,
        open_forge: Callable[[Repository], Forge],
        blueprints: Mapping[str, Blueprint[Any]],
        page_url: Callable[[str], str],
        *,
        pause_s: float,
        every_s: float = EVERY_S,
    ) -> None:
        """`page_url` gives the page of a run by its key; `pause_s` is the least time between two edits of a comment."""
        self._campaigns = campaigns
        self._open_forge = open_forge
        self._blueprint = blueprints.get(NAME)
        self._page_url = page_url
        self._pause_s = pause_s
        self._every_s = every_s

    async def look(self) -> None:
        """Tell what is new. Raises RateLimited, Unavailable and StoreDown; the rest is for the next look."""
        async with self._campaigns.turn() as is_ours:
            if is_ours:
                for campaign in await self._campaigns.untold(self._pause_s, _AT_ONCE):
                    await self._tell(campaign)

    async def _tell(self, campaign: Campaign) -> None:
        parts = await self._campaigns.parts(campaign.id)
        pages = {part.run.id: self._page_url(part.run.key) for part in parts if part.run}
        text = words.campaign_comment(campaign, parts, self._blueprint, pages)
        digest = hashlib.sha256(text.encode()).hexdigest()
        comment_id = campaign.comment_id
        if digest != campaign.told:
            number, marker = campaign.task.number, words.campaign_marker(campaign)
            try:
                forge = self._open_forge(campaign.task.repository)
                comment_id = await forge.put_comment(number, marker, text, comment_id=comment_id)
            except (RateLimited, Unavailable):
                raise
            except ForgeError as error:
                _log.warning("Campaign %s cannot be told of on GitHub: %s", campaign.id, error)
        is_all = campaign.stage is not Stage.AT_WORK and not any(part.is_open for part in parts)
        await self._campaigns.tell(campaign, comment_id=comment_id, told=digest, is_all=is_all)

    async def keep_looking(self) -> None:
        """Look until cancelled."""
        await rounds.keep(self.look, "Telling how campaigns stand", self._every_s, trouble_s=_PAUSE_S)
