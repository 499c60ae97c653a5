"""Repair a red pull request: ours or, by a pull request into it, somebody else's."""

from datetime import timedelta
from typing import Final, Literal, cast

from app.core import wording
from app.core.blueprint import END, Blueprint, Wait, agent, step
from app.core.budget import Budget
from app.core.errors import Denied
from app.core.forge import Verdict
from app.core.wording import followups
from app.core.world import World
from blueprints.steps.change import Change, Watched
from blueprints.steps.ci import autofix, read_failures, watch
from blueprints.steps.delivery import explain
from blueprints.steps.preparation import prepare
from blueprints.steps.ways import to_a_pull_request
from blueprints.steps.work import Worked
from blueprints.steps.work import mend as mended

_LOOK_S: Final = 120.0
"""Seconds to the next look while its checks run: of somebody else's commit we are told nothing."""


class Repair(Change):
    """A pull request whose checks are to become green."""

    demands = (
        "The checks of a pull request are red. What is wanted is that the very same checks pass because the code is "
        "right: no check may be left out, loosened or run only at times, and the pull request still does what it did."
    )


@step("Read what is red", in_tree=False)
async def read(change: Repair, world: World) -> Literal["red", "nothing"] | Wait:
    """Wait until the checks of the newest commit have ended, and read what failed."""
    if not change.task.is_pull_request:
        change.explanation = followups.only_on_pull_requests("ci")
        return "nothing"
    now, patience = world.now(), change.config.patience(world.patience)
    try:
        verdict = await world.forge.verdict(change.base_sha)
    except Denied:
        change.checks, change.explanation = "unreadable", wording.checks_unreadable()
        return "nothing"
    change.watched = change.watched.seen(verdict.mark, now)
    change.pushed_at = change.pushed_at or now
    deadline = change.pushed_at + timedelta(seconds=patience.wait_s)
    if verdict.state == "pending" and now < deadline:
        look_at = now + timedelta(seconds=_LOOK_S)
        what = wording.checks_of(change.base_sha)
        return Wait(what=what, deadline=deadline, look_at=look_at if look_at < deadline else None)
    return await _answer(change, verdict, world)


async def _answer(change: Repair, verdict: Verdict, world: World) -> Literal["red", "nothing"]:
    change.watched, change.pushed_at = Watched(names=verdict.red), None
    if verdict.red:
        change.checks = "red"
        await read_failures(change, world)
        return "red"
    if verdict.state == "pending":
        change.checks, change.explanation = "late", followups.did_not_end(verdict.open)
    else:
        change.checks = "green" if verdict.state == "green" else "none"
        change.explanation = followups.nothing_is_red(verdict.state)
    return "nothing"


@agent(
    "Mend what the checks found",
    prompt="mend.md",
    budget=Budget(turns=80, tokens=4_000_000, usd=3.0, seconds=1_800),
    role="repair",
)
async def mend(change: Repair, world: World) -> Worked:
    """Let a minion see what the checks of the pull request found, and mend it."""
    return cast("Worked", await mended.run(change, world))


BLUEPRINT: Final[Blueprint[Repair]] = Blueprint(
    name="ci",
    summary="Repair a pull request whose checks are red",
    state=Repair,
    start=read,
    checks=watch,
    edges={
        read: {"red": prepare, "nothing": END},
        prepare: {"ready": autofix, "cannot": explain},
        **to_a_pull_request(mend=mend),
    },
)
