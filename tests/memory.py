"""Where `make test` keeps the files of its tests: in memory, where there is plenty that can do what the disk can.

Tests make and remove a million files. On ext4 half of the processors' time went there: a database costs four times as
much, a work tree a quarter more. `TMPDIR=/var/tmp make test` takes another place.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from app.adapters.workspace.folders import GIB, Ways

MEMORY: Final = Path("/dev/shm")  # noqa: S108 # a place to look at, and nobody's file
PLENTY_BYTES: Final = 6 * GIB
"""Free at the beginning, in that place as on the whole machine: files take 2 GiB at most, and the programs the rest."""


def place(memory: Path = MEMORY, enough: int = PLENTY_BYTES, environment: Mapping[str, str] = os.environ) -> Path:
    """A folder for temporary files."""
    disk = Path(tempfile.gettempdir())
    if "TMPDIR" in environment or not memory.is_dir() or not os.access(memory, os.W_OK):
        return disk
    if min(shutil.disk_usage(memory).free, _free()) < enough or os.statvfs(memory).f_flag & os.ST_NOEXEC:
        return disk
    return disk if _lacks(memory) - _lacks(disk) else memory


def _free(table: Path = Path("/proc/meminfo")) -> int:
    """Bytes of memory that programs may still take."""
    lines = dict(line.split(":", 1) for line in table.read_text(encoding="utf-8").splitlines())
    return int(lines["MemAvailable"].split()[0]) * 1024


def _lacks(folder: Path) -> set[str]:
    """What cannot be done for work trees there."""
    with tempfile.TemporaryDirectory(dir=folder) as home:
        ways = Ways.of(Path(home))
    return {name for name, why_not in vars(ways).items() if why_not}


if __name__ == "__main__":
    print(place())  # noqa: T201 # for the Makefile
