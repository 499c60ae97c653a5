"""Room that boxes leave on the disk: the last line of defence, whatever else limits a work tree."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.core.errors import SandboxError

RESERVE_BYTES: Final = 1024**3
"""The embedded PostgreSQL may live on this disk and stops when it is full; its write-ahead log takes up to 1 GiB
(`max_wal_size`). A share would be too little of a small disk and more than is needed of a large one."""
LOOK_EVERY_S: Final = 2.0
"""A fast disk takes 1 GB a second, so a box can go under the reserve, but hardly through it."""


@dataclass(frozen=True)
class Reserve:
    """The least room, in bytes, on the file system of a folder; how often to look, in seconds."""

    folder: Path
    least_bytes: int = RESERVE_BYTES
    look_every_s: float = LOOK_EVERY_S

    def is_touched(self) -> bool:
        """Whether there is less room than that for a user who is not root."""
        told = os.statvfs(self.folder)
        return told.f_bavail * told.f_frsize < self.least_bytes

    def check(self) -> None:
        """Raise SandboxError if there is too little room to start a command."""
        if self.is_touched():
            raise SandboxError(
                f"The disk is nearly full: less than {self._size} are free for {self.folder}, so no command is "
                f"started. Free some room, or move MINIONS_HOME to a larger disk."
            )

    async def touched(self) -> str:
        """Wait until there is too little room; the answer is the sentence for whoever took it."""
        while not self.is_touched():  # noqa: ASYNC110 # a file system tells nobody
            await asyncio.sleep(self.look_every_s)
        return f"Killed: the disk of the server is nearly full, less than {self._size} are free."

    @property
    def _size(self) -> str:
        return f"{self.least_bytes / 1024**2:,.0f} MiB"
