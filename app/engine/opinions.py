"""Asks now and then what people think of pull requests: GitHub tells of no reaction by itself."""

import logging
from typing import Final

from app.core.errors import ForgeError, RateLimited, Unavailable
from app.core.opinions import Opinions, Reactions

_log = logging.getLogger(__name__)

_AT_ONCE: Final = 10
"""Pull requests asked about in one look, with two calls each: the others have their turn in the next ones. Where
nothing changed these cost nothing, and where all did they are 240 of the 5,000 calls of an hour."""


class Poll:
    """Asks about those that were asked about the longest ago."""

    def __init__(self, opinions: Opinions, reactions: Reactions, *, at_once: int = _AT_ONCE) -> None:
        self._opinions = opinions
        self._reactions = reactions
        self._at_once = at_once

    async def ask(self) -> None:
        """Ask once. Raises RateLimited, Unavailable and StoreDown."""
        for posts in await self._opinions.due(self._at_once):
            try:
                thumbs = await self._reactions.thumbs(posts)
            except (RateLimited, Unavailable):
                raise
            except ForgeError as error:  # a repository that the App lost: it must hold up no other
                _log.info("Run %s: what people think of it cannot be told: %s", posts.run_id, error)
                await self._opinions.note(posts.run_id, None)
                continue
            await self._opinions.note(posts.run_id, thumbs)
