import tempfile
from pathlib import Path

from app.adapters.workspace.folders import GIB
from tests.memory import place

DISK = Path(tempfile.gettempdir())


def test_files_lie_in_memory_where_there_is_plenty(tmp_path: Path) -> None:
    assert place(tmp_path, enough=1, environment={}) == tmp_path


def test_files_lie_on_the_disk_where_memory_is_small_or_is_not_there(tmp_path: Path) -> None:
    assert place(tmp_path, enough=1_000_000 * GIB, environment={}) == DISK
    assert place(tmp_path / "none", enough=1, environment={}) == DISK


def test_who_names_a_place_has_it(tmp_path: Path) -> None:
    assert place(tmp_path, enough=1, environment={"TMPDIR": str(DISK)}) == DISK
