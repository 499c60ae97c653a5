"""A control group for each command: what all its processes together may use of memory, processors and process numbers.

Version 2 is used where a group with the controllers was handed to this server (systemd's `Delegate=yes`, also for an
ordinary user; a container's own hierarchy) or the server is root; version 1 where root may write to its hierarchies.
Elsewhere there is nothing, and the limits of each single process (`prlimit`) are all there are.

The name of a group says who made it: minions-PIDNAMESPACE-PID-START-NUMBER.
"""

import asyncio
import contextlib
import errno
import os
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

from app.core.errors import SandboxError

CONTROLLERS: Final = ("memory", "pids", "cpu")
PREFIX: Final = "minions-"
SERVER: Final = "minions-server"
"""In version 2 only groups without processes may have groups with limits: the server itself moves into this one."""
PERIOD_US: Final = 100_000
"""The kernel's own default: how often the processors are handed out anew."""
PAUSES_S: Final = tuple(0.0005 * 2**step for step in range(11))
"""A killed process leaves its group within a millisecond; a second in all is for a busy machine."""
_GIB: Final = 1024**3


@dataclass(frozen=True)
class Overrun:
    """What a command wanted more of than it may have."""

    sentence: str
    is_killed: bool
    """Whether the kernel killed something for it; otherwise it only said no."""


@dataclass(frozen=True)
class Place:
    """Where groups are made: a folder for each controller, which in version 2 is the same one."""

    version: int
    folders: Mapping[str, Path] = field(default_factory=dict)

    @property
    def lacking(self) -> list[str]:
        """Controllers that cannot be used here."""
        return [name for name in CONTROLLERS if name not in self.folders]


class Group:
    """The group of one command. Made before it starts, given the box while that is built, removed when it has ended."""

    def __init__(self, folders: Mapping[str, Path], *, memory_bytes: int, processes: int, cpus: float) -> None:
        self._folders = folders
        self._memory_bytes = memory_bytes
        self._processes = processes
        for name, value in _settings(folders, memory_bytes=memory_bytes, processes=processes, cpus=cpus):
            name.write_text(value)

    @property
    def counts_processes(self) -> bool:
        """Whether the number of processes is among what it limits."""
        return "pids" in self._folders

    def take(self, pid: int) -> None:
        """Move a process in here; what it starts from now on is in here, too.

        Blocks: the kernel waits for all its processors first, some 8 ms, unless somebody has just moved, too. Raises
        ProcessLookupError if there is no such process (any more), OSError if it may not be moved.
        """
        for folder in dict.fromkeys(self._folders.values()):
            (folder / "cgroup.procs").write_text(str(pid))

    def overrun(self) -> Overrun | None:
        """What went beyond a limit, if anything did; memory first."""
        memory = self._folders.get("memory")
        if memory and any(_count(memory / name, "oom_kill") for name in ("memory.events", "memory.oom_control")):
            size = f"{self._memory_bytes / _GIB:.3g} GiB"
            return Overrun(f"Killed: the command used more than {size} of memory.", is_killed=True)
        if (pids := self._folders.get("pids")) and _count(pids / "pids.events", "max"):
            sentence = f"The command wanted more than {self._processes} processes and threads at one time."
            return Overrun(sentence, is_killed=False)
        return None

    async def close(self) -> None:
        """Kill what is left in it and remove it. One that cannot be removed is left to the next sweep."""
        for pause_s in PAUSES_S:
            if _removed(self._folders.values()):
                return
            await asyncio.sleep(pause_s)


_numbers = count(1)
"""For all of this process: names bear its id."""


