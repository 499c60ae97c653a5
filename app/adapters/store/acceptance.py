"""What events lead to. A delivery, the decision on it and the jobs that it causes are stored together or not at all."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.adapters.store import campaigns, orders, places, runs, schedules, summaries, tables, withdrawals
from app.adapters.store.drafts import Drafts
from app.adapters.store.jobs import Queue
from app.adapters.store.reachable import reachable
from app.adapters.store.requests import PostgresRequests
from app.core.campaign import CampaignDraft
from app.core.events import (
    BranchDeleted,
    Closed,
    InstallationChanged,
    IssueEdited,
    Noticed,
    OrderGiven,
    PullReopened,
    Pushed,
    StopRequested,
)
from app.core.orders import Order, ShowStatus, Stop
from app.core.places import Limits
from app.core.store import Act, Delivery, Draft, Receipt

RECENT: Final = timedelta(days=30)
"""A repository in which no run was asked for since is not prepared for another: its mirror would be gone by then."""


class Acceptance:
    """Takes events, each once."""

    def __init__(self, engine: AsyncEngine, queue: Queue, limits: Limits) -> None:
        self._engine = engine
        self._queue = queue
        self._limits = limits
        self._drafts = Drafts(engine, queue)
        self._requests = PostgresRequests(engine, queue)

    async def rehearse(self) -> None:
        """Be ready for a flood before the first delivery of it."""
        await self._drafts.rehearse()

    async def accept(self, delivery: Delivery | None, decision: Act, reason: str) -> Receipt:
        """Store a delivery, the decision and the jobs that it causes; the second time it only says so."""
        if isinstance(decision, Draft):
            return await self._drafts.take(delivery, decision, reason)
        async with reachable(), self._engine.begin() as connection:
            if delivery is not None and not await _is_first(connection, delivery, reason):
                return delivery.known()
            return await self._carry_out(connection, delivery, decision, reason)

    async def _carry_out(  # noqa: C901, PLR0911 - a table: one act, one way
        self, connection: AsyncConnection, delivery: Delivery | None, decision: Act, reason: str
    ) -> Receipt:
        match decision:
            case CampaignDraft():
                return await self._take_campaign(connection, decision, reason)
            case StopRequested():
                return await self._stop(connection, delivery, decision, reason)
            case IssueEdited():
                is_noted = await runs.note_edit(connection, decision)
                where = f"{decision.repository.full_name}#{decision.number}"
                return Receipt(reason=reason if is_noted else f"Nothing is at work on {where}.", is_new=True)
            case PullReopened():
                await summaries.note_reopened(connection, decision.repository.id, decision.number)
                return Receipt(reason=reason, is_new=True)
            case OrderGiven():
                return await self._give(connection, decision, reason)
            case BranchDeleted():
                return await self._end_without_branch(connection, decision, reason)
            case Noticed():
                await self._requests.notice(connection, decision)
                return Receipt(reason=reason, is_new=True)
            case Pushed():
                return await self._warm(connection, decision, reason)
            case InstallationChanged():
                await _note_installation(connection, delivery, decision)
                return Receipt(reason=reason, is_new=True)
            case Draft():
                return await self._drafts.store(connection, None, decision, reason)

    async def _stop(
        self, connection: AsyncConnection, delivery: Delivery | None, event: StopRequested, reason: str
    ) -> Receipt:
        """Note on every run that is meant that it shall end, and have each looked after: it may wait for something."""
        if event.pull is not None:
            await self._close(connection, event, event.pull)
        where = (event.repository.id, event.number)
        campaign_id = await campaigns.at_work(connection, *where, asked_until=event.at)
        if campaign_id is not None:
            await self._tell_campaign(connection, campaign_id, event.intent, Stop(), requester=event.requester)
        meant = await orders.to_stop(connection, event)
        if meant:
            return await self._tell(connection, meant, event.intent, Stop(), reason, requester=event.requester)
        if campaign_id is not None:
            return Receipt(reason=reason, is_new=True)
        if delivery is not None:
            await withdrawals.note(connection, event)
        return Receipt(reason=f"Nothing is at work on {event.repository.full_name}#{event.number}.", is_new=True)

    async def _close(self, connection: AsyncConnection, event: StopRequested, closed: Closed) -> None:
        """Note what became of a pull request. One of ours less waits for review: somebody may begin."""
        repository = event.repository
        is_ours = await summaries.is_known(connection, repository.id, event.number)
        if is_ours:
            await places.lock(connection, repository.installation_id)
        await summaries.note_closed(connection, repository.id, event.number, closed)
        if is_ours:
            await places.give_on(connection, repository.installation_id, self._limits, self._queue.put)

    async def _end_without_branch(self, connection: AsyncConnection, event: BranchDeleted, reason: str) -> Receipt:
        meant = await orders.on_branch(connection, event.repository.id, event.branch)
        if not meant:
            return Receipt(reason=f"Nothing is at work on {event.branch}.", is_new=True)
        return await self._tell(connection, meant, f"gone/{event.repository.id}/{event.branch}", Stop(), reason)

    async def _give(self, connection: AsyncConnection, event: OrderGiven, reason: str) -> Receipt:
        """Note an order on the run or campaign that is meant. Where there is none, somebody is to be told that."""
        campaign_id = await campaigns.told(connection, event)
        if campaign_id is not None:
            who: dict[str, Any] = {"requester": event.requester, "place": event.place}
            await self._tell_campaign(connection, campaign_id, event.intent, event.order, **who)
            return Receipt(reason=reason, is_new=True)
        meant = await orders.told(connection, event)
        if meant:
            who = {"requester": event.requester, "place": event.place, "task": event.task}
            return await self._tell(connection, meant, event.intent, event.order, reason, **who)
        if event.task is None:
            return Receipt(reason=f"There is no such run in {event.repository.full_name}.", is_new=True)
        draft = Draft(intent=event.intent, task=event.task, blueprint=event.order.kind, blueprint_version=0, start="")
        return await self._drafts.store(connection, None, draft, reason)

    async def _take_campaign(self, connection: AsyncConnection, draft: CampaignDraft, reason: str) -> Receipt:
        """Store a campaign. Who asks for a second one on an issue is told how the first one stands."""
        task = draft.task
        known = await campaigns.at_work(connection, task.repository.id, task.number)
        if known is None:
            taken = await campaigns.take(connection, self._queue, draft)
            if taken is None:
                return Receipt(reason="This very request was received before: nothing to do.")
            if (gone := await withdrawals.since(connection, task)) is not None:
                await self._tell_campaign(connection, taken, gone.intent, Stop(), requester=gone.requester)
            return Receipt(reason=reason, is_new=True)
        if not await campaigns.is_known(connection, draft.intent):
            asked = {"requester": task.requester, "place": task.place}
            await self._tell_campaign(connection, known, draft.intent, ShowStatus(), **asked)
        where = f"{task.repository.full_name}#{task.number}"
        return Receipt(reason=f"A campaign is at work on {where} already: it says how it stands.", is_new=True)

    async def _tell_campaign(
        self, connection: AsyncConnection, campaign_id: int, intent: str, order: Order, **who: Any
    ) -> None:
        if await campaigns.note(connection, campaign_id, intent, order, **who):
            await self._queue.put_campaign(connection, campaign_id)

    async def _tell(
        self, connection: AsyncConnection, run_ids: Sequence[int], intent: str, order: Order, reason: str, **who: Any
    ) -> Receipt:
        new = [run_id for run_id in run_ids if await orders.note(connection, run_id, intent, order, **who)]
        for run_id in new:
            await self._queue.put(connection, run_id)
        if not new:
            return Receipt(reason="This very wish was noted before: nothing to do.", run_id=run_ids[-1])
        return Receipt(reason=reason, run_id=run_ids[-1], is_new=True)

    async def _warm(self, connection: AsyncConnection, event: Pushed, reason: str) -> Receipt:
        """Prepare for the next run, where there is likely to be one; and look anew at what is wanted by the clock."""
        await schedules.mark(connection, event.repository)
        if event.reverts:
            await summaries.note_reverted(connection, event.repository.id, event.reverts)
        row = tables.runs.c
        worked = select(row.id).where(
            row.repository_id == event.repository.id,
            row.asked_at > func.now() - RECENT,
            row.trail["base_sha"].astext != "",  # a run that was refused has none
        )
        where = event.repository.full_name
        if (await connection.execute(worked.limit(1))).scalar_one_or_none() is None:
            return Receipt(reason=f"No minion worked in {where} in the last {RECENT.days} days.", is_new=True)
        if not await self._queue.put_warming(connection, event.repository):
            return Receipt(reason=f"{event.branch} of {where} moved, and is about to be fetched already.", is_new=True)
        return Receipt(reason=reason, is_new=True)


async def _is_first(connection: AsyncConnection, delivery: Delivery, reason: str) -> bool:
    values = {**delivery.model_dump(), "reason": reason}
    stored = await connection.execute(
        upsert(tables.deliveries).values(**values).on_conflict_do_nothing().returning(tables.deliveries.c.guid)
    )
    return stored.scalar_one_or_none() is not None


async def _note_installation(
    connection: AsyncConnection, delivery: Delivery | None, change: InstallationChanged
) -> None:
    if delivery is not None and change.change == "unsuspended":
        # Nothing was told of that time: the next look is one at everything, as the first one was.
        await connection.execute(delete(tables.recoveries).where(tables.recoveries.c.app_id == delivery.app_id))
    state = {"suspended": "suspended", "deleted": "deleted"}.get(change.change, "active")
    # GitHub tells when something about an installation changed last, which its end is not: that is now.
    at = None if change.change == "deleted" else change.at
    values = {"account": change.account, "state": state, "changed_at": at or datetime.now(UTC)}
    await connection.execute(
        upsert(tables.installations)
        .values(id=change.installation_id, **values)
        # Ids are not given twice: what arrives late does not bring back what was removed.
        .on_conflict_do_update(index_elements=["id"], set_=values, where=tables.installations.c.state != "deleted")
    )
