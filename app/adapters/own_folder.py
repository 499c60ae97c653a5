"""A folder that belongs to a process: once that is gone, however it went, somebody else may clear it away."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def own_folder(above: Path, *, prefix: str = "") -> Iterator[Path]:
    """A new folder in `above`, with everything in it gone at the end; `abandoned` finds those whose owner was killed.

    It is locked after it was made, so somebody may take it for an abandoned one in between; then another one is made.
    """
    while True:
        folder = Path(tempfile.mkdtemp(dir=above, prefix=prefix))
        lock = _locked(folder)
        if lock is not None:
            break
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def abandoned(above: Path, *, prefix: str = "") -> Iterator[Path]:
    """Folders in `above` that `own_folder` made and whose owner is gone; each is locked until the next is asked for.

    Every folder with this prefix has to be made so: one without a lock counts as abandoned.
    """
    for folder in sorted(above.glob(f"{prefix}*")) if above.is_dir() else ():
        lock = _locked(folder)
        if lock is None:
            continue
        try:
            yield folder
        finally:
            os.close(lock)


def _locked(folder: Path) -> int | None:
    """A descriptor that locks the folder until it is closed; None if it is locked, gone, or no folder of ours."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_there = os.path.samestat(os.fstat(lock), folder.stat(follow_symlinks=False))
    except OSError:
        is_there = False
    if is_there:
        return lock
    os.close(lock)  # it was taken away before it was locked, or somebody else holds it
    return None
