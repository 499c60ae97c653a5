"""Whether anything in a work tree was touched, told from outside by what lies over its layers: no process is needed.

The kernel sets the time of a file's last change (ctime) by its own clock, and nobody in a box can set it back. What is
only read leaves no trace here. A file that is mapped into memory may change unseen while its process lives, so nothing
is told of a tree in which somebody is at work.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

_MOST: Final = 3_000
"""Entries; to look at more takes as long as to ask git."""
_OLD_NS: Final = 20_000_000
"""The kernel's clock for files goes by ticks of up to 10 ms: two changes in one of them look the same."""


def look(upper: Path, lower: Sequence[str], now_ns: Callable[[], int] = time.time_ns) -> bytes:
    """A word for everything in `upper`, which lies over the layers of these names; another one when it changes.

    Empty if it cannot be told: too much lies there, or it was touched just now. Blocks.
    """
    said, newest, count = hashlib.sha256("\0".join(lower).encode()), 0, 0
    try:
        for path, seen in _entries(upper, b""):
            count += 1
            if count > _MOST:
                return b""
            newest = max(newest, seen.st_ctime_ns)
            figures = (seen.st_mode, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
            said.update(b"%s\0%s\0" % (path, repr(figures).encode()))
    except OSError:
        return b""  # something goes on in it
    return said.digest() if newest < now_ns() - _OLD_NS else b""


def _entries(folder: Path, below: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
    """All but the minion's own repository, which is no part of a change."""
    if not below and not folder.exists():
        return
    yield below, folder.lstat()
    with os.scandir(os.fsencode(folder)) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            path = below + b"/" + entry.name
            if path == b"/.git":
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(Path(os.fsdecode(entry.path)), path)
            else:
                yield path, entry.stat(follow_symlinks=False)
