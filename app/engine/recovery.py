"""Nothing that GitHub told us is lost. It tells each event once, whether we are there or not; here we ask for the rest.

Four looks, from what GitHub knows best to what it knows least:

- *Deliveries that failed*, back to the last look: GitHub makes another attempt when it is asked to, with the guid of
  the first, so that the store takes each event once.
- *Labels on open issues*, when we were away for longer than GitHub keeps deliveries, when an installation was suspended
  (GitHub tells nothing of that time), and at the very first start.
- *Runs that are under way*: whether their issue is still open and labelled, their branch and pull request are there.
  In each repository one glance at what changed there since the last one says which runs to look at; beside those, a few
  have their turn in each look, for what is not listed there because it is gone.
  Of those that are parked, some look again for themselves: what they wait for may have come without our hearing of it.
  They are more when GitHub tells that it could not tell us of checks.
- *Campaigns that are under way*: whether their issue is still open and labelled, a few in each look.

What is found goes the way of every event: a decision, and the store. When GitHub asks to slow down or does not answer,
the rest of a look is left to the next one, which begins where the last whole one began.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from app.core.campaign import Campaigns
from app.core.errors import ForgeError, RateLimited, Unavailable
from app.core.events import Event, WorkRequested
from app.core.history import Attempt, History, Logbook
from app.core.store import Store
from app.engine import rounds
from app.engine.dispatch import Blueprints, decide
from app.engine.opinions import Poll

_log = logging.getLogger(__name__)

EVERY_S: Final = 300.0
SOON_S: Final = 30.0
"""Seconds to the next look after one that failed, or while something was asked for that did not arrive yet."""
_EARLY: Final = 0.9
"""Part of the time between two looks after which one is not too early."""
KEPT: Final = timedelta(days=3)
"""How long GitHub can be asked to deliver again; GitHub Enterprise Server keeps deliveries for 7 days.
https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks
"""
TOO_LONG: Final = timedelta(days=2.5)
"""Without a look for so long, deliveries may be gone: well before GitHub forgets them."""
_OVERLAP: Final = timedelta(hours=2)
"""Of two looks: longer than all repeats of one delivery take together, so that their number can be counted."""
_OVER: Final = timedelta(minutes=40)
"""Longer than the longest pause between two repeats: what was quiet for so long at the last look is not to come."""
_MOST_REPEATS: Final = 5
_PAUSES_GROW: Final = 4
"""A repeat that failed is followed by the next after 30 s, 2, 8 and 32 minutes."""
_MOST_AT_ONCE: Final = 300
"""Repeats asked for in one look: an App may make 5,000 calls an hour. The rest follows with the next look."""
_RUNS_AT_ONCE: Final = 10
"""Looked up in one look though nothing seems to have changed, with two calls each: the others have their turn later."""
_CAMPAIGNS_AT_ONCE: Final = 10
"""The same of campaigns, with one call each, or two."""
_SITES_AT_ONCE: Final = 100
"""Repositories glanced at in one look, with two calls each: the others have their turn in the next ones."""
_SAME: Final = timedelta(minutes=10)
"""A delivery may be this late (GitHub says minutes) and still tell of the label that was set at a time."""
_LONG_PARKED: Final = timedelta(minutes=10)
"""News of what a parked run waits for come within seconds; without any for so long, they may be lost."""
_MOST_STIRRED: Final = 50
"""Parked runs that look again with one look of ours: each asks GitHub some three times."""
_FEW_STIRRED: Final = 5
"""The same where nothing says that news were lost: GitHub itself may have failed to send some."""
_SKEW: Final = timedelta(minutes=1)
"""GitHub's own times for one act differ by seconds: that of the event, of the issue, of the delivery."""


