"""One commit of a mirror: its files, and who changed them before."""

import os
import posixpath
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from app.adapters.workspace.git import Git
from app.adapters.workspace.tree import READ_BYTES
from app.core.errors import RepositoryError
from app.core.workspace import Touched

_PAST_S: Final = 2.0
"""Seconds. Git looks through hundreds of thousands of commits in this time; it is for orientation only."""
_MOST_PATHS: Final = 50
KEPT: Final = 8
"""Commits of which one process remembers what it read: of as many runs as it has at work, and some more."""
KEPT_BYTES: Final = 256 * 1024
"""The largest file that is remembered; source files are smaller."""
KEPT_FILES: Final = 200
"""Of one commit."""
_REGULAR: Final = "100"
"""How modes of regular files begin; links and submodules have others."""
_LINK: Final = "120000 "
_MOST_LINKS: Final = 1_000
"""Of one commit that are looked at, those nearest to its root."""
_MOST_STEPS: Final = 5
"""From a link to a link."""
_PULL_REQUEST: Final = re.compile(r"Merge pull request #(\d{1,9}) from |.*\(#(\d{1,9})\)\s*$")
_FORMAT: Final = "%x1e%H%x1f%an%x1f%as%x1f%s"


class Base:
    """What can be read of one commit without a work tree. Links are told, and never followed by reading."""

    def __init__(self, git: Git, sha: str) -> None:
        self._git = git
        self._sha = sha
        self._files: Mapping[str, str] | None = None
        self._linked: Sequence[str] = ()
        self._links: Mapping[str, str] | None = None
        self._shown: OrderedDict[str, bytes | None] = OrderedDict()

    async def files(self) -> Mapping[str, str]:
        """Every regular file with its row of `ls-tree`, sorted by path; looked up once.

        What a row says is taken out of it when it is asked for: there are tens of thousands.
        """
        if self._files is None:
            said = await self._git.tell("ls-tree", "-r", "-z", "--full-tree", self._sha)
            told = said.out.decode(errors="surrogateescape").split("\0")
            rows = [row for row in told if row.startswith(_REGULAR)]
            self._linked = [row for row in told if row.startswith(_LINK)]
            begin = rows[0].index("\t") + 1 if rows else 0  # as in all: their modes, kinds and names are of one length
            self._files = {row[begin:]: row for row in rows}
        return self._files

    async def listed(self) -> Sequence[str]:
        """As `Workspace.listed` says, of all of the commit."""
        return list(await self.files())

    async def links(self) -> Mapping[str, str]:
        """As `Workspace.links` says; looked up once."""
        if self._links is None:
            files = await self.files()
            rows = sorted((row.split("\t", 1) for row in self._linked), key=lambda row: row[1].count("/"))[:_MOST_LINKS]
            names = [meta.split()[2] for meta, _ in rows]
            said = [os.fsdecode(data) for data in await self._contents(names)]
            targets = {path: _joined(path, target) for (_, path), target in zip(rows, said, strict=True)}
            ends = ((path, _end(path, targets)) for path in targets)
            self._links = {path: end for path, end in ends if end in files}
        return self._links

    async def show(self, path: str) -> bytes | None:
        """As `Workspace.show` says: a commit never changes, so what was read once is remembered.

        Each node of a run reads the same few files, and each time would be three processes.
        """
        if path in self._shown:
            self._shown.move_to_end(path)
            return self._shown[path]
        said = await self._git.ask("ls-tree", "-z", self._sha, "--", path)
        data = None
        for entry in said.out.split(b"\0") if said.ok else ():
            meta, _, name = entry.partition(b"\t")
            if meta.startswith(_REGULAR.encode()) and name.decode(errors="surrogateescape") == path:
                data = await self._blob(meta.split()[2].decode(), path)
        if said.ok and len(data or b"") <= KEPT_BYTES:
            self._shown[path] = data
            if len(self._shown) > KEPT_FILES:
                self._shown.popitem(last=False)
        return data

    async def _blob(self, name: str, path: str) -> bytes:
        size = int((await self._git.tell("cat-file", "-s", name)).text)
        if size > READ_BYTES:
            raise RepositoryError(f"{path} has {size} bytes; at most {READ_BYTES} can be read at once")
        return (await self._git.tell("cat-file", "blob", name)).out

    async def show_all(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """As `Workspace.show_all` says; what is larger than `Workspace.read` takes is left out."""
        blobs = await self.blobs(paths)
        wanted = list(blobs)
        if not wanted:
            return {}
        names = "".join(f"{blobs[path]}\n" for path in wanted)
        sizes = (await self._git.tell("cat-file", "--batch-check=%(objectsize)", stdin=names.encode())).text.split()
        small = [path for path, size in zip(wanted, sizes, strict=True) if int(size) <= READ_BYTES]
        return dict(zip(small, await self._contents([blobs[path] for path in small]), strict=True))

    async def _contents(self, names: Sequence[str]) -> Sequence[bytes]:
        """Objects by their names."""
        asked = "".join(f"{name}\n" for name in names)
        said = (await self._git.tell("cat-file", "--batch=%(objectsize)", stdin=asked.encode())).out if names else b""
        found, at = list[bytes](), 0
        for _ in names:
            line = said.index(b"\n", at)
            size = int(said[at:line])
            found.append(said[line + 1 : line + 1 + size])
            at = line + size + 2
        return found

    async def blobs(self, paths: Sequence[str]) -> Mapping[str, str]:
        """As `Workspace.blobs` says."""
        known = await self.files()
        return {path: known[path].split(maxsplit=3)[2] for path in paths if path in known}

    async def past(self, paths: Sequence[str], *, most: int) -> Sequence[Touched]:
        """As `Workspace.past` says. Of merges, what they brought in counts as theirs."""
        options = ("--first-parent", "--diff-merges=first-parent", "--no-renames", "--name-only", f"-{most}")
        try:
            said = await self._git.ask(
                *("log", *options, f"--format={_FORMAT}", self._sha, "--", *paths[:_MOST_PATHS]), timeout_s=_PAST_S
            )
        except RepositoryError:
            return ()
        entries = said.out.decode(errors="replace").split("\x1e")[1:] if paths and said.ok else []
        return [_touched(entry) for entry in entries]


class Bases:
    """The commits that were read last, whichever runs they belong to."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Path, str], Base] = OrderedDict()

    def of(self, git: Git, sha: str) -> Base:
        """Commit `sha` of the repository of `git`."""
        key = (git.git_dir, sha)
        base = self._kept.setdefault(key, Base(git, sha))
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return base


def _joined(path: str, target: str) -> str:
    """Where a link leads to; what leads out of the commit is no path of it."""
    return "" if target.startswith("/") else posixpath.normpath(posixpath.join(posixpath.dirname(path), target))


def _end(path: str, targets: Mapping[str, str]) -> str:
    """Where a link leads to in the end, over other links."""
    for _ in range(_MOST_STEPS):
        path = targets.get(path, path)
    return path


def _touched(entry: str) -> Touched:
    head, *names = [line for line in entry.split("\n") if line]
    sha, author, at, subject = head.split("\x1f", 3)
    number = _PULL_REQUEST.match(subject)
    return Touched(
        sha=sha,
        author=author,
        at=date.fromisoformat(at),
        subject=subject,
        pull_request=int(number[1] or number[2]) if number else None,
        paths=tuple(name for name in names if not name.startswith('"')),
    )
