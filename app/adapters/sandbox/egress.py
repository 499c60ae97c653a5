"""The way from a box without network to package registries: a proxy process, on a unix socket bound into the box.

The proxy is proxy.py; what it lets through is decided in `allow_list.py`.
"""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from app.adapters.own_folder import own_folder
from app.adapters.sandbox.users import GROUP
from app.core.errors import SandboxError

PROGRAM: Final = Path(__file__).with_name("allow_list.py")
"""Not imported here: proxy.py changes signal handlers and flags of the process that imports it."""
START_S: Final = 60.0
"""Importing proxy.py takes 0.5 s; a machine that is busy with other runs is slower."""
STOP_S: Final = 5.0
"""A proxy whose input has ended is gone within a second."""


class Egress:
    """One running proxy."""

    def __init__(self, folder: Path, process: Process) -> None:
        self.folder = folder
        self._process = process
        self._told = 0

    def said(self) -> list[str]:
        """What it let through and refused since the last time, one sentence each, each once."""
        record = self.folder / "connections"
        lines = record.read_text(errors="replace").splitlines() if record.exists() else []
        told, self._told = self._told, len(lines)
        return list(dict.fromkeys(_sentence(line) for line in lines[told:]))

    async def wait_until_ready(self) -> None:
        """Raises SandboxError if the proxy does not start."""
        assert self._process.stdout is not None  # noqa: S101 # asked for below
        line = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_S):
                line = await self._process.stdout.readline()
        if line != b"ready\n":
            raise SandboxError("The proxy for install commands did not start", detail=line.decode(errors="replace"))

    async def stop(self) -> None:
        """End it, gently first."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()


@asynccontextmanager
async def egress(home: Path, hosts: Sequence[str], user: int | None) -> AsyncIterator[Egress]:
    """Run a proxy that lets `hosts` through; `home` is where its socket goes, `user` is who it runs as."""
    with _folder(home, user) as folder:
        drop = [] if user is None else ["--user", str(user), "--group", str(GROUP)]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", str(PROGRAM), *drop, *hosts),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={"HOME": str(folder), "PATH": os.defpath},  # proxy.py makes a folder in its home
            cwd=folder,
            start_new_session=True,
        )
        proxy = Egress(folder, process)
        try:
            await proxy.wait_until_ready()
            yield proxy
        finally:
            await proxy.stop()


@contextmanager
def _folder(home: Path, user: int | None) -> Iterator[Path]:
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o711)
    with own_folder(home) as folder:  # a sweep finds it if this process is killed
        if user is not None:
            os.chown(folder, user, GROUP)
        yield folder


def _sentence(line: str) -> str:
    verb, _, place = line.partition(" ")
    return f"{verb}: {place}" + (" is not an allowed registry" if verb == "refused" else "")
