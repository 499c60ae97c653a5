"""The folder of one run on the disk, and the two ways to make it: over shared layers, or by itself.

base    the base commit, written last: without it the folder is half made
stamp   another one whenever the tree may have changed
clean/  objects of the change as the host made them; no box sees it
room.img, room/   where this run's own files lie: a disk of a fixed size, where the machine can make one
lower   names of the layers that it lies over
files/  what boxes are given: tree/, cache/ and git/, all of the box's user
"""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.adapters.sandbox.users import GROUP, USERS, give, let_through
from app.adapters.workspace import mounts
from app.adapters.workspace.deletion import delete
from app.adapters.workspace.look import look
from app.core.errors import SandboxError

PARTS: Final = ("tree", "cache", "git")
GIB: Final = 1024**3
_BASE: Final = "base"
_LOWER: Final = "lower"


@dataclass(frozen=True)
class Ways:
    """What this machine can do for work trees. An empty sentence means that it can."""

    no_overlay: str = ""
    """Why work trees cannot share their files; each is then made by itself."""
    no_disk: str = ""
    """Why work trees cannot be held to a size."""

    @classmethod
    def of(cls, home: Path) -> "Ways":
        """Find out, by trying both in a folder of `home`. Blocks, some 30 ms."""
        if os.geteuid() != 0:
            return cls(*["only a server that runs as root may mount"] * 2)
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home, prefix=".try-") as name:
            place = Path(name)
            try:
                return cls(no_overlay=_tried(_overlay, place), no_disk=_tried(_disk, place))
            finally:
                mounts.unmount_below(place)

    def told(self, disk_bytes: int) -> str:
        """For the operator, in a line."""
        kind = f"copies ({self.no_overlay})" if self.no_overlay else "overlays of shared folders"
        size = f"no fixed size ({self.no_disk})" if self.no_disk else f"{disk_bytes / GIB:g} GiB each"
        return f"{kind}, {size if disk_bytes else 'no fixed size'}"


@dataclass(frozen=True)
class Folder:
    """One run's folder at `run`. `disk_bytes` is its size, 0 for no limit. Methods that do something block."""

    run: Path
    number: int
    """By which its user is chosen."""
    ways: Ways = field(default_factory=lambda: Ways("not tried", "not tried"))
    disk_bytes: int = 0

    @property
    def files(self) -> Path:
        """What boxes are given."""
        return self.run / "files" if self.is_layered else self.room

    @property
    def tree(self) -> Path:
        """The work tree."""
        return self.files / "tree"

    @property
    def cache(self) -> Path:
        """What installs leave for later commands."""
        return self.files / "cache"

    @property
    def git(self) -> Path:
        """The git folder that reads the tree, in the box."""
        return self.files / "git"

    @property
    def room(self) -> Path:
        """This run's own files."""
        return self.run / "room"

    @property
    def clean(self) -> Path:
        """Objects of the change as the host made them."""
        return self.run / "clean"

    @property
    def base(self) -> Path:
        """A file with the base commit."""
        return self.run / _BASE

    @property
    def stamp(self) -> Path:
        """A file that is written anew whenever the tree may change."""
        return self.run / "stamp"

    @property
    def is_layered(self) -> bool:
        """Whether it is made over layers."""
        return not self.ways.no_overlay

    @property
    def user(self) -> int:
        """Who owns the files at first; two runs of a worker seldom meet in one."""
        return GROUP + 1 + self.number % USERS

    @property
    def is_touched(self) -> bool:
        """Whether anything may have been written since it was filled; one without layers does not tell."""
        return not self.is_layered or any((self.room / "upper" / part).exists() for part in PARTS)

    def make(self, layers: Sequence[Path] = ()) -> None:
        """Make it anew over these layers, or empty if it is not layered. Whoever uses a layer holds its lock now."""
        self.remove()
        let_through(self.run)
        self.room.mkdir()
        self._mount_disk()
        let_through(self.room)
        if self.is_layered:
            (self.run / _LOWER).write_text("".join(f"{layer.name}\n" for layer in layers))
            (self.run / "files").mkdir(mode=0o710)
            let_through(self.room / "upper")
            (self.room / "work").mkdir()
            self._mount_overlay(layers)
            return
        for part in PARTS:
            (self.room / part).mkdir(mode=0o700)

    def reopen(self, layers: Path) -> None:
        """Mount again what a restart of the machine took away; `layers` is where they lie. Raises SandboxError."""
        self._mount_disk()
        if self.is_layered and not mounts.is_mounted(self.files):
            self._mount_overlay([layers / name for name in self.lower()])

    def lower(self) -> list[str]:
        """Names of the layers that it lies over, the top one first."""
        try:
            return (self.run / _LOWER).read_text().split()
        except FileNotFoundError:
            return []

    def look(self) -> bytes:
        """A word for the state of the tree, another one whenever it changes; empty if that cannot be told so."""
        return look(self.room / "upper" / "tree", self.lower()) if self.is_layered else b""

    def remove(self) -> None:
        """Take it away with everything in it. Killed meanwhile, it leaves what passes for half made."""
        forget(self.run)
        self.unmount()
        delete(self.run)

    def unmount(self) -> None:
        """Take away what is mounted here. `reopen` mounts it again."""
        mounts.unmount(self.run / "files")
        mounts.unmount(self.room)

    def _mount_disk(self) -> None:
        if self.ways.no_disk or not self.disk_bytes or mounts.is_mounted(self.room):
            return
        try:
            mounts.mount_disk(self.run / "room.img", self.room, self.disk_bytes)
        except OSError as error:
            raise SandboxError(f"A disk for the work tree cannot be made: {error}") from error

    def _mount_overlay(self, layers: Sequence[Path]) -> None:
        upper, work = self.room / "upper", self.room / "work"
        try:
            mounts.mount_overlay(layers, upper, work, self.files, (self.user, GROUP))
        except OSError as error:
            raise SandboxError(f"The work tree cannot be laid over its base: {error}") from error


def forget(run: Path) -> None:
    """Have nobody open this folder of a run as it is, however far its removal comes."""
    (run / _BASE).unlink(missing_ok=True)


def in_use(runs: Path) -> set[str]:
    """Names of the layers that folders in `runs` lie over."""
    return {name for lower in runs.glob(f"*/{_LOWER}") for name in lower.read_text().split()}


def _tried(attempt: Callable[[Path], None], place: Path) -> str:
    """Why it does not work here; empty if it does."""
    try:
        attempt(place)
    except OSError as error:
        return str(error)
    return ""


def _overlay(place: Path) -> None:
    """Write, as another user, a file of a layer that a third one owns."""
    layer, target = place / "layer", place / "files"
    (layer / "tree").mkdir(parents=True)
    (layer / "tree" / "file").touch()
    give(layer / "tree", GROUP + 1)
    for folder in (place / "upper", place / "work", target):
        folder.mkdir()
    mounts.mount_overlay([layer], place / "upper", place / "work", target, (GROUP + 2, GROUP))
    if (target / "tree" / "file").stat().st_uid != GROUP + 2:
        raise OSError("the owner of a layer's files cannot be mapped")
    (target / "tree" / "file").write_text("written")


def _disk(place: Path) -> None:
    (place / "room").mkdir()
    mounts.mount_disk(place / "room.img", place / "room", 64 * 1024**2)
