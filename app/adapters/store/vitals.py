"""How things stand with GitHub, by some rows."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.store import tables
from app.core.run import Status
from app.core.vitals import Vitals


async def taken(connection: AsyncConnection) -> Vitals:
    """How they stand now."""
    run, installation, look = tables.runs.c, tables.installations.c, tables.recoveries.c
    states = await connection.execute(select(installation.state, func.count()).group_by(installation.state))
    times = await connection.execute(
        select(
            func.clock_timestamp(),
            select(func.min(run.asked_at)).where(run.status == Status.QUEUED).scalar_subquery(),
            select(func.max(tables.deliveries.c.received_at)).scalar_subquery(),
        )
    )
    now, oldest, newest = times.one()
    looks = select(look.looked_at, look.undelivered, look.clock_off_s, look.calls_left)
    last = (await connection.execute(looks.order_by(look.looked_at.desc()).limit(1))).one_or_none()
    return Vitals(
        installations={state: count for state, count in states},  # noqa: C416 - rows are no pairs to mypy
        oldest_wait_s=_since(now, oldest) or 0.0,
        last_delivery_s=_since(now, newest),
        last_look_s=_since(now, last.looked_at) if last else None,
        undelivered=last.undelivered if last else None,
        clock_off_s=last.clock_off_s if last else None,
        calls_left=last.calls_left if last else None,
    )


def _since(now: datetime, then: datetime | None) -> float | None:
    return None if then is None else max((now - then).total_seconds(), 0.0)
