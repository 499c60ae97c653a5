"""One work tree: made, shown, changed, published, removed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Final

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.sandbox.root import place
from app.adapters.workspace import remote as remotes
from app.adapters.workspace.base import Base, Bases
from app.adapters.workspace.boxed import BoxedGit
from app.adapters.workspace.clean import Clean
from app.adapters.workspace.folders import PARTS, Folder
from app.adapters.workspace.furnishing import Furnishing
from app.adapters.workspace.layers import Layers
from app.adapters.workspace.locks import locked
from app.adapters.workspace.mirror import Mirror
from app.adapters.workspace.seen import Seen
from app.adapters.workspace.submodules import Laid, Submodules
from app.adapters.workspace.tree import Tree
from app.core.errors import Conflict, RepositoryError, Unavailable
from app.core.layout import Layout
from app.core.patch import Patch
from app.core.sandbox import CommandResult, Sandbox
from app.core.workspace import Touched


@dataclass(frozen=True)
class Author:
    """Who our commits are by."""

    name: str = "Minions"
    email: str = "minions@localhost"


TellAuthor = Callable[[], Awaitable[Author]]


async def nobody() -> Author:
    """Who makes commits where there is no App."""
    return Author()


ReadLayout = Callable[[Callable[[str], Awaitable[bytes | None]]], Awaitable[Layout]]
"""Which files of a commit a work tree holds; told from files of this commit, which its argument shows."""


async def everything(_show: Callable[[str], Awaitable[bytes | None]]) -> Layout:
    """The layout of a repository that is asked nothing."""
    return Layout()


SET_UP_S: Final = 3_600.0
"""For set-up on a machine that takes a run over: the most that a repository may ask for."""


class GitWorkspace:
    """`Workspace` of `app.core.workspace`, by a mirror on the host and git in the box."""

    def __init__(
        self,
        folder: Folder,
        seen: Seen,
        layers: Layers,
        mirror: Mirror,
        boxes: BubblewrapBoxes,
        *,
        bases: Bases,
        run_id: int,
        author: TellAuthor,
        asked_at: datetime | None,
        read_layout: ReadLayout,
        keeps_pin: bool = False,
    ) -> None:
        """`keeps_pin`: the mirror goes on to hold the commit when this tree goes, for another tree of the run."""
        self._folder = folder
        self.seen = seen
        """Tells from the outside, too, when the tree may be altered."""
        self._layers = layers
        self._mirror = mirror
        self._boxes = boxes
        self._run_id = run_id
        self._author = author
        self._asked_at = asked_at
        self._read_layout = read_layout
        self._keeps_pin = keeps_pin
        self._submodules = Submodules(mirror)
        self._laid: dict[str, Laid] = {}
        self._being_made = ""
        self._bases = bases
        self._files = Tree(folder.tree)

    @cached_property
    def sandbox(self) -> Sandbox:
        """The box of this tree. What its set-up makes is shared with other runs, where that can be."""
        return SharingBox(self._box, self)

    @property
    def shares_set_up(self) -> bool:
        """Whether what set-up made lies under this tree, and will lie under that of the next run."""
        return len(self.layers) > 1

    @property
    def layers(self) -> Sequence[str]:
        """Names of what lies under this tree, the top one first."""
        return self._folder.lower()

    async def fetch(self, sha: str) -> None:
        """Have a commit in the mirror, and do no more. Raises RepositoryError, ForgeError."""
        remotes.check_sha(sha)
        await self._mirror.provide(sha, self._run_id)

    async def check_out(self, sha: str, *, patch: bytes = b"", set_up: Sequence[str] = ()) -> None:
        """As `Workspace.check_out` says. Raises RepositoryError, ForgeError, SandboxError."""
        remotes.check_sha(sha)
        await self._boxes.end_leftovers(self._folder.tree)
        if await asyncio.to_thread(self._read_base) == sha:
            await asyncio.to_thread(self._folder.reopen, self._layers.folder)
            return
        with self.seen.altering():
            await self._make(sha, patch, set_up)

    async def _make(self, sha: str, patch: bytes, set_up: Sequence[str]) -> None:
        await self._mirror.provide(sha, self._run_id)
        self._being_made = sha
        if self._folder.is_layered:
            layer = await self.provide_base(sha)
            while not await self._lay_over(layer.name):
                await self.provide_base(sha)
        else:
            layout = await self._layout(sha)
            laid = await self._submodules.provide(sha, layout)
            await asyncio.to_thread(self._folder.make)
            await self._fill(self._folder.files, laid.commit, layout)
        if set_up:
            failed = next((result for result in await self._furnish(sha, set_up) if not result.ok), None)
            if failed:
                raise Unavailable(f"`{failed.command}` failed on this machine", detail=failed.output[-2_000:])
        if patch:
            await self._git.apply(patch)
        await asyncio.to_thread(place, self._folder.base, sha.encode(), 0o600)

    async def bring_to(self, sha: str, *, patch: bytes, set_up: Sequence[str] = ()) -> None:
        """Have the work tree that belongs to a saved change, whatever there is on this machine.

        A tree that is there may be older: others went on with the run meanwhile, elsewhere. Or it may be ahead, of what
        was killed before it was saved. Raises as `check_out` does.
        """
        was_there = await asyncio.to_thread(self._read_base) == sha
        await self.check_out(sha, patch=patch, set_up=set_up)
        if was_there and not await self._holds(patch):
            await self.remove()
            await self.check_out(sha, patch=patch, set_up=set_up)

    async def _holds(self, patch: bytes) -> bool:
        try:
            return (await self.patch()).data == patch
        except RepositoryError:  # half of something: git cannot read it
            return False

    async def set_up(self, commands: Sequence[str], *, timeout_s: float) -> Sequence[CommandResult]:
        """As `Sandbox.set_up` says. The tree may be another one afterwards, with the same change in it."""
        base = await self._base()
        patch = (await self.patch()).data if self._folder.is_touched else b""
        with self.seen.altering():
            results = await self._furnish(base, commands, timeout_s)
            if patch and not await self._holds(patch):
                await self._git.apply(patch)
            if not self._folder.base.exists():
                await asyncio.to_thread(place, self._folder.base, base.encode(), 0o600)
        return results

    async def provide_base(self, sha: str) -> Path:
        """The layer of a commit that is in the mirror, made if no run had this base before."""
        layout = await self._layout(sha)
        laid = await self._submodules.provide(sha, layout)
        name = f"{self._mirror.path.stem}-{laid.commit}"

        async def make(folder: Path) -> None:
            for part in PARTS:
                await asyncio.to_thread((folder / part).mkdir, 0o700)
            await self._fill(folder, laid.commit, layout)

        return await self._layers.provide(name if layout.is_whole else f"{name}-{layout.name}", make)

    async def _lay_over(self, *names: str) -> bool:
        """Make the folder anew over these layers, the first on top; whether they were there. A sweep may take one."""
        async with AsyncExitStack() as stack:
            for name in names:
                await stack.enter_async_context(locked(self._layers.lock(name), shared=True))
            layers = [layer for name in names if (layer := self._layers.find(name))]
            if len(layers) < len(names):
                return False
            await asyncio.to_thread(self._folder.make, layers)
            return True

    async def _furnish(
        self, base: str, commands: Sequence[str], timeout_s: float = SET_UP_S
    ) -> Sequence[CommandResult]:
        """Set the tree up. Over layers it is made anew, without change, where all of it succeeds."""
        if not self._folder.is_layered:
            return await self._furnish_alone(commands, timeout_s)
        programs = await self._boxes.programs(self.show)
        furnishing = Furnishing(self._layers, self._mirror.git, self._box_of, programs)
        layer = self._base_layer
        record = furnishing.known(layer, commands)
        results: Sequence[CommandResult] = record.told() if record else ()
        name = record.name if record else ""
        if not record:
            laid = await self._submodules.laid(base)
            plan = await furnishing.plan(self._mirror.path.stem, laid.commit, commands, await self._layout(base))
            made = await furnishing.make(plan, self._folder, await self.provide_base(base), timeout_s)
            if made is None:
                return await self._furnish_alone(commands, timeout_s)
            results, is_made = made
            if not is_made:
                return results
            furnishing.note(layer, plan)
            name = plan.name
        if name not in self._folder.lower() and not await self._lay_over(name, layer):
            await self.provide_base(base)
            return await self._furnish(base, commands, timeout_s)
        return results

    async def _furnish_alone(self, commands: Sequence[str], timeout_s: float) -> Sequence[CommandResult]:
        """In the tree itself, for nobody else."""
        results = await self._box.set_up(commands, timeout_s=timeout_s)
        await self._git.restore()
        return results

    async def _fill(self, files: Path, sha: str, layout: Layout) -> None:
        """Check the commit out in an empty folder, or what `layout` holds of it."""
        git = self._git_of(files)
        paths: Sequence[bytes] = ()
        if not layout.is_whole:
            said = await self._mirror.git.tell("ls-tree", "-r", "-z", "--name-only", sha)
            paths = said.out.split(b"\0")[:-1]
        await asyncio.to_thread(git.prepare, layout, paths)
        await git.check_out(sha)

    async def _layout(self, sha: str) -> Layout:
        """How much of a commit that is in the mirror its tree holds."""
        return await self._read_layout(self._bases.of(self._mirror.git, sha).show)

    async def show(self, path: str) -> bytes | None:
        """As `Workspace.show` says. Raises RepositoryError if the file is larger than 20 MiB."""
        return await (await self._commit_of_tree()).show(path)

    async def show_all(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """As `Workspace.show_all` says."""
        return await (await self._commit_of_tree()).show_all(paths)

    async def listed(self) -> Sequence[str]:
        """As `Workspace.listed` says."""
        commit = await self._commit_of_tree()
        files, layout = await asyncio.gather(commit.files(), self._layout(await self._base()))
        paths = list(files)
        return paths if layout.is_whole else [path for path in paths if layout.holds(path)]

    async def blobs(self, paths: Sequence[str]) -> Mapping[str, str]:
        """As `Workspace.blobs` says."""
        return await (await self._commit_of_tree()).blobs(paths)

    async def links(self) -> Mapping[str, str]:
        """As `Workspace.links` says."""
        return await (await self._commit_of_tree()).links()

    async def past(self, paths: Sequence[str], *, most: int) -> Sequence[Touched]:
        """As `Workspace.past` says."""
        return await (await self._commit_of_tree()).past(paths, most=most)

    async def _commit_of_tree(self) -> Base:
        return self._bases.of(self._mirror.git, await self._base())

    async def read(self, path: str) -> bytes:
        """As `Workspace.read` says."""
        return await asyncio.to_thread(self._files.read, path)

    async def write(self, path: str, data: bytes) -> None:
        """As `Workspace.write` says; missing folders are made."""
        with self.seen.altering():
            await asyncio.to_thread(self._files.write, path, data)

    async def restore(self, paths: Sequence[str], *, patch: bytes = b"") -> None:
        """As `Workspace.restore` says. Raises RepositoryError if it cannot be done."""
        with self.seen.altering():
            await self._git.restore(paths)
            if patch:
                await self._git.apply(patch)

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
        if (known := self.seen.recall(base)) is not None:
            return known
        mark = self.seen.mark()
        look = await asyncio.to_thread(self._folder.look)
        if (patch := self.seen.unmoved(base, mark, look)) is None:
            patch = await self._read_change(base)
        self.seen.keep(base, patch, mark, look)
        return patch

    async def _read_change(self, base: str) -> Patch:
        clean = self._clean()
        if base not in self._laid:  # there is a tree, so that this stays as it is
            self._laid[base] = await self._submodules.laid(base)
        laid = self._laid[base]
        data = await self._git.diff(laid.commit)
        if (known := self.seen.alike(laid.commit, data)) is not None:
            return known  # something happened to the tree, but came to the same
        patch = await clean.read(laid.commit, data, laid.submodules)
        self.seen.read(laid.commit, data, patch)
        return patch

    async def publish(self, patch: Patch, *, branch: str, message: str, expected_sha: str, parent_sha: str = "") -> str:
        """As `Workspace.publish` says. Raises Conflict, Denied, NotFound, Unavailable; RepositoryError if empty."""
        remotes.check_branch(branch)
        for sha in filter(None, (expected_sha, parent_sha)):
            remotes.check_sha(sha)
        base = await self._base()
        if parent_sha and not await self._clean().has(parent_sha):
            await self._mirror.provide(parent_sha, self._run_id)  # it was published by another machine
        commit = await self._commit(base, patch, message, parent_sha or base)
        # Where it is not known whether a push went through, the branch itself tells the next try.
        return await remotes.patiently(lambda: self._push(commit, branch, expected_sha))

    async def _push(self, commit: str, branch: str, expected_sha: str) -> str:
        """Have the branch stand at `commit`, or at one just like it; answer with where it stands."""
        ref = f"refs/heads/{branch}"
        ok, out, words = await self._mirror.talk("ls-remote", "--", "{url}", ref, write=True, timeout_s=60)
        if not ok:
            raise remotes.refusal(words)
        current = next((sha for sha, _, name in (row.partition("\t") for row in out.splitlines()) if name == ref), "")
        if current == commit:
            return commit
        if current != expected_sha:
            if current and await self._is_alike(current, commit):
                return current  # published before, by a program that words its message in another way
            raise Conflict(
                f"Somebody else moved {branch}: it stands at {current or 'nothing'}, not at {expected_sha or 'nothing'}"
            )
        lease = f"--force-with-lease={ref}:{expected_sha}"
        ok, out, words = await self._mirror.talk(
            *("push", "--porcelain", "--no-verify", lease, "--", "{url}", f"{commit}:{ref}"),
            write=True,
            environment=self._clean().environment,
        )
        if not ok:
            raise remotes.refusal(f"{words}\n{out}")
        return commit

    async def _is_alike(self, theirs: str, ours: str) -> bool:
        """Whether a commit of the remote is the very change that one of ours is, on the same commit."""
        try:
            await self._mirror.provide(theirs, self._run_id)
        except RepositoryError:
            return False
        clean = self._clean()
        return await clean.content(theirs) == await clean.content(ours)

    @asynccontextmanager
    async def commit(self, sha: str) -> AsyncIterator[Base]:
        """Another commit, to be read while this lasts. Raises RepositoryError, ForgeError."""
        remotes.check_sha(sha)
        await self._mirror.provide(sha, self._run_id)
        try:
            yield self._bases.of(self._mirror.git, sha)
        finally:
            await self._mirror.provide(await self._base(), self._run_id)  # it keeps one commit for each run

    async def conflicts(self, commit: str, other: str) -> Sequence[str]:
        """As `Workspace.conflicts` says. Raises RepositoryError if git cannot tell, ForgeError."""
        remotes.check_sha(commit)
        remotes.check_sha(other)
        await self._mirror.provide(other, self._run_id)
        found = await self._clean().conflicts(other, commit)
        await self._mirror.provide(await self._base(), self._run_id)  # it keeps one commit for each run
        return found

    async def remove(self) -> None:
        """As `Workspace.remove` says."""
        await self._boxes.end_leftovers(self._folder.tree)
        self._being_made = ""
        if not self._keeps_pin:
            await self._mirror.let_go(self._run_id)
        await asyncio.to_thread(self._folder.remove)

    @cached_property
    def _git(self) -> BoxedGit:
        return self._git_of(self._folder.files)

    @cached_property
    def _box(self) -> Sandbox:
        return self._box_of(self._folder)

    def _box_of(self, folder: Folder) -> Sandbox:
        return self._boxes.open(folder.tree, cache=folder.cache, show=self.show)

    def _git_of(self, files: Path) -> BoxedGit:
        return BoxedGit(self._boxes, files / "tree", files / "git", self._mirror.path / "objects")

    @property
    def _base_layer(self) -> str:
        """Of the tree that is there: it lies over nothing but what set-up made."""
        return self._folder.lower()[-1]

    def _clean(self) -> Clean:
        index = self._folder.clean / "base-index"
        if self._folder.lower():
            index = self._layers.beside(self._base_layer, "index")
        return Clean(self._mirror.path, self._folder.clean, index)

    def _read_base(self) -> str:
        try:
            return self._folder.base.read_text()
        except FileNotFoundError:
            return ""

    async def _base(self) -> str:
        if base := await asyncio.to_thread(self._read_base) or self._being_made:
            return base
        raise RepositoryError("There is no work tree yet on this machine: check out first")

    async def _commit(self, base: str, patch: Patch, message: str, parent: str) -> str:
        clean = self._clean()
        if (await self._submodules.laid(base)).submodules:
            clean = Clean(self._mirror.path, self._folder.clean, self._folder.clean / "own-index")
        tree = await clean.apply(base, patch.data)
        if await clean.describe(base, tree) != patch:
            raise RepositoryError("Git makes something else of the change than what was looked at; nothing was pushed")
        if tree == await clean.tree(parent):
            raise RepositoryError("Nothing was changed, so there is nothing to publish")
        # Nothing of the moment goes in: when a crash repeats it, the same change of the same run is the same commit.
        second = int(self._asked_at.timestamp()) if self._asked_at else await clean.second(base)
        author = await self._author()
        return await clean.commit(tree, parent, message, name=author.name, email=author.email, second=second)


class SharingBox:
    """A box whose set-up is the workspace's affair."""

    def __init__(self, box: Sandbox, workspace: GitWorkspace) -> None:
        self._box = box
        self._workspace = workspace

    async def run(self, command: str, *, timeout_s: float = 600, stdin: bytes = b"") -> CommandResult:
        """As `Sandbox.run` says."""
        with self._workspace.seen.altering():
            return await self._box.run(command, timeout_s=timeout_s, stdin=stdin)

    async def set_up(self, commands: Sequence[str], *, timeout_s: float = 1_200) -> Sequence[CommandResult]:
        """As `Sandbox.set_up` says."""
        return await self._workspace.set_up(commands, timeout_s=timeout_s) if commands else []
