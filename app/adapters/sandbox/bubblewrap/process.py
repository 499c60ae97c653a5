"""One started box: feed it, read it, end it."""

import asyncio
import contextlib
import json
import os
import signal
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from app.adapters.sandbox.bubblewrap.cgroups import Group
from app.adapters.sandbox.ended import KILLED, TIMED_OUT, Ended
from app.adapters.sandbox.output import CHUNK, HeadAndTail
from app.adapters.sandbox.reserve import Reserve
from app.core.errors import SandboxError

LAST_BREATH_S: Final = 5.0
"""A killed box is gone within milliseconds; after this long its outer process is killed, too."""


async def run_box(
    arguments: Callable[[int, int, int], Sequence[str]],
    *,
    filter_: bytes,
    stdin: bytes,
    keep: int,
    timeout_s: float,
    group: Group | None = None,
    reserve: Reserve | None = None,
) -> Ended:
    """Start a box and wait for it; whatever happens, nothing of it is left afterwards.

    `arguments` is given the numbers of the descriptors for the seccomp filter, for bwrap's status, and for what bwrap
    waits for before it starts the command: until then the box is moved into `group`, which tells afterwards what the
    box had too much of. A box that takes the `reserve` of the disk is ended. Raises SandboxError if no command was
    started.
    """
    # A descriptor of its own for each box: a shared one has a shared offset, and the second box would read nothing.
    seccomp = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    status, status_inside = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    gate_inside, gate = os.pipe2(os.O_CLOEXEC)
    try:
        os.write(seccomp, filter_)
        os.lseek(seccomp, 0, os.SEEK_SET)
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments(seccomp, status_inside, gate_inside),
                stdin=PIPE if stdin else DEVNULL,
                stdout=PIPE,
                stderr=STDOUT,
                env={},  # bwrap's own environment can be read inside, in /proc/1/environ
                cwd="/",
                pass_fds=(seccomp, status_inside, gate_inside),
                start_new_session=True,
            )
        finally:
            for inside in (seccomp, status_inside, gate_inside):
                os.close(inside)
        return await _Box(process, status, gate, group, reserve).wait(stdin, HeadAndTail(keep), timeout_s)
    finally:
        os.close(status)
        os.close(gate)


class _Box:
    def __init__(self, process: Process, status: int, gate: int, group: Group | None, reserve: Reserve | None) -> None:
        self._process = process
        self._gate = gate
        self._group = group
        self._reserve = reserve
        self._status_pipe = status
        self._status = b""
        self._has_told_all = False
        self._first: int | None = None
        """Handle of the box's first process."""

    async def wait(self, stdin: bytes, output: HeadAndTail, timeout_s: float) -> Ended:
        began = time.monotonic()
        timed_out = False
        remark = ""
        streams = asyncio.gather(self._feed(stdin), self._read(output), self._begin())
        working = asyncio.create_task(self._work(streams))
        waiting = {working} | ({asyncio.create_task(self._reserve.touched())} if self._reserve else set())
        try:
            done, _ = await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            timed_out = not done
            if done and working not in done:
                remark = str(done.pop().result())
        finally:
            for task in waiting:
                task.cancel()
            await self._end()
            try:
                await streams
            finally:
                await self._gone()
        killed = bool(remark)
        exit_code = self._report("exit-code")
        overrun = self._group.overrun() if self._group and not killed else None
        if overrun and (overrun.is_killed or exit_code):  # a command may do well without what it was refused
            remark, killed = overrun.sentence, overrun.is_killed
        head, tail, left_out = output.kept()
        if exit_code is None and not timed_out and not killed:
            said = (head + tail).decode(errors="replace").strip()
            raise SandboxError(f"The box could not be built: {said[-2000:] or 'bwrap was killed'}")
        # Killed counts, also where the command went on and said 0: a part of it was not done.
        code = KILLED if killed else TIMED_OUT if timed_out or exit_code is None else exit_code
        return Ended(code, head, tail, left_out, time.monotonic() - began, timed_out, remark)

    async def _work(self, streams: asyncio.Future[tuple[None, None, None]]) -> str:
        """Wait until the box has ended and everything that it said is read."""
        await asyncio.shield(streams)
        await self._process.wait()
        return ""

    async def _begin(self) -> None:
        """Move the box into its group while it is built, then let its command start.

        One after the other would take the sum of both, and each is some milliseconds.
        """
        try:
            if self._group is not None:
                await asyncio.to_thread(self._group.take, self._process.pid)
            if (inside := await self._inside()) is not None:
                self._first = os.pidfd_open(inside)
                if self._group is not None:
                    # What bwrap had started before that is still outside, and is what becomes the command.
                    await asyncio.to_thread(self._group.take, inside)
        except ProcessLookupError:
            return  # it has ended, and said why
        except OSError as error:
            raise SandboxError(f"A box cannot be moved into its control group: {error.strerror}.") from None
        with contextlib.suppress(BrokenPipeError):
            os.write(self._gate, b"1")

    async def _inside(self) -> int | None:
        """The first process of the box, as soon as bwrap tells it; None if it ends without."""
        told = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._status_pipe, told.set)
        try:
            while (inside := self._report("child-pid")) is None and not self._has_told_all:
                told.clear()
                await told.wait()
            return inside
        finally:
            loop.remove_reader(self._status_pipe)

    async def _feed(self, stdin: bytes) -> None:
        if pipe := self._process.stdin:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                pipe.write(stdin)
                await pipe.drain()
            pipe.close()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                await pipe.wait_closed()

    async def _read(self, output: HeadAndTail) -> None:
        assert self._process.stdout is not None  # noqa: S101 # asked for above
        while chunk := await self._process.stdout.read(CHUNK):
            output.add(chunk)

    async def _end(self) -> None:
        """Kill the box if it is still there: its first process, so that bwrap outside reaps it and leaves no zombie."""
        if self._process.returncode is not None:
            return
        inside = self._report("child-pid")
        if inside is None or not _is_child(inside, self._process.pid):
            self._kill(self._process.pid)
        else:
            self._kill(inside)
        try:
            async with asyncio.timeout(LAST_BREATH_S):
                await self._process.wait()
        except TimeoutError:
            self._kill(self._process.pid)
            await self._process.wait()

    async def _gone(self) -> None:
        """Wait until nothing of the box is there: bwrap outside ends as soon as the command does, and the box after it.

        The kernel lets the first process of a box go when all others are gone.
        """
        if self._first is None:
            return
        first, self._first = self._first, None
        gone = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(first, gone.set)
        try:
            async with asyncio.timeout(LAST_BREATH_S):
                await gone.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(first, signal.SIGKILL)
        finally:
            loop.remove_reader(first)
            os.close(first)

    @staticmethod
    def _kill(pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def _report(self, name: str) -> int | None:
        """What bwrap told about the box, if it has told it."""
        with contextlib.suppress(BlockingIOError):
            while part := os.read(self._status_pipe, 4096):
                self._status += part
            self._has_told_all = True
        for line in self._status.splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                value = json.loads(line).get(name)
                if isinstance(value, int):
                    return value
        return None


def _is_child(pid: int, parent: int) -> bool:
    """Whether `pid` still is the process that bwrap told us about, and not another one with its number."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return f"\nPPid:\t{parent}\n" in status
