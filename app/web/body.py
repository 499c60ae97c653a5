"""Read a request's body without ever holding more of it than allowed."""

from collections.abc import AsyncIterable, Mapping
from typing import Final

LARGEST: Final = 25 * 1024 * 1024
"""Bytes. GitHub does not send an event that is larger:
https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap
"""


class TooLarge(Exception):
    """The body is larger than allowed; the rest of it was not read."""


async def read(headers: Mapping[str, str], stream: AsyncIterable[bytes], *, largest: int = LARGEST) -> bytes:
    """The whole body. Raises TooLarge as soon as that is known: by its announced length, or while it streams in."""
    announced = headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > largest:
        raise TooLarge
    parts: list[bytes] = []
    size = 0
    async for part in stream:
        size += len(part)
        if size > largest:
            raise TooLarge
        parts.append(part)
    return b"".join(parts)
