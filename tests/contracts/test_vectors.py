"""What is known of a repository by meaning, in real files: of two workers at once, of one that is killed, of others."""

import multiprocessing
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from app.adapters.vectors import VectorFile
from app.core.embeddings import Piece, VectorsLost

pytestmark = pytest.mark.contract

SPAWNED = multiprocessing.get_context("spawn")


def key(name: str) -> bytes:
    return Piece(1, name).key


def vectors(file: int, names: range, seed: int = 0) -> dict[bytes, list[float]]:
    made = random.Random(seed)  # noqa: S311 - the same each time
    return {key(f"{file}-{name}"): [made.gauss(0, 1) for _ in range(32)] for name in names}


@pytest.fixture
def file(tmp_path: Path) -> VectorFile:
    return VectorFile(tmp_path, 7, "a model")


def test_what_points_the_same_way_is_nearest(file: VectorFile) -> None:
    file.keep(
        {
            key("question"): [3.0, 2.0, 1.0, -6.0],
            key("alike"): [0.3, 0.2, 0.1, -0.6],
            key("near"): [3.0, 1.0, 1.0, -6.0],
            key("far"): [-3.0, -2.0, -1.0, 6.0],
            key("nothing"): [0.0, 0.0, 0.0, 0.0],
        }
    )
    among = [key(name) for name in ("far", "near", "alike", "nothing", "unknown")]
    found = file.nearest(key("question"), among, most=3)
    assert list(found) == [key("alike"), key("near"), key("nothing")]
    assert list(file.nearest(key("unknown"), among, most=3)) == []


def test_of_many_the_nearest_are_those_that_comparing_all_finds(file: VectorFile) -> None:
    """Also where all numbers are above zero, as those of some models are."""
    made = random.Random(1)  # noqa: S311 - the same each time
    centres = [[made.gauss(0, 1) for _ in range(64)] for _ in range(40)]
    many = {key(str(number)): [5 + one + made.gauss(0, 0.7) for one in centres[number % 40]] for number in range(4_000)}
    question = [5 + one for one in centres[11]]
    file.keep(many | {key("question"): question})
    found = file.nearest(key("question"), list(many), most=20)
    assert {int(name) % 40 for name in map(str, range(4_000)) if key(name) in found} == {11}


def test_how_files_are_cut_is_kept(file: VectorFile) -> None:
    cuts = {"a1 one.py": [(1, key("one")), (33, key("two"))], "b2 empty.py": []}
    file.outline(cuts)
    assert dict(file.outlines(["a1 one.py", "b2 empty.py", "c3 other.py"])) == cuts


def test_vectors_of_a_changed_file_are_those_of_its_old_pieces_and_of_the_new_one(file: VectorFile) -> None:
    file.keep({key("one"): [1.0, -1.0], key("two"): [-1.0, 1.0]})
    file.keep({key("two"): [9.0, 9.0], key("three"): [2.0, -1.0]})
    assert set(file.known()) == {key("one"), key("two"), key("three")}
    assert list(file.nearest(key("one"), [key("two"), key("three")], most=2)) == [key("three"), key("two")]


def test_another_repository_and_another_model_know_nothing_of_it(tmp_path: Path, file: VectorFile) -> None:
    file.keep({key("one"): [1.0]})
    file.outline({"a1 one.py": [(1, key("one"))]})
    for other in (VectorFile(tmp_path, 8, "a model"), VectorFile(tmp_path, 7, "another model")):
        assert (set(other.known()), dict(other.outlines(["a1 one.py"]))) == (set(), {})
        other.keep({key("question"): [1.0]})
        assert list(other.nearest(key("question"), [key("one")], most=1)) == []


def test_nobody_else_on_the_machine_can_read_it(tmp_path: Path, file: VectorFile) -> None:
    file.keep({key("one"): [1.0]})
    assert (tmp_path / "meaning").stat().st_mode & 0o077 == 0


def test_a_file_that_is_none_is_made_anew(tmp_path: Path, file: VectorFile) -> None:
    file.keep({key("one"): [1.0]})
    (path,) = (tmp_path / "meaning" / "7").glob("*.sqlite")
    path.write_bytes(b"no database at all" * 1_000)
    assert set(file.known()) == set()
    file.keep({key("two"): [1.0]})
    assert set(file.known()) == {key("two")}


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "meaning").write_text("a file")
    with pytest.raises(VectorsLost):
        VectorFile(tmp_path, 7, "a model").known()


def keep_many(home: Path, number: int, begun: Any) -> None:
    begun.wait()
    for part in range(20):
        VectorFile(home, 7, "a model").keep(vectors(number, range(part * 10, part * 10 + 10)))


def test_two_workers_at_once_lose_nothing(tmp_path: Path, file: VectorFile) -> None:
    """From the first moment on, when neither has made the file."""
    begun = SPAWNED.Barrier(2)
    workers = [SPAWNED.Process(target=keep_many, args=(tmp_path, number, begun)) for number in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert set(file.known()) == {key(f"{number}-{name}") for number in (1, 2) for name in range(200)}


def keep_on(home: Path, said: Any) -> None:
    for part in range(100_000):
        VectorFile(home, 7, "a model").keep(vectors(1, range(part * 10, part * 10 + 10)))
        said.send(part)


@pytest.mark.crash
def test_what_was_kept_is_there_after_a_kill_at_any_moment(tmp_path: Path, file: VectorFile) -> None:
    for _ in range(3):
        hears, says = SPAWNED.Pipe(duplex=False)
        worker = SPAWNED.Process(target=keep_on, args=(tmp_path, says))
        worker.start()
        last = max(hears.recv() for _ in range(5))
        os.kill(worker.pid or 0, signal.SIGKILL)
        worker.join()
        assert {key(f"1-{name}") for name in range(last * 10)} <= set(file.known())
        assert len(file.known()) % 10 == 0, "all of a round or nothing"
