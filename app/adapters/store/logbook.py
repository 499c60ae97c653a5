"""What the workers of one App know together about what GitHub told it."""

from collections.abc import Collection
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Final

from sqlalchemy import DateTime, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncEngine

from app.adapters.store import tables
from app.adapters.store.alone import alone
from app.adapters.store.reachable import reachable
from app.core.vitals import Look

_TURN: Final = 0x6C6F6F6B  # "look"; the second half of the lock's key is the App


class PostgresLogbook:
    """`Logbook` on PostgreSQL."""

    def __init__(self, engine: AsyncEngine, app_id: str) -> None:
        self._engine = engine
        self._reads = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._app_id = app_id

    def turn(self) -> AbstractAsyncContextManager[bool]:
        """Whether it is ours to look now."""
        return alone(self._engine, _TURN, func.hashtext(self._app_id))

    async def looked_at(self) -> datetime | None:
        """Up to when all that GitHub told us is known to have been looked after."""
        row = tables.recoveries.c
        async with reachable(), self._reads.connect() as connection:
            found = await connection.execute(select(row.looked_at).where(row.app_id == self._app_id))
            looked_at: datetime | None = found.scalar_one_or_none()
        return looked_at

    async def note(self, looked_at: datetime, *, last: datetime | None) -> None:
        """Note that everything until then was looked after, if nobody changed that since `last` was read."""
        row = tables.recoveries.c
        known = update(tables.recoveries).where(row.app_id == self._app_id, row.looked_at == last)
        first = upsert(tables.recoveries).values(app_id=self._app_id, looked_at=looked_at).on_conflict_do_nothing()
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(first if last is None else known.values(looked_at=looked_at))

    async def note_look(self, look: Look) -> None:
        """Note how things stood at this look."""
        noted = update(tables.recoveries).where(tables.recoveries.c.app_id == self._app_id)
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(noted.values(**look.model_dump()))

    async def received(self, guids: Collection[str]) -> AbstractSet[str]:
        """Which of these deliveries are in the store."""
        row = tables.deliveries.c
        query = select(row.guid).where(row.app_id == self._app_id, row.guid.in_(guids))
        async with reachable(), self._reads.connect() as connection:
            return frozenset((await connection.execute(query)).scalars())

    async def asked_at(self, repository_id: int, number: int) -> datetime | None:
        """When the newest run or campaign on an issue was asked for, by GitHub's time."""
        row, campaign = tables.runs.c, tables.campaigns.c
        run = func.max(row.task["asked_at"].astext.cast(DateTime(timezone=True)))
        newest = select(run).where(row.repository_id == repository_id, row.number == number).scalar_subquery()
        here = (campaign.repository_id == repository_id, campaign.number == number)
        other = select(func.max(campaign.asked_at)).where(*here).scalar_subquery()
        query = select(func.greatest(newest, other))
        async with reachable(), self._reads.connect() as connection:
            asked_at: datetime | None = (await connection.execute(query)).scalar_one_or_none()
        return asked_at
