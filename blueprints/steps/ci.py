"""After a push: wait for what others check, and go on with what that comes to."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from app.core import wording
from app.core.blueprint import Wait, step
from app.core.errors import Denied
from app.core.evidence import Where
from app.core.forge import FailedCheck, Verdict
from app.core.redaction import Redactor
from app.core.world import World
from blueprints.steps.change import Change, digest
from blueprints.steps.commands import run
from blueprints.steps.delivery import leave_to_people
from blueprints.steps.leftovers import change_of

ROUNDS: Final = 2
"""What is red after two tries needs a person: more of them turn up other reasons, and cost as much as the first."""
_LOOKS_S: Final = (30.0, 120.0, 480.0)
"""Seconds to the next look while nothing is heard, so often after each piece of news: an event may have been lost, or
have told of something that GitHub's own API did not know yet. Later on, the sweep of long parked runs looks."""
_MOST_REPORT: Final = 24_000
"""Characters of all that failing checks say that are kept for the model."""

Outcome = Literal["green", "none", "red", "undecided", "moved", "unreadable"]


@step("Wait for the checks", in_tree=False)
async def watch(change: Change, world: World) -> Outcome | Wait:
    """Rest until all that others check at this very commit has ended, and stayed so for a moment; say what it came to.

    One suite that has ended says nothing: another workflow of the same commit may still be to come.
    """
    now, patience = world.now(), change.config.patience(world.patience)
    pushed_at = change.pushed_at = change.pushed_at or now
    settle_s = patience.settle_s
    deadline = _later(pushed_at, patience.wait_s)
    stands_at = await world.forge.branch_sha(change.branch)
    if stands_at != change.head_sha:  # looked for twice: just after a push, GitHub's copies may not agree yet
        change.watched = change.watched.seen(f"elsewhere: {stands_at}", now)
        return _moved(change) if _is_settled(change, now, settle_s) else _wait(change, deadline, _later(now, settle_s))
    try:
        verdict = await world.forge.verdict(change.head_sha)
    except Denied:
        change.checks, change.explanation = "unreadable", wording.checks_unreadable()
        return "unreadable"
    change.watched = change.watched.seen(verdict.mark, now)
    if verdict.state in {"never", "none"}:
        start = now if verdict.state == "never" else min(_later(pushed_at, patience.start_s), deadline)
        return _none(change) if now >= start else _wait(change, deadline, start)
    if verdict.state == "pending":
        return _answer(change, verdict) if now >= deadline else _wait(change, deadline, _next_look(change, now))
    if _is_settled(change, now, settle_s) or now >= deadline:
        return _answer(change, verdict)
    return _wait(change, deadline, _later(change.watched.since or now, settle_s))


def _later(moment: datetime, seconds: float) -> datetime:
    return moment + timedelta(seconds=seconds)


def _is_settled(change: Change, now: datetime, settle_s: float) -> bool:
    since = change.watched.since
    return since is not None and now >= _later(since, settle_s)


def _next_look(change: Change, now: datetime) -> datetime | None:
    looks = change.watched.looks
    return _later(now, _LOOKS_S[looks]) if looks < len(_LOOKS_S) else None


def _wait(change: Change, deadline: datetime, look_at: datetime | None) -> Wait:
    what = wording.checks_of(change.head_sha)
    return Wait(what=what, deadline=deadline, look_at=look_at if look_at and look_at < deadline else None)


def _none(change: Change) -> Outcome:
    change.checks = "none"
    return "none"


def _moved(change: Change) -> Outcome:
    change.checks, change.explanation = "moved", wording.branch_moved(change.branch)
    return "moved"


def _answer(change: Change, verdict: Verdict) -> Outcome:
    """What it came to. At the deadline, what is red counts, whatever is still to come."""
    change.watched = change.watched.model_copy(update={"names": verdict.red or verdict.open or verdict.unclear})
    if verdict.red:
        change.checks = "red"
        return "red"
    if verdict.open or verdict.unclear:
        change.checks = "late" if verdict.open else "unclear"
        return "undecided"
    change.checks = "green"
    return "green"


@step("Apply the repository's own fixes", at_most=ROUNDS)
async def autofix(change: Change, world: World) -> Literal["fixed", "not fixed"]:
    """Begin a round: read what failed, and let the repository's own commands put right what they can."""
    await read_failures(change, world)
    commands = change.config.autofix
    await run(change, world.sandbox, commands, Where.AUTOFIX)
    patch = await change_of(change, world.workspace)
    is_fixed = bool(commands) and bool(patch.files) and digest(patch) != change.pushed
    if not is_fixed:
        return "not fixed"
    change.tried = (*change.tried, wording.tried_fixes(commands))
    return "fixed"


async def read_failures(change: Change, world: World) -> None:
    """What failed on what was pushed last; before the first push, on the commit that the run began with."""
    sha = change.head_sha if change.pushed else change.base_sha
    change.failing = _bounded(await world.forge.failures(sha))


def _bounded(failing: Sequence[FailedCheck]) -> tuple[FailedCheck, ...]:
    """As many as fit, redacted; the others by name."""
    clean = Redactor().redact
    room, kept = _MOST_REPORT, list[FailedCheck]()
    for one in failing:
        notes = tuple(clean(note) for note in one.annotations)
        told = one.model_copy(update={"summary": clean(one.summary), "annotations": notes, "log": clean(one.log)})
        room -= len(told.summary) + sum(map(len, notes)) + len(told.log)
        kept.append(told if room >= 0 else FailedCheck(name=one.name, url=one.url))
    return tuple(kept)


def report(failing: Sequence[FailedCheck]) -> str:
    """What failing checks say, for a model."""
    parts = []
    for one in failing:
        notes = "\n".join(one.annotations)
        said = [f"== {one.name} ==", one.summary, notes, f"The log:\n{one.log}" if one.log else ""]
        parts.append("\n\n".join(part for part in said if part))
    return "\n\n".join(parts) or "(They say nothing but that they failed.)"


@step("Hand over to people", in_tree=False)
async def hand_over(change: Change, world: World) -> None:
    """Say in a comment on the pull request what is red, what was tried about it, and what is known."""
    if change.checks == "red":
        await read_failures(change, world)
    await leave_to_people(change, world)
