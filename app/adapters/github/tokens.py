"""Installation tokens: each for one repository and the permissions that its use needs, and no more."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import httpx
from pydantic import BaseModel, Field

from app.adapters.github.app import App, read
from app.adapters.github.errors import Invalid, Unauthorized, server_time
from app.core.errors import Denied, ForgeError, NotFound, Unavailable
from app.core.task import Repository

_log = logging.getLogger(__name__)

Permissions = Mapping[str, str]
"""GitHub's names of permissions, each with `read` or `write`."""

READ_CODE: Final[Permissions] = {"contents": "read", "metadata": "read"}
"""What git needs to fetch."""
WRITE_CODE: Final[Permissions] = {"contents": "write", "metadata": "read"}
"""What git needs to push."""
TALK: Final[Permissions] = {
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "metadata": "read",
    "pull_requests": "write",
}
"""What the REST calls of a run need. It never leaves this process."""
READ_TALK: Final[Permissions] = {"contents": "read", "issues": "read", "metadata": "read", "pull_requests": "read"}
"""What it takes to look at what people did."""
READ_CI: Final[Permissions] = {"actions": "read", "checks": "read", "metadata": "read", "statuses": "read"}
"""What others say about a commit. Apart from the rest: an installation that does not grant it has runs all the same."""

_EARLY_S: Final = 300.0
"""Seconds before its end that a token is replaced, so that what starts with it can finish."""
_LIFETIME_S: Final = 3600.0
"""Seconds that a token lives, where its answer does not say:
https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-an-installation-access-token-for-a-github-app
"""
_YOUNG_S: Final = 60.0
"""Seconds in which a token counts as fresh: it may not have reached every server of GitHub's yet."""
_PATIENCE_S: Final = (0.5, 1.0, 1.5, 2.0)
"""Pauses in seconds, five in all, after which a fresh token is tried again: octokit waits as long."""


@dataclass(frozen=True)
class Token:
    """A credential and its times, in seconds since 1970 by our clock."""

    value: str = field(repr=False)
    minted_at: float
    expires_at: float


class _Numbered(BaseModel):
    id: int


class _Minted(BaseModel, hide_input_in_errors=True):
    token: str = Field(min_length=1, repr=False)
    expires_at: datetime | None = None
    repositories: list[_Numbered] | None = None


_Key = tuple[int, int, tuple[tuple[str, str], ...]]


class Tokens:
    """Mints installation tokens and keeps them until shortly before they expire."""

    def __init__(
        self,
        app: App,
        *,
        on_secret: Callable[[str], None],
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`on_secret` is told every token before it is used, so that it can be redacted wherever it turns up."""
        self._app = app
        self._on_secret = on_secret
        self._clock = clock
        self._sleep = sleep
        self._kept: dict[_Key, Token] = {}
        self._locks: dict[_Key, asyncio.Lock] = {}

    def apart(self) -> "Tokens":
        """The same for somebody else, without the tokens that are kept here."""
        return Tokens(self._app, on_secret=self._on_secret, clock=self._clock, sleep=self._sleep)

    def __repr__(self) -> str:
        return f"Tokens({len(self._kept)} kept)"

    async def token(self, repository: Repository, permissions: Permissions) -> Token:
        """A token that is good for five minutes at least.

        Raises Suspended, NotFound (the App was removed, or may not see the repository), Denied (a permission was not
        granted), RateLimited, Unavailable.
        """
        key = _key(repository, permissions)
        async with self._locks.setdefault(key, asyncio.Lock()):
            kept = self._kept.get(key)
            if kept is None or kept.expires_at - _EARLY_S <= self._clock():
                kept = self._kept[key] = await self._mint(repository, permissions)
            return kept

    async def find(self, full_name: str) -> Repository:
        """The repository `OWNER/NAME`, if the App is installed on it. Raises NotFound with what to do about it."""
        doing = f"work in {full_name}"
        try:
            installation = read(_Numbered, await self._app.ask("GET", f"/repos/{full_name}/installation", doing))
            wanted = {"repositories": [full_name.partition("/")[2]], "permissions": {"metadata": "read"}}
            path = f"/app/installations/{installation.id}/access_tokens"
            answer = await self._app.ask("POST", path, doing, json=wanted, is_safe=True)
        except (NotFound, Invalid) as error:
            sentence = f"The App is not installed on {full_name}, or there is no such repository."
            raise NotFound(sentence, detail=error.detail) from None
        told: _Minted = read(_Minted, answer)
        self._on_secret(told.token)
        if not told.repositories:
            raise NotFound(f"GitHub does not say which repository {full_name} is.")
        return Repository(id=told.repositories[0].id, full_name=full_name, installation_id=installation.id)

    async def retry(self, repository: Repository, permissions: Permissions, refused: Token, tries: int) -> bool:
        """What to do about a 401: wait if the token is fresh, forget it if it is not; False if nothing helps.

        `tries` says how often this was asked before in the same call, from 0.
        """
        is_fresh = self._clock() - refused.minted_at < _YOUNG_S
        if is_fresh and tries < len(_PATIENCE_S):
            await self._sleep(_PATIENCE_S[tries])
            return True
        key = _key(repository, permissions)
        if self._kept.get(key) == refused:
            del self._kept[key]
        return not is_fresh and tries == 0

    async def end(self) -> None:
        """Have every token that is kept here end now, as far as GitHub can be told. By itself it takes an hour."""
        kept, self._kept = self._kept, {}
        for token in kept.values():
            try:
                await self._app.revoke(token.value)
            except ForgeError as error:
                _log.info("A token ends by itself: %s", error)

    async def _mint(self, repository: Repository, permissions: Permissions) -> Token:
        doing = f"work in {repository.full_name}"
        path = f"/app/installations/{repository.installation_id}/access_tokens"
        wanted = {"repository_ids": [repository.id], "permissions": dict(permissions)}
        asked_at = self._clock()
        try:
            # Minting twice does no harm, so an answer that got lost is asked for again.
            answer = await self._app.ask("POST", path, doing, json=wanted, is_safe=True)
        except Invalid as error:
            names = ", ".join(f"{name}: {level}" for name, level in permissions.items())
            raise Denied(
                f"This App may not {doing}: accept its permissions ({names}) in the settings of the installation, and "
                "let it see the repository.",
                detail=error.detail,
            ) from None
        except Unauthorized as error:
            raise Unavailable(
                "GitHub does not accept the App's private key: is it the key of this App, and not deleted there?",
                detail=error.detail,
            ) from None
        return self._taken(answer, asked_at)

    def _taken(self, answer: httpx.Response, asked_at: float) -> Token:
        minted: _Minted = read(_Minted, answer)
        self._on_secret(minted.token)
        lifetime_s = _LIFETIME_S
        if minted.expires_at is not None:
            # By GitHub's clock alone: ours may be wrong.
            here = server_time(answer.headers.get("date", ""), default=asked_at)
            lifetime_s = minted.expires_at.timestamp() - here
        return Token(minted.token, asked_at, asked_at + lifetime_s)


def _key(repository: Repository, permissions: Permissions) -> _Key:
    return repository.installation_id, repository.id, tuple(sorted(permissions.items()))
