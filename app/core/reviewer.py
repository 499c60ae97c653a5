"""Who reads a change cold before it is proposed, and what that comes to."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from pydantic import BaseModel

from app.core.budget import Usage
from app.core.minion import GaveUp
from app.core.patch import Patch
from app.core.sandbox import CommandResult


class ReviewFinding(BaseModel, frozen=True):
    """What a reviewer says about one place of a change. Its words are a model's; only `exit_code` is a fact."""

    path: str
    line: int
    """In the file as it is after the change; 0 for a file of which the diff shows no line."""
    severity: Literal["blocker", "major", "minor"]
    claim: str
    evidence: str
    reproduction: str = ""
    """A command that fails because of it, according to the reviewer."""
    suggestion: str = ""
    exit_code: int | None = None
    """Of that command, run by us in a copy of the tree that nobody else had; None if it did not come to an end."""

    @property
    def is_reproduced(self) -> bool:
        """Whether its command was seen to fail; 126 and 127 are the shell's, which found no such program."""
        return self.exit_code not in {None, 0, 126, 127}


class Review(BaseModel, frozen=True):
    """What a reviewer came to."""

    findings: tuple[ReviewFinding, ...] = ()
    summary: str = ""
    """What was looked at, and what could not be."""
    model: str = ""
    usage: Usage = Usage()


class Reviewer(Protocol):
    """A model that reads a change cold. It works in copies of the tree from which nothing comes back."""

    async def review(self, patch: Patch, facts: Mapping[str, str]) -> Review | GaveUp:
        """Fill the node's prompt with `facts`, and read. A review that cannot be had is GaveUp, never an error."""
        ...

    async def reproduce(self, patch: Patch, commands: Sequence[str], *, timeout_s: float) -> Sequence[CommandResult]:
        """Run each command in a fresh copy of the tree with `patch`. One that cannot be run is left out."""
        ...


class NoReviewer:
    """Where nobody reviews."""

    async def review(self, patch: Patch, facts: Mapping[str, str]) -> Review | GaveUp:  # noqa: ARG002 - the Protocol
        """There is no review."""
        return GaveUp(reason="no reviewer", detail="")

    async def reproduce(self, patch: Patch, commands: Sequence[str], *, timeout_s: float) -> Sequence[CommandResult]:  # noqa: ARG002 - the Protocol
        """Nothing is run."""
        return ()
