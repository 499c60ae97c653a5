"""The bare repositories, read and written by plain `git`. Nothing here knows GitHub."""

import asyncio
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NOTHING = "0" * 40
"""The sha that git uses for "does not exist"."""
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""Every git knows the empty tree by this sha."""
_COMMIT = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B%x00"
_STATUS = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied", "T": "changed"}


def environment() -> dict[str, str]:
    """The environment of every git here: no configuration of this machine or of its user has a say."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }


class GitFailed(Exception):
    """git answered with an error; the text is its own."""


@dataclass(frozen=True)
class Signature:
    """Who, and when as ISO 8601 with an offset."""

    name: str
    email: str
    date: str


@dataclass(frozen=True)
class Commit:
    """A commit object."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str


@dataclass(frozen=True)
class TreeEntry:
    """One line of a tree. `size` is None for what is no blob."""

    mode: str
    type: str
    sha: str
    size: int | None
    path: str


@dataclass(frozen=True)
class FileDiff:
    """One file of a difference; `patch` begins at the first hunk and is empty for binary files."""

    path: str
    old_path: str
    status: str
    sha: str
    additions: int
    deletions: int
    patch: str


class Git:
    """One bare repository. Every call runs one git in a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def call(self, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """Run git here and wait; for set-up, outside of any loop. Raises GitFailed."""
        done = subprocess.run(
            ["git", "--git-dir", str(self.path), "-c", "safe.directory=*", *arguments],
            input=stdin,
            env=environment() | dict(env or {}),
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise GitFailed(done.stderr.decode(errors="replace").strip())
        return done.stdout

    async def run(self, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """Run git here. Raises GitFailed."""
        return await asyncio.to_thread(self.call, *arguments, stdin=stdin, env=env)

    async def text(self, *arguments: str) -> str:
        """What git prints, without the last line end. Raises GitFailed."""
        return (await self.run(*arguments)).decode(errors="replace").rstrip("\n")

    # -- Names ---------------------------------------------------------------------------------------------------
    async def refs(self, prefix: str = "refs/") -> dict[str, str]:
        """Every ref below `prefix` and the sha that it stands at."""
        lines = (await self.text("for-each-ref", "--format=%(objectname) %(refname)", prefix)).splitlines()
        return {name: sha for sha, _, name in (line.partition(" ") for line in lines)}

    async def sha(self, name: str, kind: str = "commit") -> str | None:
        """The object of this kind that a branch, tag, ref or (abbreviated) sha names; None if there is none."""
        for candidate in (f"refs/heads/{name}", f"refs/tags/{name}", name):
            try:
                return await self.text(
                    "rev-parse", "--verify", "--quiet", "--end-of-options", f"{candidate}^{{{kind}}}"
                )
            except GitFailed:
                continue
        return None

    async def is_name(self, ref: str) -> bool:
        """Whether a full ref name is well formed."""
        try:
            await self.run("check-ref-format", ref)
        except GitFailed:
            return False
        return True

    async def move(self, ref: str, new: str, old: str) -> None:
        """Make `ref` stand at `new` if it stands at `old` now; NOTHING means absent. Raises GitFailed."""
        if new == NOTHING:
            await self.run("update-ref", "-d", ref, old)
        else:
            await self.run("update-ref", ref, new, old)

    # -- Commits -------------------------------------------------------------------------------------------------
    async def log(self, *arguments: str) -> list[Commit]:
        """Commits as `git log` finds them, newest first. Raises GitFailed."""
        fields = (await self.run("log", f"--format={_COMMIT}", *arguments)).decode(errors="replace").split("\0")
        return [_commit(fields[at : at + 10]) for at in range(0, len(fields) - 1, 10)]

    async def commit(self, sha: str) -> Commit:
        """One commit. Raises GitFailed."""
        return (await self.log("--max-count=1", sha))[0]

    async def merge_base(self, one: str, other: str) -> str | None:
        """Where two commits parted; None if they never met."""
        try:
            return await self.text("merge-base", one, other)
        except GitFailed:
            return None

    async def ahead_behind(self, base: str, head: str) -> tuple[int, int]:
        """How many commits `head` has that `base` lacks, and the other way round."""
        behind, ahead = (await self.text("rev-list", "--left-right", "--count", f"{base}...{head}")).split()
        return int(ahead), int(behind)

    async def new_commit(
        self, tree: str, parents: Sequence[str], message: str, author: Signature, committer: Signature
    ) -> str:
        """Write a commit object; answer with its sha. Raises GitFailed."""
        env = {
            "GIT_AUTHOR_NAME": author.name,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_AUTHOR_DATE": author.date,
            "GIT_COMMITTER_NAME": committer.name,
            "GIT_COMMITTER_EMAIL": committer.email,
            "GIT_COMMITTER_DATE": committer.date,
        }
        above = [word for parent in parents for word in ("-p", parent)]
        written = await self.run("commit-tree", tree, *above, stdin=message.encode(), env=env)
        return written.decode().strip()

    # -- Files ---------------------------------------------------------------------------------------------------
    async def tree(self, treeish: str, path: str = "", *, recursive: bool = False) -> list[TreeEntry]:
        """The entries of a tree; with `path`, that one entry. Raises GitFailed."""
        deep = ["-r", "-t"] if recursive else []
        narrow = ["--", f":(literal){path}"] if path else []
        listing = (await self.run("ls-tree", "-z", "-l", *deep, treeish, *narrow)).decode(errors="surrogateescape")
        return [_entry(line) for line in listing.split("\0") if line]

    async def new_tree(self, base: str | None, lines: Sequence[str]) -> str:
        """Write a tree: `base` with `lines` (of `update-index --index-info`) laid over it. Raises GitFailed."""
        with tempfile.TemporaryDirectory() as folder:
            env = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            await self.run("read-tree", base or "--empty", env=env)
            await self.run(
                "update-index", "-z", "--index-info", stdin="".join(f"{x}\0" for x in lines).encode(), env=env
            )
            return (await self.run("write-tree", env=env)).decode().strip()

    async def diff(self, base: str, head: str) -> str:
        """The difference between two commits as a patch."""
        return (await self.run("diff", "-M", "--no-ext-diff", "--no-textconv", base, head)).decode(errors="replace")

    async def files(self, base: str, head: str) -> list[FileDiff]:
        """The difference between two commits, file by file."""
        common = ("-M", "--no-ext-diff", "--no-textconv", base, head)
        raw = (await self.run("diff", "--raw", "-z", "--abbrev=40", *common)).decode(errors="replace")
        counts = (await self.run("diff", "--numstat", "-z", *common)).decode(errors="replace")
        patches = re.split(r"^diff --git .*$", await self.diff(base, head), flags=re.MULTILINE)[1:]
        return [
            _file(header, paths, count, patch)
            for (header, paths), count, patch in zip(_records(raw), _counts(counts), patches, strict=True)
        ]


def _commit(fields: Sequence[str]) -> Commit:
    """A commit from the ten fields of the log format."""
    sha, tree, parents, *people, message = fields
    author, committer = Signature(*people[:3]), Signature(*people[3:])
    return Commit(sha.lstrip("\n"), tree, tuple(parents.split()), author, committer, message.rstrip("\n"))


def _entry(line: str) -> TreeEntry:
    """A tree entry from a line of `ls-tree -l`."""
    facts, _, path = line.partition("\t")
    mode, kind, sha, size = facts.split()
    return TreeEntry(mode, kind, sha, int(size) if size.isdigit() else None, path)


def _records(raw: str) -> list[tuple[str, list[str]]]:
    """The records of `diff --raw -z`: the header and one path, or two for renames."""
    words = iter(raw.split("\0")[:-1])
    return [(header, [next(words) for _ in range(2 if header.split()[-1][0] in "RC" else 1)]) for header in words]


def _counts(text: str) -> list[tuple[int, int]]:
    """The records of `diff --numstat -z`: added and deleted lines, 0 for binary files."""
    found = []
    words = iter(text.split("\0")[:-1])
    for word in words:
        added, deleted, path = word.split("\t", 2)
        if not path:  # a rename: the two paths stand in fields of their own
            next(words), next(words)
        found.append((0, 0) if added == "-" else (int(added), int(deleted)))
    return found


def _file(header: str, paths: Sequence[str], count: tuple[int, int], patch: str) -> FileDiff:
    """One file from its three records."""
    _, _, old_sha, new_sha, letter = header.split()
    hunks = patch[patch.find("\n@@ ") + 1 :].rstrip("\n") if "\n@@ " in patch else ""
    sha = old_sha if new_sha == NOTHING else new_sha
    return FileDiff(paths[-1], paths[0], _STATUS.get(letter[0], "changed"), sha, *count, hunks)
