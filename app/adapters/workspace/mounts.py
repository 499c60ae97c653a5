"""What the kernel does for work trees: overlays, folders shown under another owner, and disks of a fixed size.

All of it needs a server that is root and may mount; `folders.py` finds out by trying.
"""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

OPEN_TREE: Final = 428
MOVE_MOUNT: Final = 429
MOUNT_SETATTR: Final = 442
"""System calls; the same numbers on every architecture (Linux 5.2, 5.2 and 5.12)."""
AT_FDCWD: Final = -100
AT_EMPTY_PATH: Final = 0x1000
OPEN_TREE_CLONE: Final = 1
OPEN_TREE_CLOEXEC: Final = os.O_CLOEXEC
MOVE_MOUNT_F_EMPTY_PATH: Final = 0x4
MOUNT_ATTR_IDMAP: Final = 0x00100000
MNT_DETACH: Final = 2
MS_NOSUID: Final = 2
MS_NODEV: Final = 4
"""From linux/mount.h, linux/fcntl.h and sys/mount.h."""
_ESCAPED: Final = ("\\", ",", ":")
"""Characters that part the options of an overlay."""

Owner = tuple[int, int]
"""User and group."""


class _Attributes(ctypes.Structure):
    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns", ctypes.c_uint64),
    )


_libc: Final = ctypes.CDLL(None, use_errno=True)


def _checked(answer: int, what: str) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return answer


def mount_overlay(layers: Sequence[Path], upper: Path, work: Path, target: Path, owner: Owner) -> None:
    """Mount at `target` what lies in `layers`, the first on top; changes go in `upper`. Raises OSError.

    Layers may belong to anybody, each to one user: they are shown as `owner`'s, without a file being touched.
    """
    places = [target.with_name(f"{target.name}.{number}") for number in range(len(layers))]
    attached: list[Path] = []
    try:
        for layer, place in zip(layers, places, strict=True):
            place.mkdir(exist_ok=True)
            found = (layer / "tree").stat()
            with _mapping((found.st_uid, found.st_gid), owner) as userns:
                _attach(layer, place, userns)
            attached.append(place)
        lower = ":".join(_escaped(place) for place in places)
        options = f"lowerdir={lower},upperdir={_escaped(upper)},workdir={_escaped(work)}"
        _checked(
            _libc.mount(b"overlay", bytes(target), b"overlay", MS_NOSUID | MS_NODEV, os.fsencode(options)), "overlay"
        )
    finally:
        for place in attached:
            unmount(place)  # the overlay has its own hold on them
        for place in places:
            if place.exists():
                place.rmdir()


def mount_disk(image: Path, target: Path, size: int) -> None:
    """Mount at `target` the file system in `image`, made with room for `size` bytes if it is not there.

    The image is sparse: it takes what is written in it. Raises OSError.
    """
    if not image.exists():
        fresh = image.with_suffix(".new")
        with fresh.open("wb") as file:
            file.truncate(size)
        _run(
            *("mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^resize_inode", "-J", "size=4"),
            *("-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", str(fresh)),
        )
        fresh.rename(image)
    _run("mount", "-t", "ext4", "-o", "loop,nosuid,nodev,noatime,noinit_itable", str(image), str(target))
    if (target / "lost+found").is_dir():
        (target / "lost+found").rmdir()


def is_mounted(target: Path) -> bool:
    """Whether something is mounted at `target` itself."""
    try:
        return target.stat().st_dev != target.parent.stat().st_dev
    except FileNotFoundError:
        return False


def unmount(target: Path) -> None:
    """Take away what is mounted at `target`, however often; who still has it open keeps it until he closes it."""
    while _libc.umount2(bytes(target), MNT_DETACH) == 0:
        pass


def unmount_below(folder: Path) -> int:
    """Take away every mount in a folder; answer with how many there were."""
    inside = [place for place in _mounted() if place.is_relative_to(folder)]
    for place in reversed(inside):
        _libc.umount2(bytes(place), MNT_DETACH)
    return len(inside)


def _mounted() -> Iterator[Path]:
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        written = line.split(b" ")[4]
        yield Path(os.fsdecode(written.decode("unicode_escape").encode("latin-1")))


def _attach(source: Path, target: Path, userns: int) -> None:
    """Show `source` at `target`, its owners mapped as `userns` says."""
    tree = _checked(_libc.syscall(OPEN_TREE, AT_FDCWD, bytes(source), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC), "open_tree")
    try:
        wish = _Attributes(set=MOUNT_ATTR_IDMAP, userns=userns)
        answer = _libc.syscall(MOUNT_SETATTR, tree, b"", AT_EMPTY_PATH, ctypes.byref(wish), ctypes.sizeof(wish))
        _checked(answer, "mount_setattr")
        _checked(_libc.syscall(MOVE_MOUNT, tree, b"", AT_FDCWD, bytes(target), MOVE_MOUNT_F_EMPTY_PATH), "move_mount")
    finally:
        os.close(tree)


@contextmanager
def _mapping(source: Owner, target: Owner) -> Iterator[int]:
    """A user namespace, as a descriptor, that turns one owner into another. A process makes it and is gone."""
    process = subprocess.Popen(
        ["unshare", "--user", "--", "sh", "-c", "echo; read line"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PATH": os.defpath},
    )
    assert process.stdin  # noqa: S101 # asked for above
    assert process.stdout  # noqa: S101
    try:
        if not process.stdout.readline():
            raise OSError("no user namespace can be made")
        for kind, inside, outside in zip(("uid", "gid"), source, target, strict=True):
            Path(f"/proc/{process.pid}/{kind}_map").write_text(f"{inside} {outside} 1")
        userns = os.open(f"/proc/{process.pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait()
    try:
        yield userns
    finally:
        os.close(userns)


def _escaped(path: Path) -> str:
    text = os.fsdecode(path)
    for character in _ESCAPED:
        text = text.replace(character, f"\\{character}")
    return text


def _run(program: str, *words: str) -> None:
    path = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if path is None:
        raise FileNotFoundError(f"{program} is missing")
    done = subprocess.run([path, *words], check=False, capture_output=True, text=True, env={"PATH": os.defpath})
    if done.returncode:
        raise OSError(f"{program}: {(done.stderr or done.stdout).strip()[-300:]}")
