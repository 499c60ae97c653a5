"""Boxes to be attacked, of every kind, and the machine around them."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.sandbox.containers.boxes import ContainerBoxes
from app.adapters.sandbox.limits import Limits
from tests.container_engine import IMAGE
from tests.hostile.surroundings import Surroundings
from tests.hostile.trial import Boxes

SANDBOXES = ("bubblewrap", "containers")
"""As `MINIONS_SANDBOX` calls them."""

MEMORY = Path("/dev/shm")
ROOM_BYTES = 2 * 1024**3
"""The largest tree of the table has 64 MiB; a few are there at once."""
LIMITS = Limits(
    processes=128, open_files=1024, file_bytes=64 * 1024 * 1024, memory_bytes=1024**3, address_space_bytes=2 * 1024**3
)
"""Smaller than an installation's, so that bombs go off soon."""


@pytest.fixture(scope="session", params=SANDBOXES)
def sandbox_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def hostile_boxes(sandbox_kind: str, reachable_folder: Path, request: pytest.FixtureRequest) -> Boxes:
    if sandbox_kind == "containers":
        engine = request.getfixturevalue("container_engine")
        return ContainerBoxes(reachable_folder / "hostile-containers", image=IMAGE, engine=engine, limits=LIMITS)
    return BubblewrapBoxes(reachable_folder / "hostile-home", limits=LIMITS)


@pytest.fixture(scope="session")
def trees(reachable_folder: Path) -> Iterator[Path]:
    """Where work trees are made, each for one attempt: in memory, where that may be.

    On ext4 without a journal every file is slow to make, for everybody, after 100,000 have been deleted.
    """
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    folder = Path(tempfile.mkdtemp(prefix="minions-test-", dir=MEMORY if has_room else reachable_folder))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def around() -> Iterator[Surroundings]:
    """In /tmp, wherever other files of tests are: there, too, the commands look."""
    with tempfile.TemporaryDirectory(prefix="minions-test-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o711)
        with Surroundings(folder / "surroundings") as surroundings:
            yield surroundings


@pytest.fixture(scope="session")
def ordinary_user() -> int:
    """Somebody without rights, who has no other processes; himself where the tests run as an ordinary user."""
    return 61_937 if os.geteuid() == 0 else os.geteuid()
