"""The event loop of whatever starts boxes and git."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`. Not uvloop, which starts no process with a umask of its own, which git's are."""
    if sys.version_info < (3, 12):  # later ones do so by themselves; this one waits in a thread for each process
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    return asyncio.run(work)
