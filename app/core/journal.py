"""The journal of one visit of an agent node: the truth about what the minion did, in order, never rewritten.

Every effect is written as an intent before and a result after it. After a crash the journal says what was answered (it
is not asked and paid again) and what was begun (it is not silently done again).
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, Field

from app.core.budget import Usage


class Opened(BaseModel, frozen=True):
    """The loop began with these messages; a resumed loop begins with the same."""

    kind: Literal["opened"] = "opened"
    messages: tuple[dict[str, Any], ...]
    model: str
    rules: tuple[str, ...] = ()
    """Rule files of the repository that stand in them."""
    tokens: dict[str, int] = Field(default_factory=dict)
    """About how much of the context each part of them takes, by the part's name, in their order."""


class ModelAsked(BaseModel, frozen=True):
    """A model call is about to be sent."""

    kind: Literal["model asked"] = "model asked"
    turn: int
    reserved_usd: float = 0.0
    """Set aside for it; settled by the answer."""
    model: str = ""
    """Who is asked; whoever the loop began with where it is not said."""


class ModelAnswered(BaseModel, frozen=True):
    """The model's message, verbatim: it is replayed as it came, thinking blocks and signatures included."""

    kind: Literal["model answered"] = "model answered"
    turn: int
    message: dict[str, Any]
    usage: Usage
    finish_reason: str
    seconds: float
    model: str = ""
    """Who answered; whoever the loop began with where it is not said."""
    stands_for: tuple[int, int] | None = None
    """A summary: it stands for the messages from the one place to before the other. None for every other answer."""


class ToolCalled(BaseModel, frozen=True):
    """A tool call is about to be carried out."""

    kind: Literal["tool called"] = "tool called"
    call_id: str
    tool: str
    arguments: dict[str, Any]


class ToolReturned(BaseModel, frozen=True):
    """What the model was shown as the result."""

    kind: Literal["tool returned"] = "tool returned"
    call_id: str
    text: str
    ok: bool
    seconds: float
    rules: tuple[str, ...] = ()
    """Rule files whose text stands at its end, or whose own text it is."""
    tree: str = ""
    """A digest of the change as it was after a call that may alter the tree; empty where nobody looked."""


class Noted(BaseModel, frozen=True):
    """Something that the loop itself said to the model, outside any tool call."""

    kind: Literal["noted"] = "noted"
    text: str


class Masked(BaseModel, frozen=True):
    """Old results of tools were left out of the conversation from here on, to make room."""

    kind: Literal["masked"] = "masked"
    places: tuple[int, ...]
    """Which messages, counted from 0."""


class Switched(BaseModel, frozen=True):
    """Another model goes on. Thoughts and signatures that only the former one understands are left out."""

    kind: Literal["switched"] = "switched"
    model: str
    why: str


class Mended(BaseModel, frozen=True):
    """A provider could not read the conversation, so it was put in a form that everybody reads."""

    kind: Literal["mended"] = "mended"


class Closed(BaseModel, frozen=True):
    """The loop ended with this result."""

    kind: Literal["closed"] = "closed"
    result: dict[str, Any]


Entry = Annotated[
    Opened | ModelAsked | ModelAnswered | ToolCalled | ToolReturned | Noted | Masked | Switched | Mended | Closed,
    Field(discriminator="kind"),
]


class Journal(Protocol):
    """The journal of one visit. Entries are durable when `append` returns."""

    async def entries(self) -> Sequence[Entry]:
        """Everything so far, oldest first. Raises Stale if others added to it since it was read first."""
        ...

    async def append(self, *entries: Entry, patch: bytes | None = None) -> None:
        """Add entries at the end, all or none; in the same write, `patch` replaces the run's saved change, if given.

        So a machine that takes the run over makes the very tree that the journal speaks of.
        """
        ...
