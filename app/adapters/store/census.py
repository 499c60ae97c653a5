"""Counting what there is."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.store import tables, vitals
from app.core.census import Census, Spending, Standing
from app.core.run import Status

_SILENT: Final = timedelta(seconds=30)
"""A worker is heard of every ten seconds; one that was not for so long is gone, or as good as gone."""


async def taken(connection: AsyncConnection, since: datetime) -> Census:
    """What there is now, and what models took since then.

    A row that is being written at this very moment, and was begun before it, is in no census: some of ten thousand.
    """
    now = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    run, row = tables.runs.c, tables.ledger.c
    standings = await connection.execute(
        select(run.blueprint, run.status, func.count().label("runs")).group_by(run.blueprint, run.status)
    )
    waiting = await connection.execute(select(func.count()).select_from(tables.runs).where(run.status == Status.QUEUED))
    workers = await connection.execute(
        text("SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > :since"), {"since": now - _SILENT}
    )
    spendings = await connection.execute(
        select(
            row.model,
            func.count().label("calls"),
            func.sum(row.input_tokens).label("input_tokens"),
            func.sum(row.output_tokens).label("output_tokens"),
            func.sum(row.cached_tokens).label("cached_tokens"),
            func.sum(row.usd).label("usd"),
        )
        .where(row.at > since, row.at <= now)
        .group_by(row.model)
    )
    return Census(
        at=now,
        standings=tuple(Standing(**one) for one in standings.mappings()),
        waiting=waiting.scalar_one(),
        workers=workers.scalar_one(),
        spendings=tuple(Spending(**one) for one in spendings.mappings()),
        vitals=await vitals.taken(connection),
    )
