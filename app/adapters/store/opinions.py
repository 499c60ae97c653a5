"""What people think of pull requests, in the narrow rows from which figures are made."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.adapters.store import tables
from app.adapters.store.reachable import reachable
from app.core.opinions import Posts, Thumbs
from app.core.task import Repository

_NEW: Final = timedelta(days=60)
"""Asked for that long ago, a run is history, whatever became of it."""
_CLOSED: Final = timedelta(days=14)
"""People say what they think while they review, or soon after."""


class PostgresOpinions:
    """`Opinions` on PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def due(self, at_most: int) -> Sequence[Posts]:
        """Of the pull requests that people still look at, those that were asked about the longest ago."""
        row, run = tables.summaries.c, tables.runs.c
        query = (
            select(row.run_id, row.pull_request_number, run.task["repository"], run.trail["comment_id"])
            .join(tables.runs, run.id == row.run_id)
            .where(
                row.pull_request_number.is_not(None),
                row.asked_at > func.now() - _NEW,
                or_(row.closed_at.is_(None), row.closed_at > func.now() - _CLOSED),
            )
            .order_by(row.polled_at.asc().nulls_first(), row.run_id)
            .limit(at_most)
        )
        async with reachable(), self._engine.connect() as connection:
            found = (await connection.execute(query)).all()
        return [
            Posts(
                run_id=run_id,
                pull_request_number=number,
                repository=Repository.model_validate(repository),
                comment_id=comment_id,
            )
            for run_id, number, repository, comment_id in found
        ]

    async def note(self, run_id: int, thumbs: Thumbs | None) -> None:
        """Write down what there is, and that it was asked for; None: nobody could say."""
        told = {} if thumbs is None else {"thumbs_up": thumbs.up, "thumbs_down": thumbs.down}
        noted = update(tables.summaries).where(tables.summaries.c.run_id == run_id)
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(noted.values(polled_at=func.now(), **told))
