"""Commands of Minions without the seconds that it takes to import them: `fork_server.py` forks them."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from tests.fork_server import LONGEST_ORDER, Order

_ROOT: Final = Path(__file__).parents[1]
_LONGEST_WORD: Final = 32
"""Bytes of a number that is told."""


class Forked:
    """A program that was started, as `asyncio.subprocess.Process` has it."""

    def __init__(self, pid: int, told: socket.socket) -> None:
        self.pid = pid
        self.stdin: asyncio.WriteTransport | None = None
        self.stdout: asyncio.StreamReader | None = None
        self._told = told
        self._code: int | None = None

    @property
    def returncode(self) -> int | None:
        """Its exit code, or the number of the signal that ended it, below zero; None while it runs."""
        if self._code is None:
            with suppress(BlockingIOError):
                self._end(self._told.recv(_LONGEST_WORD))
        return self._code

    async def wait(self) -> int:
        """As `returncode`, when it has ended."""
        while (code := self.returncode) is None:
            readable = asyncio.Event()
            asyncio.get_running_loop().add_reader(self._told, readable.set)
            try:
                await readable.wait()
            finally:
                asyncio.get_running_loop().remove_reader(self._told)
        return code

    async def communicate(self) -> tuple[bytes, None]:
        """All that it prints, when it has ended."""
        said = await self.stdout.read() if self.stdout else b""
        await self.wait()
        return said, None

    def send_signal(self, signal: int) -> None:
        """Nothing happens to one that has ended."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal)

    def terminate(self) -> None:
        """Ask it to stop."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Stop it."""
        self.send_signal(signal.SIGKILL)

    def _end(self, word: bytes) -> None:
        self._code = int(word or -signal.SIGKILL)  # nobody is left to tell it
        self._told.close()


class Forks:
    """Starts programs at a fork server."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders

    async def start(self, *words: str, environment: Mapping[str, str], says: int, death: signal.Signals) -> Forked:
        """As `app.demo.stage.Start` says."""
        order = Order(words=words, environment=environment, death=death)
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123, ASYNC230 # it is always there at once
            return await self._ordered(order, nothing.fileno(), says, says)

    async def heard(self, *words: str, environment: Mapping[str, str]) -> Forked:
        """A command whose output can be read, errors included."""
        reads, writes = os.pipe()
        try:
            process = await self.start(*words, environment=environment, says=writes, death=signal.SIGKILL)
        finally:
            os.close(writes)
        process.stdout = await _reader(reads)
        return process

    async def talking(self, program: str, *words: str, environment: Mapping[str, str], errors: int) -> Forked:
        """A module of tests with which one can talk. `errors` is a descriptor for what it says besides."""
        order = Order(program=program, words=words, environment=environment, death=signal.SIGKILL)
        (listens, tells), (reads, writes) = os.pipe(), os.pipe()
        try:
            process = await self._ordered(order, listens, writes, errors)
        finally:
            os.close(listens)
            os.close(writes)
        process.stdout = await _reader(reads)
        pipe = os.fdopen(tells, "wb")
        process.stdin, _ = await asyncio.get_running_loop().connect_write_pipe(asyncio.BaseProtocol, pipe)
        return process

    async def _ordered(self, order: Order, *standard: int) -> Forked:
        told, tell = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        words = order.model_dump_json().encode()
        assert len(words) < LONGEST_ORDER
        with tell:
            socket.send_fds(self._orders, [words], [*standard, tell.fileno()])
        told.setblocking(False)
        pid = await asyncio.get_running_loop().sock_recv(told, _LONGEST_WORD)
        assert pid, "the fork server is gone"
        return Forked(int(pid), told)


async def _reader(descriptor: int) -> asyncio.StreamReader:
    """What comes out of a pipe, whose end closes it."""
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(descriptor, "rb"))
    return reader


@contextmanager
def begun() -> Iterator[Forks]:
    """A fork server, which goes with everything that it started. It takes orders at once, and its time to be ready."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            server = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", "tests.fork_server"],
                stdin=theirs.fileno(),
                cwd=_ROOT,
                start_new_session=True,
            )
        try:
            yield Forks(ours)
        finally:
            ours.close()
            server.wait()
