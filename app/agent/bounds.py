"""How much of a budget is used, and what is said about it."""

import re
from collections.abc import Mapping
from typing import Final

from app.core.budget import Budget, Usage
from app.core.minion import GaveUp
from app.core.purse import Held, Level

_SHARES: Final = (90, 75, 50)
"""Per cent of a bound at which the minion is told: models that know what is left cost a quarter to two thirds less at
the same rate of success (https://arxiv.org/abs/2510.16786). Each is said once, at the end of the conversation, so that
what was sent before stays the same.
"""
LAST_SHARE: Final = 90
WRAP_UP: Final = "[budget] "
"""How a notice of the end begins that names no share: of money, and in journals of the first version."""
_TOLD: Final = re.compile(r"\[budget(?:, (\d+) %)?\] ")
"""How a notice begins, by which a resumed loop knows that it was given."""

LAST_TURNS: Final = 6
"""For a minion that is told to wrap up: one to see what there is, some to make it whole, one to submit."""
MORE_TURNS: Final = 20
"""Added once at the end of the turns, if the work still moves: it saves more than a large budget from the beginning."""
_STILL_MOVING: Final = 10
"""Turns within which the tree must have changed for that."""
LONGER: Final = "[budget, longer] "
"""How the words begin by which a loop knows that turns were added."""
TOLD_TO_END: Final = "[wrap up] "
"""How the words begin by which a loop knows that it was told to come to an end."""


def told_to_wrap_up() -> str:
    """What the minion is told when a person wants it to come to an end."""
    return (
        f"{TOLD_TO_END}The person who asked for this wants it to come to an end now. You have {LAST_TURNS} turns left: "
        f"make what there is whole, take out what is not, and submit; or give up, and say what is missing."
    )


def longer(budget: Budget, usage: Usage, *, changed_at: int) -> str:
    """What the minion is told if its turns are over and it gets more, having changed something in turn `changed_at`.

    Empty if it gets none: only a budget that is meant for whole tasks is made longer.
    """
    if usage.turns < budget.turns or budget.turns < 2 * MORE_TURNS or usage.turns - changed_at > _STILL_MOVING:
        return ""
    return f"{LONGER}Your turns are used up, but the work moves: you have {MORE_TURNS} more, and no others. Finish it."


_SHARED: Final[Mapping[Level, str]] = {
    "repository": "budget of this repository for this month",
    "requester": "budget of the person who asked for this month",
    "organisation": "budget of this organisation for this month",
    "month": "budget of everybody together for this month",
    "campaign": "budget of the campaign that this is a part of",
}


def money_notice(budget: Budget, usage: Usage, held: Held) -> str:
    """What to tell the minion if its run, or what the run shares with others, has money for a few turns only.

    Turns as they were so far; before the first one, for another call like this one. Empty if there is more.
    """
    few = LAST_TURNS * usage.usd / usage.turns if usage.turns else held.usd
    left = budget.usd - usage.usd - held.usd
    if budget.usd_of and left < few:
        return f"{WRAP_UP}Of {budget.usd_of}, {left + held.usd:.2f} are left: submit what works now, or give up."
    if held.level is None or held.left_usd >= few:
        return ""
    left = held.left_usd + held.usd
    return f"{WRAP_UP}Of the {_SHARED[held.level]}, {left:.2f} US dollars are left: submit what works now, or give up."


def out_of_shared(held: Held) -> GaveUp:
    """The result for a budget that the run shares with others: `budget of` its level."""
    which = _SHARED[held.level or "month"]
    return GaveUp(
        reason=f"budget of {held.level}",
        detail=f"The {which} is {held.limit_usd:.2f} US dollars. {max(held.left_usd, 0):.2f} "
        f"of them are left, and the next call of the model might cost {held.usd:.2f}.",
    )


def enlarged(own: Budget, *, raised_usd: float, is_longer: bool = False) -> Budget:
    """A node's own budget with what a person added to it, and with more turns if it was made longer."""
    more: dict[str, float] = {}
    if raised_usd:
        more["usd"] = own.usd + raised_usd
    if is_longer:
        more["turns"] = own.turns + MORE_TURNS
    return own.model_copy(update=more) if more else own


def exhausted(budget: Budget, usage: Usage, seconds: float) -> GaveUp | None:
    """The result that ends the work if a bound is reached."""
    for bound, (used, limit) in _table(budget, usage, seconds).items():
        if used >= limit:
            return out_of(bound, budget)
    return None


def out_of(bound: str, budget: Budget) -> GaveUp:
    """The result for a bound: `turns`, `tokens`, `dollars` or `seconds`."""
    limit = {
        "turns": f"{budget.turns} turns",
        "tokens": f"{budget.tokens:,} tokens",
        "dollars": f"{max(budget.usd, 0):.2f} US dollars",
        "seconds": f"{budget.seconds:.0f} seconds",
    }[bound]
    if whose := {"dollars": budget.usd_of, "seconds": budget.seconds_of}.get(bound):
        return GaveUp(reason=bound, detail=f"What was left of {whose} was used up: {limit}.")
    return GaveUp(reason=bound, detail=f"The budget of {limit} was used up before anything was submitted.")


def notice(budget: Budget, usage: Usage, seconds: float, *, told: int) -> str:
    """What to tell the minion of what is left; empty if there is nothing new. `told` is the share that it knows of."""
    table = _table(budget, usage, seconds)
    used_up = max(round(100 * used / limit, 6) if limit > 0 else 100.0 for used, limit in table.values())
    share = next((share for share in _SHARES if used_up >= share), 0)
    if share <= told:
        return ""
    left = {bound: max(limit - used, 0) for bound, (used, limit) in table.items()}
    end = "submit what works, or give up" if share == LAST_SHARE else "keep enough to check the change and to submit it"
    return (
        f"[budget, {share} %] You have {left['turns']:.0f} turns, {left['tokens']:,.0f} tokens, "
        f"{left['dollars']:.2f} US dollars and {left['seconds']:.0f} seconds left: {end}."
    )


def share_told(text: str) -> int:
    """Per cent of the budget that a note told of; 0 if it is about something else."""
    match = _TOLD.match(text)
    return int(match[1] or LAST_SHARE) if match else 0


def _table(budget: Budget, usage: Usage, seconds: float) -> Mapping[str, tuple[float, float]]:
    return {
        "turns": (usage.turns, budget.turns),
        "tokens": (usage.tokens, budget.tokens),
        "dollars": (usage.usd, budget.usd),
        "seconds": (seconds, budget.seconds),
    }
