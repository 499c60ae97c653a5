"""Runs, journals, deliveries and the ledger in PostgreSQL, and the queue beside them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.adapters.store.postgres import PostgresStore
from app.adapters.store.queue import ProcrastinateQueue
from app.core.places import NO_LIMITS, Limits

__all__ = ["PostgresStore", "ProcrastinateQueue", "connected", "opened"]


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[AsyncEngine]:
    """Connections to the database at `url`, closed at the end."""
    engine = create_async_engine(url, pool_pre_ping=True, pool_size=10)
    try:
        yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def opened(url: str, queue: ProcrastinateQueue, limits: Limits = NO_LIMITS) -> AsyncIterator[PostgresStore]:
    """The store at `url`, with the queue that its jobs go to, and how many runs it puts to work at once."""
    async with connected(url) as engine:
        yield PostgresStore(engine, queue, limits)
