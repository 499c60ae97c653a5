"""What the store needs of a queue."""

from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import ranks
from app.core.task import Repository


class Queue(Protocol):
    """Takes "advance run N", "open request N" and their like in the transaction of the caller."""

    async def put(self, connection: AsyncConnection, run_id: int, *, priority: int = ranks.BEGUN) -> None:
        """Have the run advanced now; `priority` is that of `core/ranks.py`."""
        ...

    def putting(self, run_id: ColumnElement[int], priority: ColumnElement[int]) -> ColumnElement[Any]:
        """The same as a part of somebody's statement, which has to select it."""
        ...

    async def put_later(
        self, connection: AsyncConnection, run_id: int, revision: int, at: datetime, *, priority: int = ranks.BEGUN
    ) -> None:
        """Have the run advanced at `at`, if it still stands at `revision` then."""
        ...

    async def put_warming(self, connection: AsyncConnection, repository: Repository) -> bool:
        """Have the repository fetched and set up ahead; False if that waits to be done already."""
        ...

    async def put_request(self, connection: AsyncConnection, request_id: int) -> None:
        """Have an issue opened for the request, and its run started."""
        ...

    async def put_campaign(self, connection: AsyncConnection, campaign_id: int) -> None:
        """Have it looked what the campaign was told, and what of it may begin."""
        ...
