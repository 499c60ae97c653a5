"""`minions backup` and `minions restore`: all of an installation that cannot be made again, as one file.

It is a tar archive: PostgreSQL's dump of the database, and the two files of the data folder that are missed when they
are lost. What a backup holds is taken out of it by name, so that an archive of somebody else writes nowhere else.
"""

import os
import secrets
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from app.adapters.dump import dump, is_empty, load
from app.adapters.postgres import EmbeddedPostgres
from app.adapters.signing import FILE as SIGNING_KEY
from app.adapters.store.url import with_driver
from app.core.errors import SettingsError
from app.credentials import FILE as CREDENTIALS
from app.home import prepared_home
from app.settings import Settings

DUMP: Final = "minions.dump"
KEPT: Final = (CREDENTIALS, SIGNING_KEY)
"""Files of the data folder that go along, where they are there."""
STREAM: Final = "-"
"""In the place of a file: standard output, or standard input."""


def back_up(settings: Settings, to: str) -> str:
    """Write a backup; what to tell of it. Runs go on: it is the database of one moment. Raises SettingsError."""
    if to != STREAM and Path(to).exists():
        raise SettingsError(f"{to} is there already. Name a file that is not.")
    home = prepared_home(settings)
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=home) as folder, _database_as_it_is(settings, home) as url:
        dumped = Path(folder) / DUMP
        dump(url, dumped)
        files = [dumped, *(home / name for name in KEPT if (home / name).is_file())]
        if to == STREAM:
            _pack(files, sys.stdout.buffer)
        else:
            _write(files, Path(to))
    return f"Backed up: {', '.join(file.name for file in files)}. There are secrets in it: keep it like one."


def restore(settings: Settings, source: str) -> str:
    """Make an installation of a backup, where there is none yet; what to tell of it. Raises SettingsError."""
    home = prepared_home(settings)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=home) as folder:
        found = _unpacked(source, Path(folder))
        if there := [home / name for name in found if name in KEPT and (home / name).exists()]:
            raise SettingsError(f"{there[0]} is there already. Move it away, or set MINIONS_HOME to another folder.")
        with _empty_database(settings, home) as url:
            load(found.pop(DUMP), url)
        for name, file in found.items():
            file.replace(home / name)
    return "Restored. Start `minions serve`: it asks GitHub for what happened since."


@contextmanager
def _database_as_it_is(settings: Settings, home: Path) -> Iterator[str]:
    """The database, whatever version its tables are of: the operator's own, or the embedded one, running or not."""
    embedded = EmbeddedPostgres(home)
    if settings.database_url:
        yield _plain(with_driver(settings.database_url))
    elif embedded.answers():
        yield _plain(embedded.url)
    elif embedded.has_data:
        with _running(embedded) as url:
            yield url
    else:
        raise SettingsError(f"There is no database in {home} to back up. Set MINIONS_HOME, or MINIONS_DATABASE_URL.")


@contextmanager
def _empty_database(settings: Settings, home: Path) -> Iterator[str]:
    if settings.database_url:
        url = _plain(with_driver(settings.database_url))
        _demand_empty(url, "Make a new one, and set MINIONS_DATABASE_URL to it.")
        yield url
        return
    with _running(EmbeddedPostgres(home)) as url:
        _demand_empty(url, f"Move {home / 'postgres'} away.")
        yield url


@contextmanager
def _running(embedded: EmbeddedPostgres) -> Iterator[str]:
    try:
        yield _plain(embedded.start())
    finally:
        embedded.stop()


def _demand_empty(url: str, remedy: str) -> None:
    if not is_empty(url):
        raise SettingsError(f"There is an installation in this database, and none is written over. {remedy}")


def _plain(url: str) -> str:
    """The url as libpq reads it."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def _pack(files: Sequence[Path], into: IO[bytes]) -> None:
    with tarfile.open(fileobj=into, mode="w|") as archive:
        for file in files:
            archive.add(file, arcname=file.name)


def _write(files: Sequence[Path], place: Path) -> None:
    """Readable by its owner alone, and there as a whole or not at all."""
    half = place.with_name(f".{place.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            _pack(files, file)
            file.flush()
            os.fsync(file.fileno())
        half.rename(place)
    except OSError as error:
        raise SettingsError(f"The backup cannot be written to {place}: {error.strerror}.") from None
    finally:
        half.unlink(missing_ok=True)


def _unpacked(source: str, folder: Path) -> dict[str, Path]:
    """What is in a backup, by name, each as a file in the folder."""
    found = {}
    try:
        with (
            open(sys.stdin.fileno() if source == STREAM else source, "rb") as file,  # noqa: PTH123 - a number, too
            tarfile.open(fileobj=file, mode="r|") as archive,
        ):
            for member in archive:
                is_ours = member.isfile() and member.name in {DUMP, *KEPT}
                content = archive.extractfile(member) if is_ours else None
                if content is not None:
                    found[member.name] = folder / member.name
                    _copy(content, found[member.name])
    except (OSError, tarfile.TarError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"{source} cannot be read as a backup: {why}.") from None
    if DUMP not in found:
        raise SettingsError(f"{source} is no backup of Minions: there is no {DUMP} in it.")
    return found


def _copy(content: IO[bytes], to: Path) -> None:
    with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        shutil.copyfileobj(content, file)
