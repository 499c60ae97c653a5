"""The bare copy of a repository, shared by its runs."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from app.adapters.workspace import remote as remotes
from app.adapters.workspace.git import Git
from app.adapters.workspace.locks import locked
from app.core.errors import NotFound, RepositoryError
from app.core.forge import Remote

FETCH_S: Final = 900.0
"""The first fetch of a repository with a gigabyte of history, at 10 Mbit/s."""

_OTHERS: Final = "refs/minions-others"
"""Commits of other repositories: submodules."""
LAID: Final = "refs/minions-laid"
"""Commits with submodules in them, by the commit that they are made of."""
INDEX: Final = "index-"
"""Before the name of an index that is used while the mirror is locked."""


class Mirror:
    """One repository's mirror at `path`; `remote` gives address and credential when something has to be fetched."""

    def __init__(self, path: Path, remote: Callable[[bool], Awaitable[Remote]], local_config: Path) -> None:
        self.path = path
        self.git = Git(path)
        self._remote = remote
        self._local_config = local_config

    @property
    def in_use(self) -> Path:
        """A file that is locked while a run takes hold of the mirror, and as old as the last such moment."""
        return self.path.with_suffix(".use")

    @property
    def lock(self) -> Path:
        """A file that is locked by who changes refs that are not a run's own."""
        return self.path.with_suffix(".lock")

    async def provide(self, sha: str, run_id: int) -> None:
        """Have commit `sha` here, and keep it for this run whatever becomes of its branch.

        Asks the remote only if it is not here. Raises RepositoryError if it is nowhere, ForgeError if the remote fails.
        """
        async with locked(self.in_use, shared=True):  # no sweep takes the mirror away before it is pinned
            await asyncio.to_thread(self.in_use.touch)
            if not await self._has(sha):
                async with locked(self.lock):  # one process at a time fetches
                    # Also finishes one that was broken off.
                    await self.git.tell("init", "--quiet", "--bare", "--template=", str(self.path))
                    await asyncio.to_thread(self._unlock)
                    if not await self._has(sha):
                        await self._fetch(sha)
            await asyncio.to_thread((self.path / f"{_pin(run_id)}.lock").unlink, missing_ok=True)
            await self.git.tell("update-ref", _pin(run_id), sha)

    async def let_go(self, run_id: int) -> None:
        """The run is over."""
        if (self.path / "HEAD").exists():
            async with locked(self.lock):  # one process at a time fetches
                await self.git.ask("update-ref", "-d", _pin(run_id))

    async def talk(
        self,
        *arguments: str,
        write: bool,
        environment: Mapping[str, str] | None = None,
        timeout_s: float = FETCH_S,
    ) -> tuple[bool, str, str]:
        """A command that talks to the remote, whose address replaces `{url}`: success, output, redacted words."""
        remote = await self._remote(write)
        said = await self.git.ask(
            *(remote.url if argument == "{url}" else argument for argument in arguments),
            settings=remotes.settings(remote),
            environment=remotes.environment(remote, self._local_config) | dict(environment or {}),
            timeout_s=timeout_s,
        )
        return said.ok, said.text, remotes.redacted(said.err, remote)

    async def _said(self, *arguments: str, write: bool, timeout_s: float = FETCH_S) -> str:
        """What the remote said; as `talk`. Raises ForgeErrors."""
        ok, out, words = await self.talk(*arguments, write=write, timeout_s=timeout_s)
        if not ok:
            raise remotes.refusal(words)
        return out

    async def keep_laid(self, sha: str, commit: str) -> None:
        """Keep what the tree of `sha` is made of, as long as the mirror. The caller holds `lock`."""
        await asyncio.to_thread(self._unlock)
        await self.git.tell("update-ref", f"{LAID}/{sha}", commit)

    async def url(self) -> str:
        """The repository's address."""
        return (await self._remote(False)).url

    async def fetch_from(self, url: str, sha: str) -> tuple[bool, str]:
        """Have a commit of another repository here, asking without a credential: success, words of a refusal.

        What was fetched once is kept as long as the mirror.
        """
        if await self._has(sha):
            return True, ""
        remote = Remote(url=url)
        async with locked(self.lock):
            await asyncio.to_thread(self._unlock)
            said = await self.git.ask(
                *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", url, f"+{sha}:{_OTHERS}/{sha}"),
                settings=remotes.settings(remote),
                environment=remotes.environment(remote, self._local_config),
                timeout_s=FETCH_S,
            )
        return said.ok, said.err

    def _unlock(self) -> None:
        """Git's own locks of a fetch that was killed. Nobody else fetches now; pins are each run's own affair."""
        for place in (self.path, self.path / "refs/heads", self.path / _OTHERS, self.path / LAID):
            for lock in place.glob("*.lock") if place == self.path else place.rglob("*.lock"):
                lock.unlink(missing_ok=True)

    async def _has(self, sha: str) -> bool:
        return (self.path / "HEAD").exists() and (await self.git.ask("cat-file", "-e", f"{sha}^{{commit}}")).ok

    async def _fetch(self, sha: str) -> None:
        options = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--force")
        branches = (*options, "--prune", "--", "{url}", "+refs/heads/*:refs/heads/*")
        await remotes.patiently(lambda: self._said(*branches, write=False))
        if await self._has(sha):
            return
        # No branch leads to it any more; GitHub gives it all the same, as long as it remembers it.
        with contextlib.suppress(NotFound):
            await remotes.patiently(lambda: self._said(*options, "--", "{url}", sha, write=False))
        if not await self._has(sha):
            raise RepositoryError(f"Commit {sha} is not in the repository (any more)")


def _pin(run_id: int) -> str:
    return f"refs/minions/{run_id}"
