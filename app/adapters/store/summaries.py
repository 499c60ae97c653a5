"""What GitHub tells later of the narrow row of a run, from which figures are made.

The rest of it the database keeps by itself: migration 0015 has the function that does.
"""

from sqlalchemy import and_, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.store import tables
from app.core.events import Closed


async def note_closed(connection: AsyncConnection, repository_id: int, number: int, closed: Closed) -> None:
    """Write down what a pull request came to, if a run opened it, and what it took back, if it did."""
    row, run = tables.summaries.c, tables.runs.c
    ours = exists().where(
        and_(
            run.repository_id == repository_id,
            run.pull_request_number == number,
            run.trail["head_sha"].astext == closed.head_sha,
        )
    )
    opened = update(tables.summaries).where(row.repository_id == repository_id, row.pull_request_number == number)
    merged_at = func.now() if closed.is_merged else None
    await connection.execute(
        opened.values(
            closed_at=func.now(),
            merged_at=merged_at,
            is_untouched=select(ours).scalar_subquery(),
            comments=closed.comments,
        )
    )
    if closed.is_merged and closed.reverts:
        taken_back = update(tables.summaries).where(
            row.repository_id == repository_id,
            row.pull_request_number == closed.reverts,
            row.merged_at.is_not(None),
            row.reverted_at.is_(None),
        )
        await connection.execute(taken_back.values(reverted_at=func.now()))


async def note_reopened(connection: AsyncConnection, repository_id: int, number: int) -> None:
    """What became of a pull request is open once more; what was merged cannot be reopened."""
    row = tables.summaries.c
    here = (row.repository_id == repository_id, row.pull_request_number == number, row.merged_at.is_(None))
    again = update(tables.summaries).where(*here)
    await connection.execute(again.values(closed_at=None, is_untouched=None, comments=None, is_ending=False))
