"""The rows of runs and of their visits."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, DateTime, Row, ScalarSelect, and_, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.store import tables
from app.core.errors import NotFound
from app.core.events import IssueEdited
from app.core.plain import plain
from app.core.run import Run, Status
from app.core.store import Site
from app.core.task import Repository

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

    Answers with `stirred`, `rank` and `edited_at` as they are in the row.
    """
    moved = update(tables.runs).where(_row.id == run.id, _row.revision == run.revision).values(**_values(run, patch))
    found = await connection.execute(moved.returning(_row.stirred, _row.rank, _row.edited_at, _KNOWN.label("known")))
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


async def sites(connection: AsyncConnection) -> list[Site]:
    """Where runs on issues or pull requests have not ended."""
    asked_at = func.min(_row.task["asked_at"].astext.cast(DateTime(timezone=True)))
    where = (_row.repository_id, _row.installation_id)
    query = (
        select(
            *where, func.max(_row.task[("repository", "full_name")].astext).label("full_name"), asked_at.label("since")
        )
        .where(~_row.is_reported, _row.ended_at.is_(None), _row.number > 0)
        .group_by(*where)
        .order_by(*where)
    )
    return [
        Site(
            repository=Repository(id=one.repository_id, full_name=one.full_name, installation_id=one.installation_id),
            since=one.since,
        )
        for one in await connection.execute(query)
    ]


async def unfinished_on(connection: AsyncConnection, repository_id: int, numbers: Collection[int]) -> list[int]:
    """Runs on these issues or pull requests that have not ended, also those that opened them."""
    here = (_row.repository_id == repository_id, _row.ended_at.is_(None), _row.number > 0)
    meant = or_(_row.number.in_(numbers), _row.pull_request_number.in_(numbers))
    return list((await connection.execute(select(_row.id).where(*here, meant).order_by(_row.id))).scalars())


async def note_edit(connection: AsyncConnection, event: IssueEdited) -> bool:
    """Note on the runs at work on an issue that its words are not those any more that they go by; False if none is."""
    asked_at = _row.task["asked_at"].astext.cast(DateTime(timezone=True))
    at_work = (
        _row.repository_id == event.repository.id,
        _row.number == event.number,
        _row.ended_at.is_(None),
        asked_at < event.at,
    )
    edited = update(tables.runs).where(*at_work).values(edited_at=func.greatest(_row.edited_at, event.at))
    return (await connection.execute(edited)).rowcount > 0


def _values(run: Run, patch: bytes | None) -> Mapping[str, Any]:
    values: dict[str, Any] = plain(
        run.model_dump(mode="json", include={"state", "wait", "trail", "status", "at", "error"})
    )
    values |= run.model_dump(
        include={"tries", "is_reported", "ended_at", "fresh_from", "last_retry", "blueprint", "blueprint_version"}
    )
    values |= run.trail.model_dump(include={"branch", "pull_request_number"})
    values["terms"] = plain(run.terms.model_dump(mode="json", exclude_defaults=True))
    values["revision"] = run.revision + 1
    values["parked_at"] = func.now() if run.status is Status.WAITING else None
    if patch is not None:
        values["patch"] = patch
    return values
