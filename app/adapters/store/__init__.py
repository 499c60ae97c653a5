"""Runs, journals, deliveries and the ledger in PostgreSQL, and the queue beside them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.adapters.store.connections import connected
from app.adapters.store.postgres import PostgresStore
from app.adapters.store.queue import ProcrastinateQueue
from app.core.places import NO_LIMITS, Limits
from app.core.purse import NO_CAPS, Caps

__all__ = ["PostgresStore", "ProcrastinateQueue", "connected", "opened"]


@asynccontextmanager
async def opened(
    url: str, queue: ProcrastinateQueue, limits: Limits = NO_LIMITS, caps: Caps = NO_CAPS
) -> AsyncIterator[PostgresStore]:
    """The store at `url`, with the queue that its jobs go to, how many runs it puts to work, and what they may cost."""
    async with connected(url) as engine:
        yield PostgresStore(engine, queue, limits, caps)
