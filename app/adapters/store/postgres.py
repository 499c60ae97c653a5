"""The store on PostgreSQL: runs, and what is asked of them. Every method is one transaction."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from pydantic import TypeAdapter
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from app.adapters.store import census, orders, places, purses, reviews, runs, statements, stirring, tables, vitals
from app.adapters.store.acceptance import Acceptance
from app.adapters.store.access import PostgresTokens
from app.adapters.store.campaigns import PostgresCampaigns
from app.adapters.store.connections import Connections
from app.adapters.store.figures import PostgresFigures
from app.adapters.store.installations import PostgresRegister
from app.adapters.store.jobs import Queue
from app.adapters.store.journal import PostgresJournal
from app.adapters.store.logbook import PostgresLogbook
from app.adapters.store.opinions import PostgresOpinions
from app.adapters.store.proposals import PostgresProposals
from app.adapters.store.purses import PostgresPurse
from app.adapters.store.reachable import reachable
from app.adapters.store.reader import HEEDED, PostgresReader
from app.adapters.store.requests import PostgresRequests
from app.adapters.store.retention import PostgresArchive
from app.adapters.store.rollouts import PostgresRollouts
from app.adapters.store.schedules import PostgresTimetable
from app.adapters.store.sessions import PostgresSessions
from app.adapters.store.turns import PostgresTurns
from app.core import ranks
from app.core.census import Census
from app.core.journal import Entry
from app.core.orders import Given
from app.core.pace import Allowance
from app.core.places import ANY_NUMBER, NO_LIMITS, Limits, MostOpen, Turn
from app.core.purse import NO_CAPS, Caps, Estimate
from app.core.run import Run, Status
from app.core.store import Act, Delivery, Occupied, Receipt, Recorded, Site, Stale
from app.core.task import Repository
from app.core.vitals import Vitals

_ENTRY: Final[TypeAdapter[Entry]] = TypeAdapter(Entry)


_PASSED_OVER: Final = "passed over"


class PostgresStore:
    """`Store` on PostgreSQL 15 or newer."""

    def __init__(self, engine: Connections, queue: Queue, limits: Limits = NO_LIMITS, caps: Caps = NO_CAPS) -> None:
        self._engine = engine
        self._reads = engine.execution_options(isolation_level="AUTOCOMMIT")  # one question needs no transaction
        self._queue = queue
        self._limits = limits
        self._acceptance = Acceptance(engine, queue, limits)
        self._caps = caps

    async def rehearse(self) -> None:
        """Be ready for a flood of deliveries before the first one comes. Raises StoreDown."""
        await self._acceptance.rehearse()

    async def accept(self, delivery: Delivery | None, decision: Act, reason: str) -> Receipt:
        """Store a delivery, the decision and the jobs that it causes; the second time it only says so."""
        return await self._acceptance.accept(delivery, decision, reason)

    async def load(self, run_id: int) -> Run:
        """The run. Raises NotFound."""
        async with reachable(), self._reads.connect() as connection:
            return await runs.read(connection, tables.runs.c.id == run_id)

    async def find(self, key: str) -> Run:
        """The run with this page key. Raises NotFound."""
        async with reachable(), self._reads.connect() as connection:
            return await runs.read(connection, tables.runs.c.key == key)

    async def admit(self, run: Run, own: MostOpen = ANY_NUMBER) -> Run:
        """Put a queued run to work, or have it held. Raises Stale and Occupied."""
        async with reachable(), self._engine.begin() as connection:
            await places.lock(connection, run.task.repository.installation_id)
            if own != ANY_NUMBER:
                await reviews.keep(connection, run.task.repository.id, own)
            if (other := await places.occupant(connection, run)) is not None:
                raise Occupied(f"Run {other} is at work on #{run.task.number} already.", run_id=other)
            try:
                moved = await places.take(connection, run, self._limits, own)
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
        async with reachable(), self._reads.connect() as connection:
            waiting = await places.installations_with_held(connection)
        given = 0
        for installation_id in waiting:
            async with reachable(), self._engine.begin() as connection:
                await places.lock(connection, installation_id)
                given += await places.give_on(connection, installation_id, self._limits, self._queue.put)
        return given

    async def turn(self, run: Run) -> Turn | None:
        """Where a run stands in the line of those that wait for reviews; None if it does not."""
        async with reachable(), self._engine.connect() as connection:
            turns = await places.turns(connection, run.task.repository.installation_id, self._limits)
        return turns.get(run.id)

    async def keep_limits(self, repository: Repository, own: MostOpen) -> None:
        """Note what a repository says of the pull requests that may wait there, and put to work who may begin now."""
        async with reachable(), self._engine.begin() as connection:
            await places.lock(connection, repository.installation_id)
            await reviews.keep(connection, repository.id, own)
            await places.give_on(connection, repository.installation_id, self._limits, self._queue.put)

    async def tell_turns(self, at_most: int) -> int:
        """Have those that wait for reviews tell their place in the line, where it is another one than was told."""
        async with reachable(), self._engine.begin() as connection:
            found: list[int] = []
            for installation_id in await places.installations_with_held(connection):
                turns = await places.turns(connection, installation_id, self._limits)
                found += await places.untold(connection, turns)
            for run_id in found[:at_most]:
                await self._queue.put(connection, run_id, priority=ranks.LOOK_AGAIN)
        return len(found[:at_most])

    async def take_up(self) -> Sequence[int]:
        """Have runs advanced that nobody would ever go on with; answer with which."""
        async with reachable(), self._engine.begin() as connection:
            found = await places.forgotten(connection)
            for run_id in found:
                await self._queue.put(connection, run_id)
        return found

    async def save(self, run: Run, *, patch: bytes | None = None, advance_at: datetime | None = None) -> Run:
        """Save the run with its new visits, in one write. Raises Stale and Occupied."""
        leaves = run.status not in {Status.QUEUED, Status.RUNNING}
        installation_id = run.task.repository.installation_id
        try:
            async with reachable(), self._engine.begin() as connection:
                if leaves:
                    await places.lock(connection, installation_id)
                saved = await runs.save(connection, run, patch)
                if saved is None:
                    raise Stale(f"Run {run.id} was moved on by another worker.")
                if saved.stirred != run.stirred and run.status is Status.WAITING and not run.tries:
                    await self._queue.put(connection, run.id)
                if advance_at is not None:
                    priority = ranks.priority(saved.rank) if run.status is Status.QUEUED else ranks.BEGUN
                    await self._queue.put_later(connection, run.id, run.revision + 1, advance_at, priority=priority)
                if leaves or run.tries:
                    await purses.release(connection, run.id)
                if leaves:
                    await places.give_on(connection, installation_id, self._limits, self._queue.put)
                if run.status.has_ended and run.task.campaign is not None:
                    await self._queue.put_campaign(connection, run.task.campaign)
        except IntegrityError as error:
            if any(str(index.name) in str(error.orig) for index in (tables.one_at_work, tables.one_on_branch)):
                raise await self._occupied(run) from None
            raise
        heard = {"stirred": saved.stirred, "edited_at": saved.edited_at}
        return run.model_copy(update={"revision": run.revision + 1, **heard})

    async def orders(self, run_id: int, *, heeded: bool = False) -> Sequence[Given]:
        """What this run was told and has not settled yet, oldest first; or what of it was heeded."""
        async with reachable(), self._reads.connect() as connection:
            return await orders.of(connection, run_id, fate=HEEDED if heeded else "")

    async def settle(self, given: Given, *, heeded: bool) -> None:
        """Note that an order was heeded, or that nothing came of it: it is not told again."""
        async with reachable(), self._engine.begin() as connection:
            await orders.settle(connection, given.id, fate=HEEDED if heeded else _PASSED_OVER)

    async def patch(self, run_id: int) -> bytes:
        """The change as it was saved last."""
        async with reachable(), self._reads.connect() as connection:
            found = await connection.execute(select(tables.runs.c.patch).where(tables.runs.c.id == run_id))
            return bytes(found.scalar_one())

    def journal(self, run_id: int, visit: int) -> PostgresJournal:
        """The journal of one visit."""
        return PostgresJournal(self._engine, run_id, visit)

    def purse(self, run: Run) -> PostgresPurse:
        """The budgets that a run draws on."""
        return PostgresPurse(self._engine, run.id, run.task, self._caps)

    async def estimate(self, repository_id: int, blueprint: str) -> Estimate | None:
        """What a run is likely to cost; None if too few came before it."""
        async with reachable(), self._engine.connect() as connection:
            return await purses.estimate(connection, repository_id, blueprint)

    def rollouts(self) -> PostgresRollouts:
        """What is known of models that are tried."""
        return PostgresRollouts(self._engine)

    def logbook(self, app_id: str) -> PostgresLogbook:
        """What the workers of one App know together about what GitHub told it."""
        return PostgresLogbook(self._engine, app_id)

    def register(self, app_id: str) -> PostgresRegister:
        """What one App has noted of where it is installed."""
        return PostgresRegister(self._engine, app_id)

    def reader(self) -> PostgresReader:
        """What pages read."""
        return PostgresReader(self._engine)

    def figures(self) -> PostgresFigures:
        """What can be told of many runs together."""
        return PostgresFigures(self._engine)

    def archive(self) -> PostgresArchive:
        """What is kept for long, and then deleted."""
        return PostgresArchive(self._engine)

    def opinions(self) -> PostgresOpinions:
        """What people think of pull requests."""
        return PostgresOpinions(self._engine)

    def sessions(self) -> PostgresSessions:
        """Who signed in to the pages."""
        return PostgresSessions(self._engine)

    def turns(self, app_id: str, installation_id: int, allowance: Allowance) -> PostgresTurns:
        """Whose turn it is at an installation, among all workers of one App."""
        return PostgresTurns(self._engine, app_id, installation_id, allowance)

    def requests(self) -> PostgresRequests:
        """What was asked for elsewhere than on GitHub."""
        return PostgresRequests(self._engine, self._queue)

    def proposals(self) -> PostgresProposals:
        """Which pull requests wait for review."""
        return PostgresProposals(self._engine)

    def campaigns(self) -> PostgresCampaigns:
        """One change in many places."""
        return PostgresCampaigns(self._engine, self._queue)

    def timetable(self) -> PostgresTimetable:
        """What repositories want by the clock."""
        return PostgresTimetable(self._engine)

    def api_tokens(self) -> PostgresTokens:
        """Who may ask over the API."""
        return PostgresTokens(self._engine)

    async def records(self, run_id: int) -> Sequence[Recorded]:
        """Every journal entry of a run, in order."""
        row = tables.journal.c
        query = select(tables.journal).where(row.run_id == run_id, row.visit >= 0).order_by(row.visit, row.number)
        async with reachable(), self._reads.connect() as connection:
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
        async with reachable(), self._reads.connect() as connection:
            return await statements.newest(connection, run_id)

    async def keep_signing_key(self, key_id: str, pem: str) -> None:
        """Let everybody know a public key."""
        async with reachable(), self._engine.begin() as connection:
            await statements.keep_key(connection, key_id, pem)

    async def signing_keys(self) -> Sequence[str]:
        """Every public key of this installation, as PEM, the oldest first."""
        async with reachable(), self._reads.connect() as connection:
            return await statements.keys(connection)

    async def spent_usd(self, run_id: int) -> float:
        """What the ledger says about a run, in US dollars."""
        query = select(func.coalesce(func.sum(tables.ledger.c.usd), 0.0)).where(tables.ledger.c.run_id == run_id)
        async with reachable(), self._reads.connect() as connection:
            return float((await connection.execute(query)).scalar_one())

    async def used_usd(self) -> float:
        """What all runs spent and hold in US dollars, as the budget of everybody together counts it; 0 without one."""
        async with reachable(), self._reads.connect() as connection:
            return await purses.used_of_all(connection)

    async def unfinished(self) -> Sequence[int]:
        """Runs that have not ended, or that ended and were not reported yet."""
        query = select(tables.runs.c.id).where(~tables.runs.c.is_reported).order_by(tables.runs.c.id)
        async with reachable(), self._reads.connect() as connection:
            return list((await connection.execute(query)).scalars())

    async def sites(self) -> Sequence[Site]:
        """Where runs on issues or pull requests have not ended, by the repositories' ids."""
        async with reachable(), self._reads.connect() as connection:
            return await runs.sites(connection)

    async def unfinished_on(self, repository_id: int, numbers: Collection[int]) -> Sequence[int]:
        """Runs on these issues or pull requests that have not ended, also those that opened them."""
        async with reachable(), self._reads.connect() as connection:
            return await runs.unfinished_on(connection, repository_id, numbers) if numbers else []

    async def stir(self, heads: Collection[tuple[int, str]]) -> int:
        """Have the runs that wait at these commits look again, and those that are at work there when they park."""
        async with reachable(), self._engine.begin() as connection:
            return await stirring.at_heads(connection, self._queue, heads)

    async def stir_parked(self, parked_for: timedelta, at_most: int) -> int:
        """Have runs look again that nobody looked at for so long or longer."""
        async with reachable(), self._reads.connect() as connection:
            return await stirring.longest_parked(connection, self._queue, parked_for, at_most)

    async def census(self, since: datetime) -> Census:
        """How many of what there is, and what models took since then."""
        async with reachable(), self._engine.connect() as connection:
            return await census.taken(connection, since)

    async def vitals(self) -> Vitals:
        """How things stand with GitHub."""
        async with reachable(), self._reads.connect() as connection:
            return await vitals.taken(connection)

    async def counts(self) -> Mapping[str, int]:
        """How many runs there are of each status."""
        query = select(tables.runs.c.status, func.count().label("runs")).group_by(tables.runs.c.status)
        async with reachable(), self._reads.connect() as connection:
            found = await connection.execute(query)
            return {row.status: row.runs for row in found}

    async def _occupied(self, run: Run) -> Occupied:
        async with reachable(), self._reads.connect() as connection:
            other = await runs.other_at_work(connection, run)
        return Occupied(f"Run {other} is at work on #{run.task.number} already.", run_id=other or 0)
