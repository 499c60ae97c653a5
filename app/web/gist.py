"""A run in short, for who reviews: what was done, what shows that it works, what another model says. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from app.core.evidence import Evidence, Reviews, Where
from app.core.run import Run
from app.core.wording.figures import counted
from app.web.record import commands

_REVIEWS = TypeAdapter(Reviews)
MOST = 1_500
"""Characters of what a minion says: some ten lines. All of it stands below, where it was said."""


@dataclass(frozen=True)
class Gist:
    """What a reviewer is told first. What a run does not say is empty."""

    done: str
    """What was done and why, in the words of the minion."""
    risks: str
    shown: Sequence[str]
    """What was seen when commands were run, a sentence each: exit codes, no words of a model."""
    review: str


def gist(run: Run) -> Gist | None:
    """As far as the run has come; None as long as nothing was done. A blueprint may keep other things in its state."""
    done = _said(run, "summary")
    if not done:
        return None
    return Gist(done, _said(run, "risks"), list(_shown(commands(run))), _review(run))


def _said(run: Run, name: str) -> str:
    value = run.state.get(name)
    text = value.strip() if isinstance(value, str) else ""
    return text if len(text) <= MOST else f"{text[: MOST - 1].rstrip()}…"


def _shown(ran: Sequence[Evidence]) -> Iterator[str]:
    at = {where: [one for one in ran if one.where is where] for where in Where}
    if any(one.speaks_for_it for one in at[Where.NEW_TESTS]):
        yield "The new tests fail without the change."
    elif any(one.speaks_for_it for one in at[Where.UNCLAIMED]):
        yield "A command that the minion named fails without the change."
    earlier = {one.command for one in at[Where.BEFORE] if not one.ok}
    if any(one.ok and one.command in earlier for one in at[Where.AFTER]):
        yield "What failed before the change passes with it."
    clean = [*at[Where.CLEAN], *at[Where.CLAIMED]]
    if clean:
        yield f"In a clean tree {_ended(clean)}."
    elif at[Where.AFTER]:
        yield f"After the change {_ended(at[Where.AFTER])}."
    if old := at[Where.OLD_TESTS]:
        yield f"The tests as they were {'pass' if all(one.ok for one in old) else 'fail'} with the new code."


def _ended(ran: Sequence[Evidence]) -> str:
    bad = sum(not one.ok for one in ran)
    if bad:
        return f"{bad} of {counted(len(ran), 'command')} failed"
    return f"{counted(len(ran), 'command')} ended well"


def _review(run: Run) -> str:
    try:
        reviews = _REVIEWS.validate_python(run.state.get("reviews", {}))
    except ValidationError:  # a blueprint's own field of that name
        return ""
    if reviews.newest is None:
        return reviews.why_none
    found = reviews.newest.findings
    who = reviews.newest.model or "Another model"
    if not found:
        return f"{who} read the change, and found nothing to say."
    blockers = sum(one.severity == "blocker" for one in found)
    said = f"{who} read the change, and noted {counted(len(found), 'thing')}: "
    said += counted(blockers, "blocker") if blockers else "no blocker"
    return f"{said}. Something is open that should be decided before this is merged." if reviews.open else f"{said}."
