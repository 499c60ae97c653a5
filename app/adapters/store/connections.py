"""Connections to the database, which are tried before they are used if they rested for long."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.adapters.store.additions import PATIENCE_S, Additions
from app.adapters.store.writers import Writers

_RESTED_S: Final = 1.0
"""A database that was started anew meanwhile was away for longer. Trying costs as much as a statement."""
_USED_AT: Final = "used_at"


class Connections(AsyncEngine):
    """SQLAlchemy's, and a few more for what is written so often that it is a statement of its own."""

    def __init__(self, sync_engine: Engine, *, rested_s: float) -> None:
        super().__init__(sync_engine)
        url = sync_engine.url
        self.additions = Additions(
            Writers(url, rested_s=rested_s), Writers(url, rested_s=rested_s, patience_s=PATIENCE_S)
        )


@asynccontextmanager
async def connected(url: str, *, rested_s: float = _RESTED_S) -> AsyncIterator[Connections]:
    """Connections to the database at `url`, closed at the end; what rested for longer is tried before its use."""
    engine = Connections(create_async_engine(url, pool_size=10).sync_engine, rested_s=rested_s)
    _try_what_rested(engine, rested_s)
    try:
        yield engine
    finally:
        await engine.additions.close()
        await engine.dispose()


def _try_what_rested(engine: AsyncEngine, rested_s: float) -> None:
    dialect = engine.dialect

    def given_back(_: Any, record: Any) -> None:
        record.info[_USED_AT] = time.monotonic()

    def taken(connection: Any, record: Any, _: Any) -> None:
        used_at = record.info.get(_USED_AT)
        if used_at is not None and time.monotonic() - used_at > rested_s and not _answers(dialect, connection):
            raise InvalidatePoolError  # this one and those that are older are replaced by new ones

    event.listen(engine.sync_engine, "checkin", given_back)
    event.listen(engine.sync_engine, "checkout", taken)


def _answers(dialect: Dialect, connection: Any) -> bool:
    try:
        return dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error:
        return False
