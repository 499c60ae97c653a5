"""The proxy through which install commands reach registries: a program of its own, started by `proxy.py`.

It listens on the unix socket `socket` in its current folder. On standard input it is given its orders as one line of
JSON, and answers `ready`. Each further line asks what happened since the last time: everything that is still open is
ended, and the answer is one line of JSON, a list of sentences. It ends with its standard input, so it never outlives
the server.

A tunnel is opened to an address that was looked at before, and carries nothing until the client's first TLS message
named the same host. A private registry's tunnel ends here: see `private_registry.py`.
"""

import asyncio
import contextlib
import importlib
import json
import os
import resource
import socket
import ssl
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.adapters.sandbox.egress.allow_list import AllowList, Private, Refused
from app.adapters.sandbox.egress.client_hello import MOST_BYTES, NotTls, server_name
from app.adapters.sandbox.egress.private_registry import forward, loaded, trusting

LATER: Final = ("encodings.idna", "concurrent.futures.thread")
"""Imported late by others: by then the user may have changed to one who cannot read Python's own files."""
MEMORY_BYTES: Final = 1024**3
"""It takes 40 MB, and 0.2 MB for each connection."""
MOST_HEAD: Final = 32 * 1024
"""Bytes before the empty line of a request. Those of tools have less than 1 KB."""
MOST_AT_ONCE: Final = 256
"""Connections, with two descriptors each: 1024 are what a process may have by default. uv opens 50, npm 15."""
MOST_NOTED: Final = 200
"""Different sentences for one command."""
PATIENCE_S: Final = 15.0
"""For each of: a request's head, a name's addresses, one address, the first TLS message."""
LISTEN_S: Final = 1.0
"""To one who is turned away at once: who is hung up on with words unread does not hear the answer."""
CHUNK: Final = 64 * 1024

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


@dataclass
class Noted:
    """How often one thing happened, and what went through, in bytes."""

    times: int = 0
    up: int = 0
    down: int = 0

    def sentence(self, what: str) -> str:
        """For people."""
        counted = f"{what}, {self.times} times" if self.times > 1 else what
        return f"{counted}, {self.up:,} bytes up, {self.down:,} down" if what.startswith("connected") else counted


