"""Deleting what was kept for long enough."""

from datetime import timedelta
from typing import Final

from sqlalchemy import BigInteger, ColumnElement, CursorResult, Select, Text, and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.dml import Delete

from app.adapters.store import tables
from app.adapters.store.reachable import reachable
from app.core.retention import Cleared, Kept

_DELIVERIES: Final = timedelta(days=30)
"""Only names, a sentence and when: so that each event is taken once, for longer than GitHub can be asked for it."""
_AT_WORK: Final = timedelta(days=1)
"""Runs that had not ended when their installation was removed are left alone for so long."""


class PostgresArchive:
    """`Archive` on PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def clear(self, kept: Kept, at_most: int) -> Cleared:
        """Delete what was kept for long enough, at most so many of each kind; the journal of a run goes with it."""
        async with reachable(), self._engine.begin() as connection:
            runs = await _count(connection, _runs(kept, at_most))
            deliveries = await _count(connection, _deliveries(at_most))
            gone = [row.id for row in await connection.execute(_emptied(kept.uninstalled))]
            if gone:
                await _forget(connection, gone)
        return Cleared(runs=runs, deliveries=deliveries, installations=len(gone))


def _is_over(kept: timedelta) -> ColumnElement[bool]:
    """Whether an installation was removed so long ago."""
    row = tables.installations.c
    return and_(row.state == "deleted", row.changed_at <= func.now() - kept)


def _runs(kept: Kept, at_most: int) -> Delete:
    row, there = tables.runs.c, tables.installations.c
    # Who works on one has heard of the end by then.
    is_at_rest = or_(row.ended_at.is_not(None), there.changed_at <= func.now() - _AT_WORK)
    of_the_gone = select(there.id).where(there.id == row.installation_id, _is_over(kept.uninstalled), is_at_rest)
    meant: ColumnElement[bool] = of_the_gone.exists()
    if kept.runs is not None:
        meant = or_(meant, and_(row.ended_at < func.now() - kept.runs, row.is_reported))
    return delete(tables.runs).where(row.id.in_(select(row.id).where(meant).order_by(row.id).limit(at_most)))


def _emptied(kept: timedelta) -> Select[tuple[int]]:
    """Installations to be forgotten of which no run is left: runs are the last thing that leads to them."""
    row = tables.installations.c
    left = select(tables.runs.c.id).where(tables.runs.c.installation_id == row.id)
    return select(row.id).where(_is_over(kept), ~left.exists())


def _deliveries(at_most: int) -> Delete:
    row = tables.deliveries.c
    old = select(row.guid).where(row.received_at < func.now() - _DELIVERIES).order_by(row.received_at).limit(at_most)
    return delete(tables.deliveries).where(row.received_at < func.now() - _DELIVERIES, row.guid.in_(old))


async def _forget(connection: AsyncConnection, gone: list[int]) -> None:
    """What else is known of their repositories, and the installations themselves."""
    await _forget_campaigns(connection, gone)
    for table in (tables.requests, tables.schedules):
        of_repository = table.c.repository["installation_id"].astext.cast(BigInteger)
        await connection.execute(delete(table).where(of_repository.in_(gone)))
    for table in (tables.paces, tables.places):
        await connection.execute(delete(table).where(table.c.installation_id.in_(gone)))
    await connection.execute(delete(tables.installations).where(tables.installations.c.id.in_(gone)))


async def _forget_campaigns(connection: AsyncConnection, gone: list[int]) -> None:
    """Those whose issue was there; and let go of requests for parts there, which other installations asked for."""
    row, part, purse = tables.campaigns.c, tables.campaign_parts.c, tables.purses.c
    there = row.task["repository"]["installation_id"].astext.cast(BigInteger).in_(gone)
    owners = select(row.id.cast(Text)).where(there)
    await connection.execute(delete(tables.purses).where(purse.level == "campaign", purse.owner.in_(owners)))
    await connection.execute(delete(tables.campaigns).where(there))
    request = tables.requests.c
    asked = select(request.id).where(request.repository["installation_id"].astext.cast(BigInteger).in_(gone))
    left = update(tables.campaign_parts).where(or_(part.request_id.in_(asked), part.former_id.in_(asked)))
    # A part without a request would be begun once more, were it not stopped.
    await connection.execute(left.values(request_id=None, former_id=None, is_stopped=True))


async def _count(connection: AsyncConnection, statement: Delete) -> int:
    done = await connection.execute(statement)
    return done.rowcount if isinstance(done, CursorResult) else 0
