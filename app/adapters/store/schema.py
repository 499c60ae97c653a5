"""Bring a database to the tables of this program.

While a new version is rolled out, programs of two versions use the same tables. The newer one migrates them as it
starts; the table `floor` says which older ones can go on working with them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import InsufficientPrivilege, InvalidSchemaName
from sqlalchemy import Connection, create_engine, inspect, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from app.adapters.revision import OLDEST, newest
from app.adapters.store import tables
from app.core.errors import SettingsError

_CONNECT_TIMEOUT_S: Final = 10
_LOCK: Final = 0x6D696E69  # "mini": two servers that start at once migrate one after the other


def migrate(url: str, *, oldest: int = OLDEST) -> None:
    """Create or upgrade the tables at `url` (SQLAlchemy's form); newer ones stay as they are, if they can be used.

    Raises SettingsError with a sentence if the database cannot be reached, is older than `oldest` (in PostgreSQL's own
    numbers), may not be written, or holds tables that this program is too old for.
    """
    with _usable(url, oldest) as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        connection.commit()
        try:
            if not _is_newer(connection):
                config = _config()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
            connection.commit()


def check(url: str, *, oldest: int = OLDEST) -> None:
    """Raise SettingsError if the database at `url` cannot be used, as `migrate` does, or if its tables are older."""
    with _usable(url, oldest) as connection:
        if _is_newer(connection):
            return
        found, wanted = _revision(connection), newest()
    if found != wanted:
        raise SettingsError(
            f"The database's tables are of version {found or 'none'}, and this program needs {wanted}. Start "
            f"`minions serve` of the same version first: it brings them up to date."
        )


@contextmanager
def _usable(url: str, oldest: int) -> Iterator[Connection]:
    """A connection to a database that this program can use."""
    engine = create_engine(url, connect_args={"connect_timeout": _CONNECT_TIMEOUT_S})
    try:
        with engine.connect() as connection:
            version = int(connection.execute(text("SHOW server_version_num")).scalar_one())
            if version < oldest:
                raise SettingsError(
                    f"The database is PostgreSQL {version // 10000}; Minions needs {oldest // 10000} or newer."
                )
            if connection.execute(text("SHOW transaction_read_only")).scalar_one() == "on":
                raise SettingsError(
                    "The database can only be read: it is a standby, or default_transaction_read_only is on. Minions "
                    "needs one that it may write; let MINIONS_DATABASE_URL name that."
                )
            yield connection
    except DBAPIError as error:
        # The url stays out of the sentence: it may hold a password.
        said = str(error.orig).strip()
        if isinstance(error.orig, InsufficientPrivilege | InvalidSchemaName):
            raise SettingsError(
                f"The database does not let its user do what Minions needs: {said.splitlines()[0]}. Make that user the "
                f"owner of the database: ALTER DATABASE … OWNER TO …"
            ) from None
        if isinstance(error, OperationalError):
            raise SettingsError(f"The database cannot be reached: {said}") from None
        raise SettingsError(f"The database cannot be used: {said}") from None
    finally:
        engine.dispose()


def _is_newer(connection: Connection) -> bool:
    """Whether the tables are newer than this program, and can be worked with. Raises SettingsError if they cannot."""
    found, ours = _revision(connection), newest()
    if found is None or found in _known():
        return False
    oldest: str | None = None
    if inspect(connection).has_table(tables.floor.name):
        oldest = connection.execute(select(tables.floor.c.oldest)).scalar_one_or_none()
    if oldest is None or oldest > ours:
        raise SettingsError(
            f"The database's tables are of version {found}, which this program of version {ours} is too old for. "
            f"Start a newer Minions."
        )
    return True


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _known() -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
