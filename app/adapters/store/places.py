"""Who may be at work: ranks, places, and whom a free place goes to.

Places of one installation are given under one lock, which a transaction takes *before* it looks: each sees what the one
before it did, on whatever machine. A run that leaves its place gives it on in the transaction in which it leaves. So
there is never a run that waits although there is a place for it: it found none when it was looked for, and each place
that got free since then was given to somebody whom it would have fitted, too.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Row,
    ScalarSelect,
    and_,
    bindparam,
    column,
    exists,
    func,
    literal_column,
    or_,
    select,
    table,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.store import tables
from app.core import ranks
from app.core.places import Limits, Room, Seat, fitting
from app.core.run import Run, Status
from app.core.store import Draft

Put = Callable[[AsyncConnection, int], Awaitable[None]]

_LOCK: Final = 0x706C6163  # "plac"; the second half of the lock's key is the installation
_row = tables.runs.c
_REQUESTER: Final = _row.task[("requester", "id")].astext.cast(BigInteger)
_IS_HELD: Final = and_(_row.was_held, _row.status == Status.QUEUED.value)


def _newest(*where: ColumnElement[bool]) -> ScalarSelect[Any]:
    above: BindParameter[int] = bindparam("above", type_=BigInteger)
    return (
        select(func.max(_row.rank)).where(_row.rank > above, _row.rank <= above + ranks.BULK, *where).scalar_subquery()
    )


RANK: Final[ColumnElement[int]] = 1 + func.greatest(
    bindparam("above", type_=BigInteger),
    _newest(_row.begun_at.is_not(None)),
    _newest(_row.repository_id == bindparam("repository_id", type_=BigInteger), _row.status == Status.QUEUED.value),
)
"""The rank of a new run, as a part of the statement that stores it: `core.ranks.next_rank` for a database.

Two that are asked for in one moment may get the same one: the first stored goes first.
"""


def above(draft: Draft) -> Mapping[str, Any]:
    """What `RANK` has to be told of the run."""
    repository_id = draft.task.repository.id
    return {"above": ranks.base(is_bulk=draft.task.requester.is_bot), "repository_id": repository_id}


async def lock(connection: AsyncConnection, installation_id: int) -> None:
    """Be the only one who gives or leaves places there, until the transaction ends. Take it before any row."""
    await connection.execute(select(func.pg_advisory_xact_lock(_LOCK, func.hashtext(str(installation_id)))))


async def occupant(connection: AsyncConnection, run: Run) -> int | None:
    """Another run of the same issue that is at work, parked, or waits for a place."""
    other = select(_row.id).where(
        _row.repository_id == run.task.repository.id,
        _row.number == run.task.number,
        _row.number > 0,
        _row.id != run.id,
        or_(_row.status.in_([Status.RUNNING.value, Status.WAITING.value]), _IS_HELD),
    )
    found: int | None = (await connection.execute(other.limit(1))).scalar_one_or_none()
    return found


async def take(connection: AsyncConnection, run: Run, limits: Limits) -> Row[Any] | None:
    """Put the run to work, or have it held if there is no place; None if somebody else moved it on. Needs the lock."""
    task = run.task
    room = Room(limits, await _at_work(connection, task.repository.installation_id))
    is_placed = room.take(Seat(task.repository.id, task.requester.id))
    values = {"status": Status.RUNNING.value, "begun_at": func.now()} if is_placed else {"was_held": True}
    moved = (
        update(tables.runs)
        .where(_row.id == run.id, _row.revision == run.revision)
        .values(**values, tries=0, error="", revision=_row.revision + 1)
    )
    return (await connection.execute(moved.returning(_row.status, _row.was_held, _row.revision))).one_or_none()


async def give_on(connection: AsyncConnection, installation_id: int, limits: Limits, put: Put) -> int:
    """Put runs to work that waited for a place and have one now; answer with how many. Needs the lock.

    They get their places here and not when a worker comes round to them, so that nobody else is quicker.
    """
    held = await _held(connection, installation_id, limits)
    given = 0
    for run_id in fitting(limits, await _at_work(connection, installation_id), held) if held else ():
        placed = (
            update(tables.runs)
            .where(_row.id == run_id, _IS_HELD)
            .values(status=Status.RUNNING.value, begun_at=func.now(), revision=_row.revision + 1)
        )
        try:
            async with connection.begin_nested():
                moved = await connection.execute(placed)
        except IntegrityError:
            continue  # another run of its issue is at work since just now; when it ends, this one is looked at again
        if moved.rowcount:
            await put(connection, run_id)
            given += 1
    return given


async def forgotten(connection: AsyncConnection) -> list[int]:
    """Runs that should go on, or were told something, and have no job.

    One statement sees all that a transaction did or nothing, and jobs come and go together with what they are for.
    """
    job = table("procrastinate_jobs", column("task_name"), column("status"), column("args", JSONB)).c
    has_job = exists().where(
        job.task_name == "advance",
        job.status.in_([literal_column("'todo'"), literal_column("'doing'")]),
        job.args["run_id"].astext.cast(BigInteger) == _row.id,
    )
    told = tables.orders.c
    is_told = exists().where(told.run_id == _row.id, told.fate == "")
    query = select(_row.id).where(or_(and_(~_row.is_reported, ~_IS_HELD), is_told), ~has_job).order_by(_row.id)
    return list((await connection.execute(query)).scalars())


async def installations_with_held(connection: AsyncConnection) -> list[int]:
    """Installations of which some run waits for a place."""
    return list((await connection.execute(select(_row.installation_id).where(_IS_HELD).distinct())).scalars())


async def _at_work(connection: AsyncConnection, installation_id: int) -> list[Seat]:
    query = select(_row.repository_id, _REQUESTER.label("requester_id")).where(
        _row.installation_id == installation_id, _row.status == Status.RUNNING.value
    )
    return [Seat(one.repository_id, one.requester_id) for one in await connection.execute(query)]


async def _held(connection: AsyncConnection, installation_id: int, limits: Limits) -> list[tuple[int, Seat]]:
    """Who waits, in the order of ranks; of what one person wants in one repository, no more than could fit."""
    other = tables.runs.alias("other")
    is_occupied = exists().where(
        other.c.repository_id == _row.repository_id,
        other.c.number == _row.number,
        other.c.number > 0,
        other.c.status.in_([Status.RUNNING.value, Status.WAITING.value]),
    )
    order = (_row.rank, _row.id)
    alike = func.row_number().over(partition_by=(_row.repository_id, _REQUESTER), order_by=order)
    held = (
        select(_row.id, _row.rank, _row.repository_id, _REQUESTER.label("requester_id"), alike.label("alike"))
        .where(_row.installation_id == installation_id, _IS_HELD, ~is_occupied)
        .subquery()
    )
    query = select(held).order_by(held.c.rank, held.c.id)
    if limits.smallest:
        query = query.where(held.c.alike <= limits.smallest)
    return [(one.id, Seat(one.repository_id, one.requester_id)) for one in await connection.execute(query)]
