"""Does a part of a test as an ordinary user, in a child of this process.

A fork, because Python itself may lie where that user cannot read it: what is needed has been imported by then.
"""

import asyncio
import ctypes
import encodings.idna  # noqa: F401 # imported late by others
import json
import os
import select
import signal
import traceback
from collections.abc import Awaitable, Callable

SET_PARENT_DEATH_SIGNAL = 1


class Child:
    """A child of this process that does `job` as `user` (and as nobody else, where this process is not root).

    What `job` answers has to be JSON.
    """

    def __init__(self, user: int, job: Callable[[], Awaitable[object]]) -> None:
        self._pipe, theirs = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._pipe)
            _be(user, job, theirs)
        os.close(theirs)
        self._is_there = True

    def answer(self, *, within_s: float) -> object:
        """Waits for what `job` answers. Raises AssertionError, with the trace of the child if it failed."""
        said = _all_of(self._pipe, within_s)
        self.end()
        assert said, f"The child ended without an answer, or not within {within_s:.0f} seconds"
        answer = json.loads(said)
        assert not answer["failed"], answer["failed"]
        return answer["found"]

    def end(self) -> None:
        """Kill it, if it is still there."""
        if self._is_there:
            self._is_there = False
            os.close(self._pipe)
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)


def _be(user: int, job: Callable[[], Awaitable[object]], pipe: int) -> None:
    try:
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        answer = {"failed": "", "found": asyncio.run(_done(job))}
    except BaseException:
        answer = {"failed": traceback.format_exc(), "found": None}
    with os.fdopen(pipe, "w") as out:
        json.dump(answer, out)
    os._exit(0)


async def _done(job: Callable[[], Awaitable[object]]) -> object:
    return await job()


def _all_of(pipe: int, within_s: float) -> bytes:
    said = bytearray()
    while select.select([pipe], [], [], within_s)[0]:
        part = os.read(pipe, 65536)
        if not part:
            return bytes(said)
        said += part
    return b""
