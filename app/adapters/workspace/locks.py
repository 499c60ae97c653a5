"""Locks between processes of one machine, by files. They end with the process that holds them, however it ends."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

PAUSE_S: Final = 0.05
"""Between two looks at a lock that somebody else holds."""


@asynccontextmanager
async def locked(path: Path, *, shared: bool = False) -> AsyncIterator[None]:
    """Hold the lock of this file; with `shared`, together with others who share it.

    Waits without holding a thread, so that it can be given up.
    """
    lock = _opened(path)
    try:
        while True:
            if _taken(lock, fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
                break
            await asyncio.sleep(PAUSE_S)
        yield
    finally:
        os.close(lock)


@contextmanager
def locked_now(path: Path) -> Iterator[bool]:
    """Hold the lock of this file if nobody else does: whether it is held. Blocks for no time."""
    lock = _opened(path)
    try:
        yield _taken(lock, fcntl.LOCK_EX)
    finally:
        os.close(lock)


def _opened(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)


def _taken(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
