"""Who looks again at what it waits for: because something was heard, or because nothing was for long."""

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import ARRAY, BigInteger, Text, cast, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.store import tables
from app.adapters.store.jobs import Queue
from app.core import ranks
from app.core.run import Status

_row = tables.runs.c


async def at_heads(connection: AsyncConnection, queue: Queue, heads: Collection[tuple[int, str]]) -> int:
    """Have the runs that wait at these commits look again, and those that are at work there when they park.

    One that is put off has its job for later: it would only be refused once more.
    """
    ids, shas = [repository_id for repository_id, _ in heads], [sha for _, sha in heads]
    arrays = cast(ids, ARRAY(BigInteger)), cast(shas, ARRAY(Text))
    head = func.unnest(*arrays).table_valued("repository_id", "sha").render_derived()
    is_there = (_row.repository_id == head.c.repository_id) & (_row.trail["head_sha"].astext == head.c.sha)
    meant = select(_row.id, _row.status, _row.tries).join(head, is_there).where(_row.ended_at.is_(None))
    in_order = meant.order_by(_row.id).with_for_update(of=tables.runs)  # two who stir at once do not meet head-on
    found = (await connection.execute(in_order)).all() if heads else []
    if found:
        stirred = update(tables.runs).where(_row.id.in_([run.id for run in found]))
        await connection.execute(stirred.values(stirred=_row.stirred + 1))
    for run in found:
        if run.status == Status.WAITING.value and not run.tries:
            await queue.put(connection, run.id)
    return len(found)


async def longest_parked(connection: AsyncConnection, queue: Queue, parked_for: timedelta, at_most: int) -> int:
    """Have runs look again that nobody looked at for so long or longer."""
    is_due = (_row.parked_at <= func.now() - parked_for, _row.tries == 0)
    parked = select(_row.id).where(*is_due).order_by(_row.parked_at).limit(at_most).subquery()
    put = select(queue.putting(parked.c.id, literal(ranks.LOOK_AGAIN)))
    return len((await connection.execute(put)).all())
