"""A model server that takes no time: answers lie ready, and it notes when each request was there and was answered.

It is a process of its own, so that it shares no interpreter with whom it measures. A conversation is its address:
`http://127.0.0.1:PORT/HARNESS/TURNS/NAME/v1`; the n-th request there gets the n-th answer of the trajectory. What a
turn of a harness costs is the gap between an answer and the next request, on the clock that all processes share.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any, Final, NamedTuple

import httpx

from tests.bench.trajectory import answers

KEPT: Final = "kept"
"""Conversations whose name begins with it have their requests kept, to be compared."""
_HEAD: Final = b"HTTP/1.1 %d OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
_MESSAGES: Final = b'"messages":'


class Told(NamedTuple):
    """What the server saw of one conversation; moments are those of `time.monotonic`."""

    received: list[float]
    answered: list[float]
    prefixes: bool
    """Whether each request began with the very bytes of the one before, of its messages, and was alike beside them."""
    largest: int
    """Bytes of the largest request."""

    def gaps_ms(self) -> list[float]:
        """From each answer to the next request."""
        return [(after - before) * 1_000 for before, after in zip(self.answered, self.received[1:], strict=False)]


@dataclass
class _Conversation:
    received: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    largest: int = 0

    def told(self) -> Told:
        prefixes = all(_goes_on(before, after) for before, after in pairwise(self.bodies))
        return Told(self.received, self.answered, prefixes, self.largest)


def _goes_on(before: bytes, after: bytes) -> bool:
    """Whether what was asked before is asked again byte by byte, with more messages at its end."""
    (first, said, rest), (second, now, same) = _parts(before), _parts(after)
    return (first, rest) == (second, same) and now.startswith(said) and len(now) > len(said)


def _parts(body: bytes) -> tuple[bytes, bytes, bytes]:
    """What stands before the messages, the messages without the bracket that ends them, and what stands behind."""
    begin = body.index(_MESSAGES) + len(_MESSAGES)
    text = body[begin:].decode()
    _, end = json.JSONDecoder().raw_decode(text.lstrip())
    end += len(text) - len(text.lstrip())
    messages = text[:end].encode()
    return body[:begin], messages[:-1].rstrip(), body[begin + len(messages) :]


@cache
def _ready(harness: str, turns: int) -> list[bytes]:
    return [_HEAD % (200, len(body), body) for body in answers(harness, turns)]


class _Connection(asyncio.Protocol):
    """HTTP/1.1 as far as clients of models need it: requests with a length, one after another."""

    def __init__(self, conversations: dict[str, _Conversation]) -> None:
        self._conversations = conversations
        self._buffer = bytearray()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end]).decode("latin-1")
            length = _length(head)
            if len(self._buffer) < end + 4 + length:
                return
            now = time.monotonic()
            body = bytes(self._buffer[end + 4 : end + 4 + length])
            del self._buffer[: end + 4 + length]
            self._answer(head.split(" ", 2)[1], body, now)

    def _answer(self, path: str, body: bytes, now: float) -> None:
        parts = path.strip("/").split("/")
        if parts[0] == "told":
            told = json.dumps(self._conversations["/".join(parts[1:])].told()).encode()
            self._transport.write(_HEAD % (200, len(told), told))
            return
        conversation = self._conversations.setdefault("/".join(parts[:3]), _Conversation())
        ready = _ready(parts[0], int(parts[1]))
        at = len(conversation.received)
        conversation.received.append(now)
        conversation.largest = max(conversation.largest, len(body))
        if parts[2].startswith(KEPT):
            conversation.bodies.append(body)
        if at >= len(ready):
            sorry = b'{"error": {"message": "The trajectory is at its end.", "type": "invalid_request_error"}}'
            self._transport.write(_HEAD % (400, len(sorry), sorry))
            return
        conversation.answered.append(time.monotonic())
        self._transport.write(ready[at])


def _length(head: str) -> int:
    lines = (line.partition(":") for line in head.split("\r\n")[1:])
    return next((int(value) for name, _, value in lines if name.lower() == "content-length"), 0)


@dataclass(frozen=True)
class Answers:
    """The server, as seen by who uses it."""

    port: int

    def url(self, harness: str, turns: int, name: str) -> str:
        """Where one conversation is held."""
        return f"http://127.0.0.1:{self.port}/{harness}/{turns}/{name}/v1"

    async def told(self, harness: str, turns: int, name: str) -> Told:
        """What came of that conversation."""
        async with httpx.AsyncClient(timeout=60) as client:
            answer = await client.get(f"http://127.0.0.1:{self.port}/told/{harness}/{turns}/{name}")
        return Told(*answer.json())


@asynccontextmanager
async def served() -> AsyncIterator[Answers]:
    """The server, for as long as the block lasts."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.answers"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield Answers(int(await process.stdout.readline()))
    finally:
        process.kill()
        await process.wait()


async def _serve() -> None:
    conversations: dict[str, _Conversation] = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(conversations), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)  # until whoever started it is gone


if __name__ == "__main__":
    asyncio.run(_serve())
