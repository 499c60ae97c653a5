"""What GitHub tells later of the narrow row of a run, from which figures are made.

The rest of it the database keeps by itself: migration 0015 has the function that does.
"""

from collections.abc import Sequence

from sqlalchemy import and_, exists, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.store import tables
from app.core.events import Closed


async def is_known(connection: AsyncConnection, repository_id: int, number: int) -> bool:
    """Whether a run opened this pull request."""
    row = tables.summaries.c
    here = select(row.run_id).where(row.repository_id == repository_id, row.pull_request_number == number)
    return (await connection.execute(here.limit(1))).scalar_one_or_none() is not None


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
            commits=sorted({closed.merge_sha, closed.head_sha} - {""}) if closed.is_merged else None,
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


_BY_HAND = text("""
UPDATE summaries SET reverted_at = now()
WHERE repository_id = :repository_id AND merged_at IS NOT NULL AND reverted_at IS NULL AND EXISTS (
    SELECT FROM unnest(commits) AS ours, unnest(CAST(:shas AS text[])) AS named WHERE starts_with(ours, named))
""")


async def note_reverted(connection: AsyncConnection, repository_id: int, shas: Sequence[str]) -> None:
    """Write down which merged pull requests of runs these commits belonged to: they were taken back by hand."""
    await connection.execute(_BY_HAND, {"repository_id": repository_id, "shas": list(shas)})


async def note_reopened(connection: AsyncConnection, repository_id: int, number: int) -> None:
    """What became of a pull request is open once more; what was merged cannot be reopened."""
    row = tables.summaries.c
    here = (row.repository_id == repository_id, row.pull_request_number == number, row.merged_at.is_(None))
    again = update(tables.summaries).where(*here)
    await connection.execute(again.values(closed_at=None, is_untouched=None, comments=None, is_ending=False))
