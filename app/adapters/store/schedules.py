"""What repositories want to be done by the clock, in PostgreSQL."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.adapters.store import tables
from app.adapters.store.alone import alone
from app.adapters.store.reachable import reachable
from app.core.schedules import Entry
from app.core.task import Repository

_row = tables.schedules.c
_TURN: Final = 0x636C6F63  # "cloc"
_OLD: Final = timedelta(days=1)
"""So long after it was read a file is read again: news of it may have been lost."""


async def mark(connection: AsyncConnection, repository: Repository) -> None:
    """Have the repository's file read again: its default branch moved."""
    said = repository.model_dump(mode="json")
    new = upsert(tables.schedules).values(repository_id=repository.id, repository=said, is_stale=True)
    changed = {"repository": said, "is_stale": True}
    await connection.execute(new.on_conflict_do_update(index_elements=["repository_id"], set_=changed))


class PostgresTimetable:
    """`Timetable` on PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    def turn(self) -> AbstractAsyncContextManager[bool]:
        """Whether it is ours to look."""
        return alone(self._engine, _TURN)

    async def add(self, repositories: Sequence[Repository]) -> None:
        """Have those read that nothing is known of yet."""
        values = [{"repository_id": one.id, "repository": one.model_dump(mode="json")} for one in repositories]
        if values:
            async with reachable(), self._engine.begin() as connection:
                await connection.execute(upsert(tables.schedules).values(values).on_conflict_do_nothing())

    async def stale(self, at_most: int) -> Sequence[Repository]:
        """Repositories whose file has to be read."""
        is_due = or_(_row.is_stale, _row.read_at < func.now() - _OLD)
        query = select(_row.repository).where(is_due).order_by(_row.read_at.nulls_first()).limit(at_most)
        async with reachable(), self._engine.connect() as connection:
            return [Repository.model_validate(said) for said in (await connection.execute(query)).scalars()]

    async def entries(self) -> Sequence[tuple[Repository, Sequence[Entry]]]:
        """Every repository that wants something."""
        query = select(_row.repository, _row.entries).where(func.jsonb_array_length(_row.entries) > 0)
        async with reachable(), self._engine.connect() as connection:
            found = (await connection.execute(query.order_by(_row.repository_id))).all()
        return [
            (Repository.model_validate(one.repository), [Entry.model_validate(entry) for entry in one.entries])
            for one in found
        ]

    async def keep(self, repository: Repository, entries: Sequence[Entry]) -> None:
        """What its file says now."""
        values = {
            "repository": repository.model_dump(mode="json"),
            "entries": [one.model_dump(mode="json") for one in entries],
            "is_stale": False,
            "read_at": func.now(),
        }
        new = upsert(tables.schedules).values(repository_id=repository.id, **values)
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(new.on_conflict_do_update(index_elements=["repository_id"], set_=values))
