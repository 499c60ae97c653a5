"""The database of an installation, with the tables of this program in it.

What changes tables takes half a second to import. Where they are as they should be, which is at nearly every start, it
is left alone.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.adapters.postgres import EmbeddedPostgres
from app.adapters.revision import is_current
from app.home import prepared_home
from app.settings import Settings


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The url of a migrated database, in SQLAlchemy's form: the operator's own, or the embedded one meanwhile."""
    with kept_database(settings) as (url, _):
        yield _with_driver(url)


@contextmanager
def kept_database(settings: Settings) -> Iterator[tuple[str, Callable[[], None]]]:
    """As `database`, and what to call now and then so that it goes on running: an operator's own is his to keep.

    The url is in the form in which operators write it.
    """
    home = prepared_home(settings)
    if settings.database_url:
        _migrate(settings.database_url)
        yield settings.database_url, lambda: None
        return
    server = EmbeddedPostgres(home)
    url = server.start()
    try:
        _migrate(url)
        yield url.replace("+psycopg", "", 1), server.look_after
    finally:
        server.stop()


def check_tables(url: str) -> None:
    """Raise SettingsError if the database at `url` cannot be used, or has older tables than this program's."""
    if not is_current(url):
        from app.adapters.store.schema import check  # noqa: PLC0415 - not needed for most starts

        check(_with_driver(url))


def _migrate(url: str) -> None:
    if not is_current(url):
        from app.adapters.store.schema import migrate  # noqa: PLC0415 - not needed for most starts

        migrate(_with_driver(url))


def _with_driver(url: str) -> str:
    from app.adapters.store.url import with_driver  # noqa: PLC0415 - SQLAlchemy comes with it

    return with_driver(url)
