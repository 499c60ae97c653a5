"""Heed what people tell runs. Each order is settled once: heeded, answered with a sentence, or passed over.

Order of things: what an order does is saved before it is settled, so that after a crash it is looked at again; what it
does twice changes nothing.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.core import wording
from app.core.blueprint import Blueprint, Kind
from app.core.errors import Denied, NotFound
from app.core.forge import Forge, Reaction
from app.core.orders import Discard, FixChecks, Given, RaiseBudget, Retry, ShowStatus, Stop, WrapUp
from app.core.run import Run, Status
from app.core.signals import Signals
from app.core.store import Draft, Occupied, Store
from app.engine.dispatch import Blueprints

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class End:
    """How a run at work shall end."""

    status: Status
    why: str


@dataclass(frozen=True)
class Orders:
    """Heeds orders; everything outside comes in by these."""

    store: Store
    blueprints: Blueprints
    page_url: Callable[[Run], str]
    now: Callable[[], datetime]
    """The time of day, with time zone."""

    async def signals(self, run: Run) -> Signals:
        """What of the orders that were heeded before still holds for the minion's next visit."""
        heeded = await self.store.orders(run.id, heeded=True)
        return Signals(
            wrap_up=any(isinstance(one.order, WrapUp) and one.id > run.last_retry for one in heeded),
            raised_usd=sum(one.order.usd for one in heeded if isinstance(one.order, RaiseBudget)),
        )

    async def heed_at_work(self, run: Run, forge: Forge, signals: Signals) -> End | None:
        """Heed what can be heeded while the run is at work; answer how it shall end, if somebody wants that."""
        for given in await self.store.orders(run.id):
            if not await self._may(run, given, forge):
                continue
            match given.order:
                case Stop() | Discard():  # settled when the run has ended: till then it must not be forgotten
                    return await self._end(run, given, forge)
                case WrapUp():
                    signals.wrap_up = True
                    await self._heeded(run, given, forge)
                case RaiseBudget(usd=usd):
                    signals.raised_usd += usd
                    await self._heeded(run, given, forge)
                case ShowStatus():
                    await self._answer(run, given, forge, await self._standing_now(run))
                case Retry() | FixChecks() if given.id == run.last_retry:
                    await self._heeded(run, given, forge)
                case Retry() | FixChecks():
                    await self._answer(run, given, forge, wording.is_at_work(run))
        return None

    async def heed_ended(self, run: Run, forge: Forge) -> Run:
        """Heed what a run that has ended was told; answer with it as it goes on, or as it was."""
        for given in await self.store.orders(run.id):
            if not await self._may(run, given, forge):
                continue
            match given.order:
                case Stop() if run.status is Status.STOPPED or given.place is None:
                    await self._heeded(run, given, forge)
                case Stop() | WrapUp():
                    await self._answer(run, given, forge, wording.has_ended(given.order, run))
                case ShowStatus():
                    await self._answer(run, given, forge, self._standing(run))
                case Discard():
                    await self._discard(run, given, forge)
                case Retry() | FixChecks() | RaiseBudget():
                    again = await self._again(run, given, forge)
                    if not again.status.has_ended:
                        return again  # the rest is told to a run at work
        return run

    # -- Ends ----------------------------------------------------------------------------------------------------
    async def _end(self, run: Run, given: Given, forge: Forge) -> End:
        """A run whose pull request was merged is done, whoever closed what."""
        number = run.trail.pull_request_number
        pull = None
        if number is not None:
            try:
                pull = await forge.pull(number)
            except NotFound:
                _log.info("Run %s: its pull request #%s is gone", run.id, number)
        if pull is not None and pull.is_merged:
            return End(Status.DONE, "")
        if given.requester is not None:
            return End(Status.STOPPED, wording.stopped_by(given.requester.login))
        if pull is not None and not pull.is_open:
            return End(Status.STOPPED, wording.pull_closed(pull.number))
        return End(Status.STOPPED, wording.gone())

    async def _discard(self, run: Run, given: Given, forge: Forge) -> None:
        trail = run.trail
        if trail.pull_request_number is not None:
            await forge.close_pull(trail.pull_request_number)
        is_gone = bool(trail.branch) and await forge.delete_branch(trail.branch, expected_sha=trail.head_sha)
        await self._answer(run, given, forge, wording.discarded(run, is_branch_gone=is_gone))

    # -- Beginning again -----------------------------------------------------------------------------------------
    async def _again(self, run: Run, given: Given, forge: Forge) -> Run:
        """Go on with the run, begin another one in its place, or say why neither."""
        if run.task.number and not await forge.issue_is_open(run.task.number):
            return await self._not_again(run, given, forge, wording.issue_is_closed(run.task.number))
        blueprint = self.blueprints.get(run.blueprint)
        is_old = blueprint is None or not blueprint.takes(run.blueprint_version)
        if blueprint is None or is_old or await self._is_turned_down(run, given, forge):
            return await self._anew(run, given, forge)
        node, why = _place_to_go_on(run, given, blueprint)
        if why:
            return await self._not_again(run, given, forge, why)
        stands_at = await forge.branch_sha(run.trail.branch) if run.trail.branch else ""
        if not node or not stands_at:
            return await self._anew(run, given, forge)
        if stands_at != run.trail.head_sha:
            return await self._not_again(run, given, forge, wording.moved_by_others(run))
        return await self._go_on(run, given, forge, blueprint, node)

    async def _is_turned_down(self, run: Run, given: Given, forge: Forge) -> bool:
        """Whether somebody wants another try, of what was closed without being merged."""
        number = run.trail.pull_request_number
        if given.order != Retry() or number is None or run.task.is_pull_request:
            return False
        try:
            pull = await forge.pull(number)
        except NotFound:
            return True
        return not pull.is_open and not pull.is_merged

    async def _go_on(self, run: Run, given: Given, forge: Forge, blueprint: Blueprint[Any], node: str) -> Run:
        state = blueprint.state.model_validate(run.state).begun_again()
        again = {
            "status": Status.RUNNING,
            "at": node,
            "blueprint_version": blueprint.version,
            "state": state.model_dump(mode="json"),
            "wait": None,
            "error": "",
            "tries": 0,
            "ended_at": None,
            "is_reported": False,
            "fresh_from": len(run.visits),
            "last_retry": given.id,
        }
        try:
            run = await self.store.save(run.model_copy(update=again))
        except Occupied as error:
            return await self._not_again(run, given, forge, wording.already_at_work(error.run_id))
        await self._heeded(run, given, forge)
        return run

    async def _anew(self, run: Run, given: Given, forge: Forge) -> Run:
        """Another run for the same work: on the newest base and, where they are known, in the words of now."""
        old = run.task
        task = given.task if given.task and given.task.number == old.number else old
        blueprint = self.blueprints.get(run.blueprint)
        draft = Draft(
            intent=f"again/{run.id}/{given.id}",
            task=task.model_copy(
                update={
                    "requester": given.requester or old.requester,
                    "instructions": old.instructions,
                    "comment_id": given.place.comment_id if given.place else None,
                    "in_review": given.place.in_review if given.place else False,
                    "asked_at": self.now(),
                    "campaign": old.campaign,
                }
            ),
            blueprint=run.blueprint,
            blueprint_version=blueprint.version if blueprint else 0,
            start=blueprint.start.name if blueprint else "",
        )
        await self.store.accept(None, draft, f"Run {run.id} is done anew.")
        await self._heeded(run, given, forge)
        return run

    async def _not_again(self, run: Run, given: Given, forge: Forge, why: str) -> Run:
        await self._answer(run, given, forge, why)
        return run

    # -- Settling ------------------------------------------------------------------------------------------------
    async def _may(self, run: Run, given: Given, forge: Forge) -> bool:
        """Whether who gave the order may: looked up. Who may not gets a 👎 and no words."""
        if given.requester is None or (await forge.permission(given.requester.login)).may_write:
            return True
        await self._react(run, given, forge, Reaction.NO)
        await self.store.settle(given, heeded=False)
        return False

    async def _heeded(self, run: Run, given: Given, forge: Forge) -> None:
        await self._react(run, given, forge, Reaction.YES)
        await self.store.settle(given, heeded=True)

    async def _answer(self, run: Run, given: Given, forge: Forge, text: str) -> None:
        number = given.place.number if given.place else run.task.number
        if number:
            try:
                marker = wording.order_marker(given)
                await forge.put_comment(number, marker, wording.answer(given, text), comment_id=None)
            except (Denied, NotFound) as error:
                _log.info("Run %s: %r cannot be answered on GitHub: %s", run.id, given.order.kind, error)
        await self.store.settle(given, heeded=False)

    async def _react(self, run: Run, given: Given, forge: Forge, reaction: Reaction) -> None:
        if given.place is None:
            return
        try:
            await forge.react(given.place.number, given.place, reaction)
        except (Denied, NotFound) as error:
            _log.info("Run %s: no reaction to %r: %s", run.id, given.order.kind, error)

    async def _standing_now(self, run: Run) -> str:
        """The same, with the place in line of now."""
        if run.status is not Status.QUEUED:
            return self._standing(run)
        turn = await self.store.turn(run)
        here = self._standing(run.model_copy(update={"trail": run.trail.model_copy(update={"turn": turn})}))
        return f"{here}\n\n{wording.waits_for_reviews(turn)}" if turn else here

    def _standing(self, run: Run) -> str:
        blueprint = self.blueprints.get(run.blueprint)
        headline = wording.headline(run, blueprint) if blueprint else run.status.value
        return wording.standing(run, headline, self.page_url(run))


