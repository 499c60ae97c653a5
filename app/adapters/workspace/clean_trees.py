"""Clean trees beside the one that a minion works in."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from app.adapters.workspace.workspaces import Workspaces
from app.core.forge import Remote
from app.core.workspace import CleanTree


class CleanTrees:
    """`CleanTrees` of `app.core.workspace` for one run. `remote(write)` is as for `Workspaces.open`."""

    def __init__(
        self, workspaces: Workspaces, run_id: int, repository_id: int, remote: Callable[[bool], Awaitable[Remote]]
    ) -> None:
        self._workspaces = workspaces
        self._run_id = run_id
        self._repository_id = repository_id
        self._remote = remote

    @asynccontextmanager
    async def open(self, sha: str, *, patch: bytes = b"", set_up: Sequence[str] = ()) -> AsyncIterator[CleanTree]:
        """As `CleanTrees` says."""
        async with self._workspaces.clean(self._run_id, self._repository_id, self._remote) as workspace:
            await workspace.check_out(sha, patch=patch, set_up=set_up)
            yield CleanTree(workspace, workspace.sandbox)
