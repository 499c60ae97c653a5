"""Bring a database to the tables of this program."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from app.core.errors import SettingsError

_OLDEST: Final = 150000
"""PostgreSQL 15: what Debian 12 has, and what the tests run on besides the embedded one."""
_CONNECT_TIMEOUT_S: Final = 10
_LOCK: Final = 0x6D696E69  # "mini": two servers that start at once migrate one after the other


def migrate(url: str) -> None:
    """Create or upgrade the tables at `url` (SQLAlchemy's form).

    Raises SettingsError with a sentence if the database cannot be reached, is too old or may not be written.
    """
    engine = create_engine(url, connect_args={"connect_timeout": _CONNECT_TIMEOUT_S})
    try:
        with engine.connect() as connection:
            version = int(connection.execute(text("SHOW server_version_num")).scalar_one())
            if version < _OLDEST:
                raise SettingsError(
                    f"The database is PostgreSQL {version // 10000}; Minions needs {_OLDEST // 10000} or newer."
                )
            connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
            connection.commit()
            try:
                config = _config()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                connection.commit()
            finally:
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
                connection.commit()
    except DBAPIError as error:
        # The url stays out of the sentence: it may hold a password.
        raise SettingsError(f"The database cannot be used: {str(error.orig).strip()}") from None
    finally:
        engine.dispose()


def check(url: str) -> None:
    """Raise SettingsError if the database at `url` cannot be reached, or holds tables of another version."""
    engine = create_engine(url, connect_args={"connect_timeout": _CONNECT_TIMEOUT_S})
    try:
        with engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except DBAPIError as error:
        raise SettingsError(f"The database cannot be used: {str(error.orig).strip()}") from None
    finally:
        engine.dispose()
    wanted = ScriptDirectory.from_config(_config()).get_current_head()
    if found != wanted:
        raise SettingsError(
            f"The database's tables are of version {found or 'none'}, and this program needs {wanted}. Start "
            f"`minions serve` of the same version first: it brings them up to date."
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def with_driver(url: str) -> str:
    """The url with our driver in it; operators write `postgresql://` or `postgres://`. Raises SettingsError."""
    scheme, parted, rest = url.partition("://")
    if not parted or scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        raise SettingsError("MINIONS_DATABASE_URL must begin with postgresql://, as in postgresql://user@host/minions.")
    ours = f"postgresql+psycopg://{rest}"
    try:
        is_clear = "@" not in (make_url(ours).host or "")
    except (ValueError, ArgumentError):  # its sentence quotes what it read, which may be part of the password
        is_clear = False
    if not is_clear:
        raise SettingsError(
            "MINIONS_DATABASE_URL cannot be read as postgresql://user:password@host:port/name. Write special "
            "characters of the password as %XX: @ as %40, / as %2F, : as %3A, # as %23."
        )
    return ours