class Proxy:
    """What is open, and what happened."""

    def __init__(
        self,
        allowed: AllowList,
        *,
        inside: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
        upstream_port: int | None = None,
        patience_s: float = PATIENCE_S,
        at_once: int = MOST_AT_ONCE,
    ) -> None:
        """`inside` speaks for private registries; `resolve` and `upstream_port` say otherwise where a name leads."""
        self._allowed = allowed
        self._inside = inside
        self._outside = {host: trusting(one.certificates) for host, one in allowed.private.items()}
        self._resolve = resolve or resolved
        self._upstream_port = upstream_port
        self._patience_s = patience_s
        self._at_once = at_once
        self._open: set[asyncio.Task[Any]] = set()
        self._noted: dict[str, Noted] = {}

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Answer one client, whatever it says."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 # asyncio's own
        try:
            await self._admit(task, reader)
            await self._answer(reader, writer)
        except Refused as refused:
            self._note(str(refused))
            with contextlib.suppress(OSError):
                await _say(writer, refused.status, refused.reason)
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass  # one side went away
        except asyncio.CancelledError:
            pass  # `told` ends it; asyncio's server would print a traceback
        finally:
            self._open.discard(task)
            writer.close()

    async def told(self) -> list[str]:
        """What happened since the last time. Ends what is open: the command that opened it is over."""
        for task in (still_open := list(self._open)):
            task.cancel()
        await asyncio.gather(*still_open, return_exceptions=True)
        noted, self._noted = self._noted, {}
        return [each.sentence(what) for what, each in noted.items()]

    async def _admit(self, task: asyncio.Task[Any], reader: StreamReader) -> None:
        if len(self._open) >= self._at_once:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LISTEN_S):
                    await reader.read(MOST_HEAD)
            sentence = f"refused: more than {self._at_once} connections at once"
            raise Refused(sentence, status=503, reason="Too many connections")
        self._open.add(task)

    async def _answer(self, reader: StreamReader, writer: StreamWriter) -> None:
        host, port = self._allowed.host(await self._head(reader))
        if host in self._allowed.private:
            await self._private(host, reader, writer)
            return
        up, down = await self._connect(host, port)
        try:
            noted = self._note(f"connected: {host}:{port}")
            await _say(writer, 200, "Connection established", body=False)
            if first := await self._hello(host, port, reader):
                down.write(first)
                noted.up += len(first)
                await _both(_pump(reader, down, noted, "up"), _pump(up, writer, noted, "down"))
        finally:
            down.close()

    async def _head(self, reader: StreamReader) -> bytes:
        try:
            async with asyncio.timeout(self._patience_s):
                return await reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            raise Refused("refused: a request without an end", status=408, reason="Request timeout") from None
        except asyncio.LimitOverrunError:
            raise Refused("refused: a request that is too long", status=431, reason="Headers too large") from None
        except asyncio.IncompleteReadError as ended:
            if not ended.partial:
                raise  # looked whether somebody is here
            raise Refused("refused: a request without an end", status=400, reason="Bad request") from None

    async def _connect(self, host: str, port: int) -> tuple[StreamReader, StreamWriter]:
        """Reach the host at one of the very addresses that were looked at."""
        try:
            async with asyncio.timeout(self._patience_s):
                found = await self._resolve(host, port)
        except (OSError, TimeoutError) as error:
            raise _unreachable(host, port, error) from None
        trouble: Exception = OSError("it has no address")
        for address in self._allowed.addresses(host, found):
            try:
                async with asyncio.timeout(self._patience_s):
                    return await asyncio.open_connection(address, self._upstream_port or port)
            except (OSError, TimeoutError) as error:
                trouble = error
        raise _unreachable(host, port, trouble)

    async def _hello(self, host: str, port: int, reader: StreamReader) -> bytes:
        """The client's first message, if it asks for this host; empty if the client goes away instead."""
        said = b""
        try:
            async with asyncio.timeout(self._patience_s):
                while (name := server_name(said)) is None:
                    more = await reader.read(MOST_BYTES - len(said))
                    if not more:
                        return b""
                    said += more
        except NotTls as why:
            raise _Cut(f"refused: {host}:{port}, {why}") from None
        except TimeoutError:
            raise _Cut(f"refused: {host}:{port}, its first message has no end") from None
        if name != host:
            raise _Cut(f"refused: {host}:{port} asked for {ascii(name)[1:-1]}")
        return said

    async def _private(self, host: str, reader: StreamReader, writer: StreamWriter) -> None:
        one = self._allowed.private[host]
        assert self._inside is not None  # noqa: S101 # proxy.py makes one where there are private registries
        noted = self._note(f"connected: {host}:{one.port}")
        await _say(writer, 200, "Connection established", body=False)
        async with asyncio.timeout(self._patience_s):
            await writer.start_tls(self._inside)
            head = await reader.readuntil(b"\r\n\r\n")
        noted.up += len(head)
        try:
            async with contextlib.aclosing(forward(head, host, one, self._outside[host])) as answer:
                async for data in answer:
                    noted.down += len(data)
                    writer.write(data)
                    await writer.drain()
        except Refused as refused:
            self._note(str(refused))
            await _say(writer, refused.status, refused.reason)
        except (OSError, TimeoutError) as error:
            self._note(str(_unreachable(host, one.port, error)))
            await _say(writer, 502, "Bad gateway")

    def _note(self, what: str) -> Noted:
        if what not in self._noted and len(self._noted) >= MOST_NOTED:
            what = f"{what.partition(':')[0]}: more than can be told"
        noted = self._noted.setdefault(what, Noted())
        noted.times += 1
        return noted


class _Cut(Refused):
    """Ends a tunnel that stands: there is nobody to answer in words."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, status=0)


def _unreachable(host: str, port: int, error: Exception) -> Refused:
    why = "it did not answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return Refused(f"failed: {host}:{port} could not be reached: {why}", status=502, reason="Registry not reachable")


async def resolved(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as this machine knows them. Raises OSError if there are none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def _say(writer: StreamWriter, status: int, reason: str, *, body: bool = True) -> None:
    if status:
        end = "Content-Length: 0\r\nConnection: close\r\n" if body else ""
        writer.write(f"HTTP/1.1 {status} {reason}\r\n{end}\r\n".encode())
        await writer.drain()


async def _pump(source: StreamReader, target: StreamWriter, noted: Noted, way: str) -> None:
    while data := await source.read(CHUNK):
        setattr(noted, way, getattr(noted, way) + len(data))
        target.write(data)
        await target.drain()


async def _both(*pumps: Awaitable[None]) -> None:
    """Until one side has had enough."""
    tasks = [asyncio.ensure_future(pump) for pump in pumps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run(proxy: Proxy) -> None:
    loop = asyncio.get_running_loop()
    orders = StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    server = await asyncio.start_unix_server(proxy.serve, "socket", limit=MOST_HEAD)
    async with server:
        os.write(1, b"ready\n")
        while await orders.readline():
            os.write(1, json.dumps(await proxy.told()).encode() + b"\n")
        await proxy.told()


def main() -> None:
    """Run until standard input ends."""
    orders = json.loads(sys.stdin.buffer.readline())
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    private = {host: Private(**one) for host, one in orders["private"].items()}
    allowed = AllowList(frozenset(orders["public"]), frozenset(orders["own"]), private)
    proxy = Proxy(allowed, inside=loaded(orders["identity"]) if private else None)
    for module in LATER:
        importlib.import_module(module)
    if orders["user"] is not None:
        os.setgroups([])
        os.setgid(orders["group"])
        os.setuid(orders["user"])
    asyncio.run(_run(proxy))


if __name__ == "__main__":
    main()
