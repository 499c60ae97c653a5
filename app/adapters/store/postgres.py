"""The store on PostgreSQL. A delivery, the decision on it and the job that it causes are one transaction."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from pydantic import TypeAdapter
from sqlalchemy import ARRAY, BigInteger, RowMapping, Text, and_, cast, delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.adapters.store import orders, places, schedules, statements, tables
from app.adapters.store.access import PostgresTokens
from app.adapters.store.journal import PostgresJournal
from app.adapters.store.logbook import PostgresLogbook
from app.adapters.store.reachable import reachable
from app.adapters.store.requests import PostgresRequests
from app.adapters.store.schedules import PostgresTimetable
from app.adapters.store.turns import PostgresTurns
from app.core import ranks
from app.core.errors import NotFound
from app.core.events import BranchDeleted, InstallationChanged, Noticed, OrderGiven, Pushed, StopRequested
from app.core.journal import Entry
from app.core.orders import Given, Order, Stop
from app.core.pace import Allowance
from app.core.places import NO_LIMITS, Limits
from app.core.plain import plain
from app.core.run import Run, Status, Visit
from app.core.store import Act, Delivery, Draft, Occupied, Receipt, Recorded, Stale
from app.core.task import Repository

_ENTRY: Final[TypeAdapter[Entry]] = TypeAdapter(Entry)


_HEEDED: Final = "heeded"
_PASSED_OVER: Final = "passed over"
RECENT: Final = timedelta(days=30)
"""A repository in which no run was asked for since is not prepared for another: its mirror would be gone by then."""


class Queue(Protocol):
    """Takes "advance run N" and "warm repository N" in the transaction of the caller."""

    async def put(self, connection: AsyncConnection, run_id: int, *, priority: int = ranks.BEGUN) -> None:
        """Have the run advanced now; `priority` is that of `core/ranks.py`."""
        ...

    async def put_later(
        self, connection: AsyncConnection, run_id: int, revision: int, at: datetime, *, priority: int = ranks.BEGUN
    ) -> None:
        """Have the run advanced at `at`, if it still stands at `revision` then."""
        ...

    async def put_warming(self, connection: AsyncConnection, repository: Repository) -> bool:
        """Have the repository fetched and set up ahead; False if that waits to be done already."""
        ...

    async def put_request(self, connection: AsyncConnection, request_id: int) -> None:
        """Have an issue opened for the request, and its run started."""
        ...


class PostgresStore:
    """`Store` on PostgreSQL 15 or newer."""

    def __init__(self, engine: AsyncEngine, queue: Queue, limits: Limits = NO_LIMITS) -> None:
        self._engine = engine
        self._queue = queue
        self._limits = limits

    async def accept(self, delivery: Delivery | None, decision: Act, reason: str) -> Receipt:
        """Store a delivery, the decision and the jobs that it causes; the second time it only says so."""
        async with reachable(), self._engine.begin() as connection:
            if delivery is not None and not await _is_first(connection, delivery, reason):
                return Receipt(reason=f"Delivery {delivery.guid} was received before: nothing to do.")
            return await self._carry_out(connection, delivery, decision, reason)

    async def _carry_out(  # noqa: PLR0911 - a table: one act, one way
        self, connection: AsyncConnection, delivery: Delivery | None, decision: Act, reason: str
    ) -> Receipt:
        match decision:
            case Draft():
                return await self._start(connection, delivery, decision, reason)
            case StopRequested():
                return await self._stop(connection, decision, reason)
            case OrderGiven():
                return await self._give(connection, decision, reason)
            case BranchDeleted():
                return await self._end_without_branch(connection, decision, reason)
            case Noticed():
                await self.requests().notice(connection, decision)
                return Receipt(reason=reason, is_new=True)
            case Pushed():
                return await self._warm(connection, decision, reason)
            case InstallationChanged():
                await _note_installation(connection, decision)
                if delivery is not None and decision.change == "unsuspended":
                    # Nothing was told of that time: the next look is one at everything, as the first one was.
                    row = tables.recoveries.c
                    await connection.execute(delete(tables.recoveries).where(row.app_id == delivery.app_id))
                return Receipt(reason=reason, is_new=True)

    async def load(self, run_id: int) -> Run:
        """The run. Raises NotFound."""
        async with reachable(), self._engine.connect() as connection:
            return await _read_run(connection, tables.runs.c.id == run_id)

    async def find(self, key: str) -> Run:
        """The run with this page key. Raises NotFound."""
        async with reachable(), self._engine.connect() as connection:
            return await _read_run(connection, tables.runs.c.key == key)

    async def admit(self, run: Run) -> Run:
        """Put a queued run to work, or have it held. Raises Stale and Occupied."""
        async with reachable(), self._engine.begin() as connection:
            await places.lock(connection, run.task.repository.installation_id)
            if (other := await places.occupant(connection, run)) is not None:
                raise Occupied(f"Run {other} is at work on #{run.task.number} already.", run_id=other)
            try:
                moved = await places.take(connection, run, self._limits)
            except IntegrityError:  # one that was at work before, and is so again since just now
                raise await self._occupied(run) from None
        if moved is None:
            raise Stale(f"Run {run.id} was moved on by another worker.")
        now = {"status": Status(moved.status), "was_held": moved.was_held, "revision": moved.revision}
        return run.model_copy(update=now | {"tries": 0, "error": ""})

    async def give_places(self) -> int:
        """Put runs to work that waited for a place and have one now; answer with how many.

        Each run that ends sees to it by itself. What it cannot know is that an operator changed the limits.
        """
        async with reachable(), self._engine.connect() as connection:
            waiting = await places.installations_with_held(connection)
        given = 0
        for installation_id in waiting:
            async with reachable(), self._engine.begin() as connection:
                await places.lock(connection, installation_id)
                given += await places.give_on(connection, installation_id, self._limits, self._queue.put)
        return given

    async def take_up(self) -> Sequence[int]:
        """Have runs advanced that nobody would ever go on with; answer with which."""
        async with reachable(), self._engine.begin() as connection:
            found = await places.forgotten(connection)
            for run_id in found:
                await self._queue.put(connection, run_id)
        return found

    async def save(self, run: Run, *, patch: bytes | None = None, advance_at: datetime | None = None) -> Run:
        """Save the run with its new visits, in one write. Raises Stale and Occupied."""
        values = plain(run.model_dump(mode="json", include={"state", "wait", "trail", "status", "at", "error"}))
        values |= run.model_dump(include={"tries", "is_reported", "ended_at", "fresh_from", "last_retry"})
        values |= run.trail.model_dump(include={"branch", "pull_request_number"})
        values["revision"] = run.revision + 1
        values["parked_at"] = func.now() if run.status is Status.WAITING else None
        if patch is not None:
            values["patch"] = patch
        row = tables.runs.c
        leaves = run.status not in {Status.QUEUED, Status.RUNNING}
        installation_id = run.task.repository.installation_id
        try:
            async with reachable(), self._engine.begin() as connection:
                if leaves:
                    await places.lock(connection, installation_id)
                moved = update(tables.runs).where(row.id == run.id, row.revision == run.revision).values(**values)
                saved = (await connection.execute(moved.returning(row.stirred, row.rank))).one_or_none()
                if saved is None:
                    raise Stale(f"Run {run.id} was moved on by another worker.")
                await _save_visits(connection, run)
                if saved.stirred != run.stirred and run.status is Status.WAITING and not run.tries:
                    await self._queue.put(connection, run.id)
                if advance_at is not None:
                    priority = ranks.priority(saved.rank) if run.status is Status.QUEUED else ranks.BEGUN
                    await self._queue.put_later(connection, run.id, run.revision + 1, advance_at, priority=priority)
                if leaves:
                    await places.give_on(connection, installation_id, self._limits, self._queue.put)
        except IntegrityError as error:
            if any(str(index.name) in str(error.orig) for index in (tables.one_at_work, tables.one_on_branch)):
                raise await self._occupied(run) from None
            raise
        return run.model_copy(update={"revision": run.revision + 1, "stirred": saved.stirred})

    async def orders(self, run_id: int, *, heeded: bool = False) -> Sequence[Given]:
        """What this run was told and has not settled yet, oldest first; or what of it was heeded."""
        async with reachable(), self._engine.connect() as connection:
            return await orders.of(connection, run_id, fate=_HEEDED if heeded else "")

    async def settle(self, given: Given, *, heeded: bool) -> None:
        """Note that an order was heeded, or that nothing came of it: it is not told again."""
        async with reachable(), self._engine.begin() as connection:
            await orders.settle(connection, given.id, fate=_HEEDED if heeded else _PASSED_OVER)

    async def patch(self, run_id: int) -> bytes:
        """The change as it was saved last."""
        async with reachable(), self._engine.connect() as connection:
            found = await connection.execute(select(tables.runs.c.patch).where(tables.runs.c.id == run_id))
            return bytes(found.scalar_one())

    def journal(self, run_id: int, visit: int) -> PostgresJournal:
        """The journal of one visit."""
        return PostgresJournal(self._engine, run_id, visit)

    def logbook(self, app_id: str) -> PostgresLogbook:
        """What the workers of one App know together about what GitHub told it."""
        return PostgresLogbook(self._engine, app_id)

    def turns(self, app_id: str, installation_id: int, allowance: Allowance) -> PostgresTurns:
        """Whose turn it is at an installation, among all workers of one App."""
        return PostgresTurns(self._engine, app_id, installation_id, allowance)

    def requests(self) -> PostgresRequests:
        """What was asked for elsewhere than on GitHub."""

        async def start(connection: AsyncConnection, draft: Draft, reason: str) -> Receipt:
            return await self._start(connection, None, draft, reason)

        return PostgresRequests(self._engine, self._queue, start=start, read_run=_read_run)

    def timetable(self) -> PostgresTimetable:
        """What repositories want by the clock."""
        return PostgresTimetable(self._engine)

    def api_tokens(self) -> PostgresTokens:
        """Who may ask over the API."""
        return PostgresTokens(self._engine)

    async def records(self, run_id: int) -> Sequence[Recorded]:
        """Every journal entry of a run, in order."""
        row = tables.journal.c
        query = select(tables.journal).where(row.run_id == run_id).order_by(row.visit, row.number)
        async with reachable(), self._engine.connect() as connection:
            found = (await connection.execute(query)).mappings().all()
        return [
            Recorded(visit=one["visit"], number=one["number"], at=one["at"], entry=_ENTRY.validate_python(one["entry"]))
            for one in found
        ]

    async def keep_statement(self, run_id: int, head_sha: str, envelope: str) -> None:
        """Keep what was signed about a commit of a run."""
        async with reachable(), self._engine.begin() as connection:
            await statements.keep(connection, run_id, head_sha, envelope)

    async def statement(self, run_id: int) -> str:
        """What was signed about what the run published last, as JSON; empty if there is nothing."""
        async with reachable(), self._engine.connect() as connection:
            return await statements.newest(connection, run_id)

    async def keep_signing_key(self, key_id: str, pem: str) -> None:
        """Let everybody know a public key."""
        async with reachable(), self._engine.begin() as connection:
            await statements.keep_key(connection, key_id, pem)

    async def signing_keys(self) -> Sequence[str]:
        """Every public key of this installation, as PEM, the oldest first."""
        async with reachable(), self._engine.connect() as connection:
            return await statements.keys(connection)

    async def spent_usd(self, run_id: int) -> float:
        """What the ledger says about a run, in US dollars."""
        query = select(func.coalesce(func.sum(tables.ledger.c.usd), 0.0)).where(tables.ledger.c.run_id == run_id)
        async with reachable(), self._engine.connect() as connection:
            return float((await connection.execute(query)).scalar_one())

    async def unfinished(self) -> Sequence[int]:
        """Runs that have not ended, or that ended and were not reported yet."""
        query = select(tables.runs.c.id).where(~tables.runs.c.is_reported).order_by(tables.runs.c.id)
        async with reachable(), self._engine.connect() as connection:
            return list((await connection.execute(query)).scalars())

    async def stir(self, heads: Collection[tuple[int, str]]) -> int:
        """Have the runs that wait at these commits look again, and those that are at work there when they park.

        One that is put off has its job for later: it would only be refused once more.
        """
        row = tables.runs.c
        ids, shas = [repository_id for repository_id, _ in heads], [sha for _, sha in heads]
        arrays = cast(ids, ARRAY(BigInteger)), cast(shas, ARRAY(Text))
        head = func.unnest(*arrays).table_valued("repository_id", "sha").render_derived()
        at_heads = (row.repository_id == head.c.repository_id) & (row.trail["head_sha"].astext == head.c.sha)
        meant = select(row.id, row.status, row.tries).join(head, at_heads).where(row.ended_at.is_(None))
        in_order = meant.order_by(row.id).with_for_update(of=tables.runs)  # two who stir at once do not meet head-on
        async with reachable(), self._engine.begin() as connection:
            found = (await connection.execute(in_order)).all() if heads else []
            if found:
                stirred = update(tables.runs).where(row.id.in_([run.id for run in found]))
                await connection.execute(stirred.values(stirred=row.stirred + 1))
            for run in found:
                if run.status == Status.WAITING.value and not run.tries:
                    await self._queue.put(connection, run.id)
        return len(found)

    async def stir_parked(self, parked_for: timedelta, at_most: int) -> int:
        """Have runs look again that nobody looked at for so long or longer."""
        row = tables.runs.c
        is_due = row.parked_at <= func.now() - parked_for
        parked = select(row.id).where(is_due, row.tries == 0).order_by(row.parked_at).limit(at_most)
        async with reachable(), self._engine.begin() as connection:
            run_ids = list((await connection.execute(parked)).scalars())
            for run_id in run_ids:
                await self._queue.put(connection, run_id)
        return len(run_ids)

    async def counts(self) -> Mapping[str, int]:
        """How many runs there are of each status."""
        query = select(tables.runs.c.status, func.count().label("runs")).group_by(tables.runs.c.status)
        async with reachable(), self._engine.connect() as connection:
            found = await connection.execute(query)
            return {row.status: row.runs for row in found}

    async def _stop(self, connection: AsyncConnection, event: StopRequested, reason: str) -> Receipt:
        """Note on every run that is meant that it shall end, and have each looked after: it may wait for something."""
        meant = await orders.to_stop(connection, event)
        if not meant:
            return Receipt(reason=f"Nothing is at work on {event.repository.full_name}#{event.number}.", is_new=True)
        return await self._tell(connection, meant, event.intent, Stop(), reason, requester=event.requester)

    async def _end_without_branch(self, connection: AsyncConnection, event: BranchDeleted, reason: str) -> Receipt:
        meant = await orders.on_branch(connection, event.repository.id, event.branch)
        if not meant:
            return Receipt(reason=f"Nothing is at work on {event.branch}.", is_new=True)
        return await self._tell(connection, meant, f"gone/{event.repository.id}/{event.branch}", Stop(), reason)

    async def _give(self, connection: AsyncConnection, event: OrderGiven, reason: str) -> Receipt:
        """Note an order on the run that is meant. Where there is none, that is what somebody is to be told."""
        meant = await orders.told(connection, event)
        if meant:
            who = {"requester": event.requester, "place": event.place, "task": event.task}
            return await self._tell(connection, meant, event.intent, event.order, reason, **who)
        if event.task is None:
            return Receipt(reason=f"There is no such run in {event.repository.full_name}.", is_new=True)
        draft = Draft(intent=event.intent, task=event.task, blueprint=event.order.kind, blueprint_version=0, start="")
        return await self._start(connection, None, draft, reason)

    async def _tell(
        self, connection: AsyncConnection, run_ids: Sequence[int], intent: str, order: Order, reason: str, **who: Any
    ) -> Receipt:
        new = [run_id for run_id in run_ids if await orders.note(connection, run_id, intent, order, **who)]
        for run_id in new:
            await self._queue.put(connection, run_id)
        if not new:
            return Receipt(reason="This very wish was noted before: nothing to do.", run_id=run_ids[-1])
        return Receipt(reason=reason, run_id=run_ids[-1], is_new=True)

    async def _start(
        self, connection: AsyncConnection, delivery: Delivery | None, draft: Draft, reason: str
    ) -> Receipt:
        rank = await places.rank_of(connection, draft)
        run_id = await _insert_run(connection, draft, rank)
        if run_id is None:
            return Receipt(reason="This very request was received before: nothing to do.")
        if delivery is not None:
            row = tables.deliveries.c
            await connection.execute(
                update(tables.deliveries)
                .where(row.app_id == delivery.app_id, row.guid == delivery.guid)
                .values(run_id=run_id)
            )
        await self._queue.put(connection, run_id, priority=ranks.priority(rank))
        return Receipt(reason=reason, run_id=run_id, is_new=True)

    async def _warm(self, connection: AsyncConnection, event: Pushed, reason: str) -> Receipt:
        """Prepare for the next run, where there is likely to be one; and look anew at what is wanted by the clock."""
        await schedules.mark(connection, event.repository)
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

    async def _occupied(self, run: Run) -> Occupied:
        row = tables.runs.c
        query = select(row.id).where(
            row.repository_id == run.task.repository.id,
            or_(row.number == run.task.number, and_(row.branch == run.trail.branch, row.branch != "")),
            row.status.in_([Status.RUNNING.value, Status.WAITING.value]),
            row.id != run.id,
        )
        async with reachable(), self._engine.connect() as connection:
            other = (await connection.execute(query.limit(1))).scalar_one_or_none()
        return Occupied(f"Run {other} is at work on #{run.task.number} already.", run_id=other or 0)


async def _is_first(connection: AsyncConnection, delivery: Delivery, reason: str) -> bool:
    values = {**delivery.model_dump(), "reason": reason}
    stored = await connection.execute(
        upsert(tables.deliveries).values(**values).on_conflict_do_nothing().returning(tables.deliveries.c.guid)
    )
    return stored.scalar_one_or_none() is not None


async def _note_installation(connection: AsyncConnection, change: InstallationChanged) -> None:
    if change.change == "deleted":
        await connection.execute(
            delete(tables.installations).where(tables.installations.c.id == change.installation_id)
        )
        return
    state = "suspended" if change.change == "suspended" else "active"
    values = {"account": change.account, "state": state, "changed_at": change.at or datetime.now(UTC)}
    await connection.execute(
        upsert(tables.installations)
        .values(id=change.installation_id, **values)
        .on_conflict_do_update(index_elements=["id"], set_=values)
    )


async def _insert_run(connection: AsyncConnection, draft: Draft, rank: int) -> int | None:
    values = {
        "rank": rank,
        "key": secrets.token_urlsafe(24),  # 192 bits: the address of its page is a capability
        "intent": draft.intent,
        "installation_id": draft.task.repository.installation_id,
        "repository_id": draft.task.repository.id,
        "number": draft.task.number,
        "task": plain(draft.task.model_dump(mode="json")),
        "blueprint": draft.blueprint,
        "blueprint_version": draft.blueprint_version,
        "status": Status.QUEUED.value,
        "at": draft.start,
        "state": {},
        "trail": {},
    }
    row = await connection.execute(
        upsert(tables.runs)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["intent"])
        .returning(tables.runs.c.id)
    )
    run_id: int | None = row.scalar_one_or_none()
    return run_id


async def _save_visits(connection: AsyncConnection, run: Run) -> None:
    """Add the visits that are new. They are never changed afterwards."""
    row = tables.visits.c
    known = await connection.execute(select(func.count()).where(row.run_id == run.id))
    first = int(known.scalar_one())
    new = [
        {"run_id": run.id, "number": number, "visit": plain(visit.model_dump(mode="json"))}
        for number, visit in enumerate(run.visits[first:], first)
    ]
    if new:
        await connection.execute(insert(tables.visits), new)


async def _read_run(connection: AsyncConnection, where: Any) -> Run:
    found = (await connection.execute(select(tables.runs).where(where))).mappings().one_or_none()
    if found is None:
        raise NotFound("There is no such run.")
    row = tables.visits.c
    visits = await connection.execute(select(row.visit).where(row.run_id == found["id"]).order_by(row.number))
    return _run(found, [Visit.model_validate(visit) for visit in visits.scalars()])


def _run(row: RowMapping, visits: Sequence[Visit]) -> Run:
    return Run.model_validate({**row, "visits": visits})
