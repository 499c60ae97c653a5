"""A server that answers in a provider's own form, one body after another, and keeps what it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Wire:
    """The last answer is given again and again. An answer may be a pair: a status, and a body."""

    answers: Sequence[Any]
    url: str = ""
    paths: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(next(line.split(b":")[1] for line in head.lower().split(b"\r\n") if b"content-length" in line))
        self.paths.append(head.split(b" ")[1].decode())
        self.bodies.append(json.loads(await reader.readexactly(length)))
        answer = self.answers[min(len(self.bodies), len(self.answers)) - 1]
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        text = json.dumps(body).encode()
        writer.write(b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\nconnection: close\r\n" % status)
        writer.write(b"content-length: %d\r\n\r\n%s" % (len(text), text))
        await writer.drain()
        writer.close()


@asynccontextmanager
async def wire(*answers: Any) -> AsyncIterator[Wire]:
    """Serve on loopback while the block runs."""
    state = Wire(answers)
    async with await asyncio.start_server(state._answer, "127.0.0.1", 0) as listening:
        state.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield state
