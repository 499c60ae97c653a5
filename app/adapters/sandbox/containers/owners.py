"""The server processes that containers belong to: the engine keeps a container whose server was killed.

Each holds a file locked for as long as it lives; a container bears the name of the file.
"""

import fcntl
import os
import secrets
from pathlib import Path


class Owners:
    """The files of one installation, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def hold(self) -> str:
        """Lock a file of our own for as long as this process lives; answer with its name."""
        self._folder.mkdir(exist_ok=True)
        for old in self._folder.iterdir():
            self.is_gone(old.name)
        name = secrets.token_hex(8)
        lock = os.open(self._folder / name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        return name

    def is_gone(self, owner: str) -> bool:
        """Whether no process holds this file."""
        try:
            lock = os.open(self._folder / Path(owner).name, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            return True
        finally:
            os.close(lock)
