"""Registries that want a credential. The box speaks TLS with us; only we speak with the registry, and only read.

So the box never has the credential, tools use the registry's ordinary address, and nothing can be published.
"""

import asyncio
import os
import re
import ssl
from collections.abc import AsyncGenerator
from typing import Final

from app.adapters.sandbox.egress.allow_list import Private, Refused

_REQUEST: Final = re.compile(rb"([A-Z]{1,16}) (/[!-~]*) HTTP/1\.[01]")
_PASSED: Final = frozenset(
    {b"accept", b"accept-encoding", b"user-agent", b"range", b"if-none-match", b"if-modified-since"}
)
_DROPPED: Final = frozenset({b"connection", b"keep-alive", b"set-cookie", b"www-authenticate", b"alt-svc"})
"""Of the answer: a session of ours is not for the box, and nobody there shall be asked for a password."""
_CONNECT_S: Final = 15.0
_ANSWER_S: Final = 120.0
"""Until the head of the answer: a registry that fetches a file from elsewhere first takes its time."""
_MOST_HEAD: Final = 64 * 1024
_CHUNK: Final = 64 * 1024


def loaded(identity: str) -> ssl.SSLContext:
    """Who we are for the box: `identity` is a certificate and its key, as PEM."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # From memory: this process runs as the user of the box later on, who could read a file.
    memory = os.memfd_create("identity", os.MFD_CLOEXEC)
    try:
        os.write(memory, identity.encode())
        context.load_cert_chain(f"/proc/self/fd/{memory}")
    finally:
        os.close(memory)
    return context


def trusting(certificates: str) -> ssl.SSLContext:
    """Whom we trust to be a registry: authorities as PEM, or this machine's own where there are none."""
    return ssl.create_default_context(cadata=certificates or None)


async def forward(head: bytes, host: str, registry: Private, trust: ssl.SSLContext) -> AsyncGenerator[bytes, None]:
    """Ask the registry what the box asks, with its credential; yields the answer, with `Connection: close`.

    Redirects are the box's own business: they are answered, not followed. Raises Refused, OSError and TimeoutError.
    """
    request = _request(head, host, registry)
    place = host if registry.port == 443 else f"{host}:{registry.port}"
    async with asyncio.timeout(_CONNECT_S):
        reader, writer = await asyncio.open_connection(host, registry.port, ssl=trust, limit=_MOST_HEAD)
    try:
        writer.write(request.replace(b"\r\n", f"\r\nHost: {place}\r\n".encode(), 1))
        try:
            async with asyncio.timeout(_ANSWER_S):
                await writer.drain()
                answer = await reader.readuntil(b"\r\n\r\n")
        except (EOFError, asyncio.LimitOverrunError):
            raise OSError("it gave no answer") from None
        yield _without(answer)
        while data := await reader.read(_CHUNK):
            yield data
    finally:
        writer.close()


def _request(head: bytes, host: str, registry: Private) -> bytes:
    """Our own request, made of the parts of theirs that a reader needs."""
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    asked = _REQUEST.fullmatch(first)
    if asked is None:
        raise Refused(f"refused: {host}:{registry.port}, no request", status=400, reason="Bad request")
    if asked[1] not in {b"GET", b"HEAD"}:
        sentence = f"refused: {host}:{registry.port} may only be read, not {asked[1].decode()}"
        raise Refused(sentence, status=405, reason="Only GET and HEAD")
    passed = [line for line in lines if line.partition(b":")[0].strip().lower() in _PASSED]
    ours = [b"Authorization: " + registry.authorization.encode("latin-1"), b"Connection: close"]
    return b"\r\n".join([b"%s %s HTTP/1.1" % (asked[1], asked[2]), *passed, *ours, b"", b""])


def _without(answer: bytes) -> bytes:
    first, *lines = answer.removesuffix(b"\r\n\r\n").split(b"\r\n")
    kept = [line for line in lines if line.partition(b":")[0].strip().lower() not in _DROPPED]
    return b"\r\n".join([first, *kept, b"Connection: close", b"", b""])
