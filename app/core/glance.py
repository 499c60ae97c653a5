"""What the page of a run shows at first sight: its journal without the long parts, which are fetched when wanted."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from pydantic import BaseModel

from app.core.run import Run
from app.core.store import Recorded

SAID: Final = 1_200
"""Characters of what a model said that are part of a glance."""
GIST: Final = 160
"""Characters of a call's main argument, and of its result."""


class Place(NamedTuple):
    """Where an entry stands: the visit's index in the run and the entry's in its journal, both from 0."""

    visit: int
    number: int


BEFORE_ALL: Final = Place(-1, -1)


class Glance(BaseModel, frozen=True):
    """A journal entry at first sight. What its kind does not have is left at its default."""

    visit: int
    number: int
    at: datetime
    kind: str
    """As in `core/journal.py`."""
    turn: int = 0
    text: str = ""
    """The beginning: what was said, why it was switched, the result of a call."""
    size: int = 0
    """Characters of the whole text."""
    call_id: str = ""
    tool: str = ""
    ok: bool = True
    seconds: float = 0.0
    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    count: int = 0
    """Of messages that were left out."""
    tokens: Mapping[str, int] = {}
    """About how much of the context each part takes that a minion begins with, by the part's name, in their order."""

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.visit, self.number)


class Standing(BaseModel, frozen=True):
    """A run as it stands, without its change."""

    run: Run
    patch_digest: str
    """Another one means another change."""
    usd: float
    """What the ledger says, so with the visit that is under way."""
    turns: int
    """Likewise."""
    told: tuple[str, ...] = ()
    """Kinds of orders that nobody has settled yet."""
    raised_usd: float = 0.0
    """What people added to its budget."""


class Reader(Protocol):
    """What pages read. Nothing here changes anything."""

    async def standing(self, key: str) -> Standing:
        """The run with this page key. Raises NotFound."""
        ...

    async def glances(self, run_id: int, after: Place = BEFORE_ALL) -> Sequence[Glance]:
        """The journal of a run after a place, in order."""
        ...

    async def entry(self, run_id: int, place: Place) -> Recorded:
        """One entry in full. Raises NotFound."""
        ...

    async def patch(self, run_id: int) -> bytes:
        """The change as it was saved last."""
        ...

    def changes(self) -> AsyncIterator[int | None]:
        """Ids of runs with which something happens from now on; None: it may have happened with any of them."""
        ...
