"""The journal of one visit, and the ledger that follows from it."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import BigInteger, Select, Text, bindparam, cast, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.adapters.store import purses, tables
from app.adapters.store.reachable import reachable
from app.adapters.store.reader import CHANNEL
from app.core.journal import Entry, ModelAnswered, Opened
from app.core.plain import plain
from app.core.store import Stale

_ENTRY: Final[TypeAdapter[Entry]] = TypeAdapter(Entry)
_NEW: Final = "new_"
"""Before names of parameters: one that is called like a column is written to it in every part of a statement."""


class PostgresJournal:
    """`Journal` of one visit of one run. Two writers cannot both append: the second gets Stale."""

    def __init__(self, engine: AsyncEngine, run_id: int, visit: int) -> None:
        self._engine = engine
        self._each = engine.execution_options(isolation_level="AUTOCOMMIT")
        """For single statements, which need no transaction around them."""
        self._run_id = run_id
        self._visit = visit
        self._next: int | None = None
        self._model = ""

    async def entries(self) -> Sequence[Entry]:
        """Everything so far, oldest first."""
        row = tables.journal.c
        query = select(row.entry).where(row.run_id == self._run_id, row.visit == self._visit).order_by(row.number)
        async with reachable(), self._each.connect() as connection:
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
        values = {
            "run_id": self._run_id,
            "visit": self._visit,
            "number": self._next,
            "entry": plain(entry.model_dump(mode="json")),
            "patch": patch,
            **(self._charge(entry) if isinstance(entry, ModelAnswered) else {}),
        }
        write = _WRITE[patch is not None, isinstance(entry, ModelAnswered)]
        try:
            async with reachable(), self._writing(entry) as connection:
                await connection.execute(write, {f"{_NEW}{name}": value for name, value in values.items()})
                if isinstance(entry, ModelAnswered):
                    await purses.settle(connection, self._run_id, entry.usage.usd)
        except IntegrityError:
            raise Stale(f"Another worker writes the journal of run {self._run_id}.") from None
        self._next = (self._next or 0) + 1

    def _writing(self, entry: Entry) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction for what takes several statements."""
        return self._engine.begin() if isinstance(entry, ModelAnswered) else self._each.connect()

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


def _write(*, with_patch: bool, with_charge: bool) -> Select[Any]:
    """All that belongs to an entry, as one statement: with a transaction around several it takes twice as long.

    PostgreSQL makes all of its parts or none: https://www.postgresql.org/docs/current/queries-with.html
    """
    written = insert(tables.journal).values(_new("run_id", "visit", "number", "entry"))
    told = func.pg_notify(CHANNEL, cast(bindparam(f"{_NEW}run_id", type_=BigInteger), Text))
    statement = select(told).add_cte(written.cte("written"))
    if with_patch:
        run = tables.runs
        saved = update(run).where(run.c.id == bindparam(f"{_NEW}run_id")).values(_new("patch"))
        statement = statement.add_cte(saved.cte("saved"))
    if with_charge:
        names = ("run_id", "visit", "turn", "model", "input_tokens", "output_tokens", "cached_tokens", "usd")
        charged = upsert(tables.ledger).values(_new(*names)).on_conflict_do_nothing()
        statement = statement.add_cte(charged.cte("charged"))
    return statement


def _new(*names: str) -> dict[str, Any]:
    return {name: bindparam(f"{_NEW}{name}") for name in names}


_WRITE: Final = {
    (patch, charge): _write(with_patch=patch, with_charge=charge) for patch in (False, True) for charge in (False, True)
}
"""The statement, by whether a change is saved with the entry, and whether it is charged."""
