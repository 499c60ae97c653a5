"""Walk runs through their blueprints, one saved node at a time.

A node works on a copy of the state. Only when it returns are state, visit and next node saved, in one write that fails
if somebody else saved meanwhile. A crash therefore costs at most one node, which runs again: never skipped.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from app.core import wording
from app.core.blueprint import EXHAUSTED, Blueprint, Kind, Node, State, Wait
from app.core.budget import Usage
from app.core.errors import (
    BlueprintError,
    ForgeError,
    MinionsError,
    ModelUnavailable,
    NotFound,
    RateLimited,
    SandboxError,
    Unavailable,
)
from app.core.forge import Forge
from app.core.journal import ModelAnswered
from app.core.logged import RUN
from app.core.run import Run, Status, Visit
from app.core.shift import HandedOver, Shift
from app.core.signals import Signals
from app.core.store import Occupied, Recorded, Stale, Store, StoreDown
from app.core.tracing import Tracer
from app.core.world import World
from app.engine.admission import Admission
from app.engine.dispatch import Blueprints
from app.engine.ending import MOST_TRIES, Ending
from app.engine.orders import End, Orders
from app.engine.progress import Progress
from app.engine.versions import ForNewer, blueprint_of, brought_up, leave_to_newer

_log = logging.getLogger(__name__)

_FIRST_PAUSE_S: Final = 5.0
_LONGEST_PAUSE_S: Final = 900.0
_PATIENCE: Final = timedelta(days=1)
"""For so long since it was asked for, a run that GitHub asks to wait does so, however often: that is no trouble."""

T = TypeVar("T")

OpenForge = Callable[[Run], Forge]
Leave = Callable[[Run], Awaitable[None]]
OpenWorld = Callable[[Run, Node[Any], Forge, Signals], Awaitable[World]]


async def nothing_to_leave(_run: Run) -> None:
    """What is given up where a run uses nothing that can be."""


@dataclass(frozen=True)
class Runner:
    """Advances runs. Everything outside comes in by these."""

    store: Store
    blueprints: Blueprints
    progress: Progress
    open_forge: OpenForge
    open_world: OpenWorld
    now: Callable[[], datetime]
    """The time of day, with time zone."""
    clock: Callable[[], float]
    """Seconds that only grow."""
    orders: Orders
    admission: Admission
    ending: Ending
    leave: Leave = nothing_to_leave
    """Gives up what was used for a run that is over and told."""
    shift: Shift = field(default_factory=Shift)
    """Of the worker that this works in."""
    tracer: Tracer | None = None
    look_s: float = 2.0
    """Between two looks, while a node works, whether somebody wants the run to end."""

    async def advance(self, run_id: int, revision: int | None = None) -> None:
        """Walk the run until it ends, parks or has to try again later. Somebody else's move ends the walk at once.

        `revision` is given by a job for later: if the run has moved on since, there is nothing to do for it. Raises
        HandedOver if another worker has to go on with it.
        """
        RUN.set(run_id)
        try:
            run = await self.store.load(run_id)
            if revision is not None and run.revision != revision:
                return
            while not run.is_reported or await self._has_orders(run):
                self.shift.go_on()
                run = await (self._heed if run.is_reported else self._move)(run)
                if run.status in {Status.QUEUED, Status.WAITING} or run.tries:
                    return
            await self._give_up_on(run)
        except Stale as stale:
            _log.info("Run %s: %s", run_id, stale)
        except NotFound:
            _log.warning("Run %s is gone.", run_id)

    async def _give_up_on(self, run: Run) -> None:
        try:
            await self.leave(run)
        except Exception:  # an outermost edge: it is over and told, whatever becomes of this
            _log.exception("Run %s: what it used is not given up", run.id)

    async def _move(self, run: Run) -> Run:
        """One step: admit, visit a node, or report the end. Trouble that may pass puts the run off."""
        forge = self.open_forge(run)
        try:
            leave_to_newer(run, self.blueprints, MOST_TRIES)
            run = brought_up(run, self.blueprints)
            if run.status.has_ended:
                return await self.ending.report(run, forge)
            if end := await self.orders.heed_at_work(run, forge, Signals()):
                return await self.ending.end(run, end.status, end.why)
            waited = run.was_held and not run.state
            return await (self._admit if run.status is Status.QUEUED or waited else self._visit)(run, forge)
        except (RateLimited, Unavailable, ModelUnavailable, ForNewer) as error:
            return await self._put_off(run, error)
        except (Stale, StoreDown, HandedOver):
            raise
        except MinionsError as error:
            return await self._stop_at(run, error)
        except Exception:  # the outermost edge: a node that breaks ends its run, not the worker
            _log.exception("Run %s at %s broke", run.id, run.at)
            return await self.ending.fail(run, wording.broke(run.at))

    async def _stop_at(self, run: Run, error: MinionsError) -> Run:
        """End the run with what is in its way, or put it off if that is a box where it had one before."""
        if isinstance(error, SandboxError) and run.visits:  # the engine of containers is started anew, the disk is full
            return await self._put_off(run, error)
        _log.warning("Run %s at %s: %s %s", run.id, run.at, error, error.detail)
        return await self.ending.fail(run, str(error))

    async def _has_orders(self, run: Run) -> bool:
        return bool(await self.store.orders(run.id))

    async def _heed(self, run: Run) -> Run:
        """Do what somebody wants of a run that has ended. Trouble that may pass puts it off; the run stays as it is."""
        try:
            leave_to_newer(run, self.blueprints, MOST_TRIES)
            heeded = await self.orders.heed_ended(run, self.open_forge(run))
            return await self.store.save(heeded.model_copy(update={"tries": 0})) if heeded.tries else heeded
        except (RateLimited, Unavailable, ForNewer) as error:
            if run.tries < MOST_TRIES:
                return await self._put_off(run, error)
            return await self._leave_unheeded(run, error)
        except ForgeError as error:
            return await self._leave_unheeded(run, error)

    async def _leave_unheeded(self, run: Run, error: MinionsError) -> Run:
        _log.warning("Run %s: what it is told after its end cannot be heeded: %s %s", run.id, error, error.detail)
        for given in await self.store.orders(run.id):
            await self.store.settle(given, heeded=False)
        return await self.store.save(run.model_copy(update={"tries": 0}))

    async def _admit(self, run: Run, forge: Forge) -> Run:
        """Have the run begin, if it may: looked up again of one that was given a place after it waited for it."""
        if ended := await self.admission.refused(run, forge):
            return ended
        return await (self._visit if run.status is Status.RUNNING else self.admission.admit)(run, forge)

    async def _visit(self, run: Run, forge: Forge) -> Run:
        blueprint = blueprint_of(run, self.blueprints)
        node = blueprint.node(run.at)
        if not run.state:
            try:
                run = await self.admission.begin(run, blueprint, forge)
            except Occupied as error:
                return await self.ending.end(run, Status.REFUSED, wording.already_at_work(error.run_id))
        if len(run.visits) - run.fresh_from >= blueprint.most_visits:
            raise BlueprintError(wording.went_round(blueprint.name, blueprint.most_visits))
        started, clock = self.now(), self.clock()
        state: State = blueprint.state.model_validate(run.state)
        patch: bytes | None = None
        is_paid = node.kind is Kind.AGENT
        if _is_used_up(run, node):
            word: str | Wait | None = EXHAUSTED
        else:
            if run.status is not Status.WAITING:  # else it was told when it was parked
                run = await self.progress.try_to_tell(run, blueprint, forge)
            signals = await self.orders.signals(run)
            world = await self.open_world(run, node, forge, signals)
            word, end = await self._unless_stopped(run, forge, signals, node.run(state, world))
            is_paid = is_paid or world.meaning.was_asked
            patch = (await world.workspace.patch()).data if node.in_tree else None
            if end:
                return await self.ending.end(run, end.status, end.why, patch=patch)
        if isinstance(word, Wait):
            return await self._park(run, blueprint, forge, state, word)
        visit = Visit(
            node=node.name,
            title=node.title,
            kind=node.kind,
            outcome=word or "",
            started_at=started,
            seconds=self.clock() - clock,
            usage=await self._usage(run) if is_paid else Usage(),
        )
        left = await self.store.save(self._left(run, blueprint, visit, state), patch=patch)
        if self.tracer:
            self.tracer.visited(left, await self._journal(left))
        return left

    async def _journal(self, run: Run) -> list[Recorded]:
        """Of its last visit."""
        last = len(run.visits) - 1
        return [one for one in await self.store.records(run.id) if one.visit == last]

    async def _unless_stopped(
        self, run: Run, forge: Forge, signals: Signals, work: Awaitable[T]
    ) -> tuple[T | None, End | None]:
        """What a node answers and no end, or how it was ended. Broken off, nothing of it goes on."""
        working = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait({working}, timeout=self.look_s))[0]:
                try:
                    if end := await self.orders.heed_at_work(run, forge, signals):
                        return None, end
                except (ForgeError, StoreDown) as error:
                    _log.info("Run %s: what it is told cannot be heeded now: %s", run.id, error)
            return working.result(), None
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    def _left(self, run: Run, blueprint: Blueprint[Any], visit: Visit, state: State) -> Run:
        """The run after the visit, at the node that the table names next."""
        follows = blueprint.after(blueprint.node(visit.node), visit.outcome)
        moved = state.model_dump(include={"head_sha", "pull_request_number", "pull_request_url", "checks"})
        update: dict[str, object] = {
            "state": state.model_dump(mode="json"),
            "visits": (*run.visits, visit),
            "trail": run.trail.model_copy(update=moved),
            "wait": None,
            "tries": 0,
            "error": "",
        }
        if isinstance(follows, Node):
            update |= {"at": follows.name, "status": Status.RUNNING}
        else:
            update |= {"status": Status.DONE, "error": state.explanation, "ended_at": self.now()}
        return run.model_copy(update=update)

    async def _park(self, run: Run, blueprint: Blueprint[Any], forge: Forge, state: State, wait: Wait) -> Run:
        """Let the run rest, with what its node has noted so far, and say once what it waits for."""
        is_told = run.wait is not None and (run.wait.what, run.wait.deadline) == (wait.what, wait.deadline)
        noted = {"state": state.model_dump(mode="json"), "wait": wait, "tries": 0, "error": ""}
        parked = run.model_copy(update={"status": Status.WAITING, **noted})
        if not is_told:
            parked = await self.progress.try_to_tell(parked, blueprint, forge, now=True)
        return await self.store.save(parked, advance_at=wait.look_at or wait.deadline)

    async def _put_off(self, run: Run, error: MinionsError) -> Run:
        """Try again later, by a job and not by sleeping: this worker has other things to do."""
        is_limit = isinstance(error, RateLimited) and self.now() - run.asked_at < _PATIENCE
        tries = max(run.tries, 1) if is_limit else run.tries + 1
        if tries > MOST_TRIES:
            return await self.ending.end(run, Status.FAILED, wording.tried_in_vain(str(error), tries - 1))
        pause_s = min(_FIRST_PAUSE_S * 2 ** (tries - 1), _LONGEST_PAUSE_S)
        if isinstance(error, RateLimited):
            pause_s = max(pause_s, error.retry_after_s)
        _log.info("Run %s at %s: %s Trying again in %.0f s.", run.id, run.at, error, pause_s)
        later = (await self.store.load(run.id)).model_copy(update={"tries": tries})
        if not later.status.has_ended:
            later = later.model_copy(update={"error": str(error)})
        blueprint = self.blueprints.get(run.blueprint)
        known = blueprint if blueprint and blueprint.takes(run.blueprint_version) else None
        if known and later.status is Status.RUNNING and later.state and not isinstance(error, ForgeError):
            later = await self.progress.try_to_tell(later, known, self.open_forge(run), now=True)
        return await self.store.save(later, advance_at=self.now() + timedelta(seconds=pause_s))

    async def _usage(self, run: Run) -> Usage:
        """What models took in the visit that ends."""
        entries = await self.store.journal(run.id, len(run.visits)).entries()
        return sum((entry.usage for entry in entries if isinstance(entry, ModelAnswered)), Usage())


def _is_used_up(run: Run, node: Node[Any]) -> bool:
    been = sum(visit.node == node.name and visit.outcome != EXHAUSTED for visit in run.visits[run.fresh_from :])
    return node.at_most is not None and been >= node.at_most
