"""What was run to show that a change works. An exit code is evidence; a model's word is not."""

from enum import StrEnum
from typing import Final

from pydantic import BaseModel

from app.core.budget import Usage
from app.core.reviewer import Review, ReviewFinding
from app.core.sandbox import CommandResult

_MOST_CONNECTIONS: Final = 200
"""An install takes two or three; a hostile one is not to fill the record."""


class Where(StrEnum):
    """At which point of the run a command was run. All of them run in a box; the last five in a clean tree."""

    SET_UP = "set-up"
    BEFORE = "before the change"
    CODEMOD = "codemod"
    LINT = "lint"
    AFTER = "after the change"
    AUTOFIX = "after red checks"
    CLEAN = "in a clean tree"
    NEW_TESTS = "new tests, old code"
    OLD_TESTS = "old tests, new code"
    CLAIMED = "claimed, in a clean tree"
    REPEATED = "repeated, in a clean tree"
    UNCLAIMED = "claimed, old code"


_WITHOUT_IT: Final = frozenset({Where.NEW_TESTS, Where.UNCLAIMED})
"""Where the change itself is left out: what ends well there shows nothing, and what fails shows that it is needed."""


class Evidence(BaseModel, frozen=True):
    """One command and how it ended; its output is in the journal, not here."""

    command: str
    exit_code: int
    seconds: float
    where: Where
    timed_out: bool = False
    connections: tuple[str, ...] = ()
    """What an install command reached, and what was refused to it, a sentence each."""

    @property
    def ok(self) -> bool:
        """Whether the command succeeded."""
        return self.exit_code == 0

    @property
    def has_to_fail(self) -> bool:
        """Whether it shows something by failing."""
        return self.where in _WITHOUT_IT

    @property
    def speaks_for_it(self) -> bool:
        """Whether it ended as it does when the change is good."""
        return not self.timed_out and self.ok is not self.has_to_fail


class Reviews(BaseModel, frozen=True):
    """What came of the reviews of a run so far."""

    newest: Review | None = None
    """Of the change as it stands; None if there was none of it."""
    of: str = ""
    """Digest of the change that was reviewed last, or for which there was no review."""
    why_none: str = ""
    """For people; empty if there is a review, or none was due yet."""
    sent_back: int = 0
    """How often a blocker that was reproduced went back to the minion."""
    settled: tuple[ReviewFinding, ...] = ()
    """Blockers of earlier changes, each with what its command ends with now."""
    disputed: str = ""
    """Why the minion did not mend a blocker, in its own words."""
    usage: Usage = Usage()
    """Of all reviews together."""

    @property
    def open(self) -> tuple[ReviewFinding, ...]:
        """Blockers whose commands fail on the change as it was reviewed last, each once."""
        found = (*(self.newest.findings if self.newest else ()), *self.settled)
        failing = {one.reproduction: one for one in reversed(found) if one.severity == "blocker" and one.is_reproduced}
        return tuple(reversed(failing.values()))

    def sent(self) -> "Reviews":
        """After a minion answered to what was open: what its commands end with is looked at again."""
        known = {one.reproduction for one in self.settled}
        new = tuple(one for one in self.open if one.reproduction not in known)
        return self.model_copy(update={"settled": (*self.settled, *new)})


def evidence(result: CommandResult, where: Where) -> Evidence:
    """Keep what is worth keeping of a command's result."""
    return Evidence(
        command=result.command,
        exit_code=result.exit_code,
        seconds=result.seconds,
        where=where,
        timed_out=result.timed_out,
        connections=result.connections[:_MOST_CONNECTIONS],
    )
