"""What pages read of runs, each by few and small queries."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Final

import psycopg
from pydantic import TypeAdapter
from sqlalchemy import Row, TextClause, func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.adapters.store import tables
from app.adapters.store.reachable import reachable
from app.core.errors import NotFound
from app.core.glance import BEFORE_ALL, GIST, SAID, Glance, Place, Standing
from app.core.journal import Entry
from app.core.run import Run, Visit
from app.core.store import Recorded

_log = logging.getLogger(__name__)

CHANNEL: Final = "minions_run"
"""On which PostgreSQL tells the id of a run with which something happened."""
HEEDED: Final = "heeded"
"""What became of an order that was carried out."""
_PAUSE_S: Final = 2.0
"""Before the database is asked once more to tell of changes, when it was away."""
_ENTRY: Final[TypeAdapter[Entry]] = TypeAdapter(Entry)
_WITHOUT: Final = {"patch"}
"""Columns of `runs` that may be megabytes."""

_GLANCES: Final[TextClause] = text(f"""
SELECT visit, number, at, kind,
    left(said, CASE WHEN kind IN ('tool called', 'tool returned') THEN {GIST} ELSE {SAID} END) AS text,
    coalesce(length(said), 0) AS size,
    coalesce((entry->>'turn')::int, 0) AS turn,
    coalesce(entry->>'call_id', '') AS call_id,
    coalesce(entry->>'tool', '') AS tool,
    coalesce((entry->>'ok')::boolean, true) AS ok,
    coalesce((entry->>'seconds')::float, 0) AS seconds,
    coalesce(entry->>'model', '') AS model,
    coalesce((entry#>>'{{usage,input_tokens}}')::int, 0) AS input_tokens,
    coalesce((entry#>>'{{usage,output_tokens}}')::int, 0) AS output_tokens,
    coalesce((entry#>>'{{usage,usd}}')::float, 0) AS usd,
    CASE WHEN kind = 'masked' THEN json_array_length(entry->'places') ELSE 0 END AS count,
    CASE WHEN kind = 'opened' THEN coalesce(entry->'tokens', '{{}}'::json) ELSE '{{}}'::json END AS tokens
FROM (
    SELECT visit, number, at, entry, entry->>'kind' AS kind,
        CASE entry->>'kind'
            WHEN 'model answered' THEN
                CASE json_typeof(entry#>'{{message,content}}')
                    WHEN 'array' THEN (
                        SELECT string_agg(part->>'text', E'\\n')
                        FROM json_array_elements(entry#>'{{message,content}}') AS part)
                    ELSE entry#>>'{{message,content}}'
                END
            WHEN 'tool called' THEN coalesce(
                entry#>>'{{arguments,command}}', entry#>>'{{arguments,path}}', entry#>>'{{arguments,pattern}}',
                entry#>>'{{arguments,summary}}', entry#>>'{{arguments,reason}}', '')
            WHEN 'closed' THEN coalesce(
                entry#>>'{{result,summary}}', nullif(entry#>>'{{result,detail}}', ''), entry#>>'{{result,reason}}',
                entry#>>'{{result,explanation}}', '')
            WHEN 'switched' THEN entry->>'why'
            ELSE coalesce(entry->>'text', '')
        END AS said
    FROM journal
    WHERE run_id = :run_id AND visit >= 0 AND (visit, number) > (:visit, :number)
) AS entries
ORDER BY visit, number
""")  # noqa: S608 - only numbers of ours are put in
"""The long parts stay in the database: a journal of 500 turns has tens of megabytes of them."""


class PostgresReader:
    """`Reader` on PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def standing(self, key: str) -> Standing:
        """The run with this page key. Raises NotFound."""
        row, visit, order, paid = tables.runs.c, tables.visits.c, tables.orders.c, tables.ledger.c
        columns = [column for column in row if column.name not in _WITHOUT]
        turns_of = func.count().filter(paid.output_tokens > 0)  # what was embedded is no turn
        spent = select(func.coalesce(func.sum(paid.usd), 0.0), turns_of).where
        async with reachable(), self._engine.connect() as connection:
            query = select(*columns, func.md5(row.patch).label("digest")).where(row.key == key)
            found = (await connection.execute(query)).mappings().one_or_none()
            if found is None:
                raise NotFound("There is no such run.")
            run_id = found["id"]
            visits = await connection.execute(select(visit.visit).where(visit.run_id == run_id).order_by(visit.number))
            usd, turns = (await connection.execute(spent(paid.run_id == run_id))).one()
            orders = (
                await connection.execute(
                    select(order.order, order.fate).where(order.run_id == run_id).order_by(order.id)
                )
            ).all()
            run = Run.model_validate({**found, "visits": [Visit.model_validate(one) for one in visits.scalars()]})
        return Standing(
            run=run,
            patch_digest=found["digest"],
            usd=usd,
            turns=turns,
            told=tuple(one.order["kind"] for one in orders if not one.fate),
            raised_usd=sum(one.order.get("usd", 0) for one in orders if one.fate == HEEDED),
        )

    async def glances(self, run_id: int, after: Place = BEFORE_ALL) -> Sequence[Glance]:
        """The journal of a run after a place, in order."""
        values = {"run_id": run_id, "visit": after.visit, "number": after.number}
        async with reachable(), self._engine.connect() as connection:
            return [_glance(row) for row in await connection.execute(_GLANCES, values)]

    async def entry(self, run_id: int, place: Place) -> Recorded:
        """One entry in full. Raises NotFound."""
        row = tables.journal.c
        query = select(tables.journal).where(row.run_id == run_id, row.visit == place.visit, row.number == place.number)
        async with reachable(), self._engine.connect() as connection:
            found = (await connection.execute(query)).mappings().one_or_none()
        if found is None:
            raise NotFound("There is no such entry.")
        return Recorded(
            visit=found["visit"], number=found["number"], at=found["at"], entry=_ENTRY.validate_python(found["entry"])
        )

    async def patch(self, run_id: int) -> bytes:
        """The change as it was saved last."""
        async with reachable(), self._engine.connect() as connection:
            found = await connection.execute(select(tables.runs.c.patch).where(tables.runs.c.id == run_id))
            return bytes(found.scalar_one())

    async def changes(self) -> AsyncIterator[int | None]:
        """Ids of runs with which something happens from now on; None: it may have happened with any of them.

        One connection, whoever looks on. While the database is away it is asked again and again.
        """
        conninfo = self._engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    yield None  # what happened before the first word is not told
                    async for word in connection.notifies():
                        yield int(word.payload) if word.payload.isdecimal() else None
            except psycopg.Error as error:
                _log.info("The database does not tell of changes now: %s", type(error).__name__)
            await asyncio.sleep(_PAUSE_S)


def _glance(row: Row[tuple[object, ...]]) -> Glance:
    said = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's own name for it, and public
    return Glance.model_validate({**said, "text": said["text"] or ""})
