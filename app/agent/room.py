"""Making room in a conversation: first old results go, then older turns become a summary, then it is too big."""

from typing import Final

from app.agent.questions import Questions
from app.agent.transcript import Transcript
from app.agent.window import Window
from app.core.journal import Masked
from app.core.minion import GaveUp

_MOST_SUMMARIES: Final = 2
_LEAST_GAIN: Final = 0.05
"""Share of the conversation that a summary must save for going on to make sense."""
SUMMARY_TOKENS: Final = 4_000
"""Room for a summary."""
ASK_FOR_SUMMARY: Final = (
    "[summary] The conversation is getting too long and will be replaced by what you write now. Use no tool. Write, in "
    "at most 1,000 words, what somebody needs who goes on in your place and sees nothing of the above: what you found "
    "out (with paths, lines and names), what you changed and why, what you ran and how it ended, what is still to be "
    "done, and what did not work. Do not repeat the task: it stays."
)
_TOO_BIG: Final = "The conversation got longer than the model can read, and could not be made shorter."


async def make_room(kept: Transcript, asked: Questions) -> GaveUp | tuple[int, int] | bool:
    """Let old results go if it is time for that, and answer True; False if there is room enough.

    Otherwise the part of the conversation that a summary has to stand for; or the end, if that would not help.
    """
    talk = kept.talk
    window, is_too_long = Window(asked.model(talk).profile.window), asked.too_long is not None
    is_full = is_too_long or window.is_full(talk.context)
    if not is_full and not window.is_filling(talk.context):
        return False
    places = window.maskable(talk.messages, at_any_gain=is_full)
    if is_full and not places:  # one answer may have asked for more than there is room for
        places = window.maskable(talk.messages, at_any_gain=True, newest_too=True)
    if places:
        await kept.add(Masked(places=places))
        asked.too_long = None
        return True
    if not is_full:
        return False
    part = window.older_part(talk.messages, talk.head, at_least=is_too_long, halvings=asked.halvings)
    if part and talk.summaries < _MOST_SUMMARIES and talk.gain >= _LEAST_GAIN:
        return part
    if (other := asked.other(talk)) and other.profile.window > window.tokens:
        return await asked.switch(kept, "the conversation is too long for the former one")
    return GaveUp(reason="too_big", detail=str(asked.too_long or _TOO_BIG))