class Recovery:
    """Looks at once, and again every `every_s` seconds; among all workers of the App only one at a time."""

    def __init__(
        self,
        store: Store,
        logbook: Logbook,
        history: History,
        blueprints: Blueprints,
        poll: Poll | None = None,
        *,
        campaigns: Campaigns,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        every_s: float = EVERY_S,
        at_once: int = _RUNS_AT_ONCE,
    ) -> None:
        """`poll` asks what people think of pull requests, at the end of each look.

        `now` is the time of day, with time zone; `at_once` runs are looked up in one look.
        """
        self._store = store
        self._logbook = logbook
        self._history = history
        self._campaigns = campaigns
        self._blueprints = blueprints
        self._poll = poll
        self._now = now
        self._every_s = every_s
        self._given_up: set[str] = set()
        self._at_once = at_once
        self._looked_to = 0
        """The run that was looked at last: the next look goes on behind it."""
        self._glanced_to = 0
        """The same of repositories, by id."""
        self._glanced: dict[int, datetime] = {}
        """Up to when all that changed in a repository was glanced at, by GitHub's time."""
        self._lost_hints = False
        """Whether GitHub could not tell us of some checks lately."""
        self._undelivered = 0
        """Events that had not arrived at the last look."""
        self._missing: set[int] = set()
        """Runs of which something was not there at the last look. GitHub's copies may lag: it is looked for twice."""
        self._campaigns_looked_to = 0
        """The campaign that was looked at last."""
        self._missing_campaigns: set[int] = set()
        """Campaigns whose issue was not there at the last look."""
        self._is_busy = True
        """Whether the next look shall not wait for its time: at the start, and while something is to come."""

    async def keep_looking(self) -> None:
        """Look until cancelled."""
        soon_s = min(SOON_S, self._every_s)
        await rounds.keep(
            self.look, "Looking up what GitHub told meanwhile", self._every_s, trouble_s=soon_s, soon_s=soon_s
        )

    async def look(self) -> bool:
        """Look once, if it is our turn; answer whether something was asked for that is still to come.

        Raises ForgeErrors and StoreDown.
        """
        async with self._logbook.turn() as is_ours:
            if not is_ours:
                return False
            began, last = self._now(), await self._logbook.looked_at()
            if last is not None and not self._is_busy and (began - last).total_seconds() < _EARLY * self._every_s:
                return False  # another worker has looked just now
            is_long = last is None or began - last > TOO_LONG
            since = None if last is None else last - _OVERLAP
            done_to, is_busy = await self._deliver_again(began, last)
            if is_long:
                await self._start_what_is_labelled(began, since)
            await self._logbook.note(done_to, last=last)
            await self._stop_what_is_withdrawn(since)
            await self._stop_campaigns_that_are_called_off()
            await self._store.stir_parked(_LONG_PARKED, _MOST_STIRRED if self._lost_hints else _FEW_STIRRED)
            self._is_busy = is_busy or bool(self._missing or self._missing_campaigns)
            if self._poll is not None:
                await self._poll.ask()
            await self._logbook.note_look(self._history.seen().model_copy(update={"undelivered": self._undelivered}))
            return self._is_busy

    # -- Deliveries that failed ----------------------------------------------------------------------------------
    async def _deliver_again(self, began: datetime, last: datetime | None) -> tuple[datetime, bool]:
        """Have events delivered that never arrived; answer up to when that is done, and whether some are to come."""
        oldest = began - KEPT
        lost = [
            (newest, repeats)
            for newest, repeats in await self._lost(max(oldest, last - _OVERLAP) if last else oldest)
            if last is None or newest.at >= last - _OVER
        ]
        due = [newest for newest, repeats in lost if self._is_due(newest, repeats, began)]
        due.sort(key=lambda attempt: (not attempt.is_urgent, attempt.at, attempt.id))
        for attempt in due[:_MOST_AT_ONCE]:
            try:
                await self._history.deliver_again(attempt)
            except (RateLimited, Unavailable):
                raise
            except ForgeError as error:
                _log.warning("GitHub does not deliver %s %s again: %s", attempt.event, attempt.guid, error)
        if due:
            _log.info("GitHub was asked to deliver %s events that did not arrive.", len(due[:_MOST_AT_ONCE]))
        self._undelivered = len(lost)
        rest = [attempt.at for attempt in due[_MOST_AT_ONCE:]]
        return min([began, *rest]), any(repeats < _MOST_REPEATS for _, repeats in lost)

    async def _lost(self, since: datetime) -> Sequence[tuple[Attempt, int]]:
        """Of each event that never arrived, the newest attempt, and how often it was repeated."""
        attempts = await self._history.failed(since)
        self._lost_hints = any(attempt.is_hint for attempt in attempts)
        failed = [attempt for attempt in attempts if not attempt.is_hint]
        if not failed:
            return []
        arrived = {attempt.guid for attempt in await self._history.arrived(min(attempt.at for attempt in failed))}
        known = arrived | await self._logbook.received({attempt.guid for attempt in failed} - arrived)
        events: dict[str, list[Attempt]] = defaultdict(list)
        for attempt in failed:
            if attempt.guid not in known:
                events[attempt.guid].append(attempt)
        return [
            (max(attempts, key=lambda attempt: (attempt.at, attempt.id)), sum(one.is_repeat for one in attempts))
            for attempts in events.values()
        ]

    def _is_due(self, newest: Attempt, repeats: int, now: datetime) -> bool:
        if repeats >= _MOST_REPEATS:
            if newest.guid not in self._given_up:
                self._given_up.add(newest.guid)
                _log.warning(
                    "GitHub delivered %s %s in vain %s times; our last answer was %s. It is not asked for again.",
                    *(newest.event, newest.guid, repeats + 1, newest.answer or "none"),
                )
            return False
        wait_s = SOON_S * _PAUSES_GROW ** (repeats - 1) if repeats else 0.0
        return now - newest.at >= timedelta(seconds=wait_s)

    # -- Labels on open issues -----------------------------------------------------------------------------------
    async def _start_what_is_labelled(self, began: datetime, since: datetime | None) -> None:
        """Take labels that nobody told us of as if they were told now."""
        oldest = began - KEPT
        labels = [one for one in await self._history.failed(oldest) if one.is_label]
        labels += [one for one in await self._history.arrived(oldest) if one.is_label]
        async for request in self._history.labelled(since):
            if not any(_tells(attempt, request) for attempt in labels) and not await self._is_known(request):
                await self._take(request)

    async def _is_known(self, request: WorkRequested) -> bool:
        """Whether there is a run for this label, or a younger one: the issue was looked after since."""
        task = request.task
        newest = await self._logbook.asked_at(task.repository.id, task.number)
        return newest is not None and newest >= task.asked_at - _SKEW

    # -- Runs that are under way ---------------------------------------------------------------------------------
    async def _stop_what_is_withdrawn(self, since: datetime | None) -> None:
        missing, self._missing = self._missing, set()
        doubtful = await self._doubtful(since)
        run_ids = await self._store.unfinished()
        turns = _next_ones(run_ids, self._looked_to, self._at_once)
        self._looked_to = turns[-1] if turns else 0
        for run_id in dict.fromkeys([*doubtful, *turns, *(one for one in run_ids if one in missing)]):
            run = await self._store.load(run_id)
            if run.status.has_ended or not run.task.number:
                continue
            try:
                stop = await self._history.withdrawn(run)
            except (RateLimited, Unavailable):
                raise
            except ForgeError as error:  # the run itself will meet this, and tell it
                _log.info("Run %s: whether it is still wanted cannot be told now: %s", run_id, error)
                continue
            if stop is not None and stop.requester is None and run_id not in missing:
                self._missing.add(run_id)
            elif stop is not None:
                await self._take(stop)

    async def _doubtful(self, since: datetime | None) -> Sequence[int]:
        """Runs that may have to end, by a glance at what changed in their repositories."""
        sites = {site.repository.id: site for site in await self._store.sites()}
        self._glanced = {number: until for number, until in self._glanced.items() if number in sites}
        turns = _next_ones(list(sites), self._glanced_to, _SITES_AT_ONCE)
        found: list[int] = []
        for number in turns:
            site = sites[number]
            first = max(site.since, since or site.since) - _SKEW
            try:
                doubtful = await self._history.doubtful(site.repository, self._glanced.get(number, first))
            except (RateLimited, Unavailable):
                raise
            except ForgeError as error:  # the runs there will meet this, and tell it
                _log.info("What changed in %s cannot be told now: %s", site.repository.full_name, error)
                continue
            found += await self._store.unfinished_on(number, doubtful.numbers)
            self._glanced[number] = doubtful.until
        self._glanced_to = turns[-1] if turns else 0
        return found

    # -- Campaigns that are under way ----------------------------------------------------------------------------
    async def _stop_campaigns_that_are_called_off(self) -> None:
        missing, self._missing_campaigns = self._missing_campaigns, set()
        under_way = {one.id: one for one in await self._campaigns.unfinished()}
        turns = _next_ones(list(under_way), self._campaigns_looked_to, _CAMPAIGNS_AT_ONCE)
        self._campaigns_looked_to = turns[-1] if turns else 0
        for campaign_id in dict.fromkeys([*turns, *(one for one in under_way if one in missing)]):
            try:
                stop = await self._history.called_off(under_way[campaign_id].task)
            except (RateLimited, Unavailable):
                raise
            except ForgeError as error:
                _log.info("Campaign %s: whether it is still wanted cannot be told now: %s", campaign_id, error)
                continue
            if stop is not None and stop.requester is None and campaign_id not in missing:
                self._missing_campaigns.add(campaign_id)
            elif stop is not None:
                await self._take(stop)

    async def _take(self, event: Event) -> None:
        decision = decide(event, self._blueprints)
        if decision.act is not None:
            receipt = await self._store.accept(None, decision.act, decision.reason)
            if receipt.is_new:
                _log.info("Found on GitHub, not told by it: %s", receipt.reason)


def _next_ones(ids: Sequence[int], last: int, at_most: int) -> Sequence[int]:
    """Of many that are in order those whose turn it is, after the `last` one that had it."""
    return [*(one for one in ids if one > last), *(one for one in ids if one <= last)][:at_most]


def _tells(attempt: Attempt, request: WorkRequested) -> bool:
    """Whether this is a delivery of the label: it was taken, or is asked for once more."""
    asked_at = request.task.asked_at
    is_here = attempt.repository_id == request.task.repository.id
    return is_here and asked_at - _SKEW <= attempt.at <= asked_at + _SAME
