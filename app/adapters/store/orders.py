"""What runs were told: which run is meant, and what became of it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Select, Text, and_, cast, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.store import tables
from app.adapters.store.reader import CHANNEL
from app.core.events import OrderGiven, StopRequested
from app.core.orders import Given, Order, Stop
from app.core.run import Status
from app.core.task import Person, Place, Task

_row = tables.runs.c


async def note(
    connection: AsyncConnection,
    run_id: int,
    intent: str,
    order: Order,
    *,
    requester: Person | None = None,
    place: Place | None = None,
    task: Task | None = None,
) -> bool:
    """Note an order on a run; False if this very one is noted already."""
    said = {"order": order, "requester": requester, "place": place, "task": task}
    values = {name: one and one.model_dump(mode="json") for name, one in said.items()}
    noted = await connection.execute(
        upsert(tables.orders)
        .values(run_id=run_id, intent=intent, **values)
        .on_conflict_do_nothing()
        .returning(tables.orders.c.id, func.pg_notify(CHANNEL, str(run_id)))
    )
    return noted.scalar_one_or_none() is not None


async def to_stop(connection: AsyncConnection, event: StopRequested | OrderGiven) -> Sequence[int]:
    """The runs that are meant when work on an issue or a pull request shall end: all that have not ended."""
    return await _ids(connection, _on(event).where(_row.ended_at.is_(None)).order_by(_row.id))


async def on_branch(connection: AsyncConnection, repository_id: int, branch: str) -> Sequence[int]:
    """The runs at work on a branch."""
    here = select(_row.id).where(_row.repository_id == repository_id, _row.branch == branch, _row.ended_at.is_(None))
    return await _ids(connection, here.order_by(_row.id))


async def told(connection: AsyncConnection, event: OrderGiven) -> Sequence[int]:
    """The one run that an order is meant for, if there is one: that at work, or the newest that was at work."""
    if isinstance(event.order, Stop):
        return await to_stop(connection, event)
    in_order = (_row.ended_at.is_not(None), _row.id.desc())
    # Questions that were answered have no place in a blueprint.
    is_work = and_(_row.status != Status.REFUSED.value, _row.at != "")
    return await _ids(connection, _on(event).where(is_work).order_by(*in_order).limit(1))


async def of(connection: AsyncConnection, run_id: int, *, fate: str) -> Sequence[Given]:
    """The orders of a run that ended up so, oldest first."""
    column = tables.orders.c
    query = select(tables.orders).where(column.run_id == run_id, column.fate == fate).order_by(column.id)
    return [Given.model_validate(dict(found)) for found in (await connection.execute(query)).mappings()]


async def settle(connection: AsyncConnection, order_id: int, *, fate: str) -> None:
    """Note what became of an order."""
    column = tables.orders.c
    settled = update(tables.orders).where(column.id == order_id).values(fate=fate)
    await connection.execute(settled.returning(func.pg_notify(CHANNEL, cast(column.run_id, Text))))


def _on(event: StopRequested | OrderGiven) -> Select[tuple[int]]:
    """Runs in the repository of the event that it can mean, and that were asked for before it."""
    found = select(_row.id).where(
        _row.repository_id == event.repository.id,
        _meant(event),
    )
    if event.at is None:
        return found
    return found.where(_row.task["asked_at"].astext.cast(DateTime(timezone=True)) <= event.at)


def _meant(event: StopRequested | OrderGiven) -> ColumnElement[bool]:
    if isinstance(event, OrderGiven):
        if event.run_id is not None:
            return _row.id == event.run_id
        if event.check_sha:
            found: ColumnElement[bool] = _row.trail["check_sha"].astext == event.check_sha
            return found
    return or_(_row.number == event.number, _row.pull_request_number == event.number)


async def _ids(connection: AsyncConnection, query: Any) -> Sequence[int]:
    return list((await connection.execute(query)).scalars())
