"""Walk runs through their blueprints, one saved node at a time.

A node works on a copy of the state. Only when it returns are state, visit and next node saved, in one write that fails
if somebody else saved meanwhile. A crash therefore costs at most one node, which runs again: never skipped.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
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
from app.core.places import ANY_NUMBER, MostOpen
from app.core.run import Run, Status, Visit
from app.core.shift import HandedOver, Shift
from app.core.signals import Signals
from app.core.store import Occupied, Recorded, Stale, Store, StoreDown
from app.core.terms import Arm, Terms
from app.core.tracing import Tracer
from app.core.triage import Decided
from app.core.workspace import Workspace
from app.core.world import World
from app.engine import admission, target
from app.engine.dispatch import Blueprints
from app.engine.orders import End, Orders
from app.engine.progress import Progress

_log = logging.getLogger(__name__)

_MOST_TRIES: Final = 12
"""With the pauses below, 80 minutes of GitHub or the model being away."""
_FIRST_PAUSE_S: Final = 5.0
_LONGEST_PAUSE_S: Final = 900.0
_PATIENCE: Final = timedelta(days=1)
"""For so long since it was asked for, a run that GitHub asks to wait does so, however often: that is no trouble."""

T = TypeVar("T")

OpenForge = Callable[[Run], Forge]
OpenWorkspace = Callable[[Run, Forge], Workspace]
Leave = Callable[[Run], Awaitable[None]]
OpenWorld = Callable[[Run, Node[Any], Forge, Signals], Awaitable[World]]
_KNOWN: Final = {"base_branch", "base_sha", "branch", "head_sha", "pull_request_number", "pull_request_url"}
"""What a run's state knows of its trail from the beginning."""


async def nothing_to_leave(_run: Run) -> None:
    """What is given up where a run uses nothing that can be."""


async def any_number(_run: Run, _forge: Forge) -> MostOpen:
    """Where no repository says anything."""
    return ANY_NUMBER


async def no_arms(_: Run) -> Mapping[str, Arm]:
    """Where no candidate is tried."""
    return {}


async def no_triage(_run: Run, _forge: Forge) -> Decided:
    """Where nobody chooses."""
    return Decided(by="nobody")


class _ForNewer(MinionsError):
    """The run is of a newer blueprint than this program has."""


