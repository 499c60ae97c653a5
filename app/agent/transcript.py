"""A conversation together with its journal."""

from dataclasses import dataclass

from app.agent.conversation import Conversation
from app.core.journal import Entry, Journal


@dataclass(frozen=True)
class Transcript:
    """What is added is durable first, and then counts."""

    journal: Journal
    talk: Conversation

    async def add(self, entry: Entry, *, patch: bytes | None = None) -> None:
        """Add an entry; `patch` as for `Journal.append`."""
        await self.journal.append(entry, patch=patch)
        self.talk.apply(entry)
