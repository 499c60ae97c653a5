"""Campaigns in PostgreSQL. What begins is decided and begun under the lock of the campaign's row: never by two at once.

A part that begins is a request, with the job that opens it; so from there on it is found again as any other work is.
Whatever ends, a run or a request, puts the job that looks what may begin next in its own transaction.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, Select, TextClause, and_, exists, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.adapters.store import tables
from app.adapters.store.alone import alone
from app.adapters.store.jobs import Queue
from app.adapters.store.purses import EVER
from app.adapters.store.reachable import reachable
from app.adapters.store.requests import PostgresRequests, lock
from app.core.campaign import Campaign, CampaignDraft, Part, PartRun, Stage, next_parts, stage_of
from app.core.campaign_wish import NAME, Spot
from app.core.errors import NotFound
from app.core.events import OrderGiven
from app.core.orders import Given, Order
from app.core.plain import plain
from app.core.requests import Wanted
from app.core.run import Status
from app.core.task import Person, Place

_row = tables.campaigns.c
_part = tables.campaign_parts.c
_order = tables.campaign_orders.c
_run = tables.runs.c
_TURN: Final = 0x63616D70  # "camp"
_UNFINISHED: Final = (Stage.ASKED.value, Stage.AT_WORK.value)


class PostgresCampaigns:
    """`Campaigns` on PostgreSQL."""

    def __init__(self, engine: AsyncEngine, queue: Queue) -> None:
        self._engine = engine
        self._reads = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._queue = queue
        self._requests = PostgresRequests(engine, queue)

    async def begin(self, request_id: int, draft: CampaignDraft) -> None:
        """Make the campaign that a request asks for, unless there is one already or the request was refused."""
        async with reachable(), self._engine.begin() as connection:
            if await lock(connection, request_id) or await is_known(connection, draft.intent):
                return
            if await take(connection, self._queue, draft) is None:
                # Somebody labelled the issue in the moment since it was opened.
                row, why = tables.requests.c, "A campaign is at work on its issue already, which tells of it."
                await connection.execute(update(tables.requests).where(row.id == request_id).values(error=why))

    async def made_of(self, intent: str) -> Campaign | None:
        """The campaign that was made of this act."""
        async with reachable(), self._reads.connect() as connection:
            query = select(tables.campaigns).where(_row.intent == intent)
            row = (await connection.execute(query)).mappings().one_or_none()
            return None if row is None else Campaign.model_validate(dict(row))

    async def give(self, campaign_id: int, intent: str, order: Order, requester: Person) -> None:
        """Tell it something, once, from elsewhere than its issue."""
        async with reachable(), self._engine.begin() as connection:
            if await note(connection, campaign_id, intent, order, requester=requester):
                await self._queue.put_campaign(connection, campaign_id)

    async def load(self, campaign_id: int) -> Campaign:
        """The campaign. Raises NotFound."""
        async with reachable(), self._reads.connect() as connection:
            return await _read(connection, select(tables.campaigns).where(_row.id == campaign_id))

    async def parts(self, campaign_id: int) -> Sequence[Part]:
        """Its parts, in the order in which they were named."""
        async with reachable(), self._reads.connect() as connection:
            return await _parts(connection, campaign_id)

    async def plan(self, campaign: Campaign, spots: Sequence[Spot]) -> None:
        """Note what its parts are, unless that was noted before."""
        values = [
            {"campaign_id": campaign.id, "position": position, **spot.model_dump()}
            for position, spot in enumerate(spots, 1)
        ]
        async with reachable(), self._engine.begin() as connection:
            begun = update(tables.campaigns).where(_row.id == campaign.id, _row.stage == Stage.ASKED.value)
            if (await connection.execute(begun.values(stage=Stage.AT_WORK.value))).rowcount:
                await connection.execute(insert(tables.campaign_parts), values)

    async def refuse(self, campaign: Campaign, why: str) -> None:
        """Note that nothing comes of it; without `why` nothing is told of it either."""
        refused = update(tables.campaigns).where(_row.id == campaign.id, _row.stage == Stage.ASKED.value)
        values = {"stage": Stage.REFUSED.value, "error": plain(why), "is_told": not why}
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(refused.values(**values))

    async def fill(self, campaign_id: int) -> Sequence[Spot]:
        """Begin what may begin, and answer with where."""
        async with reachable(), self._engine.begin() as connection:
            campaign = await _lock(connection, campaign_id)
            where = (campaign.task.repository.id, campaign.task.number)
            if campaign.stage not in {Stage.AT_WORK, Stage.ENDED}:
                return []
            if await at_work(connection, *where) not in {None, campaign_id}:
                return []  # a later one on its issue has taken its place
            parts = await _parts(connection, campaign_id)
            begun = next_parts(campaign.wish.limit, campaign.budget_usd, parts)
            for part, share in begun:
                await self._begin(connection, campaign, part, share)
            stage = Stage.AT_WORK if begun else stage_of(campaign.wish.limit, campaign.budget_usd, parts)
            await _change(connection, campaign_id, stage=stage.value)
        return [part.spot for part, _ in begun]

    async def _begin(self, connection: AsyncConnection, campaign: Campaign, part: Part, share: float) -> None:
        """Ask for the part, in the words of its campaign. One that is asked for once more keeps its issue."""
        here = and_(_part.campaign_id == campaign.id, _part.position == part.position)
        kept = (await connection.execute(select(_part.go, _part.former_id).where(here))).one()
        request = tables.requests.c
        former = select(request.repository, request.number).where(request.id == kept.former_id, request.number > 0)
        known = (await connection.execute(former)).mappings().one_or_none()
        intent = f"campaign/{campaign.id}/{part.position}/{kept.go}"
        request_id = await self._requests.take_part(
            connection, intent, _wanted(campaign, part.spot), None if known is None else dict(known)
        )
        values = {"request_id": request_id, "reserved_usd": share}
        await connection.execute(update(tables.campaign_parts).where(here).values(**values))

    async def orders(self, campaign_id: int) -> Sequence[Given]:
        """What it was told and has not settled yet, oldest first."""
        query = select(tables.campaign_orders).where(_order.campaign_id == campaign_id, ~_order.is_settled)
        async with reachable(), self._reads.connect() as connection:
            rows = (await connection.execute(query.order_by(_order.id))).mappings()
            return [Given.model_validate(dict(one)) for one in rows]

    async def stop(self, campaign_id: int, given: Given) -> None:
        """Let nothing more of it begin, and settle the order."""
        waiting = and_(_part.campaign_id == campaign_id, _part.request_id.is_(None))
        async with reachable(), self._engine.begin() as connection:
            await _lock(connection, campaign_id)
            if await _settle(connection, given):
                await connection.execute(update(tables.campaign_parts).where(waiting).values(is_stopped=True))
                await _change(connection, campaign_id)

    async def retry(self, campaign_id: int, given: Given) -> None:
        """Let what ended without a result begin once more, and settle the order."""
        async with reachable(), self._engine.begin() as connection:
            await _lock(connection, campaign_id)
            if not await _settle(connection, given):
                return
            again = [one.position for one in await _parts(connection, campaign_id) if one.can_be_retried]
            meant = and_(_part.campaign_id == campaign_id, _part.position.in_(again))
            former = func.coalesce(_part.request_id, _part.former_id)
            values = {"go": _part.go + 1, "former_id": former, "request_id": None, "is_stopped": False}
            await connection.execute(update(tables.campaign_parts).where(meant).values(**values, reserved_usd=0))
            await _change(connection, campaign_id)

    async def raise_budget(self, campaign_id: int, given: Given, usd: float) -> None:
        """Give it so much more, and settle the order."""
        async with reachable(), self._engine.begin() as connection:
            await _lock(connection, campaign_id)
            if await _settle(connection, given):
                await _change(connection, campaign_id, budget_usd=_row.budget_usd + usd)

    async def settle(self, given: Given) -> None:
        """Note that nothing more comes of an order."""
        async with reachable(), self._engine.begin() as connection:
            await _settle(connection, given)

    async def unfinished(self) -> Sequence[Campaign]:
        """Those that have not ended, oldest first."""
        query = select(tables.campaigns).where(_row.stage.in_(_UNFINISHED)).order_by(_row.id)
        async with reachable(), self._reads.connect() as connection:
            rows = (await connection.execute(query)).mappings()
            return [Campaign.model_validate(dict(one)) for one in rows]

    def turn(self) -> AbstractAsyncContextManager[bool]:
        """Whether it is ours to tell."""
        return alone(self._engine, _TURN)

    async def untold(self, pause_s: float, at_most: int) -> Sequence[Campaign]:
        """Campaigns of which there is something to tell, and whose comment was not changed for so long."""
        is_due = or_(_row.told_at.is_(None), _row.told_at <= func.now() - timedelta(seconds=pause_s))
        is_known = _row.stage != Stage.ASKED.value
        query = select(tables.campaigns).where(~_row.is_told, is_due, is_known).order_by(_row.told_at.nulls_first())
        async with reachable(), self._reads.connect() as connection:
            rows = (await connection.execute(query.limit(at_most))).mappings()
            return [Campaign.model_validate(dict(one)) for one in rows]

    async def tell(self, campaign: Campaign, *, comment_id: int | None, told: str, is_all: bool) -> None:
        """Note what our comment says, and whether that is all: not if anything happened since it was looked up."""
        values: dict[str, Any] = {"comment_id": comment_id, "told": told}
        if told != campaign.told:
            values["told_at"] = func.now()
        values["is_told"] = (_row.revision == campaign.revision) if is_all else False
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(update(tables.campaigns).where(_row.id == campaign.id).values(**values))


async def take(connection: AsyncConnection, queue: Queue, draft: CampaignDraft) -> int | None:
    """Store a campaign with its purse and the job that looks after it; None if this very one was asked for before,
    or if another one began on the issue just now.
    """
    values = {
        "intent": draft.intent,
        "repository_id": draft.task.repository.id,
        "number": draft.task.number,
        "task": plain(draft.task.model_dump(mode="json")),
        "wish": plain(draft.wish.model_dump(mode="json")),
        "stage": Stage.ASKED.value,
        "budget_usd": draft.wish.budget_usd,
        "asked_at": draft.task.asked_at,
    }
    new = upsert(tables.campaigns).values(**values).on_conflict_do_nothing()
    campaign_id: int | None = (await connection.execute(new.returning(_row.id))).scalar_one_or_none()
    if campaign_id is not None:
        await connection.execute(upsert(tables.purses).values(**purse_key(campaign_id)).on_conflict_do_nothing())
        await queue.put_campaign(connection, campaign_id)
    return campaign_id


async def note(
    connection: AsyncConnection,
    campaign_id: int,
    intent: str,
    order: Order,
    *,
    requester: Person | None,
    place: Place | None = None,
) -> bool:
    """Note an order on a campaign; False if this very one is noted already."""
    said = {"order": order, "requester": requester, "place": place}
    values = {name: one and one.model_dump(mode="json") for name, one in said.items()}
    new = upsert(tables.campaign_orders).values(campaign_id=campaign_id, intent=intent, **values)
    return bool((await connection.execute(new.on_conflict_do_nothing())).rowcount)


async def at_work(
    connection: AsyncConnection, repository_id: int, number: int, *, asked_until: datetime | None = None
) -> int | None:
    """The campaign of an issue that has not ended; none that was asked for later than `asked_until`."""
    here = [_row.repository_id == repository_id, _row.number == number]
    if asked_until is not None:
        here.append(_row.asked_at <= asked_until)
    query = select(_row.id).where(*here, _row.stage.in_(_UNFINISHED))
    known: int | None = (await connection.execute(query)).scalar_one_or_none()
    return known


async def is_known(connection: AsyncConnection, intent: str) -> bool:
    """Whether a campaign was made of this very act."""
    return bool((await connection.execute(select(exists().where(_row.intent == intent)))).scalar_one())


async def told(connection: AsyncConnection, event: OrderGiven) -> int | None:
    """The campaign that an order on an issue is meant for, if the newest work there is one."""
    if event.run_id is not None or event.check_sha or event.at is None:
        return None
    here = (_row.repository_id == event.repository.id, _row.number == event.number)
    known = select(_row.id, _row.asked_at).where(*here, _row.asked_at <= event.at, _row.stage != Stage.REFUSED.value)
    newest = (await connection.execute(known.order_by(_row.id.desc()).limit(1))).one_or_none()
    if newest is None:
        return None
    later = exists().where(
        _run.repository_id == event.repository.id,
        _run.number == event.number,
        _run.asked_at > newest.asked_at,
        _run.status != Status.REFUSED.value,
        _run.at != "",
        _run.task["campaign"].astext.is_(None),
    )
    return None if (await connection.execute(select(later))).scalar_one() else int(newest.id)


def purse_key(campaign_id: int) -> dict[str, str]:
    """Whose row in `purses` the money of a campaign is, which has no months."""
    return {"level": "campaign", "owner": str(campaign_id), "month": EVER}


async def _lock(connection: AsyncConnection, campaign_id: int) -> Campaign:
    return await _read(connection, select(tables.campaigns).where(_row.id == campaign_id).with_for_update())


async def _read(connection: AsyncConnection, query: Select[Any]) -> Campaign:
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise NotFound("There is no such campaign.")
    return Campaign.model_validate(dict(row))


async def _change(connection: AsyncConnection, campaign_id: int, **values: Any) -> None:
    """Change it; there is something to tell, or will be looked whether there is."""
    changed = update(tables.campaigns).where(_row.id == campaign_id)
    await connection.execute(changed.values(**values, is_told=False, revision=_row.revision + 1))


async def _settle(connection: AsyncConnection, given: Given) -> bool:
    """Note that an order is settled; False if it was."""
    settled = update(tables.campaign_orders).where(_order.id == given.id, ~_order.is_settled)
    return bool((await connection.execute(settled.values(is_settled=True))).rowcount)


async def _parts(connection: AsyncConnection, campaign_id: int) -> list[Part]:
    rows = await connection.execute(_PARTS, {"campaign": campaign_id, "campaign_text": str(campaign_id)})
    return [_as_part(one) for one in rows]


def _as_part(row: Row[Any]) -> Part:
    names = PartRun.model_fields.keys()
    run = {name: getattr(row, f"run_{name}") for name in names} if row.run_id is not None else None
    said = {name: getattr(row, name) for name in Part.model_fields.keys() - {"spot", "run"}}
    spot = {"full_name": row.full_name, "within": row.within}
    return Part.model_validate({**said, "spot": spot, "run": run})


def _wanted(campaign: Campaign, spot: Spot) -> Wanted:
    task = campaign.task
    within = f"\n\nwithin: {', '.join(spot.within.split())}" if spot.within else ""
    return Wanted(
        door="campaign",
        full_name=spot.full_name,
        title=f"{task.title} ({spot.within})" if spot.within else task.title,
        body=f"{campaign.wish.body}{within}",
        instructions=task.instructions,
        blueprint=NAME,
        login=task.requester.login,
        source=f"{task.repository.full_name}#{task.number}",
        campaign=campaign.id,
        is_own=task.author is not None and task.author.id == task.requester.id,
    )


_PARTS: Final[TextClause] = text("""
SELECT part.position, part.full_name, part.within, part.request_id, part.is_stopped,
    part.reserved_usd::float AS reserved_usd,
    coalesce(request.number, 0) AS number,
    CASE WHEN part.request_id IS NULL THEN '' ELSE coalesce(request.error, '') END AS error,
    coalesce((
        SELECT sum(ledger.usd) FROM ledger JOIN runs ON runs.id = ledger.run_id
        WHERE runs.task ->> 'campaign' = :campaign_text
            AND runs.repository_id = (request.repository ->> 'id')::bigint AND runs.number = request.number
    ), 0) AS spent_usd,
    run.id AS run_id, run.key AS run_key, run.status AS run_status, run.at AS run_at, run.error AS run_error,
    run.pull_request_number AS run_pull_request_number,
    coalesce(run.trail ->> 'pull_request_url', '') AS run_pull_request_url,
    EXISTS (
        SELECT FROM visits WHERE visits.run_id = run.id
            AND visits.visit ->> 'node' = 'find' AND visits.visit ->> 'outcome' = 'nothing'
    ) AS run_is_needless
FROM campaign_parts AS part
LEFT JOIN requests AS request ON request.id = coalesce(part.request_id, part.former_id)
LEFT JOIN LATERAL (
    SELECT runs.* FROM runs
    WHERE runs.task ->> 'campaign' = :campaign_text
        AND runs.repository_id = (request.repository ->> 'id')::bigint AND runs.number = request.number
        AND runs.id >= (SELECT first.id FROM runs AS first WHERE first.intent = 'request/' || part.request_id)
    ORDER BY runs.id DESC LIMIT 1
) AS run ON true
WHERE part.campaign_id = :campaign
ORDER BY part.position
""")
"""Each part with its request, and the newest run since that was made: one that a person began again counts, too."""
