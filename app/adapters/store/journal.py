"""The journal of one visit, and the ledger that follows from it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import psycopg
from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.adapters.store import purses, tables
from app.adapters.store.additions import WRITE, Addition, values
from app.adapters.store.connections import Connections
from app.adapters.store.reachable import reachable
from app.core.journal import Entry, ModelAnswered, Opened
from app.core.plain import plain
from app.core.store import Stale

_ENTRY: Final[TypeAdapter[Entry]] = TypeAdapter(Entry)


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
        """As `Journal` says."""
        row = tables.journal.c
        query = select(row.entry).where(row.run_id == self._run_id, row.visit == self._visit).order_by(row.number)
        async with reachable(), self._reads.connect() as connection:
            found = list((await connection.execute(query)).scalars())
        entries = [_ENTRY.validate_python(entry) for entry in found]
        if self._next not in {None, len(entries)}:
            raise self._stale
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
        addition = Addition(
            run_id=self._run_id,
            visit=self._visit,
            first=start,
            entries=[json.dumps(plain(entry.model_dump(mode="json"))) for entry in entries],
            patch=patch,
            charge=self._charge(answer) if answer else None,
            is_alone=answer is not None,
        )
        try:
            async with reachable():
                if not await self._engine.additions.write(addition) and answer:
                    await self._write_and_settle(addition, answer)
        except (IntegrityError, psycopg.IntegrityError):
            raise self._stale from None
        self._next = start + len(entries)

    async def _write_and_settle(self, addition: Addition, answer: ModelAnswered) -> None:
        """In one transaction with what the answer does to purses."""
        async with self._engine.begin() as connection:
            await connection.exec_driver_sql(WRITE, values([replace(addition, is_alone=False)]))
            await purses.settle(connection, self._run_id, answer.usage.usd)

    @property
    def _stale(self) -> Stale:
        return Stale(f"Another worker writes the journal of run {self._run_id}.")

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
