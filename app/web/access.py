"""Who may see which pages, and who may tell runs what to do from them."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlsplit

from fastapi import Request

from app.core.task import Person

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Visitor:
    """Whoever looks at a page."""

    person: Person | None = None
    """None: somebody at this very machine, who needs no account."""
    readable: Collection[int] | None = None
    """Ids of repositories whose runs they may see; None for all."""
    writable: Collection[int] | None = None
    """Ids of repositories whose runs they may tell what to do; None for all."""

    def reads(self, repository_id: int) -> bool:
        """Whether they may see runs of a repository."""
        return self.readable is None or repository_id in self.readable

    def writes(self, repository_id: int) -> bool:
        """Whether they may stop and retry them."""
        return self.writable is None or repository_id in self.writable


class TurnedAway(Exception):
    """No page for this visitor: the sentence says why, and `to` where they may go to change that."""

    def __init__(self, sentence: str, *, status: int = 403, to: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.to = to


class Access(Protocol):
    """Who visits."""

    async def visitor(self, request: Request) -> Visitor:
        """Whoever sent the request. Raises TurnedAway."""
        ...


class OnLoopback:
    """Nobody needs an account: whoever reaches this machine's loopback sits at it."""

    async def visitor(self, request: Request) -> Visitor:
        """Whoever asks for a name of this machine: with another one, it is a stranger's page that asks."""
        if host_of(request.headers.get("host", "")) not in _LOOPBACK:
            raise TurnedAway("These pages are for this machine alone, under http://127.0.0.1 or http://localhost.")
        return Visitor()


class Shut:
    """A server that others can reach, and nobody can sign in to."""

    async def visitor(self, request: Request) -> Visitor:  # noqa: ARG002 - whoever it is
        """Turn everybody away."""
        raise TurnedAway(
            "These pages are closed, because nobody can sign in: whoever runs this server sets MINIONS_CLIENT_ID and "
            "MINIONS_CLIENT_SECRET, as its README says.",
            status=503,
        )


def check_origin(request: Request, own_url: str) -> None:
    """Raise TurnedAway unless a page of our own sent the request: browsers say so, and no page can make them lie."""
    own = {urlsplit(own_url).netloc, request.headers.get("host", "")}
    origin = request.headers.get("origin", "")
    if request.headers.get("sec-fetch-site") == "same-origin" or (origin and urlsplit(origin).netloc in own):
        return
    raise TurnedAway("This was sent by a page of somebody else, so nothing was done.")


def host_of(header: str) -> str:
    """The host of a `Host` header, without its port."""
    return urlsplit(f"//{header}").hostname or ""
