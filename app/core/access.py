"""Tokens of the HTTP API: who may ask for work in which repositories, without coming by GitHub."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Final, Protocol

from pydantic import BaseModel

PREFIX: Final = "mnn_"
"""So that scanners for secrets, ours included, know one by its looks."""
_BYTES: Final = 32
"""Of randomness. Nobody guesses 256 bits, so a plain hash is enough to keep."""
FORM: Final = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
GLOB: Final = re.compile(r"[A-Za-z0-9_.*-]+/[A-Za-z0-9_.*-]+")
LOGIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
"""Of an account on GitHub; managed ones have an underscore."""
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


class ApiToken(BaseModel, frozen=True):
    """A token as it is stored: not the secret itself."""

    id: int
    name: str
    login: str
    """The GitHub account that it asks as: its right to write is looked up at each run."""
    repositories: tuple[str, ...]
    """Globs of `OWNER/NAME`."""
    created_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_for(self, full_name: str) -> bool:
        """Whether it may be used for this repository. GitHub's names have no case."""
        return any(fnmatchcase(full_name.lower(), glob.lower()) for glob in self.repositories)


class ApiTokens(Protocol):
    """Where tokens are kept."""

    async def find(self, digest: str) -> ApiToken | None:
        """The token with this digest, noting that it is used; None if there is none, or if it was revoked."""
        ...

    async def add(self, name: str, login: str, repositories: Sequence[str], digest: str) -> ApiToken | None:
        """Keep a new one; None if a token of this name is in use."""
        ...

    async def revoke(self, name: str) -> bool:
        """Make the token of this name useless; False if there is none."""
        ...

    async def all(self) -> Sequence[ApiToken]:
        """Every token there ever was, oldest first."""
        ...


def new_secret() -> str:
    """A token to hand out, once."""
    return PREFIX + secrets.token_urlsafe(_BYTES)


def digest_of(secret: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(secret.encode()).hexdigest()
