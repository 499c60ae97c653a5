"""What follows from where a conversation stands: that it is over, or that the minion has to be told something."""

from typing import Final

from app.agent.bounds import LAST_TURNS, exhausted, longer, notice, told_to_wrap_up
from app.agent.conversation import Conversation
from app.core.budget import Budget
from app.core.minion import GaveUp, Submission

_MISSES_IN_A_ROW: Final = 3
"""As mini-swe-agent: a model that gets it wrong three times in a row will not get it right."""
_MISSES: Final = 8
"""In all; the same."""


def end_of(talk: Conversation, budget: Budget) -> Submission | GaveUp | None:
    """The end of the work, if it is there."""
    if len(talk.claims) > 1 and talk.steps.has_changed:
        return Submission(summary=talk.claims[-1])
    if longer(budget, talk.usage, changed_at=talk.steps.changed_at) and not talk.extended:
        return None
    if talk.wrapping_up_since is not None and talk.usage.turns >= talk.wrapping_up_since + LAST_TURNS:
        return GaveUp(reason="wrap up", detail="It was told to wrap up, and did not submit.")
    return _hopeless(talk) or exhausted(budget, talk.usage, talk.seconds)


def _hopeless(talk: Conversation) -> GaveUp | None:
    """The end, if the model shows that it will not get there."""
    if talk.model in talk.refused_by:
        return GaveUp(reason="refused", detail="The model refused to work on this task.")
    if talk.missed >= _MISSES_IN_A_ROW or talk.misses >= _MISSES:
        count = f"{_MISSES_IN_A_ROW} answers in a row" if talk.missed >= _MISSES_IN_A_ROW else f"{_MISSES} answers"
        return GaveUp(reason="format", detail=f"{count} held no tool call that could be carried out.")
    if talk.steps.is_lost:
        return GaveUp(reason="stuck", detail="It did the same again and again, and nothing changed.")
    return None


def due(talk: Conversation, budget: Budget, *, wrap_up: bool) -> str:
    """What the minion has to be told before it is asked; `wrap_up` if a person wants an end. Empty if nothing."""
    if talk.owed or talk.steps.owed:
        return talk.owed or talk.steps.owed
    if wrap_up and talk.wrapping_up_since is None:
        return told_to_wrap_up()
    if not talk.extended and (text := longer(budget, talk.usage, changed_at=talk.steps.changed_at)):
        return text
    return notice(budget, talk.usage, talk.seconds, told=talk.told_share)
