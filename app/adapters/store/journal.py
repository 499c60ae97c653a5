"""The journal of one visit, and the ledger that follows from it."""

from collections.abc import Sequence
from typing import Final

from pydantic import TypeAdapter
from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.adapters.store import purses, tables
from app.adapters.store.reachable import reachable
from app.core.journal import Entry, ModelAnswered, Opened
from app.core.plain import plain
from app.core.store import Stale

_ENTRY: Final[TypeAdapter[Entry]] = TypeAdapter(Entry)


class PostgresJournal:
    """`Journal` of one visit of one run. Two writers cannot both append: the second gets Stale."""

    def __init__(self, engine: AsyncEngine, run_id: int, visit: int) -> None:
        self._engine = engine
        self._reads = engine.execution_options(isolation_level="AUTOCOMMIT")
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

    async def append(self, entry: Entry, *, patch: bytes | None = None) -> None:
        """As `Journal` says; a model's answer is entered in the ledger with it."""
        if self._next is None:
            await self.entries()
        if isinstance(entry, Opened):
            self._model = entry.model
        values = {"run_id": self._run_id, "visit": self._visit, "number": self._next}
        try:
            async with reachable(), self._engine.begin() as connection:
                added = insert(tables.journal).values(**values, entry=plain(entry.model_dump(mode="json")))
                await connection.execute(added.returning(func.pg_notify("minions_run", str(self._run_id))))
                if patch is not None:
                    run = tables.runs
                    await connection.execute(update(run).where(run.c.id == self._run_id).values(patch=patch))
                if isinstance(entry, ModelAnswered):
                    await self._charge(connection, entry)
        except IntegrityError:
            raise Stale(f"Another worker writes the journal of run {self._run_id}.") from None
        self._next = (self._next or 0) + 1

    async def _charge(self, connection: AsyncConnection, answer: ModelAnswered) -> None:
        usage = answer.usage
        await connection.execute(
            upsert(tables.ledger)
            .values(
                run_id=self._run_id,
                visit=self._visit,
                turn=answer.turn,
                model=answer.model or self._model,
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                cached_tokens=usage.cached_tokens,
                usd=usage.usd,
            )
            .on_conflict_do_nothing()
        )
        await purses.settle(connection, self._run_id, usage.usd)
