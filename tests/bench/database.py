"""An embedded PostgreSQL with every table, for as long as a benchmark takes."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.adapters.postgres import EmbeddedPostgres
from app.adapters.store.schema import migrate


@asynccontextmanager
async def database() -> AsyncIterator[str]:
    """Its url."""
    with tempfile.TemporaryDirectory(prefix="minions-bench-") as folder:
        home = Path(folder)
        await asyncio.to_thread(home.chmod, 0o711)
        server = EmbeddedPostgres(home)
        url = await asyncio.to_thread(server.start)
        try:
            await asyncio.to_thread(migrate, url)
            yield url
        finally:
            await asyncio.to_thread(server.stop)
