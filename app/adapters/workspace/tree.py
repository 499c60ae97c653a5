"""Files of a work tree, read and written from outside without following a link out of it.

The kernel keeps the promise: `openat2` with RESOLVE_BENEATH refuses a path at the step that would leave the tree.
"""

import contextlib
import ctypes
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

OPENAT2: Final = 437
"""The same number on every architecture (Linux 5.6)."""
RESOLVE_NO_MAGICLINKS: Final = 0x02
RESOLVE_BENEATH: Final = 0x08
"""From linux/openat2.h."""
READ_BYTES: Final = 20 * 1024 * 1024
"""No source file is larger; a model could read a hundredth of it."""
FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY
NEW_FILE: Final = 0o644
ATTEMPTS: Final = 16
"""`openat2` asks to be called again when something was renamed meanwhile."""


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class Tree:
    """One work tree. Every method blocks; paths are relative to it, with `/`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._libc = ctypes.CDLL(None, use_errno=True)

    def read(self, path: str) -> bytes:
        """A regular file's bytes.

        Raises FileNotFoundError, NotADirectoryError, IsADirectoryError, or PermissionError if it leads outside, is no
        ordinary file, or is larger than 20 MiB.
        """
        with self._opened(path, os.O_RDONLY | os.O_NONBLOCK) as file:
            found = os.fstat(file)
            if stat.S_ISDIR(found.st_mode):
                raise IsADirectoryError(f"{path} is a folder")
            if not stat.S_ISREG(found.st_mode):
                raise PermissionError(f"{path} is not an ordinary file")
            if found.st_size > READ_BYTES:
                sentence = f"{path} has {found.st_size:,} bytes; at most {READ_BYTES:,} can be read at once"
                raise PermissionError(f"{sentence}: look at a part of it by a command")
            with os.fdopen(os.dup(file), "rb") as stream:
                return stream.read(READ_BYTES + 1)[:READ_BYTES]

    def paths(self, folder: str) -> list[str]:
        """Names in a folder, sorted, folders with a `/` at the end. Raises as `read` does."""
        with (
            self._opened(folder or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK) as handle,
            os.scandir(handle) as entries,
        ):
            return sorted(entry.name + "/" * entry.is_dir(follow_symlinks=False) for entry in entries)

    def write(self, path: str, data: bytes) -> None:
        """Write a file in one step, keeping its mode; through a link to the file it means; folders are made.

        Raises PermissionError if the path leads outside, into a `.git` folder, or to no ordinary file.
        """
        target, mode = self._target(path)
        folder, _, name = target.rpartition("/")
        if not name or name in {".", ".."}:
            raise IsADirectoryError(f"{path} is a folder")
        with self._folder(folder) as parent:
            fresh = f".{secrets.token_hex(8)}.tmp"
            file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=parent)
            try:
                with os.fdopen(file, "wb") as stream:
                    stream.write(data)
                    stream.flush()
                    self._hand_over(stream.fileno())
                    os.fchmod(stream.fileno(), mode)
                    os.fsync(stream.fileno())
                os.rename(fresh, name, src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(fresh, dir_fd=parent)
                raise

    def _target(self, path: str) -> tuple[str, int]:
        """The path itself, or what it leads to if there is something, and the mode to write with."""
        _refuse_git(path)
        if path.endswith("/"):
            raise IsADirectoryError(f"{path} can only be a folder")
        try:
            with self._opened(path, os.O_PATH) as found:
                status = os.fstat(found)
                real = str(Path(f"/proc/self/fd/{found}").readlink())
        except FileNotFoundError:
            if self._is_link(path):
                raise PermissionError(f"{path} is a link to nothing; delete it first") from None
            return path.strip("/"), NEW_FILE
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(f"{path} is a folder")
        if not stat.S_ISREG(status.st_mode):
            raise PermissionError(f"{path} is not an ordinary file")
        inside = os.path.relpath(real, self._root.resolve())
        _refuse_git(inside)
        return inside, stat.S_IMODE(status.st_mode) & 0o777

    def _is_link(self, path: str) -> bool:
        try:
            with self._opened(path, os.O_PATH | os.O_NOFOLLOW) as found:
                return stat.S_ISLNK(os.fstat(found).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False

    @contextmanager
    def _folder(self, folder: str) -> Iterator[int]:
        """A folder of the tree, made if it is missing, together with those above it."""
        above = ""
        for part in [part for part in folder.split("/") if part not in {"", "."}]:
            with self._opened(above or ".", FOLDER) as parent, contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=parent)
                with self._opened(f"{above}{part}", FOLDER | os.O_NOFOLLOW) as made:
                    self._hand_over(made)
            above += f"{part}/"
        with self._opened(above or ".", FOLDER) as found:
            yield found

    def _hand_over(self, file: int) -> None:
        """What the server makes belongs to the box's user, like everything in the tree."""
        owner = self._root.stat()
        if os.geteuid() == 0:
            os.fchown(file, owner.st_uid, owner.st_gid)

    @contextmanager
    def _opened(self, path: str, flags: int) -> Iterator[int]:
        root = os.open(self._root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            file = self._open_beneath(root, path, flags | os.O_CLOEXEC)
        finally:
            os.close(root)
        try:
            yield file
        finally:
            os.close(file)

    def _open_beneath(self, root: int, path: str, flags: int) -> int:
        try:
            name = os.fsencode(path)
        except UnicodeEncodeError:
            raise FileNotFoundError(f"{path!r} cannot be the name of a file") from None
        if b"\0" in name:
            raise FileNotFoundError(f"{path!r} cannot be the name of a file")
        how = _How(flags, 0, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)
        for _ in range(ATTEMPTS):
            file = int(self._libc.syscall(OPENAT2, root, name, ctypes.byref(how), ctypes.sizeof(how)))
            if file >= 0:
                return file
            number = ctypes.get_errno()
            if number != errno.EAGAIN:
                raise _refusal(number, path)
        raise PermissionError(f"{path} keeps changing")


def _refusal(number: int, path: str) -> OSError:
    if number in {errno.EXDEV, errno.ELOOP}:
        return PermissionError(f"{path} leads out of the repository: give a path relative to its root")
    if number in {errno.ENOENT, errno.ENAMETOOLONG}:
        return FileNotFoundError(f"{path} is not there")
    if number == errno.ENOTDIR:
        return NotADirectoryError(f"a part of {path} is no folder")
    if number == errno.ENXIO:
        return PermissionError(f"{path} is not an ordinary file")
    return OSError(number, os.strerror(number), path)


def _refuse_git(path: str) -> None:
    if any(part.casefold() == ".git" for part in path.split("/")):
        raise PermissionError(f"{path} is git's own; change files, git follows")
