"""What people can tell a run to do: each is one of a few words, with what belongs to it.

An order is noted on its run together with the delivery that brought it. Whether who gave it may give it is looked up
when it is heeded, never inferred.
"""

import re
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

from app.core.command import Command
from app.core.task import Person, Place, Task


class Stop(BaseModel, frozen=True):
    """End the run; the change so far is kept."""

    kind: Literal["stop"] = "stop"


class Retry(BaseModel, frozen=True):
    """Go on where an error or a person ended the run, or at `node`; a run that has no end to go on from begins anew."""

    kind: Literal["retry"] = "retry"
    node: str = ""


class FixChecks(BaseModel, frozen=True):
    """See once more to the checks of what the run has pushed."""

    kind: Literal["fix checks"] = "fix checks"


class ShowStatus(BaseModel, frozen=True):
    """Say where the run stands."""

    kind: Literal["status"] = "status"


class WrapUp(BaseModel, frozen=True):
    """Come to an end with what there is, within a few turns."""

    kind: Literal["wrap up"] = "wrap up"


class RaiseBudget(BaseModel, frozen=True):
    """Let each agent node of the run use this much more."""

    kind: Literal["budget"] = "budget"
    usd: float = Field(gt=0)


class Discard(BaseModel, frozen=True):
    """Close the pull request that the run opened, and delete its branch."""

    kind: Literal["discard"] = "discard"


Order = Annotated[Stop | Retry | FixChecks | ShowStatus | WrapUp | RaiseBudget | Discard, Field(discriminator="kind")]

KINDS: Final = frozenset({"stop", "retry", "fix checks", "status", "wrap up", "budget", "discard"})
"""Of orders; an order for which there is no run is answered in the place of a blueprint of that name."""
WORDS: Final = frozenset({"stop", "retry", "status", "wrap", "budget", "discard", "help"})
"""First words of commands that are orders, or ask for help: no blueprint may have such a name."""
MOST_USD: Final = 1_000.0
"""Of one raise: more is more likely a slip of the finger."""
_USD: Final = re.compile(r"\+?\s*\$?\s*(\d{1,4}(?:\.\d{1,2})?)\s*(?:\$|usd|dollars?)?", re.IGNORECASE | re.ASCII)
_NODE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)


class Given(BaseModel, frozen=True):
    """An order as it was noted on a run and not heeded yet."""

    id: int
    order: Order
    requester: Person | None
    """None if nobody said it: what the run is about is gone, and that needs no right."""
    place: Place | None
    """The comment that gave it; None if it was a button, a label, or nobody."""
    task: Task | None = None
    """What is asked for if the run is begun anew, in the words of now; None if only the old words are known."""


def ordered(command: Command) -> Order | None:  # noqa: PLR0911 - a table: one command, one order
    """The order that a command gives; None if it is none, or cannot be understood."""
    rest = command.instructions.strip()
    match command.word:
        case "stop":
            return Stop()
        case "status":
            return ShowStatus()
        case "discard":
            return Discard()
        case "retry" if not rest or _NODE.fullmatch(rest):
            return Retry(node=rest)
        case "wrap" if rest.lower().rstrip(".!") in {"up", ""}:
            return WrapUp()
        case "budget":
            return _raised(rest)
    return None


def _raised(words: str) -> RaiseBudget | None:
    found = _USD.fullmatch(words)
    if found is None or not 0 < float(found.group(1)) <= MOST_USD:
        return None
    return RaiseBudget(usd=float(found.group(1)))
