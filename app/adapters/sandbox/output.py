"""What is kept of what a command prints."""

from collections import deque
from typing import Final

CHUNK: Final = 64 * 1024
"""As much as a pipe holds."""
OUTPUT_BYTES: Final = 64 * 1024
"""Kept of one command's output: a model reads about 16,000 tokens of it at worst, and a failing test suite fits."""


class HeadAndTail:
    """Takes output as it comes and keeps its beginning and its end, never more than `limit` bytes and one chunk.

    The tail gets three quarters, because that is where compilers and test runners say what went wrong.
    """

    def __init__(self, limit: int = OUTPUT_BYTES) -> None:
        self._head_limit = limit // 4
        self._tail_limit = limit - self._head_limit
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._seen = 0

    def add(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._seen += len(chunk)
        room = self._head_limit - len(self._head)
        if room > 0:
            self._head += chunk[:room]
            chunk = chunk[room:]
        if not chunk:
            return
        self._tail.append(chunk)
        self._tail_size += len(chunk)
        while self._tail_size - len(self._tail[0]) >= self._tail_limit:
            self._tail_size -= len(self._tail.popleft())

    def kept(self) -> tuple[bytes, bytes, int]:
        """The head, the tail, and how many bytes stood between them."""
        tail = b"".join(self._tail)[-self._tail_limit :]
        return bytes(self._head), tail, self._seen - len(self._head) - len(tail)