@dataclass(frozen=True)
class Runner:
    """Advances runs. Everything outside comes in by these."""

    store: Store
    blueprints: Blueprints
    progress: Progress
    open_forge: OpenForge
    open_workspace: OpenWorkspace
    open_world: OpenWorld
    now: Callable[[], datetime]
    """The time of day, with time zone."""
    clock: Callable[[], float]
    """Seconds that only grow."""
    orders: Orders
    leave: Leave = nothing_to_leave
    """Gives up what was used for a run that is over and told."""
    shift: Shift = field(default_factory=Shift)
    """Of the worker that this works in."""
    tracer: Tracer | None = None
    arms: Callable[[Run], Awaitable[Mapping[str, Arm]]] = no_arms
    """Which models a new run has where a candidate is tried."""
    triage: Callable[[Run, Forge], Awaitable[Decided]] = no_triage
    """Which blueprint a run gets that nobody named one for."""
    most_open: Callable[[Run, Forge], Awaitable[MostOpen]] = any_number
    """How many pull requests may wait for review in the repository of a run, as it says itself."""
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
            self._leave_to_newer(run)
            run = self._brought_up(run)
            if run.status.has_ended:
                return await self._report(run, forge)
            if end := await self.orders.heed_at_work(run, forge, Signals()):
                return await self._end(run, end.status, end.why)
            waited = run.was_held and not run.state
            return await (self._admit if run.status is Status.QUEUED or waited else self._visit)(run, forge)
        except (RateLimited, Unavailable, ModelUnavailable, _ForNewer) as error:
            return await self._put_off(run, error)
        except (Stale, StoreDown, HandedOver):
            raise
        except MinionsError as error:
            return await self._stop_at(run, error)
        except Exception:  # the outermost edge: a node that breaks ends its run, not the worker
            _log.exception("Run %s at %s broke", run.id, run.at)
            return await self._fail(run, wording.broke(run.at))

    async def _stop_at(self, run: Run, error: MinionsError) -> Run:
        """End the run with what is in its way, or put it off if that is a box where it had one before."""
        if isinstance(error, SandboxError) and run.visits:  # the engine of containers is started anew, the disk is full
            return await self._put_off(run, error)
        _log.warning("Run %s at %s: %s %s", run.id, run.at, error, error.detail)
        return await self._fail(run, str(error))

    async def _fail(self, run: Run, why: str) -> Run:
        """End the run where it is. Raises Stale if another worker, which took this one for lost, went on with it."""
        newest = await self.store.load(run.id)
        if newest.status.has_ended or len(newest.visits) > len(run.visits):
            raise Stale(f"Another worker went on with run {run.id}: it is at {newest.at}.")
        return await self._end(run, Status.FAILED, why)

    async def _has_orders(self, run: Run) -> bool:
        return bool(await self.store.orders(run.id))

    async def _heed(self, run: Run) -> Run:
        """Do what somebody wants of a run that has ended. Trouble that may pass puts it off; the run stays as it is."""
        try:
            self._leave_to_newer(run)
            heeded = await self.orders.heed_ended(run, self.open_forge(run))
            return await self.store.save(heeded.model_copy(update={"tries": 0})) if heeded.tries else heeded
        except (RateLimited, Unavailable, _ForNewer) as error:
            if run.tries < _MOST_TRIES:
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
        if not await admission.may_ask(run, forge):
            is_told = run.trail.comment_id is not None  # that it waits, so also that it does not any more
            if not is_told:
                await self.progress.refuse(run, forge, openly=False)
            why = wording.may_not_ask(run.task.requester.login)
            return await self._end(run, Status.REFUSED, why, reported=not is_told)
        if why := await admission.refusal(run, forge, self.blueprints):
            return await self._end(run, Status.REFUSED, why)
        if run.status is Status.RUNNING:
            return await self._visit(run, forge)
        run, why = await self._weighed(run, forge)
        if why:
            return await self._end(run, Status.REFUSED, why)
        try:
            run = await self.store.admit(run, await self.most_open(run, forge))
        except Occupied as error:
            return await self._end(run, Status.REFUSED, wording.already_at_work(error.run_id))
        return await self._hold(run, forge) if run.status is Status.QUEUED else run

    async def _hold(self, run: Run, forge: Forge) -> Run:
        """Have who asked see that it was heard, and what it waits for, if that is people."""
        turn, blueprint = await self.store.turn(run), self._blueprint(run)
        if turn is None:
            await self.progress.hold(run, forge)
            return run
        waits = run.model_copy(update={"trail": run.trail.model_copy(update={"turn": turn})})
        return await self.store.save(await self.progress.begin(waits, blueprint, forge, self.store.save))

    async def _begin(self, run: Run, blueprint: Blueprint[Any], forge: Forge) -> Run:
        """Announce the run and give its state what the announcement made."""
        task = run.task
        if task.is_pull_request:
            pull = await forge.pull(task.number)
            if not run.trail.base_sha:
                trail = target.trail_of(run, pull, await forge.default_head())
                run = await self._take_branch(run.model_copy(update={"trail": trail}))
            task = task.model_copy(update={"remarks": await target.remarks(run, pull, forge)})
        if not run.terms.is_settled:
            run = run.model_copy(update={"terms": await self._settled(run)})
        if run.trail.turn is not None:
            run = await self.progress.restart(run, forge, self.store.save)
        run = await self.progress.begin(run, blueprint, forge, self.store.save)
        state: State = blueprint.state(task=task, **run.trail.model_dump(include=_KNOWN))
        return await self.store.save(run.model_copy(update={"state": state.model_dump(mode="json")}))

    async def _weighed(self, run: Run, forge: Forge) -> tuple[Run, str]:
        """The run with its blueprint, and why it is not worth beginning, or cannot be paid; empty if neither."""
        held = await self.store.purse(run).look()
        if not held.is_granted:
            return run, wording.budget_used_up(held)
        if run.terms.is_open and run.terms.triage is None:
            run = await self._triaged(run, forge)
        decided = run.terms.triage
        return run, wording.declined(decided) if decided and decided.is_declined else ""

    async def _triaged(self, run: Run, forge: Forge) -> Run:
        """The run with the blueprint that triage chose; saved, so that nobody is asked again."""
        decided = await self.triage(run, forge)
        if decided.by == "nobody" and not decided.why:
            return run  # nobody looked: that is nothing to be kept
        chosen = self.blueprints.get(decided.blueprint)
        update: dict[str, object] = {"terms": run.terms.model_copy(update={"triage": decided})}
        if chosen is not None and chosen.name != run.blueprint:
            update |= {"blueprint": chosen.name, "blueprint_version": chosen.version, "at": chosen.start.name}
        return await self.store.save(run.model_copy(update=update))

    async def _settled(self, run: Run) -> Terms:
        """What is settled before the first node, once."""
        estimate = await self.store.estimate(run.task.repository.id, run.blueprint)
        return run.terms.model_copy(update={"is_settled": True, "estimate": estimate, "arms": await self.arms(run)})

    async def _take_branch(self, run: Run) -> Run:
        """Have the branch of a pull request. A run that only waits for its checks gives way: it has its result."""
        try:
            return await self.store.save(run)
        except Occupied as error:
            other = await self.store.load(error.run_id)
            if other.status is not Status.WAITING:
                raise
        done = {"status": Status.DONE, "wait": None, "ended_at": self.now(), "tries": 0}
        await self.store.save(other.model_copy(update=done), advance_at=self.now())
        return await self.store.save(run)

    async def _visit(self, run: Run, forge: Forge) -> Run:
        blueprint = self._blueprint(run)
        node = blueprint.node(run.at)
        if not run.state:
            try:
                run = await self._begin(run, blueprint, forge)
            except Occupied as error:
                return await self._end(run, Status.REFUSED, wording.already_at_work(error.run_id))
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
                return await self._end(run, end.status, end.why, patch=patch)
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
        if tries > _MOST_TRIES:
            return await self._end(run, Status.FAILED, wording.tried_in_vain(str(error), tries - 1))
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

    async def _end(
        self, run: Run, status: Status, error: str, *, reported: bool = False, patch: bytes | None = None
    ) -> Run:
        newest = await self.store.load(run.id)
        ended = {"status": status, "error": error, "ended_at": self.now(), "is_reported": reported, "tries": 0}
        return await self.store.save(newest.model_copy(update=ended), patch=patch)

    async def _report(self, run: Run, forge: Forge) -> Run:
        """Tell the end on GitHub, then tidy up. Done again after a crash, until it is saved that it was done."""
        blueprint = self.blueprints.get(run.blueprint)
        try:
            if run.status is Status.REFUSED and not run.trail.head_sha:
                await self.progress.refuse(run, forge, openly=True)
            elif blueprint is not None:
                run = await self.progress.end(run, blueprint, forge)
        except (RateLimited, Unavailable):
            if run.tries < _MOST_TRIES:
                raise
        except StoreDown:  # calls are paced by the database; without it nothing was tried
            raise
        except ForgeError as error:
            _log.warning("Run %s: its end cannot be told on GitHub: %s", run.id, error)
        except Exception:  # an outermost edge, too: told or not, the run has ended, and nothing may begin that anew
            _log.exception("Run %s: its end cannot be told", run.id)
        try:
            await self.open_workspace(run, forge).remove()
        except Exception:  # as above
            _log.exception("Run %s: its folder cannot be removed", run.id)
        told = await self.store.save(run.model_copy(update={"is_reported": True, "tries": 0}))
        if self.tracer:
            self.tracer.ended(told)
        return told

    def _leave_to_newer(self, run: Run) -> None:
        """Raise _ForNewer if only a newer program, which is being rolled out, knows how to walk the run.

        Not for ever: if that was rolled back, or if it is this one that is newer and the blueprint was removed, people
        are told so, by BlueprintError.
        """
        known = self.blueprints.get(run.blueprint)
        if run.blueprint_version <= (known.version if known else 0):
            return
        if run.tries < _MOST_TRIES:
            raise _ForNewer(wording.newer_blueprint(run.blueprint))
        if not run.status.has_ended:
            raise BlueprintError(wording.blueprint_changed(run.blueprint))

    def _brought_up(self, run: Run) -> Run:
        """The run with the version of the table that it goes on with, which is saved with whatever it does next."""
        known = self.blueprints.get(run.blueprint)
        if known is None or run.status.has_ended or run.blueprint_version == known.version:
            return run
        newer = {"blueprint_version": known.version}
        if not run.state:  # it has not begun
            return run.model_copy(update=newer | {"at": known.start.name})
        return run.model_copy(update=newer) if known.takes(run.blueprint_version) else run

    def _blueprint(self, run: Run) -> Blueprint[Any]:
        blueprint = self.blueprints.get(run.blueprint)
        if blueprint is None or blueprint.version != run.blueprint_version:
            raise BlueprintError(wording.blueprint_changed(run.blueprint))
        return blueprint

    async def _usage(self, run: Run) -> Usage:
        """What models took in the visit that ends."""
        entries = await self.store.journal(run.id, len(run.visits)).entries()
        return sum((entry.usage for entry in entries if isinstance(entry, ModelAnswered)), Usage())


def _is_used_up(run: Run, node: Node[Any]) -> bool:
    been = sum(visit.node == node.name and visit.outcome != EXHAUSTED for visit in run.visits[run.fresh_from :])
    return node.at_most is not None and been >= node.at_most
