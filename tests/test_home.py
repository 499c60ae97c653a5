"""What is said where the folder of an installation cannot be written."""

import errno
import shutil

import pytest

from app.home import trouble


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/data/x"), "The disk is full (/data/x). Make room there"),
        (shutil.Error([("a", "b", "[Errno 28] No space left on device: 'a' -> 'b'")]), "The disk is full. Make room"),
        (OSError(errno.EROFS, "Read-only file system", "/data"), "Read-only file system (/data). Give this user"),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), ""),
    ],
)
def test_trouble_with_it_is_told_with_what_to_do(error: OSError, told: str) -> None:
    assert trouble(error)[: len(told) or None] == told
