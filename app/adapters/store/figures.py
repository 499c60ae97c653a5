"""Figures about many runs: one pass over narrow rows for all groups together."""

import asyncio
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
SELECT CASE grouping(repository_id, blueprint, model, week)
        WHEN 7 THEN 'repository' WHEN 11 THEN 'blueprint' WHEN 13 THEN 'model' WHEN 14 THEN 'week' ELSE 'all' END AS by,
    coalesce(CASE grouping(repository_id, blueprint, model, week)
        WHEN 7 THEN max(repository) WHEN 11 THEN blueprint WHEN 13 THEN model
        WHEN 14 THEN to_char(week, 'YYYY-MM-DD') END, '') AS name,
    coalesce(sum(runs), 0)::int AS runs, coalesce(sum(opened), 0)::int AS opened,
    coalesce(sum(merged), 0)::int AS merged, coalesce(sum(untouched), 0)::int AS untouched,
    coalesce(sum(checked), 0)::int AS checked, coalesce(sum(green_at_first), 0)::int AS green_at_first,
    sum(rounds)::float / nullif(sum(waited), 0)::float AS rounds,
    sum(comments)::float / nullif(sum(closed), 0)::float AS comments,
    coalesce(sum(reverted), 0)::int AS reverted,
    coalesce(sum(thumbs_up), 0)::int AS thumbs_up, coalesce(sum(thumbs_down), 0)::int AS thumbs_down,
    exp(sum(logs) / nullif(sum(timed), 0)::float) AS seconds,
    coalesce(sum(usd), 0) AS usd
FROM (
    SELECT repository_id, max(repository) AS repository, blueprint, model,
        date_trunc('week', asked_at AT TIME ZONE 'UTC') AS week,
        count(*) AS runs, count(pull_request_number) AS opened, count(merged_at) AS merged,
        count(*) FILTER (WHERE merged_at IS NOT NULL AND is_untouched) AS untouched,
        count(*) FILTER (WHERE pull_request_number IS NOT NULL AND first_checks IN ('green', 'red')) AS checked,
        count(*) FILTER (WHERE pull_request_number IS NOT NULL AND first_checks = 'green') AS green_at_first,
        sum(rounds) AS rounds, count(*) FILTER (WHERE rounds > 0) AS waited,
        sum(comments) AS comments, count(closed_at) AS closed,
        count(*) FILTER (WHERE reverted_at <= merged_at + interval '14 days') AS reverted,
        sum(thumbs_up) AS thumbs_up, sum(thumbs_down) AS thumbs_down,
        sum(ln(greatest(date_part('epoch', proposed_at - asked_at), 1))) AS logs, count(proposed_at) AS timed,
        sum(usd) AS usd
    FROM summaries WHERE {where}
    GROUP BY repository_id, blueprint, model, week
) AS parts
GROUP BY GROUPING SETS ((), (repository_id), (blueprint), (model), (week))
ORDER BY runs DESC, name
"""
"""First the smallest groups, in one pass over all rows; what is shown is made of those, and they are few."""
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
        groups, causes, runs = await asyncio.gather(
            self._rows(_GROUPS.format(where=where), values),
            self._causes(where, values),
            self.listed(wanted, repositories, MOST_LISTED + 1),
        )
        return Overview(groups=_groups([Group.model_validate(row) for row in groups]), causes=causes, runs=runs)

    async def listed(self, wanted: Wanted, repositories: Collection[int] | None, at_most: int) -> Sequence[Listed]:
        """The newest of these runs, as far as the page that is wanted goes."""
        where, values = _chosen(wanted, repositories)
        values |= {"most": at_most, "skipped": (wanted.page - 1) * MOST_LISTED}
        rows = await self._rows(_RUNS.format(where=where, outcome=_OUTCOME), values)
        return [Listed.model_validate(row) for row in rows]

    async def _causes(self, where: str, values: dict[str, Any]) -> Sequence[Cause]:
        found = await self._rows(_CAUSES.format(where=where, most=_MOST_CAUSES), values)
        newest = {"ids": [run_id for cause in found for run_id in cause["newest"]]}
        titles = {row["id"]: (row["key"], row["title"]) for row in await self._rows(_EXAMPLES, newest)}
        return [
            Cause(
                sentence=one["sentence"],
                runs=one["runs"],
                examples=[titles[run_id] for run_id in one["newest"] if run_id in titles],
            )
            for one in found
        ]

    async def _rows(self, query: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        async with reachable(), self._engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(text(query), values)).mappings()]


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
