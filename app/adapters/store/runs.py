"""The rows of runs and of their visits."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, ScalarSelect, and_, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.store import tables
from app.core.errors import NotFound
from app.core.plain import plain
from app.core.run import Run, Status

_row = tables.runs.c
_visit = tables.visits.c

_KNOWN: Final[ScalarSelect[int]] = select(func.count()).where(_visit.run_id == _row.id).scalar_subquery()
_VISITS: Final[ScalarSelect[Any]] = (
    select(func.coalesce(func.jsonb_agg(aggregate_order_by(_visit.visit, _visit.number)), func.jsonb_build_array()))
    .where(_visit.run_id == _row.id)
    .scalar_subquery()
)
_WHOLE: Final = select(*(one for one in _row if one.name != "patch"), _VISITS.cast(JSONB).label("visits"))
"""Without the change, which may be a megabyte and has a question of its own."""


async def read(connection: AsyncConnection, where: ColumnElement[bool]) -> Run:
    """The run of which this is true. Raises NotFound."""
    found = (await connection.execute(_WHOLE.where(where))).mappings().one_or_none()
    if found is None:
        raise NotFound("There is no such run.")
    return Run.model_validate(dict(found))


async def save(connection: AsyncConnection, run: Run, patch: bytes | None) -> Row[Any] | None:
    """Save the run and the visits that are new, if it stands at the revision that it is known at; None if not.

    Answers with `stirred` and `rank` as they are in the row.
    """
    moved = update(tables.runs).where(_row.id == run.id, _row.revision == run.revision).values(**_values(run, patch))
    found = await connection.execute(moved.returning(_row.stirred, _row.rank, _KNOWN.label("known")))
    saved = found.one_or_none()
    if saved is not None and (new := run.visits[saved.known :]):  # they are never changed afterwards
        visits = [plain(visit.model_dump(mode="json")) for visit in new]
        values = [{"run_id": run.id, "number": at, "visit": visit} for at, visit in enumerate(visits, saved.known)]
        await connection.execute(insert(tables.visits), values)
    return saved


async def other_at_work(connection: AsyncConnection, run: Run) -> int | None:
    """Another run that is at work or parked on the issue or the branch of this one."""
    query = select(_row.id).where(
        _row.repository_id == run.task.repository.id,
        or_(_row.number == run.task.number, and_(_row.branch == run.trail.branch, _row.branch != "")),
        _row.status.in_([Status.RUNNING.value, Status.WAITING.value]),
        _row.id != run.id,
    )
    other: int | None = (await connection.execute(query.limit(1))).scalar_one_or_none()
    return other


def _values(run: Run, patch: bytes | None) -> Mapping[str, Any]:
    values: dict[str, Any] = plain(
        run.model_dump(mode="json", include={"state", "wait", "trail", "status", "at", "error"})
    )
    values |= run.model_dump(include={"tries", "is_reported", "ended_at", "fresh_from", "last_retry"})
    values |= run.trail.model_dump(include={"branch", "pull_request_number"})
    values["revision"] = run.revision + 1
    values["parked_at"] = func.now() if run.status is Status.WAITING else None
    if patch is not None:
        values["patch"] = patch
    return values
