"""The way from a box without network to package registries: a proxy process, on a unix socket bound into the box.

The proxy is `tunnel.py`; what it lets through is decided in `allow_list.py`.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from app.adapters.own_folder import own_folder
from app.adapters.sandbox.egress.authority import Issued, issue
from app.adapters.sandbox.egress.registries import Reach, orders
from app.adapters.sandbox.root import bundle
from app.adapters.sandbox.users import GROUP
from app.core.errors import SandboxError

PROGRAM: Final = "app.adapters.sandbox.egress.tunnel"
"""A process of its own: it takes the place of the box's user, and its memory is bounded."""
AUTHORITIES: Final = "ca.pem"
"""In the proxy's folder: whom the box is to trust, where there are private registries."""
START_S: Final = 60.0
"""It takes 0.3 s; a machine that is busy with other runs is slower."""
STOP_S: Final = 5.0
"""A proxy whose input has ended is gone within a second."""
MOST_TOLD: Final = 1024 * 1024
"""Bytes of one answer: 200 sentences are far less."""


class Egress:
    """One running proxy."""

    def __init__(self, folder: Path, process: Process, authorities: Path | None) -> None:
        self.folder = folder
        self.authorities = authorities
        """File with whom the box is to trust; None where this machine has none."""
        self._process = process

    async def said(self) -> list[str]:
        """What it let through and refused since the last time, one sentence each, each once.

        Ends what is still open, so the box must be gone. Raises SandboxError if the proxy is gone.
        """
        assert self._process.stdin is not None  # noqa: S101 # asked for below
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(b"\n")
            await self._process.stdin.drain()
        line = await self._line()
        try:
            return [str(sentence) for sentence in json.loads(line)]
        except ValueError:
            raise SandboxError("The proxy for install commands was lost: nobody knows what they reached") from None

    async def start(self, wanted: bytes) -> None:
        """Give it its orders, one line. Raises SandboxError if it does not start."""
        assert self._process.stdin is not None  # noqa: S101 # asked for below
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(wanted)
            await self._process.stdin.drain()
        line = await self._line()
        if line != b"ready\n":
            raise SandboxError("The proxy for install commands did not start", detail=line.decode(errors="replace"))

    async def _line(self) -> bytes:
        assert self._process.stdout is not None  # noqa: S101 # asked for below
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_S):
                return await self._process.stdout.readline()
        return b""

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
async def egress(home: Path, reach: Reach, user: int | None) -> AsyncIterator[Egress]:
    """Run a proxy that lets through what `reach` says; its socket goes below `home`, and it runs as `user`."""
    with _folder(home, user) as folder:
        issued = issue(list(reach.private)) if reach.private else None
        authorities = await asyncio.to_thread(_authorities, folder, issued)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", PROGRAM),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={"HOME": str(folder), "PATH": os.defpath} | _trust(),
            cwd=folder,
            start_new_session=True,
            limit=MOST_TOLD,
        )
        proxy = Egress(folder, process, authorities)
        try:
            who = {"user": user, "group": GROUP, "identity": issued.identity if issued else ""}
            await proxy.start(json.dumps(orders(reach) | who).encode() + b"\n")
            yield proxy
        finally:
            await proxy.stop()


def _trust() -> dict[str, str]:
    """This machine's certificate authorities, wherever it keeps them."""
    file = bundle()
    return {"SSL_CERT_FILE": str(file)} if file else {}


def _authorities(folder: Path, issued: Issued | None) -> Path | None:
    """This machine's, and ours for private registries."""
    known = bundle()
    if issued is None:
        return known
    file = folder / AUTHORITIES
    file.write_text(issued.authority + (known.read_text(encoding="utf-8") if known else ""), encoding="utf-8")
    file.chmod(0o644)
    return file


@contextmanager
def _folder(home: Path, user: int | None) -> Iterator[Path]:
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o711)
    with own_folder(home) as folder:  # a sweep finds it if this process is killed
        if user is not None:
            os.chown(folder, user, GROUP)
        yield folder
