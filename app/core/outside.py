"""Tools that live outside of the box, at servers that the operator named. What they answer was written by others."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pydantic import BaseModel


class Offer(BaseModel, frozen=True):
    """A tool of a server that a minion may use."""

    server: str
    """As the operator calls it."""
    tool: str
    """As the server calls it."""
    purpose: str
    """The server's own words."""
    parameters: Mapping[str, Any]
    """JSON schema of its arguments, an object."""
    only_reads: bool
    """Whether the server says that it changes nothing; else the operator allowed it by name."""


class Said(BaseModel, frozen=True):
    """What came of a call."""

    text: str
    ok: bool = True


class Servers(Protocol):
    """Every server of the operator's."""

    async def offers(self, blueprint: str, role: str) -> Sequence[Offer]:
        """What minions of this role may use in this blueprint. A server that does not answer offers nothing."""
        ...

    async def call(self, offer: Offer, arguments: Mapping[str, Any], *, timeout_s: float) -> Said:
        """Use a tool. Whatever goes wrong is an answer."""
        ...


class NoServers:
    """Where the operator named none."""

    async def offers(self, blueprint: str, role: str) -> Sequence[Offer]:  # noqa: ARG002 - the Protocol
        """Nothing."""
        return ()

    async def call(self, offer: Offer, arguments: Mapping[str, Any], *, timeout_s: float) -> Said:  # noqa: ARG002 - the Protocol
        """Nothing is there."""
        return Said(text=f"There is no server {offer.server!r}.", ok=False)
