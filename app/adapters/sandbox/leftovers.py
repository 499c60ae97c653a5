"""Ends boxes that a killed server left behind.

bwrap binds itself to its parent's life (`--die-with-parent`), but only when the box is half built: a server that is
killed in the milliseconds before leaves one that nobody waits for, without a time-out. Of kills in a box's first 50 ms,
39 of 150 did. Whoever takes the work tree over ends it, before two boxes work in one tree.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

from app.adapters.sandbox.root import REPO

_PROCESSES: Final = Path("/proc")


def end_leftovers(tree: Path) -> int:
    """Kill every process whose box has `tree` as its work tree; answer with how many there were.

    Only for who has the tree to himself: nobody else's box may be at work in it. Blocks.
    """
    try:
        tree = tree.resolve(strict=True)
        place = tree.stat()
    except FileNotFoundError:
        return 0
    return _end(lambda process: _is_of(process, tree, place))


def end_proxy(folder: Path) -> int:
    """Kill every process of the proxy that works in `folder`, for one that outlived its server; answer as above."""
    try:
        place = folder.stat()
    except FileNotFoundError:
        return 0
    return _end(lambda process: _works_in(process, place))


def _end(is_meant: Callable[[Path], bool]) -> int:
    ended = 0
    for process in _PROCESSES.glob("[0-9]*"):
        if not is_meant(process):
            continue
        try:
            handle = os.pidfd_open(int(process.name))
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


def _is_of(process: Path, tree: Path, place: os.stat_result) -> bool:
    """Whether a process is in a box of the tree, or is a bwrap that is about to build one."""
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
        if bytes(tree) in words and any(word.endswith(b"bwrap") for word in words):
            return True
        inside = (process / "root" / REPO.lstrip("/")).stat()
    except OSError:
        return False  # ended meanwhile, not ours to look into, or in no box
    return (inside.st_dev, inside.st_ino) == (place.st_dev, place.st_ino)


def _works_in(process: Path, place: os.stat_result) -> bool:
    try:
        return os.path.samestat((process / "cwd").stat(), place)
    except OSError:
        return False
