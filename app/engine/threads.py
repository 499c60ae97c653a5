"""Tell in the thread that a request came from how its run or campaign stands. Looked at every few seconds.

Nothing is told twice: what is told is kept after it was said. Who says it again after a crash finds the message by its
word, and edits it.
"""

import hashlib
import logging
from collections.abc import Mapping
from typing import Any, Final, Protocol

from app.core import wording
from app.core.blueprint import Blueprint
from app.core.campaign import Campaigns, Standing
from app.core.errors import ForgeError, RateLimited, Unavailable
from app.core.requests import Request, Requests, Thread
from app.core.run import Run
from app.engine import rounds
from app.engine.requests import standing_of

_log = logging.getLogger(__name__)

EVERY_S: Final = 3.0
"""Slack lets an app edit a message about once a second."""
_AT_ONCE: Final = 200


class Threads(Protocol):
    """Where threads are."""

    async def say(self, thread: Thread, word: str, text: str, *, at: str = "") -> str:
        """Make our one message that carries `word` say `text`; answer with its name. Raises ForgeErrors."""
        ...


class Teller:
    """Tells until cancelled; among all workers one at a time."""

    def __init__(
        self,
        requests: Requests,
        campaigns: Campaigns,
        threads: Threads,
        blueprints: Mapping[str, Blueprint[Any]],
        github_url: str,
        *,
        every_s: float = EVERY_S,
    ) -> None:
        self._requests = requests
        self._campaigns = campaigns
        self._threads = threads
        self._blueprints = blueprints
        self._github_url = github_url
        self._every_s = every_s

    async def look(self) -> None:
        """Tell what is new. Raises RateLimited, Unavailable and StoreDown; the rest is for the next look."""
        async with self._requests.turn() as is_ours:
            if not is_ours:
                return
            for request, run in await self._requests.untold("slack", _AT_ONCE):
                if request.wanted.thread is not None:
                    work = run or await standing_of(request, self._campaigns)
                    await self._tell(request, work, request.wanted.thread)

    async def _tell(self, request: Request, work: Run | Standing | None, thread: Thread) -> None:
        blueprint = self._blueprints.get(work.blueprint) if isinstance(work, Run) else None
        text = wording.standing_in_slack(request, work, blueprint, self._github_url)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        at, _, told = request.told.partition(" ")
        is_end = bool(request.error) or (work is not None and _is_over(work))
        try:
            if told != digest:
                at = await self._threads.say(thread, f"standing {request.id}", text, at=at)
            if is_end and work is not None:  # an edit reaches nobody: who asked is told by a message
                await self._threads.say(thread, f"end {request.id}", wording.end_in_slack(thread.user, work))
        except (RateLimited, Unavailable):
            raise
        except ForgeError as error:
            _log.warning("Request %s: nothing can be told in its thread: %s", request.id, error)
            is_end = True
        if told != digest or is_end:
            await self._requests.tell(request, f"{at} {digest}", is_end=is_end)

    async def keep_telling(self) -> None:
        """Look until cancelled."""
        await rounds.keep(self.look, "Telling in Slack", self._every_s, trouble_s=10 * self._every_s)


def _is_over(work: Run | Standing) -> bool:
    return work.is_reported if isinstance(work, Run) else work.has_ended