class Groups:
    """Makes groups in one place, and removes those of servers that are gone."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._owner = f"{PREFIX}{_owner(os.getpid())}"

    def make(self, *, memory_bytes: int, processes: int, cpus: float) -> Group:
        """A group with these limits: bytes in all, processes and threads, processors.

        Raises SandboxError if it cannot be made.
        """
        name = f"{self._owner}-{next(_numbers)}"
        folders = {controller: folder / name for controller, folder in self.place.folders.items()}
        try:
            for folder in dict.fromkeys(folders.values()):
                folder.mkdir()
            return Group(folders, memory_bytes=memory_bytes, processes=processes, cpus=cpus)
        except OSError as error:
            _removed(folders.values())
            raise SandboxError(
                f"No control group can be made for a command ({error.strerror}): is {error.filename} still writable?"
            ) from None

    def sweep(self) -> int:
        """Kill and remove what servers left that are gone; answer with how many groups that were. Blocks."""
        swept = 0
        for parent in dict.fromkeys(self.place.folders.values()):
            for folder in parent.glob(f"{PREFIX}*-*-*-*"):
                if _is_gone(folder.name):
                    swept += 1
                    for pause_s in PAUSES_S:
                        if _removed([folder]):
                            break
                        time.sleep(pause_s)
        return swept


def find() -> Place:
    """Where this process may make groups; a place without folders if it may nowhere.

    In version 2 this may move the processes of a group that was handed to us into a group below it, as systemd asks.
    """
    mounts = list(_mounts(Path("/proc/self/mountinfo").read_text()))
    own = dict(line.split(":", 2)[1:] for line in Path("/proc/self/cgroup").read_text().splitlines())
    for mount in mounts:
        if mount.kind == "cgroup2" and (folder := _version_2(mount, own.get("", "/"))):
            return Place(2, dict.fromkeys((name for name in CONTROLLERS if name in _words(folder, _HANDED)), folder))
    folders: dict[str, Path] = {}
    for controller in CONTROLLERS:
        for mount in mounts:
            if mount.kind != "cgroup" or controller not in mount.options:
                continue
            group = next((path for names, path in own.items() if controller in names.split(",")), "/")
            # The top first, as Docker does: there the next server finds what this one left.
            for folder in (mount.point, mount.folder(group)):
                if folder and controller not in folders and _may_make(folder):
                    folders[controller] = folder
    return Place(1, folders)


_HANDED: Final = "cgroup.subtree_control"
"""Controllers that groups below this one have."""


@dataclass(frozen=True)
class _Mount:
    kind: str
    root: str
    """Which group its top is."""
    point: Path
    options: tuple[str, ...]

    def folder(self, group: str) -> Path | None:
        """The folder of a group as /proc/self/cgroup names it, if it is in this mount."""
        root = self.root.rstrip("/")
        if ".." in group.split("/") or not (group == self.root or group.startswith(f"{root}/")):
            return None
        folder = self.point / group[len(root) :].lstrip("/")
        return folder if folder.is_dir() else None


def _mounts(mountinfo: str) -> Iterator[_Mount]:
    """The hierarchies, by lines as proc(5) explains them."""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind in {"cgroup", "cgroup2"}:
            yield _Mount(kind, before.split()[3], Path(before.split()[4]), tuple(options.split(",")))


def _version_2(mount: _Mount, group: str) -> Path | None:
    """A group of version 2 below which we may make groups with at least a limit of memory."""
    own = mount.folder(group)
    above = [own, *(folder for folder in own.parents if folder.is_relative_to(mount.point))] if own else []
    for folder in [*(folder for folder in above if _is_handed_over(folder, mount.point)), mount.point]:
        if not _may_make(folder) or "memory" not in _words(folder, "cgroup.controllers"):
            continue
        with contextlib.suppress(OSError):
            if "memory" not in _words(folder, _HANDED):
                _make_room(folder)
            return folder
    return None


def _is_handed_over(folder: Path, top: Path) -> bool:
    """Whether systemd says that others may make groups here, or it is all that a container has."""
    for name in ("user.delegate", "trusted.delegate"):
        with contextlib.suppress(OSError):
            if os.getxattr(folder, name) == b"1":
                return True
    return folder == top and (folder / "cgroup.type").exists()  # the top of the machine itself has no type


def _make_room(folder: Path) -> None:
    """Let groups below `folder` have limits: it must have no processes of its own then, unless it is the top."""
    if (folder / "cgroup.type").exists() and (inside := _words(folder, "cgroup.procs")):
        server = folder / SERVER
        server.mkdir(exist_ok=True)
        for pid in inside:
            with contextlib.suppress(ProcessLookupError):
                (server / "cgroup.procs").write_text(pid)
    wanted = [f"+{name}" for name in CONTROLLERS if name in _words(folder, "cgroup.controllers")]
    (folder / _HANDED).write_text(" ".join(wanted))


def _may_make(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK) and os.access(folder / "cgroup.procs", os.W_OK)


def _settings(
    folders: Mapping[str, Path], *, memory_bytes: int, processes: int, cpus: float
) -> Iterator[tuple[Path, str]]:
    """What to write where; only where there is such a file, because kernels differ."""
    wanted = {
        "memory": (
            ("memory.max", str(memory_bytes)),
            ("memory.swap.max", "0"),
            ("memory.limit_in_bytes", str(memory_bytes)),  # before the next one, which may not be smaller
            ("memory.memsw.limit_in_bytes", str(memory_bytes)),  # memory and swap together: no swap
        ),
        "pids": (("pids.max", str(processes)),),
        "cpu": (
            ("cpu.max", f"{round(cpus * PERIOD_US)} {PERIOD_US}"),
            ("cpu.cfs_period_us", str(PERIOD_US)),
            ("cpu.cfs_quota_us", str(round(cpus * PERIOD_US))),
        ),
    }
    for controller, folder in folders.items():
        for name, value in wanted[controller]:
            if (folder / name).exists():
                yield folder / name, value


def _removed(folders: Iterable[Path]) -> bool:
    """Kill what is in groups and try to remove them; whether all are gone."""
    left = False
    for folder in dict.fromkeys(folders):
        try:
            folder.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            left = True
            _kill(folder)
    return not left


def _kill(folder: Path) -> None:
    """Kill everything in a group; what it starts meanwhile is found the next time, and cannot be much."""
    with contextlib.suppress(OSError):
        if (folder / "cgroup.kill").exists():
            (folder / "cgroup.kill").write_text("1")
            return
        if (folder / "pids.max").exists():
            (folder / "pids.max").write_text("0")
    for pid in map(int, _words(folder, "cgroup.procs")):
        try:
            handle = os.pidfd_open(pid)
        except OSError:
            continue
        try:
            if str(pid) in _words(folder, "cgroup.procs"):  # still in here, now that its number cannot be given away
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        except OSError:
            continue
        finally:
            os.close(handle)


def _words(folder: Path, name: str) -> list[str]:
    try:
        return (folder / name).read_text().split()
    except OSError:
        return []


def _count(file: Path, name: str) -> int:
    """The number after a name, in a file of such pairs; 0 if there is none."""
    with contextlib.suppress(OSError):
        for line in file.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0


def _owner(pid: int) -> str:
    """The same for no two processes, as long as the machine runs. Raises OSError if there is no such process."""
    start = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return f"{Path('/proc/self/ns/pid').stat().st_ino}-{pid}-{start}"


def _is_gone(name: str) -> bool:
    """Whether the server that made a group is gone. One in another pid namespace cannot be asked for, so it is not."""
    namespace, pid, start, _ = name.removeprefix(PREFIX).split("-")
    if namespace != _owner(os.getpid()).partition("-")[0] or not pid.isdecimal():
        return False
    try:
        return _owner(int(pid)) != f"{namespace}-{pid}-{start}"
    except OSError as error:
        return error.errno in {errno.ENOENT, errno.ESRCH}
