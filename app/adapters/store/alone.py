"""That one worker at a time does something, whichever it is."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.adapters.store.reachable import reachable


@asynccontextmanager
async def alone(engine: AsyncEngine, *key: Any) -> AsyncIterator[bool]:
    """Whether it is ours to do what `key` stands for: one number, or two.

    The turn ends with its transaction, so also with the process. Raises StoreDown.
    """
    async with AsyncExitStack() as stack:
        async with reachable():
            connection = await stack.enter_async_context(engine.connect())
            is_ours = bool((await connection.execute(select(func.pg_try_advisory_xact_lock(*key)))).scalar_one())
        yield is_ours
