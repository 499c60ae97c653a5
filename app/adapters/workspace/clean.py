"""Where a change is applied, measured and committed: a place that no box can write."""

import asyncio
import shutil
import uuid
from collections.abc import Mapping, Sequence
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
DIFF: Final = ("diff-tree", "-r", "--no-renames", "--no-ext-diff", "--no-textconv")


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

    async def apply(self, base: str, data: bytes) -> str:
        """Apply a patch to commit `base`; answer with the tree. Raises RepositoryError if git does not take it."""
        await asyncio.to_thread((self._folder / "objects").mkdir, parents=True, exist_ok=True)
        index = self._folder / f"index-{uuid.uuid4().hex}"
        own = {"GIT_INDEX_FILE": str(index)}
        try:
            await self._copy_index(base, index)
            if data:
                options = ("--cached", "--whitespace=nowarn", "-")
                said = await self._git.ask("apply", *options, stdin=data, environment=own)
                if not said.ok:
                    raise RepositoryError(f"Git does not accept the change: {said.err[:1000]}")
            return (await self._git.tell("write-tree", environment=own)).text
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
        form = ("-p", "--binary", "--full-index", "--no-color", "--src-prefix=a/", "--dst-prefix=b/")
        data, raw, numstat = await asyncio.gather(
            self._git.tell(*DIFF, *form, base, tree),
            self._git.tell(*DIFF, "-z", "--raw", "--no-abbrev", base, tree),
            self._git.tell(*DIFF, "-z", "--numstat", base, tree),
        )
        if not raw.out:
            return Patch()
        blobs = [
            new
            for _, new_mode, new, _, _ in change.raw_entries(raw.out)
            if new not in {NOTHING, ""} and new_mode != LINK_TO_COMMIT
        ]
        sizes = await self._sizes(blobs)
        files = change.files(raw.out, numstat.out, sizes, submodules)
        hidden = await self._as_text(base, tree, [file.path for file in files if file.binary and file.size <= AS_TEXT])
        return await asyncio.to_thread(_patch, data.out, files, hidden)

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

    async def second(self, commit: str) -> int:
        """When a commit was made, in seconds since 1970."""
        return int((await self._git.tell("show", "--no-patch", "--format=%ct", commit)).text)

    async def _as_text(self, base: str, tree: str, paths: list[str]) -> bytes:
        """Lines of files in which git sees no text because of a single NUL: guards look for secrets in them, too."""
        form = ("-p", "--text", "--unified=0", "--no-color", "--src-prefix=a/", "--dst-prefix=b/")
        parts = [
            (await self._git.tell(*DIFF, *form, base, tree, "--", *paths[at : at + NAMES])).out
            for at in range(0, min(len(paths), MOST_AS_TEXT), NAMES)
        ]
        return b"".join(parts)

    async def _sizes(self, blobs: list[str]) -> dict[str, int]:
        if not blobs:
            return {}
        asked = "\n".join(blobs).encode() + b"\n"
        said = await self._git.tell("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=asked)
        return {name: int(size) for name, _, size in (line.partition(" ") for line in said.text.splitlines())}


def _patch(data: bytes, files: tuple[FileChange, ...], hidden: bytes) -> Patch:
    lines = chain(change.added_lines(data), change.added_lines(hidden))
    return Patch(data=data, files=files, added_lines=tuple(islice(lines, MOST_LINES + 1)))
