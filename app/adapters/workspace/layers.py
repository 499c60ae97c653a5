"""Folders that are made once and shared by many runs, which never write in them: the lower part of overlays."""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, Literal

from app.adapters.sandbox.root import place
from app.adapters.sandbox.users import GROUP, give, let_through
from app.adapters.workspace.deletion import delete
from app.adapters.workspace.locks import locked, locked_now

UNUSED_S: Final = 14 * 24 * 3600.0
"""A layer that no run has used for two weeks goes."""
AHEAD: Final = "ahead-"
"""Before a repository's id: what is made for its next run, before there is one."""
SHARE: Final = 0.25
"""Of the disk: the layers that were used last may take so much together."""


class Layers:
    """The layers under `folder`: `NAME/` is one, whole and never changed; it is made as `NAME.new/` and renamed.

    `references` tells which names are in use by work trees of this machine, mounted or not.
    """

    def __init__(self, folder: Path, references: Callable[[], set[str]]) -> None:
        self.folder = folder
        self._references = references

    def path(self, name: str) -> Path:
        """Where a layer is, or would be."""
        return self.folder / name

    def prepare(self) -> None:
        """Make the folder; boxes that make a layer pass through it."""
        let_through(self.folder)

    def find(self, name: str) -> Path | None:
        """The layer if there is one; it counts as used now."""
        path = self.path(name)
        try:
            os.utime(self.beside(name, "used"))
        except FileNotFoundError:
            return None
        return path if path.is_dir() else None

    async def provide(self, name: str, make: Callable[[Path], Awaitable[None]]) -> Path:
        """The layer; `make` fills its folder if there is none. Whoever asks meanwhile waits for the same one."""
        if found := self.find(name):
            return found
        self.prepare()
        async with locked(self.lock(name)):
            if found := self.find(name):
                return found
            fresh = self.folder / f"{name}.new"
            await asyncio.to_thread(delete, fresh)
            let_through(fresh)
            try:
                await make(fresh)
                self.keep(name, fresh)
            finally:
                await asyncio.to_thread(delete, fresh)
            return self.path(name)

    def keep(self, name: str, made: Path) -> None:
        """Make the folder `made` the layer `name`; it must lie on the same file system and hold `tree/`."""
        owner = (made / "tree").stat().st_uid
        if os.geteuid() == 0:
            # What belongs to one user and to nobody else can be shown as another one's.
            for part in made.iterdir():
                give(part, owner)
            os.chown(made, owner, GROUP)
        made.rename(self.path(name))
        self.beside(name, "used").touch()

    def lock(self, name: str) -> Path:
        """The file by whose lock this layer is made and removed; who is about to use it shares the lock."""
        return self.folder / f"{name}.lock"

    def evict(self, *, unused_s: float = UNUSED_S, most_bytes: int | None = None) -> list[str]:
        """Remove layers that were not used for long, and the oldest of too many; answer with their names. Blocks.

        One that a work tree refers to stays: its files are that tree's files. So does one that somebody is about to
        use: he holds its lock while he writes down that he does.
        """
        if not self.folder.is_dir():
            return []
        disk = os.statvfs(self.folder)
        most = int(disk.f_blocks * disk.f_frsize * SHARE) if most_bytes is None else most_bytes
        stamps = sorted(((stamp.stat().st_mtime, stamp.stem) for stamp in self.folder.glob("*.used")), reverse=True)
        total, gone = 0, []
        for used_at, name in stamps:
            size = _size(self.path(name))
            total += size
            if (time.time() - used_at > unused_s or total > most) and self._remove(name):
                total -= size
                gone.append(name)
        for broken_off in self.folder.glob("*.new"):
            self._remove(broken_off.stem)
        return gone

    def supersede(self, series: str, names: Sequence[str]) -> list[str]:
        """Note that `names` were made last in a series; remove those before them that nobody used since. Blocks.

        A branch that moves all day would fill the disk with checkouts that no run will ever ask for.
        """
        note = self.beside(series, "json")
        before: dict[str, int] = json.loads(note.read_bytes()) if note.exists() else {}
        unused = [name for name, used_at in before.items() if name not in names and self._used_at(name) == used_at]
        place(note, json.dumps({name: self._used_at(name) for name in names}).encode(), 0o600)
        return [name for name in unused if self._remove(name)]

    def _used_at(self, name: str) -> int:
        """Nanoseconds since 1970; 0 if there is no such layer."""
        stamp = self.beside(name, "used")
        return stamp.stat().st_mtime_ns if stamp.exists() else 0

    def _remove(self, name: str) -> bool:
        with locked_now(self.lock(name)) as is_ours:
            if not is_ours or name in self._references():
                return False
            for kind in ("used", "json", "index"):
                self.beside(name, kind).unlink(missing_ok=True)
            delete(self.path(name))
            delete(self.folder / f"{name}.new")
        return True

    def beside(self, name: str, kind: Literal["used", "json", "index"]) -> Path:
        """A file that goes when the layer goes: the time of its last use, a record of its making, git's index of it."""
        return self.folder / f"{name}.{kind}"


def _size(folder: Path) -> int:
    """Bytes on the disk; links are not followed."""
    total = 0
    for _, _, names, handle in os.fwalk(folder, follow_symlinks=False):
        for name in names:
            total += os.stat(name, dir_fd=handle, follow_symlinks=False).st_blocks * 512
    return total
