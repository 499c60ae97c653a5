"""Budgets of a month, and of campaigns, in PostgreSQL, shared by all workers.

A purse is one row for each level, owner and month. It is made when the first call is paid from it, from what the ledger
says of that month, and kept up to date from then on, whether or not there is a budget at that level just now. Whoever
changes purses locks their rows first, always in the same order, so that nobody sees what another one is about to spend
as free, and no two wait for each other.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Select, delete, func, literal, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.adapters.store import tables
from app.adapters.store.reachable import reachable
from app.core.purse import LEVELS, NEWEST, Caps, Estimate, Held, Level, Used, estimated, free, weighed
from app.core.run import Status
from app.core.task import Task

_run = tables.runs.c
_purse = tables.purses.c
_REQUESTER: Final = _run.task[("requester", "id")].astext
_UTC: Final = func.timezone("UTC", func.now())
_MONTH: Final = func.to_char(_UTC, "YYYY-MM")
EVER: Final = "ever"
"""In the place of the month, for what has none."""
_BEGAN: Final = func.timezone("UTC", func.date_trunc("month", _UTC))


class PostgresPurse:
    """`Purse` of one run."""

    def __init__(self, engine: AsyncEngine, run_id: int, task: Task, caps: Caps) -> None:
        self._engine = engine
        self._run_id = run_id
        self._task = task
        self._caps = caps

    async def reserve(self, usd: float) -> Held:
        """As `Purse` says."""
        if not self._is_limited:
            return free(usd)
        async with reachable(), self._engine.begin() as connection:
            month, caps = await self._opened(connection)
            await release(connection, self._run_id)
            held = weighed(caps, await self._used(connection, month), usd)
            if held.is_granted:
                owners = owners_of(self._task)
                # Only where it is held: a purse that is made later, for a budget that is new, must not give it back.
                held_at = await _add(connection, owners, month, held=usd)
                at = {level: owners[level] for level in LEVELS if level in held_at}
                await connection.execute(
                    upsert(tables.holds).values(run_id=self._run_id, month=month, usd=usd, owners=at)
                )
        return held

    async def look(self) -> Held:
        """As `Purse` says."""
        if not self._is_limited:
            return free(0.0)
        async with reachable(), self._engine.begin() as connection:
            month, caps = await self._opened(connection)
            used = await self._used(connection, month)
        found = weighed(caps, used, 0.0)
        if found.level is None:  # of a campaign that was forgotten, where nothing else has a budget
            return found
        return found.model_copy(update={"is_granted": found.left_usd > 0})

    @property
    def _is_limited(self) -> bool:
        return bool(self._caps.limited) or self._task.campaign is not None

    async def _opened(self, connection: AsyncConnection) -> tuple[str, Caps]:
        """Lock this run's purses of the month, made before if there is none; answer with the month and all budgets.

        That of a campaign was made with it, and holds what of its budget was spent from the first call on.
        """
        month = str((await connection.execute(select(_MONTH))).scalar_one())
        owners = owners_of(self._task)
        known = {level for level, _ in await _lock(connection, owners, month)}
        if missing := [level for level in self._caps.limited if level not in known]:
            for level in missing:
                spent = _spent(level, self._task).scalar_subquery()
                made = upsert(tables.purses).from_select(
                    ["level", "owner", "month", "spent_usd"],
                    select(literal(level), literal(owners[level]), literal(month), spent),
                )
                await connection.execute(made.on_conflict_do_nothing())
            await _lock(connection, owners, month)
        if self._task.campaign is None:
            return month, self._caps
        row = tables.campaigns.c
        budget = select(row.budget_usd).where(row.id == self._task.campaign)
        usd = (await connection.execute(budget)).scalar_one_or_none()
        if usd is None:  # forgotten, with the installation that asked for it: the other budgets hold
            return month, self._caps
        return month, self._caps.model_copy(update={"campaign": float(usd)})

    async def _used(self, connection: AsyncConnection, month: str) -> Mapping[Level, Used]:
        query = select(_purse.level, _purse.spent_usd, _purse.held_usd).where(_are(owners_of(self._task), month))
        found = (await connection.execute(query)).all()
        return {one.level: Used(spent_usd=one.spent_usd, held_usd=one.held_usd) for one in found}


async def used_of_all(connection: AsyncConnection) -> float:
    """What everybody spent since there is a budget for all of it, and holds for calls without an answer, in dollars."""
    both = func.coalesce(func.sum(_purse.spent_usd + _purse.held_usd), 0.0)
    return float((await connection.execute(select(both).where(_purse.level == "month"))).scalar_one())


def owners_of(task: Task) -> dict[Level, str]:
    """Whose purse a run draws on at each level."""
    installation = str(task.repository.installation_id)
    owners: dict[Level, str] = {
        "repository": str(task.repository.id),
        "requester": f"{installation}/{task.requester.id}",
        "organisation": installation,
        "month": "all",
    }
    return owners if task.campaign is None else owners | {"campaign": str(task.campaign)}


async def settle(connection: AsyncConnection, run_id: int, usd: float) -> None:
    """A call of the run was answered and did cost this: nothing is held for it any more, in the same transaction.

    It is paid from the month in which it was begun.
    """
    is_kept = select(tables.holds.c.run_id).where(tables.holds.c.run_id == run_id).exists()
    if not (await connection.execute(select(or_(is_kept, select(_purse.level).exists())))).scalar_one():
        return  # nobody ever set a budget here
    month = await release(connection, run_id)
    task = Task.model_validate((await connection.execute(select(_run.task).where(_run.id == run_id))).scalar_one())
    month = month or str((await connection.execute(select(_MONTH))).scalar_one())
    owners = owners_of(task)
    await _lock(connection, owners, month)
    await _add(connection, owners, month, spent=usd)


async def release(connection: AsyncConnection, run_id: int) -> str:
    """Give back what the run holds; answer with the month from which it was, empty if there was nothing."""
    hold = tables.holds.c
    gone = delete(tables.holds).where(hold.run_id == run_id).returning(hold.month, hold.usd, hold.owners)
    found = (await connection.execute(gone)).one_or_none()
    if found is None:
        return ""
    await _lock(connection, found.owners, found.month)
    await _add(connection, found.owners, found.month, held=-found.usd)
    return str(found.month)


async def estimate(connection: AsyncConnection, repository_id: int, blueprint: str) -> Estimate | None:
    """What a run of this blueprint in this repository is likely to cost; None if too few came to an end of theirs."""
    ended = (
        select(_run.id)
        .where(_run.repository_id == repository_id, _run.blueprint == blueprint, _run.status == Status.DONE.value)
        .order_by(_run.asked_at.desc())
        .limit(NEWEST)
        .subquery()
    )
    entry = tables.ledger.c
    costs = select(func.sum(entry.usd)).join(ended, ended.c.id == entry.run_id).group_by(entry.run_id)
    return estimated([float(cost) for cost in (await connection.execute(costs)).scalars()])


def _spent(level: Level, task: Task) -> Select[tuple[float]]:
    """What the ledger says was spent in this month at a level."""
    entry = tables.ledger.c
    query = select(func.coalesce(func.sum(entry.usd), 0.0)).join(tables.runs, _run.id == entry.run_id)
    query = query.where(entry.at >= _BEGAN)
    installation = _run.installation_id == task.repository.installation_id
    match level:
        case "repository":
            return query.where(_run.repository_id == task.repository.id)
        case "requester":
            return query.where(installation, str(task.requester.id) == _REQUESTER)
        case "organisation":
            return query.where(installation)
        case "month":
            return query
        case "campaign":
            return _of_campaign(task)


def _of_campaign(task: Task) -> Select[tuple[float]]:
    """What the ledger says was ever spent by the parts of its campaign."""
    entry = tables.ledger.c
    query = select(func.coalesce(func.sum(entry.usd), 0.0)).join(tables.runs, _run.id == entry.run_id)
    return query.where(_run.task["campaign"].astext == str(task.campaign))


def _are(owners: Mapping[Level, str], month: str) -> ColumnElement[bool]:
    keys = [(level, owners[level], EVER if level == "campaign" else month) for level in LEVELS if level in owners]
    return tuple_(_purse.level, _purse.owner, _purse.month).in_(keys)


async def _lock(connection: AsyncConnection, owners: Mapping[Level, str], month: str) -> Sequence[tuple[str, str]]:
    order = select(_purse.level, _purse.owner).where(_are(owners, month)).order_by(_purse.level, _purse.owner)
    found = await connection.execute(order.with_for_update())
    return [(one.level, one.owner) for one in found]


async def _add(
    connection: AsyncConnection, owners: Mapping[Level, str], month: str, *, spent: float = 0, held: float = 0
) -> set[str]:
    """Count it at every level that has a purse; answer with these."""
    more = {"spent_usd": _purse.spent_usd + spent, "held_usd": _purse.held_usd + held}
    change = update(tables.purses).where(_are(owners, month)).values(**more).returning(_purse.level)
    return set((await connection.execute(change)).scalars())
