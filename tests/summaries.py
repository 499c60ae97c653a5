"""Many runs that never were, with what they came to, for pages about many runs."""

import json
from collections.abc import Mapping
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

_RUNS: Final = """
INSERT INTO runs (key, intent, installation_id, repository_id, number, task, blueprint, blueprint_version, status, at,
    state, trail, error, is_reported, pull_request_number, asked_at, ended_at)
SELECT 'filled-' || n, 'filled/' || n, 1, repository, n,
    jsonb_build_object(
        'repository', jsonb_build_object('id', repository, 'full_name', CAST(:names AS jsonb)->>repository::text,
            'installation_id', 1),
        'number', n,
        'title', (ARRAY['Accents disappear from slugs', 'The parser is slow on long lines',
            'Say in the help what it does', 'Dates before 1970 are wrong', 'Tests need the network'])[1 + n % 5],
        'body', repeat('It happens since the last release. ', 20),
        'requester', jsonb_build_object('id', 1 + n % 7,
            'login', (ARRAY['ann', 'bob', 'cyd', 'dan', 'eli', 'fay', 'gus'])[1 + n % 7]),
        'asked_at', now()),
    'fix', 1, CASE WHEN n % 10 = 0 THEN 'failed' WHEN n % 23 = 0 THEN 'stopped' ELSE 'done' END, 'watch', '{}',
    jsonb_build_object('checks', CASE n % 4 WHEN 0 THEN 'red' ELSE 'green' END),
    CASE WHEN n % 10 = 0 THEN (ARRAY['The tests are still red. See below.', 'The box ran out of memory.',
        'The model refused.'])[1 + n / 10 % 3] WHEN n % 23 = 0 THEN '`ann` stopped it.' ELSE '' END,
    true, CASE WHEN n % 10 = 0 OR n % 23 = 0 THEN NULL ELSE 100000 + n END,
    now() - make_interval(hours => (n * :hours / :runs)::int), now()
FROM (SELECT n, (CAST(:ids AS bigint[]))[1 + n % cardinality(CAST(:ids AS bigint[]))] AS repository
    FROM generate_series(1, :runs) AS n) AS numbers
"""
_SUMMARIES: Final = """
INSERT INTO summaries (run_id, repository_id, repository, number, title, requester, blueprint, model, status, cause,
    asked_at, usd, pull_request_number, proposed_at, first_checks, rounds, closed_at, merged_at, is_untouched, comments,
    reverted_at, thumbs_up, thumbs_down)
SELECT id, repository_id, task#>>'{repository,full_name}', number, task->>'title', task#>>'{requester,login}',
    blueprint, (ARRAY['anthropic/claude-opus-4-8', 'openai/gpt-5.5'])[1 + number % 2], status,
    split_part(error, '. ', 1), asked_at, 0.2 + number % 17 * 0.09, pull_request_number,
    CASE WHEN pull_request_number IS NOT NULL THEN asked_at + make_interval(secs => 240 + number % 31 * 40) END,
    CASE WHEN pull_request_number IS NOT NULL THEN trail->>'checks' ELSE '' END, 1 + number % 3 / 2,
    CASE WHEN pull_request_number IS NOT NULL AND number % 5 < 4 THEN asked_at + interval '1 day' END,
    CASE WHEN pull_request_number IS NOT NULL AND number % 3 < 2 AND number % 5 < 4
        THEN asked_at + interval '1 day' END,
    number % 4 < 3, number % 6, CASE WHEN number % 97 = 0 THEN asked_at + interval '3 days' END,
    number % 3, number % 7 / 6
FROM runs WHERE key LIKE 'filled-%'
"""
_AT_ONCE: Final = "SET CONSTRAINTS summarise IMMEDIATE"
_FORGET: Final = "DELETE FROM summaries WHERE run_id IN (SELECT id FROM runs WHERE key LIKE 'filled-%')"
"""The database sums up a run by its usage, which these have none of: what it wrote makes room for what they came to."""
_TRIED: Final = """
WITH worked AS (
    INSERT INTO ledger (run_id, visit, turn, model, input_tokens, output_tokens, cached_tokens, usd)
    SELECT id, 1, 1, CAST(:model AS text), 1, 1, 0, 0.2 FROM runs WHERE key LIKE 'filled-%'
)
UPDATE runs SET terms = jsonb_build_object('arms', jsonb_build_object(CAST(:role AS text), jsonb_build_object(
    'stable', CAST(:stable AS text), 'round', 1,
    'model', CASE number % 2 WHEN 0 THEN CAST(:stable AS text) ELSE CAST(:model AS text) END)))
WHERE key LIKE 'filled-%'
"""
_COST: Final = "UPDATE summaries SET usd = 0.5 + number % 2 * 0.25"
"""What changes a run sums it up anew, by its usage, which these have none of."""


async def tried(url: str, *, role: str, stable: str, model: str) -> None:
    """Have half of what `fill` made be the work of a model that is tried beside the stable one."""
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text(_TRIED), {"role": role, "stable": stable, "model": model})
        await connection.execute(text(_COST))
    await engine.dispose()


async def fill(url: str, *, runs: int, repositories: Mapping[int, str], weeks: int = 11) -> None:
    """Put so many runs of so many weeks into a database, and its statistics in order."""
    engine = create_async_engine(url)
    names = {str(number): name for number, name in repositories.items()}
    values = {"runs": runs, "hours": weeks * 7 * 24, "ids": list(repositories), "names": json.dumps(names)}
    async with engine.begin() as connection:
        await connection.execute(text(_RUNS), values)
        await connection.execute(text(_AT_ONCE))
        await connection.execute(text(_FORGET))
        await connection.execute(text(_SUMMARIES))
        await connection.execute(text("ANALYZE runs, summaries"))
    await engine.dispose()
