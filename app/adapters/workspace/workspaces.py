"""Opens workspaces; where everything lies on the disk."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Final

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.sandbox.root import place
from app.adapters.sandbox.users import USERS, let_through
from app.adapters.workspace.base import Bases
from app.adapters.workspace.folders import GIB, Folder, Ways, in_use
from app.adapters.workspace.furnishing import SITE
from app.adapters.workspace.layers import AHEAD, Layers
from app.adapters.workspace.locks import locked
from app.adapters.workspace.mirror import Mirror
from app.adapters.workspace.seen import Seen
from app.adapters.workspace.workspace import GitWorkspace, ReadLayout, TellAuthor, everything, nobody
from app.core.forge import Remote

_MOST_SEEN: Final = 100
"""Trees; more than one process works on at a time."""
DISK_BYTES: Final = 10 * GIB
"""Of one run: a large repository with its dependencies and its build has a few gigabytes."""


class Workspaces:
    """Every work tree under `home`: `mirrors/<repository id>.git` and `layers/`, shared, and `runs/<run id>/`.

    Boxes pass through `home`: it has to be open enough for their users, which `BubblewrapBoxes.check` looks after.
    `ways` is what this machine can do; without it that is found out. `disk_bytes` is the size of a run's disk.
    `read_layout` tells from a commit which of its files a tree holds.
    """

    def __init__(
        self,
        home: Path,
        boxes: BubblewrapBoxes,
        *,
        author: TellAuthor = nobody,
        ways: Ways | None = None,
        disk_bytes: int = DISK_BYTES,
        read_layout: ReadLayout = everything,
    ) -> None:
        self._home = home.resolve()
        self._boxes = boxes
        self._author = author
        self._given_ways = ways
        self._disk_bytes = disk_bytes
        self._read_layout = read_layout
        self._seen: dict[str, Seen] = {}
        self._bases = Bases()
        self.layers = Layers(self._home / "layers", lambda: in_use(self._home / "runs"))

    @cached_property
    def ways(self) -> Ways:
        """How work trees are made on this machine."""
        return self._given_ways or Ways.of(self._home)

    def open(
        self,
        run_id: int,
        repository_id: int,
        remote: Callable[[bool], Awaitable[Remote]],
        *,
        asked_at: datetime | None = None,
    ) -> GitWorkspace:
        """The workspace of a run, whether it exists already or not.

        `remote(write)` gives address and credential when they are needed; the address may be a folder of this machine.
        `asked_at` becomes the date of the commit; without it that is the date of the base commit.
        """
        return self._opened(str(run_id), run_id, repository_id, remote, asked_at)

    @asynccontextmanager
    async def ahead(
        self, repository_id: int, remote: Callable[[bool], Awaitable[Remote]]
    ) -> AsyncIterator[GitWorkspace]:
        """A work tree of no run, to make what runs will share; removed at the end. One at a time for a repository.

        What was made so for an older commit, and no run has used, goes, too.
        Its folder is named like one in which set-up is done, so that a sweep takes it away if this process is killed.
        """
        self.layers.prepare()
        name = f"{AHEAD}{repository_id}"
        async with locked(self.layers.lock(name)):
            workspace = self._opened(f"{SITE}{name}", -repository_id, repository_id, remote, None)
            try:
                yield workspace
                await asyncio.to_thread(self.layers.supersede, name, workspace.layers)
            finally:
                await workspace.remove()

    @asynccontextmanager
    async def clean(
        self, run_id: int, repository_id: int, remote: Callable[[bool], Awaitable[Remote]]
    ) -> AsyncIterator[GitWorkspace]:
        """One more work tree of a run, beside its own; removed at the end. One at a time for a run.

        Its folder is named like one in which set-up is done, so that a sweep takes it away if this process is killed;
        what a killed one left is removed at the beginning.
        """
        self.layers.prepare()
        name = f"clean-{run_id}"
        lock = self.layers.lock(name)
        async with locked(lock):
            workspace = self._opened(f"{SITE}{name}", run_id, repository_id, remote, None, is_beside=True)
            await workspace.remove()
            try:
                yield workspace
            finally:
                await workspace.remove()
                await asyncio.to_thread(lock.unlink, missing_ok=True)

    def _opened(
        self,
        name: str,
        run_id: int,
        repository_id: int,
        remote: Callable[[bool], Awaitable[Remote]],
        asked_at: datetime | None,
        *,
        is_beside: bool = False,
    ) -> GitWorkspace:
        for part in ("mirrors", "runs"):
            let_through(self._home / part)
        trusting = self._home / "mirrors" / "local.config"
        place(trusting, b"[safe]\n\tdirectory = *\n", 0o600)
        mirror = Mirror(self._home / "mirrors" / f"{repository_id}.git", remote, trusting)
        # Two trees of a run at a time are two users' affairs.
        number = run_id + USERS // 2 if is_beside else run_id
        folder = Folder(self._home / "runs" / name, number, self.ways, self._disk_bytes)
        return GitWorkspace(
            folder,
            self._seen_in(folder),
            self.layers,
            mirror,
            self._boxes,
            bases=self._bases,
            run_id=run_id,
            author=self._author,
            asked_at=asked_at,
            read_layout=self._read_layout,
            keeps_pin=is_beside,
        )

    def _seen_in(self, folder: Folder) -> Seen:
        """What was seen in the tree last. Of so many runs the oldest is no longer at work here."""
        seen = self._seen.pop(folder.run.name, None) or Seen(folder.stamp)
        self._seen[folder.run.name] = seen
        if len(self._seen) > _MOST_SEEN:
            del self._seen[next(iter(self._seen))]
        return seen
