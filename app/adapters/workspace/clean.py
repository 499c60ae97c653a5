"""Where a change is applied, measured and committed: a place that no box can write."""

import asyncio
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Final

from app.adapters.workspace import change
from app.adapters.workspace.git import Git
from app.core.errors import RepositoryError
from app.core.patch import MOST_LINES, FileChange, Patch

LINK_TO_COMMIT: Final = "160000"
NOTHING: Final = "0" * 40
MEMORY_BYTES: Final = 2 * 1024**3
"""Of git with a change in its hands, which is 50 MB at most. A patch of a few kilobytes can unpack to gigabytes."""
AS_TEXT: Final = 100_000
"""Bytes of a binary file in which text is looked for; guards stop larger ones."""
MOST_AS_TEXT: Final = 500
"""Such files in one change; no configuration lets more files pass."""
NAMES: Final = 100
"""Of files in one argument list: the longest ones fit."""
NAMES_BYTES: Final = 100_000
"""Of all names in one argument list: Linux takes 131,072 bytes for one argument (MAX_ARG_STRLEN), and 2 MB for all."""
FOLDER: Final = b"040000 "
"""Before a folder's name, among what a tree holds."""
APPLY: Final = ("apply", "--cached", "--whitespace=nowarn", "-")
DIFF: Final = ("--no-renames", "--no-ext-diff", "--no-textconv")
TEXT: Final = ("--no-color", "--src-prefix=a/", "--dst-prefix=b/")


@dataclass(frozen=True)
class Difference:
    """What is compared: two trees, or a tree and the index that `environment` names."""

    command: Sequence[str]
    sides: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


