"""Who may be at work: ranks, places, and whom a free place goes to.

Places of one installation are given under one lock, which a transaction takes *before* it looks: each sees what the one
before it did, on whatever machine. A run that leaves its place gives it on in the transaction in which it leaves. So
there is never a run that waits although there is a place for it: it found none when it was looked for, and each place
that got free since then was given to somebody whom it would have fitted, too.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
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

from app.adapters.store import reviews, tables
from app.core import ranks
from app.core.places import NO_LOAD, Limits, Load, MostOpen, Room, Seat, Turn, fitting
from app.core.run import Run, Status
from app.core.store import Draft

Put = Callable[[AsyncConnection, int], Awaitable[None]]

_LOCK: Final = 0x706C6163  # "plac"; the second half of the lock's key is the installation
_row = tables.runs.c
_REQUESTER: Final = reviews.REQUESTER
_IS_HELD: Final = and_(_row.was_held, _row.status == Status.QUEUED.value)
_job = table("procrastinate_jobs", column("task_name"), column("status"), column("args", JSONB)).c
_HAS_JOB: Final = exists().where(
    _job.task_name == "advance",
    _job.status.in_([literal_column("'todo'"), literal_column("'doing'")]),
    _job.args["run_id"].astext.cast(BigInteger) == _row.id,
)


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


async def take(connection: AsyncConnection, run: Run, limits: Limits, own: MostOpen) -> Row[Any] | None:
    """Put the run to work, or have it held if there is no place; None if somebody else moved it on. Needs the lock.

    `own` is what the repository says of its open pull requests.
    """
    repository, seat = run.task.repository, seat_of(run)
    load = NO_LOAD
    if seat.proposes:
        load = await reviews.load(connection, repository.installation_id, limits, {repository.id: own})
    room = Room(limits, await _at_work(connection, repository.installation_id), load)
    is_placed = room.take(seat)
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
    held = await _held(connection, installation_id, limits.smallest)
    if not held:
        return 0
    load = await _load(connection, installation_id, limits, held)
    given = 0
    for run_id in fitting(limits, await _at_work(connection, installation_id), held, load):
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


def seat_of(run: Run) -> Seat:
    """Where a run counts that is to begin."""
    return Seat(run.task.repository.id, run.task.requester.id, proposes=_proposes(run))


async def turns(connection: AsyncConnection, installation_id: int, limits: Limits) -> dict[int, Turn | None]:
    """Where each run that waits for a place stands in line; None if no review keeps it."""
    held = await _held(connection, installation_id, 0)
    if not held:
        return {}
    room = Room(
        limits,
        await _at_work(connection, installation_id),
        await _load(connection, installation_id, limits, held),
    )
    return {run_id: room.turn(seat, held, run_id) for run_id, seat in held}


async def untold(connection: AsyncConnection, turns: Mapping[int, Turn | None]) -> list[int]:
    """Which of these people were told another place of than the one that they have now, and nobody is about to."""
    query = select(_row.id, _row.trail["turn"].label("turn")).where(_row.id.in_(list(turns)), _IS_HELD, ~_HAS_JOB)
    return [
        one.id
        for one in await connection.execute(query.order_by(_row.rank, _row.id))
        if turns[one.id] is not None and (one.turn is None or Turn.model_validate(one.turn) != turns[one.id])
    ]


async def forgotten(connection: AsyncConnection) -> list[int]:
    """Runs that should go on, or were told something, and have no job.

    One statement sees all that a transaction did or nothing, and jobs come and go together with what they are for.
    """
    told = tables.orders.c
    is_told = exists().where(told.run_id == _row.id, told.fate == "")
    query = select(_row.id).where(or_(and_(~_row.is_reported, ~_IS_HELD), is_told), ~_HAS_JOB).order_by(_row.id)
    return list((await connection.execute(query)).scalars())


async def installations_with_held(connection: AsyncConnection) -> list[int]:
    """Installations of which some run waits for a place."""
    return list((await connection.execute(select(_row.installation_id).where(_IS_HELD).distinct())).scalars())


async def _at_work(connection: AsyncConnection, installation_id: int) -> list[Seat]:
    query = select(*reviews.SEAT).where(_row.installation_id == installation_id, _row.status == Status.RUNNING.value)
    return [reviews.seat(one) for one in await connection.execute(query)]


async def _load(
    connection: AsyncConnection, installation_id: int, limits: Limits, held: Sequence[tuple[int, Seat]]
) -> Load:
    own = await reviews.own(connection, {seat.repository_id for _, seat in held if seat.proposes})
    return await reviews.load(connection, installation_id, limits, own)


async def _held(connection: AsyncConnection, installation_id: int, at_most: int) -> list[tuple[int, Seat]]:
    """Who waits, in the order of ranks; of what is alike for one person in one repository at most so many, if not 0."""
    other = tables.runs.alias("other")
    is_occupied = exists().where(
        other.c.repository_id == _row.repository_id,
        other.c.number == _row.number,
        other.c.number > 0,
        other.c.status.in_([Status.RUNNING.value, Status.WAITING.value]),
    )
    order = (_row.rank, _row.id)
    # What follows up on a pull request is not alike: no review keeps it.
    where = (_row.repository_id, _REQUESTER, reviews.PROPOSES)
    alike = func.row_number().over(partition_by=where, order_by=order)
    held = (
        select(_row.id, _row.rank, *reviews.SEAT, alike.label("alike"))
        .where(_row.installation_id == installation_id, _IS_HELD, ~is_occupied)
        .subquery()
    )
    query = select(held).order_by(held.c.rank, held.c.id)
    if at_most:
        query = query.where(held.c.alike <= at_most)
    return [(one.id, reviews.seat(one)) for one in await connection.execute(query)]


def _proposes(run: Run) -> bool:
    return run.task.number > 0 and not run.task.is_pull_request and run.trail.pull_request_number is None
