"""Set-up whose result is shared: done once over the base, then laid under the work tree of each run.

A layer of set-up holds what the commands made besides the repository's own files. Its name says what decides that:
the commands, the files that they read (`inputs.py`), and the machine or image that they ran on.
"""

import asyncio
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from pydantic import BaseModel

from app.adapters.sandbox.root import place
from app.adapters.sandbox.users import GROUP
from app.adapters.workspace.folders import Folder, Ways
from app.adapters.workspace.git import Git
from app.adapters.workspace.inputs import inputs
from app.adapters.workspace.layers import Layers
from app.adapters.workspace.locks import locked
from app.core.layout import Layout
from app.core.sandbox import CommandResult, Sandbox

VERSION: Final = 1
"""Of how layers are made; another one makes every layer anew."""
SITE: Final = "set-up-"
"""Before the name of a layer: the folder, beside those of runs, in which it is made."""
OPAQUE: Final = "trusted.overlay.opaque"
"""On a folder of an overlay that hides what lies below it: https://docs.kernel.org/filesystems/overlayfs.html"""


class Record(BaseModel, frozen=True):
    """What is known about a layer."""

    name: str
    results: tuple[CommandResult, ...]
    roots: tuple[str, ...]
    """The topmost paths of what set-up made in the tree, as in a URL: names need not be text."""
    made_at: datetime

    def told(self) -> Sequence[CommandResult]:
        """The results, for a run that did not wait for them."""
        note = (
            f"Done once, on {self.made_at:%Y-%m-%d %H:%M} UTC, and used again: nothing that decides it has changed.\n"
        )
        return [result.model_copy(update={"output": result.output + note, "seconds": 0.0}) for result in self.results]


@dataclass(frozen=True)
class Plan:
    """What a repository's set-up comes to on one commit."""

    name: str
    """Of the layer that the commands make."""
    commands: Sequence[str]
    tracked: frozenset[str]
    """Paths of the commit."""


@dataclass(frozen=True)
class Furnishing:
    """Makes and finds layers of set-up. `open_box` gives the sandbox of a folder; `machine` names what it runs on."""

    layers: Layers
    mirror: Git
    open_box: Callable[[Folder], Sandbox]
    machine: str

    async def plan(self, repository: str, base: str, commands: Sequence[str], layout: Layout) -> Plan:
        """Which layer `commands` make on commit `base`. What the tree does not hold decides nothing."""
        tracked = await self._tracked(base)
        package = (await self.mirror.ask("cat-file", "blob", f"{base}:package.json")).out
        chosen = inputs(commands, [path for path in tracked if layout.holds(path)], package)
        decided = {path: tracked[path] for path in sorted(chosen)} if chosen is not None else {"": base}
        said = json.dumps([VERSION, self.machine, list(commands), decided, *layout.folders])
        name = f"{repository}-{hashlib.sha256(said.encode()).hexdigest()[:32]}"
        return Plan(name, tuple(commands), frozenset(tracked))

    def known(self, base: str, commands: Sequence[str]) -> Record | None:
        """What is known about the layer that these commands made, or may share, on the layer `base` before."""
        name = self._noted(base).get(self._key(commands), "")
        if not name or self.layers.find(name) is None:
            return None
        return self._read(name)

    def note(self, base: str, plan: Plan) -> None:
        """Keep that this layer may be laid over `base`, for the next run: to find out takes a while."""
        noted = self._noted(base) | {self._key(plan.commands): plan.name}
        place(self.layers.beside(base, "json"), json.dumps(noted).encode(), 0o600)

    def record(self, plan: Plan) -> Record | None:
        """What is known about a layer that is here and does not stand in the way of a tracked file."""
        record = None if self.layers.find(plan.name) is None else self._read(plan.name)
        return None if record is None or _clash(record.roots, plan.tracked) else record

    async def make(
        self, plan: Plan, folder: Folder, base: Path, timeout_s: float
    ) -> tuple[Sequence[CommandResult], bool] | None:
        """Run the commands over the layer `base`, once for all who ask at this time; whether a layer came of it.

        Where a command fails there is none. None if the layer that is here would hide a file of this commit: then
        nothing was run. `folder` is that of the run that asks.
        """
        async with locked(self.layers.lock(plan.name)):
            if record := self.record(plan):
                return record.told(), True
            if self.layers.find(plan.name):
                return None
            site = Folder(folder.run.with_name(f"{SITE}{plan.name}"), folder.number, Ways(no_disk="it becomes a layer"))
            try:
                async with locked(self.layers.lock(base.name), shared=True):
                    await asyncio.to_thread(site.make, [base])
                results = await self.open_box(site).set_up(plan.commands, timeout_s=timeout_s)
                if not all(result.ok for result in results):
                    return results, False
                roots = await asyncio.to_thread(_strip, site.room / "upper", plan.tracked, site.user)
                record = Record(
                    name=plan.name,
                    results=tuple(results),
                    roots=tuple(quote(os.fsencode(root)) for root in roots),
                    made_at=datetime.now(UTC),
                )
                await asyncio.to_thread(self._keep, plan.name, site, record)
                return results, True
            finally:
                await asyncio.to_thread(site.remove)

    def _read(self, name: str) -> Record | None:
        try:
            return Record.model_validate_json(self.layers.beside(name, "json").read_bytes())
        except FileNotFoundError:
            return None

    def _noted(self, base: str) -> dict[str, str]:
        try:
            return dict(json.loads(self.layers.beside(base, "json").read_bytes()))
        except FileNotFoundError:
            return {}

    def _key(self, commands: Sequence[str]) -> str:
        return hashlib.sha256(json.dumps([VERSION, self.machine, list(commands)]).encode()).hexdigest()

    def _keep(self, name: str, site: Folder, record: Record) -> None:
        site.unmount()
        self.layers.beside(name, "json").write_text(record.model_dump_json())
        self.layers.keep(name, site.room / "upper")

    async def _tracked(self, base: str) -> dict[str, str]:
        """Object names by path."""
        said = await self.mirror.tell("ls-tree", "-r", "-z", base)
        entries = (entry.partition(b"\t") for entry in said.out.split(b"\0") if entry)
        return {os.fsdecode(path): meta.rpartition(b" ")[2].decode() for meta, _, path in entries}


