"""Reading what is in an installation's repositories, beside the runs there: with tokens that can only read."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final

from pydantic import BaseModel, Field

from app.adapters.github.app import App, read
from app.adapters.github.errors import Gone, Invalid, Moved, Unauthorized
from app.adapters.github.pace import Paces
from app.core.errors import Denied, NotFound, Unavailable
from app.core.task import Repository

_NAME_S: Final = 10.0
"""Seconds that a repository's name is taken for its name of now: less than between two looks at what is missing."""
_READS: Final = {"contents": "read", "issues": "read", "metadata": "read", "pull_requests": "read"}
"""Permissions of the token that looks; it is for all repositories of an installation, and never leaves this process."""
_TOKEN_S: Final = 3000.0
"""Seconds that a token is used; it lives for an hour."""

Json = Mapping[str, Any]


class _Repository(BaseModel):
    full_name: str


class _Token(BaseModel, hide_input_in_errors=True):
    token: str = Field(min_length=1, repr=False)


class Lookups:
    """Reads of one App, in the pace of each installation. All of them may raise ForgeErrors."""

    def __init__(
        self,
        app: App,
        paces: Paces,
        *,
        on_secret: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_secret` is told every token."""
        self._app = app
        self._paces = paces
        self._on_secret = on_secret
        self._clock = clock
        self._tokens: dict[int, tuple[str, float]] = {}
        self._names: dict[int, tuple[str, float]] = {}

    async def named(self, repository: Repository, doing: str) -> Repository:
        """The repository by its name of now: under a former one everything seems to have moved away."""
        name, until = self._names.get(repository.id, ("", 0.0))
        if until <= self._clock():
            answer = await self.read(repository.installation_id, f"/repositories/{repository.id}", doing)
            name = read(_Repository, answer).full_name
            self._names[repository.id] = name, self._clock() + _NAME_S
        return repository.model_copy(update={"full_name": name})

    async def each(self, here: Repository, path: str, doing: str) -> AsyncIterator[Json]:
        """Every thing of a list in a repository, page by page."""
        next_path: str | None = f"/repos/{here.full_name}{path}"
        while next_path:
            answer = await self.read(here.installation_id, next_path, doing)
            things: list[dict[str, Any]] = read(list[dict[str, Any]], answer)
            for thing in things:
                yield thing
            next_path = self._app.next_page(answer)

    async def found(self, here: Repository, path: str, doing: str) -> Json | None:
        """One thing in a repository that is there; None if the thing was deleted or moved elsewhere."""
        try:
            answer = await self.read(here.installation_id, f"/repos/{here.full_name}{path}", doing)
        except (NotFound, Gone, Moved):
            return None
        thing: dict[str, Any] = read(dict[str, Any], answer)
        return thing

    async def read(self, installation_id: int, path: str, doing: str) -> Any:
        """The good answer to one call."""
        try:
            token = await self._token(installation_id)
            async with self._paces.of(installation_id).read():
                return await self._app.read_as(token, path, doing)
        except Unauthorized as error:
            # Fresh ones may not be known everywhere yet, and old ones may be revoked: the next look has another one.
            self._tokens.pop(installation_id, None)
            raise Unavailable("GitHub does not accept a token of its own now.", detail=error.detail) from None

    async def _token(self, installation_id: int) -> str:
        value, until = self._tokens.get(installation_id, ("", 0.0))
        if until <= self._clock():
            path = f"/app/installations/{installation_id}/access_tokens"
            wanted = {"permissions": _READS}
            try:
                answer = await self._app.ask("POST", path, "look after an installation", json=wanted, is_safe=True)
            except Invalid as error:
                raise Denied("The installation has not accepted this App's permissions.", detail=error.detail) from None
            minted: _Token = read(_Token, answer)
            self._on_secret(minted.token)
            value = minted.token
            self._tokens[installation_id] = value, self._clock() + _TOKEN_S
        return value
