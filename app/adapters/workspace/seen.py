"""What was seen in a work tree last: as long as nothing happens to the tree, nobody looks again.

A look takes twenty processes, and a run takes one after each call of a tool, before and after each of its nodes.
"""

import contextlib
import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from app.core.patch import Patch

MOST_BYTES: Final = 1_000_000
"""A larger change is read again each time: it is rare, and there are many runs."""


class Seen:
    """The change of one work tree as it was read last, for everybody who opens the tree in this process.

    `stamp` is a file beside the tree, which no box can write. Whoever may alter the tree writes something new in it
    before and after, also in other processes of this machine.
    """

    def __init__(self, stamp: Path) -> None:
        self._stamp = stamp
        self._at_work = 0
        self._mark = b""
        self._base = ""
        self._patch: Patch | None = None
        self._look = b""
        self._said: tuple[str, bytes] | None = None
        self._meaning = Patch()

    @contextmanager
    def altering(self) -> Iterator[None]:
        """The tree may be altered while the block lasts."""
        self._at_work += 1
        self._renew()
        try:
            yield
        finally:
            self._at_work -= 1
            self._renew()

    def mark(self) -> bytes:
        """What `keep` has to be told of the moment before a look; empty if the tree is being altered or made."""
        if self._at_work:
            return b""
        return self._read() or self._renew()

    def keep(self, base: str, patch: Patch, mark: bytes, look: bytes = b"") -> None:
        """Remember the change against `base`, if nothing happened to the tree since `mark`.

        `look` is a word for the state that the tree was in then; empty if there is none.
        """
        is_still = bool(mark) and mark == self.mark()
        self._mark, self._base, self._look = mark, base, look
        self._patch = patch if is_still and len(patch.data) <= MOST_BYTES else None

    def recall(self, base: str) -> Patch | None:
        """The change against `base`; None if that has to be looked for."""
        if self._patch is None or self._base != base or self._at_work or self._read() != self._mark:
            return None
        return self._patch

    def unmoved(self, base: str, mark: bytes, look: bytes) -> Patch | None:
        """The change against `base`, if the tree might have been altered and yet is in the state of the last look."""
        if not mark or not look or look != self._look or base != self._base:
            return None
        return self._patch

    def read(self, base: str, data: bytes, patch: Patch) -> None:
        """Remember what a patch comes to that the tree's own git told of commit `base`."""
        if len(patch.data) <= MOST_BYTES:
            self._said, self._meaning = (base, hashlib.sha256(data).digest()), patch

    def alike(self, base: str, data: bytes) -> Patch | None:
        """What a patch comes to, if it is the same one as last time: to find that out takes ten processes more."""
        if self._said == (base, hashlib.sha256(data).digest()):
            return self._meaning
        return None

    def _read(self) -> bytes:
        try:
            return self._stamp.read_bytes()
        except FileNotFoundError:
            return b""

    def _renew(self) -> bytes:
        mark = secrets.token_bytes(16)
        with contextlib.suppress(FileNotFoundError):  # the folder is made anew, or removed: nothing is known of it
            self._stamp.write_bytes(mark)
            return mark
        return b""