def _strip(upper: Path, tracked: frozenset[str], user: int) -> list[str]:
    """Leave what set-up added to the tree, and nothing that it changed or deleted; answer with the topmost paths of it.

    Git's own folders go, too: another commit has others.
    """
    folders = {folder for path in tracked for folder in _above(path)}
    roots: list[str] = []
    shutil.rmtree(upper / "git", ignore_errors=True)
    shutil.rmtree(upper / "tree" / ".git", ignore_errors=True)
    for part in ("tree", "cache"):
        if not (upper / part).exists():  # nothing was written there
            (upper / part).mkdir(mode=0o700)
            os.chown(upper / part, user, GROUP)
    pending = [""]
    while pending:
        place = pending.pop()
        here = upper / "tree" / place
        _uncover(here)
        for entry in list(os.scandir(here)):
            path = f"{place}/{entry.name}" if place else entry.name
            status = entry.stat(follow_symlinks=False)
            is_folder = entry.is_dir(follow_symlinks=False)
            if path in folders and is_folder:
                pending.append(path)
            elif path in tracked or path in folders or _is_whiteout(status):
                shutil.rmtree(entry.path) if is_folder else Path(entry.path).unlink()
            else:
                roots.append(path)
    return sorted(roots)


def _uncover(folder: Path) -> None:
    """Let what lies below a folder be seen again."""
    if OPAQUE in os.listxattr(folder, follow_symlinks=False):
        os.removexattr(folder, OPAQUE, follow_symlinks=False)


def _is_whiteout(status: os.stat_result) -> bool:
    """What an overlay puts in the place of something that was deleted."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _above(path: str) -> Iterator[str]:
    while (cut := path.rfind("/")) > 0:
        path = path[:cut]
        yield path


def _clash(roots: Sequence[str], tracked: frozenset[str]) -> bool:
    """Whether something in a layer would hide a file of the repository, or lie where a file is."""
    folders = {folder for path in tracked for folder in _above(path)}
    made = [os.fsdecode(unquote_to_bytes(root)) for root in roots]
    return any(root in tracked or root in folders or any(above in tracked for above in _above(root)) for root in made)
