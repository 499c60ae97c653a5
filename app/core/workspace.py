"""The work tree of a run, and the way out of it; trees beside it; what is left of them on a machine."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from pydantic import BaseModel

from app.core.patch import Patch
from app.core.sandbox import Sandbox


class Touched(BaseModel, frozen=True):
    """A change of the default branch that touched some of the files that were asked for."""

    sha: str
    author: str
    """The name in the commit, which anybody can choose."""
    at: date
    subject: str
    pull_request: int | None = None
    """Of GitHub's own subjects: `Merge pull request #12 from …`, `Say hello (#12)`."""
    paths: tuple[str, ...] = ()


class Workspace(Protocol):
    """The work tree of one run, and the way out of it. Paths are relative to the tree, with `/`."""

    async def check_out(self, sha: str, *, patch: bytes = b"", set_up: Sequence[str] = ()) -> None:
        """Find or create the work tree at commit `sha`.

        A tree made anew is set up by the commands `set_up`, then changed by `patch` (from `Patch.data`). One that
        exists already (the run was interrupted) is kept as it is.
        """
        ...

    async def show(self, path: str) -> bytes | None:
        """A file of the base commit, not of the tree; None if there is none. Not for symlinks: they are None, too."""
        ...

    async def show_all(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Several files of the base commit at once, by path; those that `show` would not show are left out."""
        ...

    async def listed(self) -> Sequence[str]:
        """Paths of all files of the base commit, sorted; of a sparse tree only those that it holds."""
        ...

    async def blobs(self, paths: Sequence[str]) -> Mapping[str, str]:
        """Git's names for what stands in files of the base commit, by path; those that are not there are left out."""
        ...

    async def links(self) -> Mapping[str, str]:
        """Symbolic links of the base commit that lead to a regular file in it: the path of that, by their own."""
        ...

    async def past(self, paths: Sequence[str], *, most: int) -> Sequence[Touched]:
        """The newest changes of these files up to the base commit, at most so many, the newest first.

        Nothing where looking would take too long.
        """
        ...

    async def read(self, path: str) -> bytes:
        """A file of the tree.

        Raises FileNotFoundError, NotADirectoryError, IsADirectoryError, or PermissionError if it leads outside.
        """
        ...

    async def write(self, path: str, data: bytes) -> None:
        """Write a file of the tree in one step, keeping its mode. Raises PermissionError if the path leads outside."""
        ...

    async def restore(self, paths: Sequence[str], *, patch: bytes = b"") -> None:
        """Give these files back as the base commit has them, with mode and as links; what it has not is deleted.

        Then `patch` (from `Patch.data`) is applied to what is there.
        """
        ...

    async def paths(self, folder: str = "") -> Sequence[str]:
        """Names in one folder of the tree, sorted, folders with a `/` at the end. Raises as `read` does."""
        ...

    async def patch(self) -> Patch:
        """The whole change of the tree against its base, as data; empty if there is no tree yet."""
        ...

    async def publish(self, patch: Patch, *, branch: str, message: str, expected_sha: str, parent_sha: str = "") -> str:
        """Commit `patch` in a clean clone and push it as `branch`; answer with the sha of the commit.

        `patch` is what guards looked at, so the tree is not asked again: nothing else can be pushed.

        `expected_sha` is where the branch must stand now ("" if it must not exist). Raises Conflict if it stands
        elsewhere; if it already holds this very change of this very run, nothing is pushed.

        The commit comes on top of `parent_sha`, one that was published before, or of the base if there is none. `patch`
        is the whole change against the base in either case.
        """
        ...

    async def conflicts(self, commit: str, other: str) -> Sequence[str]:
        """Paths that git cannot merge by itself when `commit`, one that was published, is merged into `other`."""
        ...

    async def remove(self) -> None:
        """Delete the tree and everything else of this run on this machine."""
        ...


class Leftovers(Protocol):
    """What runs leave on this machine. Who sweeps must look first and ask who still lives then, never the other way."""

    async def of_runs(self) -> AbstractSet[int]:
        """Ids of runs of which something is on this machine, whether they are at work or not."""
        ...

    async def sweep(self, over: AbstractSet[int]) -> Sequence[str]:
        """Remove what is left of these runs, and what belongs to no run any more; answer with what it was.

        Nothing if somebody else sweeps this machine just now. What cannot be removed is logged, and stays.
        """
        ...


@dataclass(frozen=True)
class CleanTree:
    """A work tree that no minion was in, and its box."""

    workspace: Workspace
    sandbox: Sandbox


class CleanTrees(Protocol):
    """Makes work trees in which a change has to show that it works."""

    def open(
        self, sha: str, *, patch: bytes = b"", set_up: Sequence[str] = ()
    ) -> AbstractAsyncContextManager[CleanTree]:
        """A tree at commit `sha`, set up by the commands `set_up`, with `patch` in it; removed at the end.

        Raises RepositoryError if the patch does not fit, Unavailable if set-up fails.
        """
        ...
