"""The narrow row of a run, from which figures about many are made."""

from typing import Final

from sqlalchemy import and_, exists, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.store import tables
from app.core.events import Closed

_COLUMNS: Final = """
INSERT INTO summaries (
    run_id, repository_id, repository, number, title, requester, blueprint, model, status, cause, asked_at, usd,
    pull_request_number, proposed_at, first_checks, rounds
)
SELECT runs.id, runs.repository_id, coalesce(runs.task#>>'{repository,full_name}', ''), runs.number,
    left(coalesce(runs.task->>'title', ''), 300), coalesce(runs.task#>>'{requester,login}', ''), runs.blueprint,
    coalesce(paid.model, ''), runs.status,
    CASE WHEN runs.status IN ('failed', 'stopped', 'refused') OR (runs.status = 'done' AND runs.error <> '') THEN
        regexp_replace(left(split_part(split_part(runs.error, E'\\n', 1), '. ', 1), 160), '`[^`]*`|[0-9]+', '…', 'g')
    ELSE '' END,
    runs.asked_at, coalesce(paid.usd, 0),
    CASE WHEN NOT coalesce((runs.task->>'is_pull_request')::boolean, false) THEN runs.pull_request_number END,
    CASE WHEN runs.pull_request_number IS NOT NULL THEN now() END, coalesce(runs.trail->>'checks', ''), looked.rounds
FROM runs
LEFT JOIN LATERAL (
    SELECT sum(usd) AS usd, (array_agg(model ORDER BY at DESC))[1] AS model FROM ledger WHERE run_id = runs.id
) AS paid ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS rounds FROM visits WHERE run_id = runs.id AND visit->>'node' = 'watch'
) AS looked ON true
"""
"""A cause is the first sentence that people were told, without its names and numbers, so that like stands with like.
`watch` is the node of `blueprints/steps/ci.py` that waits for checks; each visit saw one round of them."""

_NOTE: Final = text(
    _COLUMNS
    + """WHERE runs.id = :run_id
ON CONFLICT (run_id) DO UPDATE SET
    model = excluded.model, status = excluded.status, cause = excluded.cause, usd = excluded.usd,
    pull_request_number = excluded.pull_request_number,
    proposed_at = coalesce(summaries.proposed_at, excluded.proposed_at),
    first_checks = CASE WHEN summaries.first_checks <> '' THEN summaries.first_checks ELSE excluded.first_checks END,
    rounds = excluded.rounds
"""
)


async def note(connection: AsyncConnection, run_id: int) -> None:
    """Write down what a run has come to so far."""
    await connection.execute(_NOTE, {"run_id": run_id})


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
