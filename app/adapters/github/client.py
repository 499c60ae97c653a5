"""Calls to GitHub for one repository, as one installation: the right token, thread, pace, address and errors."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from github.Repository import Repository as Remote

from app.adapters.github import transport
from app.adapters.github.errors import Moved, Unauthorized, present, translated
from app.adapters.github.known import Known
from app.adapters.github.pace import Pace
from app.adapters.github.tokens import TALK, Permissions, Tokens
from app.core.errors import Conflict, Unavailable
from app.core.task import Repository

T = TypeVar("T")

_DEADLINE_S: Final = 120.0
"""Seconds that one call may take, repeated reads and all pages included."""


class Client:
    """What is called with it runs in a thread of its own, on a PyGithub object of its own."""

    def __init__(
        self,
        api_url: str,
        tokens: Tokens,
        pace: Pace,
        known: Known,
        repository: Repository,
        *,
        permissions: Permissions = TALK,
    ) -> None:
        """`permissions` are those of the token that calls are made with."""
        self.repository = repository
        self._permissions = permissions
        self.pace = pace
        self._api_url = api_url
        self._tokens = tokens
        self._known = known
        self._path = ""

    async def read(self, doing: str, call: Callable[[Remote], T]) -> T:
        """Answer with what `call` makes of the repository. `doing` goes on "GitHub did not let us …".

        Raises ForgeErrors.
        """
        await self.locate()
        async with self.pace.read():
            return await self._called(doing, call)

    async def write(self, doing: str, call: Callable[[Remote], T], *, notifies: bool = False) -> T:
        """The same for a call that makes something new, once. `notifies` says whether people get a message by it."""
        return await self._write(doing, call, notifies=notifies, creates=True)

    async def overwrite(self, doing: str, call: Callable[[Remote], T]) -> T:
        """The same for a write of a whole state, which may be repeated: if no answer comes, it is made once more."""
        try:
            return await self._write(doing, call, notifies=False, creates=False)
        except Unavailable:
            return await self._write(doing, call, notifies=False, creates=False)

    async def find_or_create(self, find: Callable[[], Awaitable[T | None]], create: Callable[[], Awaitable[T]]) -> T:
        """Answer with what `find` finds, else with what `create` makes: one thing, whatever happens to the answers.

        After a failure whose outcome is unknown it is looked for before it is made once more.
        """
        found = await find()
        if found is not None:
            return found
        try:
            return await create()
        except (Unavailable, Conflict) as error:
            await self.pace.settle()
            found = await find()
            if found is not None:
                return found
            if isinstance(error, Conflict):
                raise
        return await create()

    async def _write(self, doing: str, call: Callable[[Remote], T], *, notifies: bool, creates: bool) -> T:
        # Before the turn and not in it, where it would be late for its time.
        await self.locate()
        async with self.pace.write(notifies=notifies, creates=creates):
            return await self._called(doing, call)

    async def _called(self, doing: str, call: Callable[[Remote], T]) -> T:
        try:
            return await self._authorized(doing, call)
        except Moved:
            # Nothing was done. It was renamed or handed over while we worked; its id is still good.
            await self._find_address()
            return await self._authorized(doing, call)

    async def locate(self) -> None:
        """Find out the repository's present name, once. Raises NotFound if it is not there for this installation."""
        if not self._path:
            async with self.pace.read():
                await self._find_address()

    async def _find_address(self) -> None:
        """By its id: the name from the moment of asking may be another repository's by now."""
        by_id = f"/repositories/{self.repository.id}"
        name = await self._authorized("find the repository", lambda remote: present(remote.full_name, str), path=by_id)
        self._path = f"/repos/{name}"
        self.repository = self.repository.model_copy(update={"full_name": name})

    async def _authorized(self, doing: str, call: Callable[[Remote], T], *, path: str = "") -> T:
        tries = 0
        while True:
            token = await self._tokens.token(self.repository, self._permissions)
            try:
                return await self._in_thread(doing, call, token.value, path or self._path)
            except Unauthorized as error:
                if not await self._tokens.retry(self.repository, self._permissions, token, tries):
                    raise Unavailable(
                        f"GitHub does not accept the token of this installation to {doing}.", detail=error.detail
                    ) from None
                tries += 1

    async def _in_thread(self, doing: str, call: Callable[[Remote], T], token: str, path: str) -> T:
        def run() -> T:
            remote = transport.repository(self._api_url, token, path, self._known)
            try:
                with translated(doing):
                    return call(remote)
            finally:
                remote.requester.close()

        try:
            async with asyncio.timeout(_DEADLINE_S):
                return await asyncio.to_thread(run)
        except TimeoutError:
            raise Unavailable(f"GitHub took more than {_DEADLINE_S:.0f} seconds to {doing}.") from None
