"""Connections for writes of one statement each: no pool that looks after transactions, no statement that is made anew.

A minion waits for its journal twice a turn. By SQLAlchemy that takes three times the work.
"""

import time
from asyncio import Semaphore
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, LiteralString

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import URL

_MOST: Final = 10
"""At the same time, as in the pool beside it; whoever comes then waits for a moment."""


class Writers:
    """A few connections to the database at `url`, opened as they are needed, each tried when it rested for `rested_s`.

    Every statement is a transaction of its own, and is prepared once for each connection. For what somebody else has
    locked it waits `patience_s`, or as long as it takes.
    """

    def __init__(self, url: URL, *, rested_s: float, patience_s: float | None = None) -> None:
        self._url = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._rested_s = rested_s
        self._patience_s = patience_s
        self._free: list[tuple[psycopg.AsyncConnection[tuple[Any, ...]], float]] = []
        """The one that was used last is at the end, each with the moment of its last use."""
        self._turns = Semaphore(_MOST)

    async def write(self, statement: LiteralString, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Carry it out; the rows that it answers. Raises psycopg.Error."""
        async with self._taken() as connection:
            return await (await connection.execute(statement, values, prepare=True)).fetchall()

    async def close(self) -> None:
        """Close what is open. Nobody may write any more."""
        while self._free:
            await self._free.pop()[0].close()

    @asynccontextmanager
    async def _taken(self) -> AsyncIterator[psycopg.AsyncConnection[tuple[Any, ...]]]:
        async with self._turns:
            connection = await self._usable()
            try:
                yield connection
            finally:
                if connection.info.transaction_status is TransactionStatus.IDLE:
                    self._free.append((connection, time.monotonic()))
                else:  # closed from afar, or given up in the middle
                    await connection.close()

    async def _usable(self) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        while self._free:
            connection, used_at = self._free.pop()
            if time.monotonic() - used_at <= self._rested_s or await _answers(connection):
                return connection
            await self.close()  # those that rested for longer are of the same time
        connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
        if self._patience_s is not None:
            patience = f"{self._patience_s * 1_000:.0f}ms"
            await connection.execute("SELECT set_config('lock_timeout', %s, false)", [patience])
        return connection


async def _answers(connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> bool:
    try:
        await connection.execute("")
    except psycopg.Error:
        await connection.close()
        return False
    return True
