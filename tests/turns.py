"""Turns of a minion that never was, for the pages of long runs."""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import create_engine, text

from app.core.blueprint import Kind
from app.core.run import Visit

_JOURNAL: Final = """
INSERT INTO journal (run_id, visit, number, entry)
SELECT :run_id, 0, 4 * (turn - 1) + place, CASE place
    WHEN 0 THEN json_build_object('kind', 'model asked', 'turn', turn, 'reserved_usd', 0.01)
    WHEN 1 THEN json_build_object('kind', 'model answered', 'turn', turn, 'finish_reason', 'tool_calls', 'seconds', 2,
        'message', json_build_object('content', repeat('I look at <where> a line ends. ', :words)),
        'usage', json_build_object('turns', 1, 'input_tokens', 40000, 'output_tokens', 200, 'usd', 0.01))
    WHEN 2 THEN json_build_object('kind', 'tool called', 'call_id', 'c' || turn, 'tool', 'bash',
        'arguments', json_build_object('command', repeat('pytest -x tests/test_parser.py ', 20)))
    ELSE json_build_object('kind', 'tool returned', 'call_id', 'c' || turn, 'ok', true, 'seconds', 1,
        'text', repeat('. ', 2000)) END
FROM generate_series(CAST(:first AS int), CAST(:last AS int)) AS turn, generate_series(0, 3) AS place
ORDER BY turn, place
"""
_VISIT: Final = """
INSERT INTO visits (run_id, number, visit)
SELECT id, 0, CAST(:visit AS jsonb) FROM runs WHERE key = :key
RETURNING run_id
"""


def write(url: str, run_id: int, first: int, last: int, *, words: int = 50) -> None:
    """Turns of a minion, from the first to the last; it says more than is shown, or little."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(_JOURNAL), {"run_id": run_id, "first": first, "last": last, "words": words})
    engine.dispose()


def lengthen(url: str, key: str, turns: int) -> None:
    """Give the run whose page has this key a first visit of so many turns, in which little is said."""
    visit = Visit(
        node="implement",
        title="Change the code",
        kind=Kind.AGENT,
        outcome="changed",
        started_at=datetime(2026, 1, 2, tzinfo=UTC),
        seconds=3_000,
    )
    engine = create_engine(url)
    with engine.begin() as connection:
        found = connection.execute(text(_VISIT), {"key": key, "visit": visit.model_dump_json()})
        run_id = int(found.scalar_one())
    engine.dispose()
    write(url, run_id, 1, turns, words=3)
