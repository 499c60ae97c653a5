"""One work tree: made, shown, changed, published, removed."""

import asyncio
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from app.adapters.sandbox.bubblewrap import Box, BubblewrapBoxes
from app.adapters.sandbox.root import place
from app.adapters.sandbox.users import let_through
from app.adapters.workspace import remote as remotes
from app.adapters.workspace.boxed import BoxedGit
from app.adapters.workspace.clean import Clean
from app.adapters.workspace.mirror import Mirror
from app.adapters.workspace.tree import READ_BYTES, Tree
from app.core.errors import Conflict, RepositoryError
from app.core.patch import Patch


@dataclass(frozen=True)
class Author:
    """Who our commits are by."""

    name: str = "Minions"
    email: str = "minions@localhost"


@dataclass(frozen=True)
class Places:
    """Where the parts of one run lie."""

    run: Path

    @property
    def tree(self) -> Path:
        """The work tree: the box's user owns it."""
        return self.run / "tree"

    @property
    def cache(self) -> Path:
        """What installs leave for later commands; the same owner."""
        return self.run / "cache"

    @property
    def git(self) -> Path:
        """The git folder that reads the tree, in the box; the same owner."""
        return self.run / "git"

    @property
    def clean(self) -> Path:
        """Objects of the change as the host made them; no box sees it."""
        return self.run / "clean"

    @property
    def base(self) -> Path:
        """A file with the base commit. It is written last: without it the tree is half made."""
        return self.run / "base"


