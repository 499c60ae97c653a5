"""Which pull requests of minions wait for review, in PostgreSQL, and whose turn it is to look after them."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import CompoundSelect, Select, and_, exists, func, or_, select, union_all, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncEngine

from app.adapters.store import tables
from app.adapters.store.alone import alone
from app.adapters.store.reachable import reachable
from app.core.proposals import Desk, Proposed
from app.core.run import Status
from app.core.task import Repository

_TURN: Final = 0x64657363  # "desc"
_run = tables.runs.c
_told = tables.summaries.c


class PostgresProposals:
    """`Proposals` on PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    def turn(self) -> AbstractAsyncContextManager[bool]:
        """Whether it is ours to look."""
        return alone(self._engine, _TURN)

    async def due(self, *, often: timedelta, seldom: timedelta) -> Sequence[Desk]:
        """Where nobody has looked for so long."""
        held = tables.runs.alias("held").c
        waits = exists().where(
            held.installation_id == _run.installation_id, held.was_held, held.status == Status.QUEUED.value
        )
        looked_at = tables.desks.c.looked_at
        is_due = or_(looked_at.is_(None), looked_at < func.now() - seldom, and_(waits, looked_at < func.now() - often))
        proposed = (
            select(
                _told.repository_id,
                _told.repository,
                _run.installation_id,
                _told.pull_request_number.label("number"),
                _told.is_ending,
                waits.label("is_waited_for"),
            )
            .join(tables.runs, _run.id == _told.run_id)
            .outerjoin(tables.desks, tables.desks.c.repository_id == _told.repository_id)
            .where(_told.pull_request_number.is_not(None), _told.closed_at.is_(None), is_due)
        )
        async with reachable(), self._engine.connect() as connection:
            found = (await connection.execute(proposed.order_by(_told.repository_id, "number"))).all()
            about = (await connection.execute(_about(proposed))).all() if found else []
        heads, at_work = defaultdict(set), set()
        for one in about:
            heads[one.repository_id, one.number].add(one.head)
            if one.ended_at is None:
                at_work.add((one.repository_id, one.number))
        desks: dict[int, list[Proposed]] = defaultdict(list)
        for one in found:
            place = one.repository_id, one.number
            heads_here = frozenset(filter(None, heads[place]))
            desks[one.repository_id].append(
                Proposed(number=one.number, heads=heads_here, is_at_work=place in at_work, is_ending=one.is_ending)
            )
        last = {one.repository_id: one for one in found}
        return [
            Desk(
                repository=Repository(id=number, full_name=one.repository, installation_id=one.installation_id),
                proposed=tuple(desks[number]),
                is_waited_for=one.is_waited_for,
            )
            for number, one in last.items()
        ]

    async def end(self, repository_id: int, number: int) -> None:
        """It is about to be closed by us."""
        here = (_told.repository_id == repository_id, _told.pull_request_number == number)
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(update(tables.summaries).where(*here).values(is_ending=True))

    async def note(self, repository_id: int) -> None:
        """Somebody has looked there just now."""
        new = upsert(tables.desks).values(repository_id=repository_id, looked_at=func.now())
        now = {"looked_at": func.now()}
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(new.on_conflict_do_update(index_elements=["repository_id"], set_=now))


def _about(proposed: Select[Any]) -> CompoundSelect[Any]:
    """The runs that opened or followed up on these pull requests. Each way by itself: together they have no index."""
    there = proposed.cte("proposed")
    ways = [
        select(
            there.c.repository_id, there.c.number, _run.trail["head_sha"].astext.label("head"), _run.ended_at
        ).join_from(there, tables.runs, and_(_run.repository_id == there.c.repository_id, way == there.c.number))
        for way in (_run.number, _run.pull_request_number)
    ]
    return union_all(*ways)
