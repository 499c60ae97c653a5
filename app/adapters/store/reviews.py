"""Which pull requests of minions wait for review, and how many of them may."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, and_, delete, func, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.store import tables
from app.core.places import ANY_NUMBER, NO_LOAD, Limits, Load, MostOpen, Seat
from app.core.run import Status

_row = tables.runs.c
_limit = tables.review_limits.c
_told = tables.summaries.c
REQUESTER: Final = _row.task[("requester", "id")].astext.cast(BigInteger)
_ON_ISSUE: Final = and_(_row.number > 0, ~func.coalesce(_row.task["is_pull_request"].astext.cast(Boolean), False))
PROPOSES: Final = and_(_ON_ISSUE, _row.pull_request_number.is_(None))
"""Whether a run is to open a pull request that is not open yet."""
SEAT: Final = (_row.repository_id, REQUESTER.label("requester_id"), PROPOSES.label("proposes"))


def seat(one: Any) -> Seat:
    """Where a run counts, of a row that holds `SEAT`."""
    return Seat(one.repository_id, one.requester_id, proposes=one.proposes)


async def keep(connection: AsyncConnection, repository_id: int, own: MostOpen) -> None:
    """Note what a repository says itself."""
    if own == ANY_NUMBER:
        await connection.execute(delete(tables.review_limits).where(_limit.repository_id == repository_id))
        return
    values = {"in_repository": own.repository, "of_requester": own.requester}
    new = upsert(tables.review_limits).values(repository_id=repository_id, **values)
    await connection.execute(new.on_conflict_do_update(index_elements=["repository_id"], set_=values))


async def own(connection: AsyncConnection, repository_ids: Collection[int]) -> Mapping[int, MostOpen]:
    """What these repositories say themselves."""
    if not repository_ids:
        return {}
    query = select(tables.review_limits).where(_limit.repository_id.in_(list(repository_ids)))
    return {
        one.repository_id: MostOpen(repository=one.in_repository, requester=one.of_requester)
        for one in await connection.execute(query)
    }


async def load(connection: AsyncConnection, installation_id: int, limits: Limits, own: Mapping[int, MostOpen]) -> Load:
    """What waits for review in an installation; nothing is looked up where nobody limits it."""
    if all(most == ANY_NUMBER for most in (limits.open, *own.values())):
        return NO_LOAD
    # What this transaction saved of runs is to be seen, too: else it would be told to `summaries` only at its end.
    await connection.execute(text("SET CONSTRAINTS summarise IMMEDIATE"))
    here = _row.installation_id == installation_id
    is_open = and_(_told.pull_request_number.is_not(None), _told.closed_at.is_(None))
    proposed = (
        select(*SEAT)
        .join(tables.summaries, _told.run_id == _row.id)
        .where(here, is_open)
        .ext(distinct_on(_row.repository_id, _told.pull_request_number))
    )
    is_under_way = _row.status.in_([Status.RUNNING.value, Status.WAITING.value])
    is_parked = and_(is_under_way, _row.status == Status.WAITING.value)
    parked = select(*SEAT).where(here, is_parked, _row.pull_request_number.is_(None), _row.number > 0)
    return Load(
        proposed=[seat(one) for one in await connection.execute(proposed)],
        parked=[one for one in map(seat, await connection.execute(parked)) if one.proposes],
        own=own,
    )
