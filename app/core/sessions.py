"""Who signed in to the pages, and what they may see."""

from datetime import timedelta
from typing import Final, Protocol

from pydantic import BaseModel

from app.core.task import Person

LASTS: Final = timedelta(hours=1)
"""After it, GitHub is asked anew what somebody may read: a right that was taken away is gone for us by then. Who is
still signed in at GitHub notices nothing of it."""


class Session(BaseModel, frozen=True):
    """A person and, as GitHub said when they signed in, their repositories that the App is installed on."""

    person: Person
    readable: tuple[int, ...]
    writable: tuple[int, ...]


class Sessions(Protocol):
    """The sessions of all web servers of one installation."""

    async def begin(self, session: Session) -> str:
        """Keep a session; answer with the word by which it is found. The word itself is not kept."""
        ...

    async def find(self, word: str) -> Session | None:
        """The session of this word, unless it is over."""
        ...

    async def end(self, word: str) -> None:
        """The session is over."""
        ...


class Gate(Protocol):
    """GitHub, where people say who they are."""

    def address(self, *, state: str, challenge: str, back: str) -> str:
        """Where they go for it; from there they come `back` with a code and this `state`."""
        ...

    async def enter(self, *, code: str, verifier: str, back: str) -> Session:
        """Whoever came back with this code. Raises Denied if GitHub does not know it, and other ForgeErrors."""
        ...
