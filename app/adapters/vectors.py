"""Vectors of one repository, in a file of this machine that all its workers share: SQLite, which survives being killed.

What is there cost money and is no truth: a file that cannot be read is made anew. It holds numbers and hashes, no text.

    outline   how a file, by path and content, is cut: the first line and the key of each piece
    sign      for each piece one bit a number of its vector: whether it is above the vector's mean
    vector    the vector itself, a byte a number, and how long it is then

To compare 30,000 vectors of 512 numbers one by one takes half a second in Python, and to compare their signs 3 ms. So
the pieces whose signs differ least from those of the question are compared by their vectors, and only these.
"""

import heapq
import sqlite3
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from math import sqrt
from operator import mul
from pathlib import Path
from typing import Final

from app.core.embeddings import Outline, Vector, VectorsLost

FOLDER: Final = "meaning"
"""Under the home."""
_EXAMINED: Final = 600
"""Pieces that are compared by their vectors."""
_MOST_KEPT: Final = 100_000
"""Pieces of one repository; the oldest go."""
_WAIT_S: Final = 30.0
"""For another worker that writes just now."""
_LARGEST: Final = 127
_LINE: Final = 4
_ROW: Final = _LINE + 32
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS outline (file TEXT PRIMARY KEY, pieces BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sign (key BLOB PRIMARY KEY, bits BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vector (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, numbers BLOB NOT NULL,
    length REAL NOT NULL);
"""


class VectorFile:
    """Implements `Vectors` for one repository and one kind of model."""

    def __init__(self, home: Path, repository_id: int, kind: str) -> None:
        name = sha256(kind.encode()).hexdigest()[:16]
        self._path = home / FOLDER / str(repository_id) / f"{name}.sqlite"

    def outlines(self, files: Collection[str]) -> Mapping[str, Outline]:
        """As `Vectors` says."""
        with self._opened() as connection:
            rows = dict(connection.execute("SELECT file, pieces FROM outline"))
        return {file: _parsed(rows[file]) for file in files if file in rows}

    def known(self) -> Collection[bytes]:
        """As `Vectors` says."""
        with self._opened() as connection:
            return {key for (key,) in connection.execute("SELECT key FROM sign")}

    def outline(self, outlines: Mapping[str, Outline]) -> None:
        """As `Vectors` says."""
        rows = [
            (file, b"".join(line.to_bytes(_LINE) + key for line, key in outline)) for file, outline in outlines.items()
        ]
        with self._opened() as connection, _transaction(connection):
            if connection.execute("SELECT count(*) FROM outline").fetchone()[0] + len(rows) > 2 * _MOST_KEPT:
                connection.execute("DELETE FROM outline")  # to cut files anew costs nothing but time
            connection.executemany("INSERT OR REPLACE INTO outline VALUES (?, ?)", rows)

    def keep(self, vectors: Mapping[bytes, Vector]) -> None:
        """As `Vectors` says. What another worker kept meanwhile stays."""
        signs = [(key, _signs(vector)) for key, vector in vectors.items()]
        rows = [(key, *_small(vector)) for key, vector in vectors.items()]
        with self._opened() as connection, _transaction(connection):
            connection.executemany("INSERT OR IGNORE INTO sign VALUES (?, ?)", signs)
            connection.executemany("INSERT OR IGNORE INTO vector (key, numbers, length) VALUES (?, ?, ?)", rows)
            beyond = connection.execute("SELECT count(*) FROM sign").fetchone()[0] - _MOST_KEPT
            if beyond > 0:
                oldest = connection.execute("SELECT key FROM vector ORDER BY id LIMIT ?", [beyond]).fetchall()
                connection.executemany("DELETE FROM vector WHERE key = ?", oldest)
                connection.executemany("DELETE FROM sign WHERE key = ?", oldest)

    def nearest(self, key: bytes, among: Collection[bytes], *, most: int) -> Sequence[bytes]:
        """As `Vectors` says; none if the vector of `key` is unknown."""
        with self._opened() as connection:
            signs = dict(connection.execute("SELECT key, bits FROM sign"))
            if (own := signs.get(key)) is None:
                return ()
            bits = int.from_bytes(own)
            known = [one for one in among if len(signs.get(one, b"")) == len(own)]
            apart = [(int.from_bytes(signs[one]) ^ bits).bit_count() for one in known]
            likely = [one for _, one in heapq.nsmallest(_EXAMINED, zip(apart, known, strict=True))]
            wanted = list(_vector(connection, key)[0])
            alike = {one: _cosine(wanted, *_vector(connection, one)) for one in likely}
        return sorted(alike, key=lambda one: (-alike[one], one))[:most]

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.parent.parent.chmod(0o700)  # boxes run as other users
            with closing(self._connected()) as connection:
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise VectorsLost(
                "What is known of this repository cannot be used.", detail=f"{self._path}: {error}"
            ) from None

    def _connected(self) -> sqlite3.Connection:
        try:
            return self._begun()
        except sqlite3.OperationalError:  # the disk is full, or another one writes for too long: the file is well
            raise
        except sqlite3.DatabaseError:
            for end in ("", "-journal"):
                self._path.with_name(f"{self._path.name}{end}").unlink(missing_ok=True)
            return self._begun()

    def _begun(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None)
        try:
            connection.executescript(_TABLES)
        except sqlite3.Error:
            connection.close()
            raise
        return connection


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; who writes at the same time waits."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _vector(connection: sqlite3.Connection, key: bytes) -> tuple["array[int]", float]:
    row = connection.execute("SELECT numbers, length FROM vector WHERE key = ?", [key]).fetchone()
    return (array("b", row[0]), row[1]) if row else (array("b"), 0.0)


def _parsed(pieces: bytes) -> Outline:
    return [
        (int.from_bytes(pieces[at : at + _LINE]), pieces[at + _LINE : at + _ROW]) for at in range(0, len(pieces), _ROW)
    ]


def _signs(vector: Vector) -> bytes:
    mean = sum(vector) / len(vector)
    return int("".join("1" if one > mean else "0" for one in vector), 2).to_bytes(-(-len(vector) // 8))


def _small(vector: Vector) -> tuple[bytes, float]:
    """A byte a number, which is exact enough to say what is nearer: only directions are compared."""
    largest = max(map(abs, vector)) or 1.0
    numbers = array("b", [round(one / largest * _LARGEST) for one in vector])
    return numbers.tobytes(), sqrt(sum(map(mul, numbers, numbers)))


def _cosine(one: Sequence[int], other: Sequence[int], length: float) -> float:
    """But for the length of `one`, by which it is the same for all."""
    return sum(map(mul, one, other)) / length if length else 0.0
