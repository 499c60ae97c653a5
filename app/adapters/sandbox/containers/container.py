"""One container that was made: start it, feed it, read it."""

import asyncio
import contextlib
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from docker.errors import NotFound

from app.adapters.sandbox.containers.engine import Engine, to_its_end
from app.adapters.sandbox.ended import KILLED, TIMED_OUT, Ended
from app.adapters.sandbox.output import CHUNK, HeadAndTail
from app.core.errors import SandboxError

LAST_WORDS_S: Final = 5.0
"""The engine closes the output of a container that is gone at once."""
_NOT_STARTED: Final = "[FATAL tini ("
"""What the engine's init says where it finds no program to start."""


class Container:
    """A container that was made: start it, feed it, read it. Who made it removes it."""

    def __init__(self, engine: Engine, name: str, timeout_s: float) -> None:
        self._engine = engine
        self._name = name
        self._timeout_s = timeout_s

    async def run(
        self, stdin: bytes, output: HeadAndTail, *, touched: Callable[[], Awaitable[str]], memory_bytes: int
    ) -> Ended:
        """Start it and wait for its end, or end it: when the time is up, or `touched` says why. Raises SandboxError."""
        reader, writer = await self._engine.attach(self._name)
        reading = asyncio.create_task(_read(reader, output))
        feeding = asyncio.create_task(_feed(writer, stdin))
        try:
            await to_its_end(self._engine.ask(lambda api: api.start(self._name)))
            began = time.monotonic()
            working = asyncio.create_task(self._work(reading))
            watching = asyncio.ensure_future(touched())
            try:
                done, _ = await asyncio.wait(
                    {working, watching}, timeout=self._timeout_s, return_when=asyncio.FIRST_COMPLETED
                )
                remark = watching.result() if watching in done and working not in done else ""
                timed_out = not done
                exit_code = working.result() if working in done else KILLED if remark else TIMED_OUT
                if exit_code == KILLED and not remark and await self._ran_out_of_memory():
                    remark = f"Killed: the command used more than {memory_bytes / 1024**3:g} GiB of memory."
            finally:
                watching.cancel()
                await to_its_end(self._engine.remove(self._name))
                await asyncio.gather(working, watching, return_exceptions=True)
                await asyncio.wait([reading], timeout=LAST_WORDS_S)
        finally:
            feeding.cancel()
            writer.close()
            await asyncio.gather(reading, feeding, return_exceptions=True)
        head, tail, left_out = output.kept()
        if exit_code == 127 and head.startswith(_NOT_STARTED.encode()):
            raise without_bash()
        return Ended(exit_code, head, tail, left_out, time.monotonic() - began, timed_out, remark)

    async def _work(self, reading: asyncio.Task[None]) -> int:
        """Wait for the end of the container, and of what it said; answer with its exit code."""
        said: Mapping[str, Any] = await self._engine.ask(lambda api: api.wait(self._name, timeout=None))
        await asyncio.shield(reading)
        return int(said["StatusCode"])

    async def _ran_out_of_memory(self) -> bool:
        with contextlib.suppress(NotFound):
            said = await self._engine.ask(lambda api: api.inspect_container(self._name))
            return bool(said["State"].get("OOMKilled"))
        return False


async def _read(reader: asyncio.StreamReader, output: HeadAndTail) -> None:
    """Take the output out of its frames: a byte that names the stream, three zeros, four of the length.

    https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
    """
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionResetError):
        while True:
            _, left = struct.unpack(">B3xL", await reader.readexactly(8))
            while left:
                chunk = await reader.read(min(left, CHUNK))
                if not chunk:
                    return
                left -= len(chunk)
                output.add(chunk)


async def _feed(writer: asyncio.StreamWriter, stdin: bytes) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, OSError):
        writer.write(stdin)
        await writer.drain()
        writer.write_eof()


def without_bash() -> SandboxError:
    """For an image in which no command can be started."""
    return SandboxError("The image has no /bin/bash, in which every command runs: choose one that has it")
