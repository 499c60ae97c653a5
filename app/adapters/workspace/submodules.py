"""Submodules, fetched by the host and laid into the tree as ordinary files.

For that a commit is made in the mirror that has a submodule's files where the base has a link to its commit. Trees are
made of that commit and compared with it, and so a change in a submodule is seen; published is a change of the base, in
which the links stay as they are. What submodules hold is fetched into the mirror of the repository that names them.

They are fetched without a credential: the one for the repository would not fit, and what names them is a file of it.
So they have to be public. Their own submodules stay empty folders.
"""

import asyncio
import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_to_bytes, urlsplit

from app.adapters.workspace import remote as remotes
from app.adapters.workspace.clean import NOTHING
from app.adapters.workspace.locks import locked
from app.adapters.workspace.mirror import INDEX, LAID, Mirror
from app.core.errors import Denied, NotFound, RepositoryError
from app.core.layout import Layout

MOST: Final = 50
"""Of submodules that one repository may have: each is a fetch that a run waits for."""
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_~][A-Za-z0-9._~-]*)+/?")
_NOT_THERE: Final = "not our ref"
"""Git's words for a commit that a repository does not have."""


@dataclass(frozen=True)
class Laid:
    """The commit that a tree is made of."""

    commit: str
    submodules: tuple[str, ...] = ()
    """Paths of those whose files it holds."""


class Submodules:
    """Those of one repository."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._git = mirror.git

    async def laid(self, sha: str) -> Laid:
        """What the tree of `sha` is made of: what `provide` has made, else the commit itself."""
        form = "--format=%(objectname)%0a%(contents)"
        said = await self._git.ask("for-each-ref", form, f"{LAID}/{sha}")
        if not said.text:
            return Laid(sha)
        commit, *paths = said.text.split("\n")
        return Laid(commit, tuple(os.fsdecode(unquote_to_bytes(path)) for path in paths if path))

    async def provide(self, sha: str, layout: Layout) -> Laid:
        """Fetch what `layout` holds of the submodules of `sha`, which is in the mirror, and lay it in.

        Raises RepositoryError if an address cannot be used or nothing is there; ForgeError if the other side fails.
        """
        known = await self.laid(sha)
        if known.submodules or not layout.submodules:
            return known
        links = {path: commit for path, commit in (await self._links(sha)).items() if layout.holds(f"{path}/file")}
        addresses = await self._addresses(sha) if links else {}
        wanted = {path: commit for path, commit in links.items() if path in addresses}
        if not wanted:
            return known
        if len(wanted) > MOST:
            raise RepositoryError(f"The repository has {len(wanted)} submodules; at most {MOST} are fetched.")
        for path, commit in wanted.items():
            url = address(await self._mirror.url(), addresses[path], path)
            await self._fetch(path, url, commit)
        async with locked(self._mirror.lock):
            return await self._lay(sha, wanted)

    async def _links(self, sha: str) -> dict[str, str]:
        """Commits by path."""
        said = await self._git.tell("ls-tree", "-r", "-z", sha)
        entries = (entry.partition(b"\t") for entry in said.out.split(b"\0") if entry.startswith(b"160000"))
        return {os.fsdecode(path): meta.split()[2].decode() for meta, _, path in entries}

    async def _addresses(self, sha: str) -> dict[str, str]:
        """What `.gitmodules` says, by path. A link without an address there is no submodule: its folder stays empty."""
        blob = f"{sha}:.gitmodules"
        if not (await self._git.ask("cat-file", "-e", blob)).ok:
            return {}
        said = await self._git.ask("config", "-z", "--no-includes", "--blob", blob, "--list")
        if not said.ok:
            raise RepositoryError("`.gitmodules` cannot be read by git, so its submodules cannot be fetched.")
        parts: dict[str, dict[str, str]] = {}
        for pair in said.out.split(b"\0"):
            key, _, value = os.fsdecode(pair).partition("\n")
            if key.startswith("submodule.") and key.count(".") > 1:
                _, _, inner = key.partition(".")
                name, _, variable = inner.rpartition(".")
                parts.setdefault(name, {})[variable] = value
        return {part["path"].rstrip("/"): part["url"] for part in parts.values() if {"path", "url"} <= part.keys()}

    async def _fetch(self, path: str, url: str, commit: str) -> None:
        ok, words = await self._mirror.fetch_from(url, commit)
        if ok:
            return
        if _NOT_THERE in words:
            raise RepositoryError(f"The submodule `{path}` is not there at commit {commit[:12]} in {url}.")
        error = remotes.refusal(words)
        if isinstance(error, NotFound | Denied | remotes.CredentialRefused):
            raise RepositoryError(
                f"The submodule `{path}` cannot be fetched: {url} is not there, or it is not public. Minions fetch "
                f"submodules without a credential."
            )
        raise error

    async def _lay(self, sha: str, wanted: Mapping[str, str]) -> Laid:
        index = self._mirror.path / f"{INDEX}{uuid.uuid4().hex}"
        own = {"GIT_INDEX_FILE": str(index)}
        try:
            await self._git.tell("read-tree", sha, environment=own)
            for path, commit in wanted.items():
                name = os.fsencode(path)
                files = (await self._git.tell("ls-tree", "-r", "-z", commit)).out.split(b"\0")[:-1]
                entries = [b"0 %s\t%s" % (NOTHING.encode(), name)]
                entries += [file.replace(b"\t", b"\t%s/" % name, 1) for file in files]
                said = b"".join(entry + b"\0" for entry in entries)
                await self._git.tell("update-index", "-z", "--index-info", stdin=said, environment=own)
            tree = (await self._git.tell("write-tree", environment=own)).text
        finally:
            await asyncio.to_thread(index.unlink, missing_ok=True)
        second = (await self._git.tell("show", "--no-patch", "--format=%ct", sha)).text
        who = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "minion"), ("EMAIL", "minion@localhost"), ("DATE", f"{second} +0000"))
        }
        message = "".join(f"{quote(os.fsencode(path))}\n" for path in wanted).encode()
        commit = (await self._git.tell("commit-tree", tree, "-F", "-", stdin=message, environment=who)).text
        await self._mirror.keep_laid(sha, commit)
        return Laid(commit, tuple(wanted))


def address(repository: str, said: str, path: str) -> str:
    """Where a submodule at `path` is fetched from, whose address is `said` in `.gitmodules` of `repository`.

    Raises RepositoryError unless that is an address on the repository's own host, by the same protocol.
    """
    own = urlsplit(repository)
    if not own.netloc:
        raise RepositoryError("Submodules are fetched for repositories with an address at https:// only.")
    if said.startswith(("./", "../")):
        parts = own.path.rstrip("/").split("/")
        steps = said.split("/")
        while steps and steps[0] in {".", ".."}:
            parts = parts[:-1] if steps.pop(0) == ".." else parts
        target = "/".join([*parts, *steps])
        there = own
    else:
        try:
            there = urlsplit(said)
        except ValueError:
            there = urlsplit("")
        target = there.path
    is_usable = (
        (there.scheme, there.netloc) == (own.scheme, own.netloc)
        and not (there.query or there.fragment)
        and _PATH.fullmatch(target)
    )
    if not is_usable:
        raise RepositoryError(
            f"The submodule `{path}` has an address that cannot be used here. Submodules are fetched from "
            f"{own.scheme}://{own.netloc}/ only; take `submodules` out of `.github/minion.yml`, or change the address."
        )
    return f"{own.scheme}://{own.netloc}{target.rstrip('/')}"
