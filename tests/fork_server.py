"""A Python that has everything imported, and forks for each command that is ordered of it.

Importing the app takes seven seconds of a processor, most of them for the model client, and tests start hundreds of
commands. What is forked is a process as any other: it has a session, an environment and descriptors of its own, no
thread, connection or event loop of anybody else, and it can be killed. Only it is not begun by `exec`; so some tests
start a Python of their own.

`forks.py` orders: by one message with the order and four descriptors, which are standard input, output and error, and a
socket that is told the process id, and later the exit code.
"""

import asyncio
import ctypes
import gc
import importlib
import multiprocessing
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from pydantic import BaseModel
from setproctitle import getproctitle, setproctitle

from app.adapters.litellm_library import warm_up
from app.cli import main as command_line
from app.memory import keep_what_is_there, loading

LONGEST_ORDER: Final = 1 << 17
"""Bytes of an order; most of it is the environment."""
COMMAND_LINE: Final = "app.cli"
_PR_SET_PDEATHSIG: Final = 1
"""See prctl(2)."""
_IMPORTED_LATE: Final = (
    *("app.server", "app.worker", "app.processes", "app.set_up", "app.local", "app.tryout", "app.doctor", "app.warm"),
    "app.evaluation.evaluation",
    *("anyio._backends._asyncio", "httpcore"),  # httpx imports both with its first client
)
_fork: Final = multiprocessing.get_context("fork")


class Order(BaseModel, frozen=True):
    """A program to be started: `python -m PROGRAM WORDS`."""

    program: str = COMMAND_LINE
    """A module, whose `main` it is."""
    words: Sequence[str]
    environment: Mapping[str, str]
    death: int
    """The signal that it is sent when this process dies."""


class Child:
    """A process that was forked from this one, as `subprocess.Popen` has it."""

    def __init__(self, order: Order, standard: Sequence[int] = (0, 1, 2), tell: int | None = None) -> None:
        self._process = _fork.Process(target=_become, args=(order, standard, tell, os.getpid()))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Its exit code, or the number of the signal that ended it, below zero; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """As `poll`, when it has ended. Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired("minions", timeout or 0.0)
        return code

    def terminate(self) -> None:
        """Ask it to stop."""
        self._process.terminate()

    def kill(self) -> None:
        """Stop it."""
        self._process.kill()


def _become(order: Order, standard: Sequence[int], tell: int | None, parent: int) -> None:
    """In a child: be that program, as if it had just been started. Its id is told when it leads a session."""
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, order.death)
    if os.getppid() != parent:
        os.kill(os.getpid(), order.death)
    if tell is not None:
        os.write(tell, str(os.getpid()).encode())
    for number, descriptor in enumerate(standard):
        os.dup2(descriptor, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    gc.freeze()  # nothing of the parent's is put away here: it would close what is another's by now
    os.environ.clear()
    os.environ.update(order.environment)
    tempfile.tempdir = None
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 # as long as the process
    sys.argv = [order.program, *order.words]
    # By which those who look for the processes of an installation find it: /proc shows the parent's environment.
    home = order.environment.get("MINIONS_HOME", "")
    setproctitle(" ".join([f"MINIONS_HOME={home} python -m", order.program, *order.words]))
    if order.program == COMMAND_LINE:
        command_line(start=_begun)
    else:
        importlib.import_module(order.program).main()


def _begun(name: str, environment: Mapping[str, str]) -> Child:
    """What `minions serve` consists of."""
    return Child(Order(words=[name], environment=environment, death=signal.SIGKILL))


class ForkServer:
    """Takes orders by a socket, and tells what becomes of each."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self._children: dict[int, tuple[Child, socket.socket]] = {}
        """By descriptors that can be read from when they have ended."""
        self._poll = select.poll()
        self._poll.register(orders, select.POLLIN)

    def serve(self) -> None:
        """Until there are no more orders."""
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor in self._children:
                    self._tell_end(descriptor)
                elif not self._take():
                    return

    def _take(self) -> bool:
        said, descriptors, _, _ = socket.recv_fds(self._orders, LONGEST_ORDER, 4)
        if not said:
            return False
        *standard, tell = descriptors
        told = socket.socket(fileno=tell)
        child = Child(Order.model_validate_json(said), standard, tell)
        for descriptor in standard:
            os.close(descriptor)
        ended = os.pidfd_open(child.pid)
        self._children[ended] = child, told
        self._poll.register(ended, select.POLLIN)
        return True

    def _tell_end(self, descriptor: int) -> None:
        child, told = self._children.pop(descriptor)
        self._poll.unregister(descriptor)
        os.close(descriptor)
        with told:
            code = child.wait()
            with suppress(BrokenPipeError):  # nobody wants to know
                told.send(str(code).encode())


def main() -> None:
    """Import everything, then serve whoever holds the other end of standard input."""
    getproctitle()  # looks for where the title is, as long as the environment is where it was at the start
    with loading():
        for name in _IMPORTED_LATE:
            importlib.import_module(name)
        asyncio.run(warm_up())
    gc.collect()
    keep_what_is_there()
    ForkServer(socket.socket(fileno=os.dup(0))).serve()
    os._exit(0)  # nobody waits for children: they are sent what was ordered for this moment


if __name__ == "__main__":
    main()
