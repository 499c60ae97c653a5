"""Read a request's body without ever holding more of it than allowed."""

from collections.abc import AsyncIterable, Mapping
from typing import Final

LARGEST: Final = 25 * 1024 * 1024
"""Bytes. GitHub does not send an event that is larger:
https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap
"""


SMALL: Final = 1024 * 1024
"""Bytes that every body may have, however many others are on their way; few deliveries have a tenth of it."""
TOGETHER: Final = 4 * LARGEST
"""Bytes that all bodies together may have beyond that: anybody can send one, it is signed or not when it is whole."""


class TooLarge(Exception):
    """The body is larger than allowed; the rest of it was not read."""


class TooMany(Exception):
    """There is no room for this body beside others that are being read."""


class Room:
    """What is left of `TOGETHER`."""

    def __init__(self, left: int = TOGETHER) -> None:
        self.left = left


async def read(
    headers: Mapping[str, str], stream: AsyncIterable[bytes], room: Room, *, largest: int = LARGEST
) -> bytes:
    """The whole body. Raises TooLarge as soon as that is known: by its announced length, or while it streams in.

    Raises TooMany if there is no room for it.
    """
    announced = headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > largest:
        raise TooLarge
    parts: list[bytes] = []
    size = taken = 0
    try:
        async for part in stream:
            size += len(part)
            if size > largest:
                raise TooLarge
            if size > SMALL:
                if len(part) > room.left:
                    raise TooMany
                room.left -= len(part)
                taken += len(part)
            parts.append(part)
    finally:
        room.left += taken
    return b"".join(parts)
