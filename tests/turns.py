"""Turns of a minion that never was, for the pages of long runs."""

from typing import Final

from sqlalchemy import create_engine, text

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


def write(url: str, run_id: int, first: int, last: int, *, words: int = 50) -> None:
    """Turns of a minion, from the first to the last; it says more than is shown, or little."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(_JOURNAL), {"run_id": run_id, "first": first, "last": last, "words": words})
    engine.dispose()


def number_of(url: str, key: str) -> int:
    """The id of the run whose page has this key."""
    engine = create_engine(url)
    with engine.begin() as connection:
        number = connection.execute(text("SELECT id FROM runs WHERE key = :key"), {"key": key}).scalar_one()
    engine.dispose()
    return int(number)
