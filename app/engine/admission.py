"""Whether a run that was asked for may begin, and what is settled when it does.

Asked again at each start: permission can be gone since the event.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from app.core import wording
from app.core.blueprint import Blueprint, State
from app.core.events import HELP
from app.core.forge import Forge
from app.core.orders import KINDS
from app.core.places import ANY_NUMBER, MostOpen
from app.core.run import Run, Status
from app.core.store import Occupied, Store
from app.core.terms import Arm, Terms
from app.core.triage import Decided
from app.engine import target
from app.engine.dispatch import Blueprints
from app.engine.ending import Ending
from app.engine.progress import Progress
from app.engine.versions import blueprint_of

_KNOWN: Final = {"base_branch", "base_sha", "branch", "head_sha", "pull_request_number", "pull_request_url"}
"""What a run's state knows of its trail from the beginning."""

Arms = Callable[[Run], Awaitable[Mapping[str, Arm]]]
DecideTriage = Callable[[Run, Forge], Awaitable[Decided]]
ReadMostOpen = Callable[[Run, Forge], Awaitable[MostOpen]]


async def refusal(run: Run, forge: Forge, blueprints: Blueprints) -> str:
    """Why the run may not start, as a sentence for people; empty if it may. Raises ForgeError if GitHub cannot say."""
    if run.blueprint == HELP:
        return wording.commands(blueprints.values())
    if run.blueprint in KINDS:
        return wording.nothing_there(run.blueprint, run.task.number)
    if run.blueprint not in blueprints:
        return wording.unknown_blueprint(run.blueprint, blueprints.values())
    if run.task.is_pull_request and (await forge.pull(run.task.number)).is_from_fork:
        return wording.is_from_fork(run.task.number)
    if not await forge.issue_is_open(run.task.number):
        return wording.issue_is_closed(run.task.number)
    return ""


async def may_ask(run: Run, forge: Forge) -> bool:
    """Whether who asked may write in the repository. Looked up, never inferred from a label, login or association."""
    return (await forge.permission(run.task.requester.login)).may_write


async def any_number(_run: Run, _forge: Forge) -> MostOpen:
    """Where no repository says anything."""
    return ANY_NUMBER


async def no_arms(_: Run) -> Mapping[str, Arm]:
    """Where no candidate is tried."""
    return {}


async def no_triage(_run: Run, _forge: Forge) -> Decided:
    """Where nobody chooses."""
    return Decided(by="nobody")


class Admission:
    """Has runs begin.

    `arms` tells which models a new run has where a candidate is tried, `triage` which blueprint a run gets that nobody
    named one for, and `most_open` how many pull requests may wait for review in its repository, as that says itself.
    """

    def __init__(
        self,
        store: Store,
        blueprints: Blueprints,
        progress: Progress,
        ending: Ending,
        *,
        arms: Arms = no_arms,
        triage: DecideTriage = no_triage,
        most_open: ReadMostOpen = any_number,
    ) -> None:
        self._store = store
        self._blueprints = blueprints
        self._progress = progress
        self._ending = ending
        self._arms = arms
        self._triage = triage
        self._most_open = most_open

    async def refused(self, run: Run, forge: Forge) -> Run | None:
        """The run as it ended because it may not begin, or not go on where it waited for its turn; None if it may."""
        if not await may_ask(run, forge):
            is_told = run.trail.comment_id is not None  # that it waits, so also that it does not any more
            if not is_told:
                await self._progress.refuse(run, forge, openly=False)
            why = wording.may_not_ask(run.task.requester.login)
            return await self._ending.end(run, Status.REFUSED, why, reported=not is_told)
        why = await refusal(run, forge, self._blueprints)
        return await self._ending.end(run, Status.REFUSED, why) if why else None

    async def admit(self, run: Run, forge: Forge) -> Run:
        """Give the run a place, or have it wait for one, if it is worth it and can be paid."""
        run, why = await self._weighed(run, forge)
        if why:
            return await self._ending.end(run, Status.REFUSED, why)
        try:
            run = await self._store.admit(run, await self._most_open(run, forge))
        except Occupied as error:
            return await self._ending.end(run, Status.REFUSED, wording.already_at_work(error.run_id))
        return await self._hold(run, forge) if run.status is Status.QUEUED else run

    async def _hold(self, run: Run, forge: Forge) -> Run:
        """Have who asked see that it was heard, and what it waits for, if that is people."""
        turn, blueprint = await self._store.turn(run), blueprint_of(run, self._blueprints)
        if turn is None:
            await self._progress.hold(run, forge)
            return run
        waits = run.model_copy(update={"trail": run.trail.model_copy(update={"turn": turn})})
        return await self._store.save(await self._progress.begin(waits, blueprint, forge, self._store.save))

    async def begin(self, run: Run, blueprint: Blueprint[Any], forge: Forge) -> Run:
        """Announce the run and give its state what the announcement made. Raises Occupied if its branch is taken."""
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
            run = await self._progress.restart(run, forge, self._store.save)
        run = await self._progress.begin(run, blueprint, forge, self._store.save)
        state: State = blueprint.state(task=task, **run.trail.model_dump(include=_KNOWN))
        return await self._store.save(run.model_copy(update={"state": state.model_dump(mode="json")}))

    async def _weighed(self, run: Run, forge: Forge) -> tuple[Run, str]:
        """The run with its blueprint, and why it is not worth beginning, or cannot be paid; empty if neither."""
        held = await self._store.purse(run).look()
        if not held.is_granted:
            return run, wording.budget_used_up(held)
        if run.terms.is_open and run.terms.triage is None:
            run = await self._triaged(run, forge)
        decided = run.terms.triage
        return run, wording.declined(decided) if decided and decided.is_declined else ""

    async def _triaged(self, run: Run, forge: Forge) -> Run:
        """The run with the blueprint that triage chose; saved, so that nobody is asked again."""
        decided = await self._triage(run, forge)
        if decided.by == "nobody" and not decided.why:
            return run  # nobody looked: that is nothing to be kept
        chosen = self._blueprints.get(decided.blueprint)
        update: dict[str, object] = {"terms": run.terms.model_copy(update={"triage": decided})}
        if chosen is not None and chosen.name != run.blueprint:
            update |= {"blueprint": chosen.name, "blueprint_version": chosen.version, "at": chosen.start.name}
        return await self._store.save(run.model_copy(update=update))

    async def _settled(self, run: Run) -> Terms:
        """What is settled before the first node, once."""
        estimate = await self._store.estimate(run.task.repository.id, run.blueprint)
        return run.terms.model_copy(update={"is_settled": True, "estimate": estimate, "arms": await self._arms(run)})

    async def _take_branch(self, run: Run) -> Run:
        """Have the branch of a pull request. A run that only waits for its checks gives way: it has its result."""
        try:
            return await self._store.save(run)
        except Occupied as error:
            other = await self._store.load(error.run_id)
            if other.status is not Status.WAITING:
                raise
        await self._ending.give_way(other)
        return await self._store.save(run)
