"""Where a database is, as operators write it and as SQLAlchemy reads it."""

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from app.core.errors import SettingsError


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