def _place_to_go_on(run: Run, given: Given, blueprint: Blueprint[Any]) -> tuple[str, str]:
    """The node at which the run goes on (empty: it begins anew), or why it does not."""
    match given.order:
        case Retry(node=node) if node:
            known = any(one.name == node for one in blueprint.edges)
            return (node, "") if known else ("", wording.unknown_node(node, blueprint))
        case FixChecks():
            node = blueprint.checks.name if blueprint.checks else ""
            return (node, "") if node else ("", wording.no_checks_to_fix(blueprint.name))
    if run.status is Status.DONE and run.trail.pull_request_number:
        return "", wording.has_result(run)
    if isinstance(given.order, RaiseBudget) and run.state and (node := _ran_out_at(run, blueprint)):
        return node, ""
    # What came to its own end without a result would come to it again: the words or the repository must have changed.
    return ("" if run.status is Status.DONE or not run.state else run.at), ""


def _ran_out_at(run: Run, blueprint: Blueprint[Any]) -> str:
    """The last node of a run without a result in which a minion worked: more money is for that one. Empty if none."""
    names = {node.name for node in blueprint.edges}
    worked = (visit.node for visit in reversed(run.visits) if visit.kind is Kind.AGENT and visit.node in names)
    return next(worked, "") if run.status is Status.DONE else ""
