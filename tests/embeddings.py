"""A server that embeds texts in OpenAI's form, by hashes of their trigrams: no model, but alike texts are alike."""

import asyncio
import json
import re
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import log, sqrt
from typing import Any
from zlib import crc32

KEY = "sk-of-the-embeddings-0123456789"
_WORD = re.compile(r"[a-z]{2,}|[0-9]+")


def embedded(text: str, dimensions: int = 256) -> list[float]:
    """Each trigram of each word counts at one place, up or down; what is frequent in a text counts less each time."""
    parts = re.sub(r"([a-z])([A-Z])", r"\1 \2", text).lower()
    counts = Counter(f" {word} "[at : at + 3] for word in _WORD.findall(parts) for at in range(max(len(word), 1)))
    vector = [0.0] * dimensions
    for trigram, count in counts.items():
        code = crc32(trigram.encode())
        vector[code % dimensions] += (1 + log(count)) * (1 if code & 0x10000 else -1)
    length = sqrt(sum(one * one for one in vector)) or 1.0
    return [one / length for one in vector]


@dataclass
class EmbeddingServer:
    """A running server. `asked` holds the body of every request, oldest first."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    faults: deque[tuple[int, Any, dict[str, str]] | None] = field(default_factory=deque)
    """Status, body and headers of the next answers; None: no answer at all."""
    at_work: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, at_work: int) -> None:
        """Wait until so many requests are being answered."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.at_work == at_work)

    async def _count(self, more: int) -> None:
        async with self._changed:
            self.at_work += more
            self._changed.notify_all()

    @property
    def texts(self) -> list[str]:
        """Everything that was to be embedded."""
        return [text for body in self.asked for text in body["input"]]

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
            body = json.loads(await reader.readexactly(int(headers["content-length"])))
            self.asked.append(body)
            self.paths.append(head.split(" ")[1])
            self.keys.add(headers.get("authorization", "").removeprefix("bearer "))
            await self._count(1)
            try:
                await self._say(body, reader, writer)
            finally:
                await self._count(-1)
        finally:
            writer.close()

    async def _say(self, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self.faults.popleft() if self.faults else (200, self._made(body), {})
        if fault is None:
            await reader.read()  # until whoever asked goes away
            return
        status, said, more = fault
        text = said.encode() if isinstance(said, str) else json.dumps(said).encode()
        lines = [f"HTTP/1.1 {status} X", "content-type: application/json", "connection: close"]
        lines += [f"content-length: {len(text)}", *(f"{name}: {value}" for name, value in more.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode() + text)
        await writer.drain()

    def _made(self, body: dict[str, Any]) -> dict[str, Any]:
        vectors = [embedded(text, body.get("dimensions", 256)) for text in body["input"]]
        data = [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)]
        tokens = sum(map(len, body["input"])) // 4
        return {
            "object": "list",
            "model": body["model"],
            "data": data,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }


@asynccontextmanager
async def embedding_server() -> AsyncIterator[EmbeddingServer]:
    """Serve on loopback while the block runs."""
    state = EmbeddingServer()
    async with await asyncio.start_server(state._answer, "127.0.0.1", 0) as listening:
        state.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
        yield state
