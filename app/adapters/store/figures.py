"""Figures about many runs: one pass over narrow rows for all groups together."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.adapters.store.reachable import reachable
from app.core.figures import MOST_LISTED, Cause, Group, Listed, Overview, Wanted

_MOST_GROUPS: Final = 200
_MOST_CAUSES: Final = 12

_OUTCOME: Final = """CASE
    WHEN merged_at IS NOT NULL THEN 'merged'
    WHEN closed_at IS NOT NULL THEN 'closed'
    WHEN status IN ('queued', 'running', 'waiting') THEN 'at work'
    WHEN status IN ('failed', 'stopped', 'refused') THEN status
    WHEN pull_request_number IS NOT NULL THEN 'pull request'
    ELSE 'nothing' END"""

_GROUPS: Final = """
SELECT CASE grouping(repository, blueprint, model, week)
        WHEN 7 THEN 'repository' WHEN 11 THEN 'blueprint' WHEN 13 THEN 'model' WHEN 14 THEN 'week' ELSE 'all' END AS by,
    coalesce(CASE grouping(repository, blueprint, model, week)
        WHEN 7 THEN repository WHEN 11 THEN blueprint WHEN 13 THEN model
        WHEN 14 THEN to_char(week, 'YYYY-MM-DD') END, '') AS name,
    count(*) AS runs, count(pull_request_number) AS opened, count(merged_at) AS merged,
    count(*) FILTER (WHERE merged_at IS NOT NULL AND is_untouched) AS untouched,
    count(*) FILTER (WHERE pull_request_number IS NOT NULL AND first_checks IN ('green', 'red')) AS checked,
    count(*) FILTER (WHERE pull_request_number IS NOT NULL AND first_checks = 'green') AS green_at_first,
    (avg(rounds) FILTER (WHERE rounds > 0))::float AS rounds,
    (avg(comments) FILTER (WHERE closed_at IS NOT NULL))::float AS comments,
    count(*) FILTER (WHERE reverted_at <= merged_at + interval '14 days') AS reverted,
    exp(avg(ln(greatest(extract(epoch FROM proposed_at - asked_at)::float, 1)))) AS seconds,
    coalesce(sum(usd), 0) AS usd
FROM (
    SELECT *, date_trunc('week', asked_at, 'UTC') AS week FROM summaries WHERE {where}
) AS chosen
GROUP BY GROUPING SETS ((), (repository), (blueprint), (model), (week))
ORDER BY runs DESC, name
"""
_CAUSES: Final = """
SELECT cause AS sentence, count(*) AS runs, (array_agg(run_id ORDER BY run_id DESC))[1:3] AS newest
FROM summaries WHERE {where} AND cause <> '' AND pull_request_number IS NULL
GROUP BY cause ORDER BY runs DESC, cause LIMIT {most}
"""
_EXAMPLES: Final = """
SELECT runs.id, runs.key, summaries.title FROM runs JOIN summaries ON summaries.run_id = runs.id
WHERE runs.id = ANY(:ids)
"""
_RUNS: Final = """
SELECT chosen.*, runs.key FROM (
    SELECT run_id, repository, number, title, requester, blueprint, model, {outcome} AS outcome, asked_at, usd,
        pull_request_number
    FROM summaries WHERE {where} ORDER BY run_id DESC LIMIT :most OFFSET :skipped
) AS chosen JOIN runs ON runs.id = chosen.run_id ORDER BY run_id DESC
"""


class PostgresFigures:
    """`Figures` on PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def overview(self, wanted: Wanted, repositories: Collection[int] | None) -> Overview:
        """Of runs in these repositories, by their ids; None for all."""
        where, values = _chosen(wanted, repositories)
        async with reachable(), self._engine.connect() as connection:
            groups = await connection.execute(text(_GROUPS.format(where=where)), values)
            rows = groups.mappings().all()
            found = await connection.execute(text(_CAUSES.format(where=where, most=_MOST_CAUSES)), values)
            causes = found.mappings().all()
            ids = [run_id for cause in causes for run_id in cause["newest"]]
            titles = {one.id: (one.key, one.title) for one in await connection.execute(text(_EXAMPLES), {"ids": ids})}
        return Overview(
            groups=_groups([Group.model_validate(dict(row)) for row in rows]),
            causes=[
                Cause(
                    sentence=one["sentence"],
                    runs=one["runs"],
                    examples=[titles[run_id] for run_id in one["newest"] if run_id in titles],
                )
                for one in causes
            ],
            runs=await self.listed(wanted, repositories, MOST_LISTED + 1),
        )

    async def listed(self, wanted: Wanted, repositories: Collection[int] | None, at_most: int) -> Sequence[Listed]:
        """The newest of these runs, as far as the page that is wanted goes."""
        where, values = _chosen(wanted, repositories)
        values |= {"most": at_most, "skipped": (wanted.page - 1) * MOST_LISTED}
        async with reachable(), self._engine.connect() as connection:
            found = await connection.execute(text(_RUNS.format(where=where, outcome=_OUTCOME)), values)
            return [Listed.model_validate(dict(row)) for row in found.mappings()]


def _groups(found: Sequence[Group]) -> Sequence[Group]:
    """At most so many of each kind: weeks by time, the others by their size."""
    weeks = sorted((one for one in found if one.by == "week"), key=lambda one: one.name, reverse=True)
    others = [one for one in found if one.by != "week"]
    kinds: dict[str, int] = {}
    kept: list[Group] = []
    for group in (*others, *weeks):
        kinds[group.by] = kinds.get(group.by, 0) + 1
        if kinds[group.by] <= _MOST_GROUPS:
            kept.append(group)
    return kept


def _chosen(wanted: Wanted, repositories: Collection[int] | None) -> tuple[str, dict[str, Any]]:
    """The condition that chooses the runs, and its values. Nothing that somebody typed becomes part of it."""
    conditions, values = ["true"], dict[str, Any]()
    for name in ("repository", "blueprint", "model", "requester"):
        if value := getattr(wanted, name):
            conditions.append(f"lower({name}) = lower(:{name})")
            values[name] = value
    if wanted.outcome:
        conditions.append(f"({_OUTCOME}) = :outcome")
        values["outcome"] = wanted.outcome
    if wanted.text:
        conditions.append("(position(lower(:text) IN lower(title)) > 0 OR :figure IN (number, pull_request_number))")
        digits = wanted.text.removeprefix("#")
        values |= {"text": wanted.text, "figure": int(digits) if digits.isdecimal() and len(digits) < 10 else -1}
    if wanted.weeks:
        conditions.append("asked_at >= date_trunc('week', now(), 'UTC') - make_interval(weeks => :weeks)")
        values["weeks"] = wanted.weeks - 1
    if repositories is not None:
        conditions.append("repository_id = ANY(:repositories)")
        values["repositories"] = list(repositories)
    return " AND ".join(conditions), values
