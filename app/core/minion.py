"""The agent loop, as nodes see it: it submits, or it gives up."""

from collections.abc import Mapping
from typing import Literal, Protocol

from pydantic import BaseModel

from app.core.budget import Usage


class Submission(BaseModel, frozen=True):
    """The minion says that it is done; gates decide whether that is so."""

    kind: Literal["submission"] = "submission"
    summary: str
    """What was done and why, for the pull request."""
    verification: tuple[str, ...] = ()
    """Commands that show that it works."""
    risks: str = ""
    model: str = ""
    """Who worked, for the pull request; empty if the loop does not say."""
    usage: Usage = Usage()
    """What this piece of work used."""
    rules: tuple[str, ...] = ()
    """Rule files of the repository that were given to it."""


class GaveUp(BaseModel, frozen=True):
    """The minion, or the bound that stopped it, says why there is no result."""

    kind: Literal["gave up"] = "gave up"
    reason: str
    """A word: `spec_conflict`, `env_broken`, `needs_human`, `too_big`, `turns`, `tokens`, `dollars`, `seconds`, …"""
    detail: str
    model: str = ""
    usage: Usage = Usage()
    rules: tuple[str, ...] = ()


class Minion(Protocol):
    """The agent loop, set up with the prompt, tools, model role and budget of one agent node."""

    async def work(self, facts: Mapping[str, str]) -> Submission | GaveUp:
        """Fill the node's prompt with `facts` and work until something is submitted or given up."""
        ...
