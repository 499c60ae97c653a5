"""One user id for each box that is at work, where the server is root: root inside a user namespace is root outside."""

import fcntl
import os
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from app.core.errors import SandboxError

GROUP: Final = 310_000
"""Every box's group; the folders above work trees are open to it and to nobody else. Above the 65,536 ids of ordinary
accounts, below the 524,288 where distributions begin to hand out subordinate ids."""
USERS: Final = 4_000
"""Boxes at work at one time on one machine."""


class Users:
    """Lends user ids, by lock files that every server process on this machine sees.

    A server that is not root has nothing to lend: its boxes run as itself.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lent: dict[Path, tuple[int, int, int]] = {}

    @contextmanager
    def lend(self, tree: Path) -> Iterator[int | None]:
        """Lend a user id for the box of `tree`; None if the server is not root.

        Two commands in one box share it. Raises SandboxError if there are too many boxes.
        """
        if os.geteuid() != 0:
            yield None
            return
        user, lock, commands = self._lent.get(tree) or (*self._lock(tree), 0)
        self._lent[tree] = user, lock, commands + 1
        try:
            yield user
        finally:
            user, lock, commands = self._lent.pop(tree)
            if commands > 1:
                self._lent[tree] = user, lock, commands - 1
            else:
                os.close(lock)

    def _lock(self, tree: Path) -> tuple[int, int]:
        """Prefer the owner of the tree, then a number of its own, so that files seldom change hands."""
        owner = tree.stat().st_uid
        first = owner - GROUP - 1 if GROUP < owner <= GROUP + USERS else zlib.crc32(bytes(tree)) % USERS
        self._folder.mkdir(parents=True, exist_ok=True)
        for step in range(USERS):
            user = GROUP + 1 + (first + step) % USERS
            lock = os.open(self._folder / str(user), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
            else:
                return user, lock
        raise SandboxError(f"{USERS} boxes are at work on this machine already")


def give(folder: Path, user: int) -> None:
    """Make `user` the owner of a folder and of everything in it, links themselves included and never followed."""
    if folder.stat(follow_symlinks=False).st_uid != user:
        subprocess.run(["chown", "-hR", f"{user}:{GROUP}", "--", folder], check=True, env={}, capture_output=True)


def let_through(folder: Path) -> None:
    """Make a folder that boxes may pass through, without seeing what is in it; nobody else may."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(folder, 0, GROUP)
        folder.chmod(0o710)
    else:
        folder.chmod(0o700)
