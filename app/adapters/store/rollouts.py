"""What is known of models that are tried: figures from the runs themselves, and who was rolled back."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Integer, and_, case, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncEngine

from app.adapters.store import tables
from app.adapters.store.reachable import reachable
from app.core.rollout import MOST_COSTS, Candidate, Figures, RolledBack
from app.core.run import Status

_run = tables.runs.c
_gone = tables.rollbacks.c
_GOOD: Final = ("", "green", "none", "unreadable")
"""Checks of a pull request that do not speak against it."""


class PostgresRollouts:
    """`Rollouts` in PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def figures(self, role: str, stable: str, candidate: Candidate) -> tuple[Figures, Figures]:
        """As `Rollouts` says."""
        arm = _run.terms[("arms", role)]
        model, number = arm["model"].astext, func.coalesce(arm["round"].astext.cast(Integer), 1)
        is_tried = and_(arm["stable"].astext == stable, model == candidate.model, number == candidate.round)
        first = select(func.min(_run.id)).where(is_tried).scalar_subquery()
        worked = exists().where(tables.ledger.c.run_id == _run.id)
        is_well = and_(
            _run.status == Status.DONE.value,
            _run.pull_request_number.is_not(None),
            func.coalesce(_run.trail["checks"].astext, "").in_(_GOOD),
        )
        compared = and_(
            arm["stable"].astext == stable,
            or_(model == stable, is_tried),
            _run.id >= first,
            _run.status.in_([Status.DONE.value, Status.FAILED.value]),
            worked,
        )
        counts = select(model, func.count(), func.sum(case((is_well, 1), else_=0))).where(compared).group_by(model)
        place = func.row_number().over(partition_by=model, order_by=_run.id.desc())
        summary = tables.summaries.c
        newest = (
            select(model.label("model"), summary.usd.label("usd"), place.label("place"))
            .join(tables.summaries, summary.run_id == _run.id)
            .where(compared)
            .subquery()
            .c
        )
        costs = (
            select(newest.model, func.array_agg(newest.usd)).where(newest.place <= MOST_COSTS).group_by(newest.model)
        )
        async with reachable(), self._engine.connect() as connection:
            usd = {name: tuple(each) for name, each in await connection.execute(costs)}
            found = {
                name: Figures(runs=runs, well=well, costs=usd.get(name, ()))
                for name, runs, well in await connection.execute(counts)
            }
        return found.get(stable, Figures()), found.get(candidate.model, Figures())

    async def roll_back(self, role: str, stable: str, candidate: Candidate, why: str) -> bool:
        """As `Rollouts` says."""
        values = {"role": role, "stable": stable, "model": candidate.model, "round": candidate.round, "why": why}
        said = upsert(tables.rollbacks).values(**values).on_conflict_do_nothing().returning(_gone.model)
        async with reachable(), self._engine.begin() as connection:
            return (await connection.execute(said)).first() is not None

    async def rolled_back(self) -> Sequence[RolledBack]:
        """As `Rollouts` says."""
        query = select(tables.rollbacks).order_by(_gone.at.desc())
        async with reachable(), self._engine.connect() as connection:
            return [RolledBack.model_validate(dict(one)) for one in (await connection.execute(query)).mappings()]