class Clean:
    """New objects go in `folder`; the mirror is only read. Every use has an index of its own.

    `index` is where the index of the base commit is kept, made when it is needed for the first time.
    """

    def __init__(self, mirror: Path, folder: Path, index: Path) -> None:
        self._folder = folder
        self._index = index
        self._git = Git(
            mirror,
            {
                "GIT_OBJECT_DIRECTORY": str(folder / "objects"),
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(mirror / "objects"),
            },
            memory_bytes=MEMORY_BYTES,
        )

    @property
    def environment(self) -> Mapping[str, str]:
        """For a command that has to see the new objects, like a push."""
        return self._git.environment

    async def read(self, base: str, data: bytes, submodules: Sequence[str] = ()) -> Patch:
        """What a patch changes in commit `base`, told by `describe`. Raises RepositoryError if git does not take it.

        An index of all files of a large repository takes longer to write than the rest of it takes, so a patch that
        names few files is applied to these only.
        """
        if not data:
            return Patch()
        said = await self._git.ask("apply", "--numstat", "-z", "-", stdin=data)
        paths = list(change.line_counts(said.out)) if said.ok else []
        async with self._own_index() as (_, own):
            if await self._apply_to_part(base, data, paths, own):
                return await self._told(Difference(("diff-index", "--cached"), (base,), own), paths, submodules)
        return await self.describe(base, await self.apply(base, data), submodules)

    async def apply(self, base: str, data: bytes) -> str:
        """Apply a patch to commit `base`; answer with the tree. Raises RepositoryError if git does not take it."""
        async with self._own_index() as (index, own):
            await self._copy_index(base, index)
            if data:
                said = await self._git.ask(*APPLY, stdin=data, environment=own)
                if not said.ok:
                    raise RepositoryError(f"Git does not accept the change: {said.err[:1000]}")
            return (await self._git.tell("write-tree", environment=own)).text

    async def _apply_to_part(self, base: str, data: bytes, paths: Sequence[str], own: Mapping[str, str]) -> bool:
        """Make an index of nothing but `paths`, which a patch names, after it; whether that tells what it comes to."""
        size = sum(len(os.fsencode(path)) * (path.count("/") + 1) for path in paths)
        if not 0 < size <= NAMES_BYTES:
            return False
        # With what lies above a file git refuses, as it would in the whole, to write beyond a link or below a file.
        asked = {name for path in paths for name in _with_folders(path)}
        held = await self._git.ask("ls-tree", "-z", base, "--", *sorted(asked))
        entries = held.out.split(b"\0")[:-1]
        folders = {os.fsdecode(entry.partition(b"\t")[2]) for entry in entries if entry.startswith(FOLDER)}
        if not held.ok or not folders.isdisjoint(paths):
            return False
        files = b"".join(entry + b"\0" for entry in entries if not entry.startswith(FOLDER))
        if files:
            await self._git.tell("update-index", "-z", "--index-info", stdin=files, environment=own)
        return (await self._git.ask(*APPLY, stdin=data, environment=own)).ok

    @asynccontextmanager
    async def _own_index(self) -> AsyncIterator[tuple[Path, Mapping[str, str]]]:
        """A place for an index, and what tells git to use it; removed at the end."""
        await asyncio.to_thread((self._folder / "objects").mkdir, parents=True, exist_ok=True)
        index = self._folder / f"index-{uuid.uuid4().hex}"
        try:
            yield index, {"GIT_INDEX_FILE": str(index)}
        finally:
            await asyncio.to_thread(index.unlink, missing_ok=True)

    async def _copy_index(self, base: str, index: Path) -> None:
        if not await asyncio.to_thread(self._index.exists):
            await self._git.tell("read-tree", base, environment={"GIT_INDEX_FILE": str(index)})
            await asyncio.to_thread(index.rename, self._index)
        await asyncio.to_thread(shutil.copyfile, self._index, index)

    async def describe(self, base: str, tree: str, submodules: Sequence[str] = ()) -> Patch:
        """The difference of two trees, in git's own words: nothing that a box said is repeated.

        `submodules` are paths of those whose files are in both.
        """
        return await self._told(Difference(("diff-tree", "-r"), (base, tree)), (), submodules)

    async def _told(self, difference: Difference, paths: Sequence[str], submodules: Sequence[str]) -> Patch:
        """What is different in `paths`, or everywhere if there are none."""
        (raw, numstat, sizes), data = await asyncio.gather(
            self._measured(difference, paths),
            self._asked(difference, "-p", *TEXT, "--binary", "--full-index", paths=paths),
        )
        if not raw:
            return Patch()
        files = change.files(raw, numstat, sizes, submodules)
        binary = [file.path for file in files if file.binary and file.size <= AS_TEXT]
        return await asyncio.to_thread(_patch, data, files, await self._as_text(difference, binary))

    async def _measured(self, difference: Difference, paths: Sequence[str]) -> tuple[bytes, bytes, dict[str, int]]:
        """Each file as git has it, its lines, and the sizes of the new ones."""
        raw, numstat = await asyncio.gather(
            self._asked(difference, "-z", "--raw", "--no-abbrev", paths=paths),
            self._asked(difference, "-z", "--numstat", paths=paths),
        )
        blobs = [
            new
            for _, new_mode, new, _, _ in change.raw_entries(raw)
            if new not in {NOTHING, ""} and new_mode != LINK_TO_COMMIT
        ]
        return raw, numstat, await self._sizes(blobs)

    async def _asked(self, difference: Difference, *form: str, paths: Sequence[str]) -> bytes:
        said = await self._git.tell(
            *(*difference.command, *DIFF, *form, *difference.sides, "--", *paths), environment=difference.environment
        )
        return said.out

    async def commit(self, tree: str, parent: str, message: str, *, name: str, email: str, second: int) -> str:
        """Commit a tree. The same arguments give the same commit: `second` is its date, since 1970, in UTC."""
        who = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", name), ("EMAIL", email), ("DATE", f"{second} +0000"))
        }
        text = message.rstrip("\n") + "\n"
        said = await self._git.tell("commit-tree", tree, "-p", parent, "-F", "-", stdin=text.encode(), environment=who)
        return said.text

    async def conflicts(self, ours: str, theirs: str) -> list[str]:
        """Paths that stay in conflict when two commits are merged, in git's order. Raises RepositoryError."""
        await asyncio.to_thread((self._folder / "objects").mkdir, parents=True, exist_ok=True)
        said = await self._git.ask("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", ours, theirs)
        if said.exit_code not in {0, 1}:  # 1: there are conflicts
            raise RepositoryError(f"Git cannot tell whether two commits merge: {said.err[:1000]}")
        return [os.fsdecode(path) for path in said.out.split(b"\0")[1:] if path]

    async def has(self, commit: str) -> bool:
        """Whether a commit is here or in the mirror."""
        return (await self._git.ask("cat-file", "-e", f"{commit}^{{commit}}")).ok

    async def content(self, commit: str) -> str:
        """Everything that a commit stands for, who made it and why left out: its tree and what it comes after."""
        return (await self._git.tell("show", "--no-patch", "--format=%T %P", commit)).text

    async def tree(self, commit: str) -> str:
        """The tree of a commit."""
        return (await self._git.tell("rev-parse", f"{commit}^{{tree}}")).text

    async def second(self, commit: str) -> int:
        """When a commit was made, in seconds since 1970."""
        return int((await self._git.tell("show", "--no-patch", "--format=%ct", commit)).text)

    async def _as_text(self, difference: Difference, paths: list[str]) -> bytes:
        """Lines of files in which git sees no text because of a single NUL: guards look for secrets in them, too."""
        parts = [
            await self._asked(difference, "-p", *TEXT, "--text", "--unified=0", paths=paths[at : at + NAMES])
            for at in range(0, min(len(paths), MOST_AS_TEXT), NAMES)
        ]
        return b"".join(parts)

    async def _sizes(self, blobs: list[str]) -> dict[str, int]:
        if not blobs:
            return {}
        asked = "\n".join(blobs).encode() + b"\n"
        said = await self._git.tell("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=asked)
        return {name: int(size) for name, _, size in (line.partition(" ") for line in said.text.splitlines())}


def _with_folders(path: str) -> Iterator[str]:
    """A path, and those of the folders that it lies in."""
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        yield "/".join(parts[:depth])


def _patch(data: bytes, files: tuple[FileChange, ...], hidden: bytes) -> Patch:
    lines = chain(change.added_lines(data), change.added_lines(hidden))
    return Patch(data=data, files=files, added_lines=tuple(islice(lines, MOST_LINES + 1)))
