"""What a static analysis says of text."""

from collections.abc import Sequence
from typing import Protocol

from pydantic import BaseModel


class Flaw(BaseModel, frozen=True):
    """A place in a file that a static analysis warns of."""

    rule: str
    """As the analysis calls it: `S602`."""
    line: int
    message: str


class Analysis(Protocol):
    """Static analysis of source text, which is never run."""

    async def flaws(self, path: str, text: str) -> Sequence[Flaw] | None:
        """What is dangerous in this text; None if that cannot be told."""
        ...