class GitWorkspace:
    """`Workspace` of `app.core.world`, by a mirror on the host and git in the box."""

    def __init__(
        self,
        places: Places,
        mirror: Mirror,
        boxes: BubblewrapBoxes,
        *,
        run_id: int,
        author: Author,
        asked_at: datetime | None,
    ) -> None:
        self._places = places
        self._mirror = mirror
        self._boxes = boxes
        self._run_id = run_id
        self._author = author
        self._asked_at = asked_at
        self._files = Tree(places.tree)

    @cached_property
    def sandbox(self) -> Box:
        """The box of this tree."""
        return self._boxes.open(self._places.tree, cache=self._places.cache)

    async def check_out(self, sha: str, *, patch: bytes = b"") -> None:
        """As `Workspace.check_out` says. Raises RepositoryError, ForgeError, SandboxError."""
        remotes.check_sha(sha)
        await self._boxes.end_leftovers(self._places.tree)
        if await asyncio.to_thread(self._read_base) == sha:
            return
        await self._mirror.provide(sha, self._run_id)
        await asyncio.to_thread(self._lay_out)
        await self._git.check_out(sha, patch)
        await asyncio.to_thread(place, self._places.base, sha.encode(), 0o600)

    async def show(self, path: str) -> bytes | None:
        """As `Workspace.show` says. Raises RepositoryError if the file is larger than 20 MiB."""
        base = await self._base()
        said = await self._mirror.git.ask("ls-tree", "-z", base, "--", path)
        for entry in said.out.split(b"\0") if said.ok else ():
            meta, _, name = entry.partition(b"\t")
            if meta.startswith(b"100") and name.decode(errors="surrogateescape") == path:
                return await self._blob(meta.split()[2].decode(), path)
        return None

    async def read(self, path: str) -> bytes:
        """As `Workspace.read` says."""
        return await asyncio.to_thread(self._files.read, path)

    async def write(self, path: str, data: bytes) -> None:
        """As `Workspace.write` says; missing folders are made."""
        await asyncio.to_thread(self._files.write, path, data)

    async def paths(self, folder: str = "") -> Sequence[str]:
        """As `Workspace.paths` says."""
        return await asyncio.to_thread(self._files.paths, folder)

    async def patch(self) -> Patch:
        """As `Workspace.patch` says; without a tree nothing is changed.

        Raises RepositoryError if git cannot read the tree or the change is huge.
        """
        base = await asyncio.to_thread(self._read_base)
        if not base:
            return Patch()
        return await self._clean.describe(base, await self._clean.apply(base, await self._git.diff(base)))

    async def publish(self, patch: Patch, *, branch: str, message: str, expected_sha: str) -> str:
        """As `Workspace.publish` says. Raises Conflict, Denied, NotFound, Unavailable; RepositoryError if empty."""
        remotes.check_branch(branch)
        if expected_sha:
            remotes.check_sha(expected_sha)
        base = await self._base()
        commit = await self._commit(base, patch, message)
        ref = f"refs/heads/{branch}"
        ok, out, words = await self._mirror.talk("ls-remote", "--", "{url}", ref, write=True, timeout_s=60)
        if not ok:
            raise remotes.refusal(words)
        current = next((sha for sha, _, name in (row.partition("\t") for row in out.splitlines()) if name == ref), "")
        if current == commit:
            return commit
        if current != expected_sha:
            raise Conflict(
                f"Somebody else moved {branch}: it stands at {current or 'nothing'}, not at {expected_sha or 'nothing'}"
            )
        lease = f"--force-with-lease={ref}:{expected_sha}"
        ok, out, words = await self._mirror.talk(
            *("push", "--porcelain", "--no-verify", lease, "--", "{url}", f"{commit}:{ref}"),
            write=True,
            environment=self._clean.environment,
        )
        if not ok:
            raise remotes.refusal(f"{words}\n{out}")
        return commit

    async def remove(self) -> None:
        """As `Workspace.remove` says."""
        await self._boxes.end_leftovers(self._places.tree)
        await self._mirror.let_go(self._run_id)
        await asyncio.to_thread(_delete, self._places.run)

    @cached_property
    def _git(self) -> BoxedGit:
        return BoxedGit(self._boxes, self._places.tree, self._places.git, self._mirror.path / "objects")

    @cached_property
    def _clean(self) -> Clean:
        return Clean(self._mirror.path, self._places.clean)

    def _lay_out(self) -> None:
        """Empty folders, whatever was there before."""
        _delete(self._places.run)
        let_through(self._places.run)
        for folder in (self._places.tree, self._places.cache, self._places.git):
            folder.mkdir(mode=0o700)
        self._git.prepare()

    def _read_base(self) -> str:
        try:
            return self._places.base.read_text()
        except FileNotFoundError:
            return ""

    async def _base(self) -> str:
        if base := await asyncio.to_thread(self._read_base):
            return base
        raise RepositoryError("There is no work tree yet on this machine: check out first")

    async def _commit(self, base: str, patch: Patch, message: str) -> str:
        tree = await self._clean.apply(base, patch.data)
        if await self._clean.describe(base, tree) != patch:
            raise RepositoryError("Git makes something else of the change than what was looked at; nothing was pushed")
        if tree == (await self._mirror.git.tell("rev-parse", f"{base}^{{tree}}")).text:
            raise RepositoryError("Nothing was changed, so there is nothing to publish")
        # Nothing of the moment goes in: when a crash repeats it, the same change of the same run is the same commit.
        second = int(self._asked_at.timestamp()) if self._asked_at else await self._clean.second(base)
        author = self._author
        return await self._clean.commit(tree, base, message, name=author.name, email=author.email, second=second)

    async def _blob(self, name: str, path: str) -> bytes:
        size = int((await self._mirror.git.tell("cat-file", "-s", name)).text)
        if size > READ_BYTES:
            raise RepositoryError(f"{path} has {size} bytes; at most {READ_BYTES} can be read at once")
        return (await self._mirror.git.tell("cat-file", "blob", name)).out


def _delete(folder: Path) -> None:
    """Everything in it, links themselves and never what they lead to, however deep and however locked."""
    if not folder.exists():
        return
    remove = [str(shutil.which("rm")), "-rf", "--one-file-system", "--", str(folder)]
    if subprocess.run(remove, check=False, capture_output=True, env={}).returncode:
        subprocess.run([str(shutil.which("chmod")), "-R", "u+rwX", "--", str(folder)], check=False, capture_output=True)
        subprocess.run(remove, check=True, capture_output=True, env={})
