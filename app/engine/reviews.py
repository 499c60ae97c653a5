"""Look after pull requests that wait for review: who waits for them, and what nobody has looked at for long.

GitHub tells when one is closed, once. Here it is asked, so that nobody waits for one that was closed long ago. All that
is done follows from what GitHub shows, and is find-or-create: after a crash, and by whatever worker, it is done once.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from app.core import wording
from app.core.errors import ForgeError, NotFound, RateLimited, Unavailable
from app.core.events import Closed, StopRequested
from app.core.places import MostOpen
from app.core.proposals import Desk, Proposals, Proposed, Quiet, Reviewed, notice
from app.core.store import Store
from app.core.task import Repository
from app.engine import rounds
from app.engine.dispatch import Blueprints, decide

_log = logging.getLogger(__name__)

EVERY_S: Final = 60.0
"""Between two looks into the store: so old may the place in line be that people read."""
_OFTEN: Final = timedelta(minutes=5)
"""Between two looks at GitHub where runs wait, with a call for each hundred pull requests."""
SELDOM: Final = timedelta(hours=1)
_TOLD_AT_ONCE: Final = 20
"""Runs that tell another place in line with one look, by two writes each."""


class Reviews:
    """Looks until cancelled; among all workers one at a time."""

    def __init__(
        self,
        store: Store,
        proposals: Proposals,
        open_desk: Callable[[Repository], Reviewed],
        most_open: Callable[[Reviewed], Awaitable[MostOpen]],
        blueprints: Blueprints,
        *,
        stale_after: timedelta,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        every_s: float = EVERY_S,
    ) -> None:
        """A pull request about which nobody does anything is closed after `stale_after`; never, if that is zero."""
        self._store = store
        self._proposals = proposals
        self._open_desk = open_desk
        self._most_open = most_open
        self._blueprints = blueprints
        self._stale_after = stale_after
        self._now = now
        self._every_s = every_s

    async def keep_looking(self) -> None:
        """Look until cancelled."""
        await rounds.keep(self.look, "Looking after what waits for review", self._every_s)

    async def look(self) -> None:
        """Look once, if it is our turn. Raises RateLimited, Unavailable and StoreDown."""
        async with self._proposals.turn() as is_ours:
            if not is_ours:
                return
            await self._store.tell_turns(_TOLD_AT_ONCE)
            for desk in await self._proposals.due(often=_OFTEN, seldom=SELDOM):
                try:
                    await self._look_at(desk)
                except (RateLimited, Unavailable):
                    raise
                except ForgeError as error:  # it must hold up no other
                    _log.info("Reviews in %s cannot be looked up: %s", desk.repository.full_name, error)
                await self._proposals.note(desk.repository.id)

    async def _look_at(self, desk: Desk) -> None:
        there = self._open_desk(desk.repository)
        if desk.is_waited_for:  # its file may want another number by now
            await self._store.keep_limits(desk.repository, await self._most_open(there))
        listed = await there.open_pulls()
        for one in desk.proposed:
            if one.number not in listed:
                await self._note_end(desk.repository, there, one.number)
            elif self._is_worth_a_look(one, listed[one.number]):
                await self._look_after(desk.repository, there, one)

    def _is_worth_a_look(self, one: Proposed, moved_at: datetime) -> bool:
        """Whether more calls are made: our own words move it, too, so it is quiet for as long as a notice at most."""
        if not self._stale_after or one.is_at_work:
            return False
        return one.is_ending or self._now() - moved_at >= notice(self._stale_after)

    async def _note_end(self, repository: Repository, there: Reviewed, number: int) -> None:
        """Take up what became of a pull request as if GitHub had told it now."""
        closed = Closed(is_merged=False, head_sha="", comments=None)
        try:
            pull = await there.pull(number)
            if pull.is_open:
                return
            closed = Closed(is_merged=pull.is_merged, head_sha=pull.head.sha, comments=None)
        except NotFound:
            _log.info("#%s of %s is gone", number, repository.full_name)
        at = self._now()
        intent = f"pull closed/{repository.id}/{number}/{at.isoformat()}"
        event = StopRequested(repository=repository, number=number, requester=None, at=at, intent=intent, pull=closed)
        decision = decide(event, self._blueprints)
        if decision.act is not None:
            await self._store.accept(None, decision.act, decision.reason)

    async def _look_after(self, repository: Repository, there: Reviewed, one: Proposed) -> None:
        """Warn of the end of what nobody looks at, or end it. What a person has pushed to is left to people."""
        pull = await there.pull(one.number)
        if not pull.is_open or pull.head.sha not in one.heads:
            return
        heard = await there.heard(one.number)
        # What was closed so and is open was reopened by a person, after we said that it is closed.
        ended = [at for at, body in heard.ours if not one.is_ending and wording.says_stale(body)]
        since = max(moment for moment in (pull.moved_at, heard.person_at, *ended) if moment is not None)
        marker = wording.quiet_marker(one.number, since)
        warned_at = next((at for at, body in heard.ours if marker in body), None)
        after, now = self._stale_after, self._now()
        match Quiet(since, warned_at).due(now, after):
            case "warn":
                text = wording.soon_closed(since, now, max(since + after, now + notice(after)))
                await there.put_comment(one.number, marker, text, comment_id=None)
            case "close":
                await self._proposals.end(repository.id, one.number)
                text = wording.closed_as_stale(since, now)
                marker = wording.quiet_marker(one.number, since, is_over=True)
                await there.put_comment(one.number, marker, text, comment_id=None)
                await there.close_pull(one.number)
                await self._note_end(repository, there, one.number)
