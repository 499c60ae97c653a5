"""A conversation together with its journal."""

from dataclasses import dataclass, field

from app.agent.conversation import Conversation
from app.core.journal import Entry, Journal


@dataclass
class Transcript:
    """What is added is durable first, and then counts. What is held counts at once, and is durable with what follows.

    Each write waits for the disk, and is half of what a turn costs beside its model. An answer and the intent of the
    call that it asks for, a result and the intent of the next question: nothing happens between the two, so whoever is
    killed there may as well have been killed before both. Nothing outside may be touched while an entry is held.
    """

    journal: Journal
    talk: Conversation
    _held: list[Entry] = field(default_factory=list)
    _patch: bytes | None = None

    async def add(self, *entries: Entry) -> None:
        """Add entries, those that are held before them."""
        await self._write(*entries)
        for entry in entries:
            self.talk.apply(entry)

    def hold(self, entry: Entry, *, patch: bytes | None = None) -> None:
        """Have an entry written with the next one that is added; `patch` as for `Journal.append`."""
        self._held.append(entry)
        self._patch = self._patch if patch is None else patch
        self.talk.apply(entry)

    async def settle(self) -> None:
        """Write what is held now: nothing follows that it could be written with."""
        await self._write()

    async def _write(self, *entries: Entry) -> None:
        held, patch, self._held, self._patch = self._held, self._patch, [], None
        if written := [*held, *entries]:
            await self.journal.append(*written, patch=patch)
