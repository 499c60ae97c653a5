"""Ends boxes that a killed server left behind.

bwrap binds itself to its parent's life (`--die-with-parent`), but only when the box is half built: a server that is
killed in the milliseconds before leaves one that nobody waits for, without a time-out. Of kills in a box's first 50 ms,
39 of 150 did. Whoever takes the work tree over ends it, before two boxes work in one tree.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from app.adapters.sandbox.root import REPO


def end_leftovers(tree: Path) -> int:
    """Kill every process whose box has `tree` as its work tree; answer with how many there were.

    Only for who has the tree to himself: nobody else's box may be at work in it. Blocks.
    """
    try:
        tree = tree.resolve(strict=True)
        place = tree.stat()
    except FileNotFoundError:
        return 0
    name = bytes(tree)
    return _end(lambda process: _is_of(process, name, place))


def end_proxy(folder: Path) -> int:
    """Kill every process of the proxy that works in `folder`, for one that outlived its server; answer as above."""
    try:
        place = folder.stat()
    except FileNotFoundError:
        return 0
    return _end(lambda process: _works_in(process, place))


def _end(is_meant: Callable[[str], bool]) -> int:
    ended = 0
    for process in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208 # see `_command`
        if not is_meant(process):
            continue
        try:
            handle = os.pidfd_open(int(process))
        except ProcessLookupError:
            continue
        try:
            if is_meant(process):  # still the same one, now that its number cannot be given away
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                ended += 1
        except ProcessLookupError:
            continue
        finally:
            os.close(handle)
    return ended


def _is_of(process: str, tree: bytes, place: os.stat_result) -> bool:
    """Whether a process is in a box of the tree, or is a bwrap that is about to build one."""
    try:
        words = _command(process)
        if tree in words and b"bwrap\0" in words and tree in words.split(b"\0"):
            return True
        inside = os.stat(f"/proc/{process}/root{REPO}")  # noqa: PTH116 # see `_command`
    except OSError:
        return False  # ended meanwhile, not ours to look into, or in no box
    return (inside.st_dev, inside.st_ino) == (place.st_dev, place.st_ino)


def _command(process: str) -> bytes:
    """A process's words, each with a NUL at its end. Hundreds of processes are asked, so by the plainest means."""
    handle = os.open(f"/proc/{process}/cmdline", os.O_RDONLY | os.O_CLOEXEC)
    try:
        said = b""
        while part := os.read(handle, 64 * 1024):
            said += part
        return said
    finally:
        os.close(handle)


def _works_in(process: str, place: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(f"/proc/{process}/cwd"), place)  # noqa: PTH116 # see `_command`
    except OSError:
        return False
