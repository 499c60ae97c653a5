"""Who signed in, in the database: every web server of an installation knows it, and none of it opens anything."""

import hashlib
import secrets

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.adapters.store import tables
from app.adapters.store.reachable import reachable
from app.core.sessions import LASTS, Session


class PostgresSessions:
    """`Sessions` on PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def begin(self, session: Session) -> str:
        """Keep a session; answer with the word by which it is found. Those that are over are forgotten."""
        word, row = secrets.token_urlsafe(32), tables.sessions.c
        values = {"id": _digest(word), "session": session.model_dump(mode="json"), "ends_at": func.now() + LASTS}
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(delete(tables.sessions).where(row.ends_at < func.now()))
            await connection.execute(insert(tables.sessions).values(**values))
        return word

    async def find(self, word: str) -> Session | None:
        """The session of this word, unless it is over."""
        row = tables.sessions.c
        query = select(row.session).where(row.id == _digest(word), row.ends_at > func.now())
        async with reachable(), self._engine.connect() as connection:
            found = (await connection.execute(query)).scalar_one_or_none()
        return None if found is None else Session.model_validate(found)

    async def end(self, word: str) -> None:
        """The session is over."""
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(delete(tables.sessions).where(tables.sessions.c.id == _digest(word)))


def _digest(word: str) -> str:
    """Who reads the table cannot pass for anybody."""
    return hashlib.sha256(word.encode()).hexdigest()
