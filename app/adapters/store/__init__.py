"""Runs, journals, deliveries and the ledger in PostgreSQL, and the queue beside them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import create_async_engine

from app.adapters.store.postgres import PostgresStore
from app.adapters.store.queue import ProcrastinateQueue

__all__ = ["PostgresStore", "ProcrastinateQueue", "opened"]


@asynccontextmanager
async def opened(url: str, queue: ProcrastinateQueue) -> AsyncIterator[PostgresStore]:
    """The store at `url`, with the queue that its jobs go to."""
    engine = create_async_engine(url, pool_pre_ping=True, pool_size=10)
    try:
        yield PostgresStore(engine, queue)
    finally:
        await engine.dispose()
