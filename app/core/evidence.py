"""What was run to show that a change works. An exit code is evidence; a model's word is not."""

from enum import StrEnum
from typing import Final

from pydantic import BaseModel

from app.core.world import CommandResult

_MOST_CONNECTIONS: Final = 200
"""An install takes two or three; a hostile one is not to fill the record."""


class Where(StrEnum):
    """At which point of the run a command was run. All of them run in a box; the last four in a clean tree."""

    SET_UP = "set-up"
    BEFORE = "before the change"
    LINT = "lint"
    AFTER = "after the change"
    AUTOFIX = "after red checks"
    CLEAN = "in a clean tree"
    NEW_TESTS = "new tests, old code"
    OLD_TESTS = "old tests, new code"
    CLAIMED = "claimed, in a clean tree"


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
