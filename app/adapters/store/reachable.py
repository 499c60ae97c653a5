"""What a database that is away is called."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from procrastinate.exceptions import ConnectorException
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.core.store import StoreDown


@asynccontextmanager
async def reachable() -> AsyncIterator[None]:
    """Say StoreDown for a database that is away; faults of ours stay what they are."""
    try:
        yield
    except (IntegrityError, psycopg.IntegrityError):
        raise
    except (DBAPIError, psycopg.OperationalError, psycopg.InterfaceError, ConnectorException, OSError) as error:
        # The url stays out of it: it may hold a password.
        raise StoreDown("The database cannot be reached.", detail=str(getattr(error, "orig", error))) from None
