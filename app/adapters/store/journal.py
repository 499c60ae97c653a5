"""The journal of one visit, and the ledger that follows from it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, LiteralString

import psycopg
from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.adapters.store import purses, tables
from app.adapters.store.connections import Connections
from app.adapters.store.reachable import reachable
from app.core.journal import Entry, ModelAnswered, Opened
from app.core.plain import plain
from app.core.store import Stale

_ENTRY: Final[TypeAdapter[Entry]] = TypeAdapter(Entry)
_WRITE: Final[LiteralString] = """
    WITH written AS (
        INSERT INTO journal (run_id, visit, number, entry)
        SELECT %(run_id)s, %(visit)s, %(next)s::int + place - 1, entry::json
        FROM unnest(%(entries)s::text[]) WITH ORDINALITY AS given (entry, place)
        WHERE NOT %(is_alone)s OR NOT EXISTS (SELECT FROM holds WHERE run_id = %(run_id)s)
            AND NOT EXISTS (SELECT FROM purses)
        RETURNING number
    ),
    begun AS (SELECT FROM written LIMIT 1),
    saved AS (
        UPDATE runs SET patch = %(patch)b FROM begun WHERE id = %(run_id)s AND %(is_changed)s
    ),
    charged AS (
        INSERT INTO ledger (run_id, visit, turn, model, input_tokens, output_tokens, cached_tokens, usd)
        SELECT %(run_id)s, %(visit)s, %(turn)s::int, %(model)s::text,
            %(input_tokens)s::int, %(output_tokens)s::int, %(cached_tokens)s::int, %(usd)s::float
        FROM begun WHERE %(turn)s::int IS NOT NULL
        ON CONFLICT DO NOTHING
    )
    SELECT pg_notify('minions_run', %(run_id)s::text) FROM begun
"""
"""All that belongs to some entries, as one statement: with a transaction around several it takes twice as long.

PostgreSQL makes all of its parts or none: https://www.postgresql.org/docs/current/queries-with.html
What is written alone is not written where an answer has to be settled with a purse; there it answers with no row.
"""
_NO_CHARGE: Final[Mapping[str, Any]] = dict.fromkeys(
    ("turn", "model", "input_tokens", "output_tokens", "cached_tokens", "usd")
)


class PostgresJournal:
    """`Journal` of one visit of one run. Two writers cannot both append: the second gets Stale."""

    def __init__(self, engine: Connections, run_id: int, visit: int) -> None:
        self._engine = engine
        self._reads = engine.execution_options(isolation_level="AUTOCOMMIT")
        """For single questions, which need no transaction around them."""
        self._run_id = run_id
        self._visit = visit
        self._next: int | None = None
        self._model = ""

    async def entries(self) -> Sequence[Entry]:
        """Everything so far, oldest first."""
        row = tables.journal.c
        query = select(row.entry).where(row.run_id == self._run_id, row.visit == self._visit).order_by(row.number)
        async with reachable(), self._reads.connect() as connection:
            found = list((await connection.execute(query)).scalars())
        entries = [_ENTRY.validate_python(entry) for entry in found]
        self._next = len(entries)
        self._model = next((entry.model for entry in entries if isinstance(entry, Opened)), "")
        return entries

    async def append(self, *entries: Entry, patch: bytes | None = None) -> None:
        """As `Journal` says; a model's answer, of which there is one at most, is entered in the ledger with it."""
        if self._next is None:
            await self.entries()
        start = self._next or 0
        self._model = next((entry.model for entry in entries if isinstance(entry, Opened)), self._model)
        answer = next((entry for entry in entries if isinstance(entry, ModelAnswered)), None)
        values = {
            "run_id": self._run_id,
            "visit": self._visit,
            "next": start,
            "entries": [json.dumps(plain(entry.model_dump(mode="json"))) for entry in entries],
            "is_changed": patch is not None,
            "patch": patch or b"",
            "is_alone": answer is not None,
            **(self._charge(answer) if answer else _NO_CHARGE),
        }
        try:
            async with reachable():
                if await self._engine.writers.write(_WRITE, values) is None and answer:
                    await self._write_and_settle(values, answer)
        except (IntegrityError, psycopg.IntegrityError):
            raise Stale(f"Another worker writes the journal of run {self._run_id}.") from None
        self._next = start + len(entries)

    async def _write_and_settle(self, values: Mapping[str, Any], answer: ModelAnswered) -> None:
        """In one transaction with what the answer does to purses."""
        async with self._engine.begin() as connection:
            await connection.exec_driver_sql(_WRITE, {**values, "is_alone": False})
            await purses.settle(connection, self._run_id, answer.usage.usd)

    def _charge(self, answer: ModelAnswered) -> dict[str, Any]:
        usage = answer.usage
        return {
            "turn": answer.turn,
            "model": answer.model or self._model,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cached_tokens": usage.cached_tokens,
            "usd": usage.usd,
        }
