"""Asking a model for one loop: which one, with how much room, and what if it does not answer."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.agent.bounds import money_notice, out_of, out_of_shared
from app.agent.conversation import Conversation
from app.agent.transcript import Transcript
from app.agent.window import BYTES_PER_TOKEN
from app.core.budget import Budget
from app.core.errors import ContextTooLong, HistoryRefused, ModelDenied, ModelError, ModelUnavailable
from app.core.journal import Mended, ModelAnswered, ModelAsked, Noted, Switched
from app.core.minion import GaveUp
from app.core.model import Model
from app.core.purse import NoPurse, Purse

_log = logging.getLogger(__name__)

_ANSWER_TOKENS: Final = (16_000, 4_000)
"""Room for an answer; the smaller one when the larger cannot be paid any more."""
_AFTER_A_CUT: Final = (32_000, *_ANSWER_TOKENS)
"""The next answer after one that was too long may be longer, and so may each of a model that thinks at length."""
_THOUGHTS: Final = 16_000
"""What is thought before a short answer, at most, where a model thinks at length."""
_LEFT_FREE: Final = 0.05
"""Share of the window that is kept free, because the size of what is sent is an estimate."""
_LEAST_ANSWER: Final = 0.1
"""Share of the window that an answer may have in any case: a summary is due when 15 % are left."""
_CALL_TIMEOUT_S: Final = 900.0
"""For one model call with all its tries; what open-swe allows."""
_PAUSES_S: Final = (0.0, 5.0, 15.0, 30.0, 45.0)
"""Before each change from one model that cannot be reached to the other; open-swe's."""


@dataclass(frozen=True)
class Question:
    """What is asked, with which tools, and what the answer is for."""

    messages: Sequence[dict[str, Any]]
    tools: Sequence[dict[str, Any]]
    most_tokens: int | None = None
    """Of the answer, if it is to be shorter than usual."""
    stands_for: tuple[int, int] | None = None
    """As in `ModelAnswered`."""


class Questions:
    """Asks the first of the models, and goes on with the next where that one does not answer.

    A loop stays with the model that it is at: which one that is stands in the journal.
    """

    def __init__(
        self,
        models: Sequence[Model],
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        purse: Purse | None = None,
    ) -> None:
        self._purse = purse or NoPurse()
        self._models: Mapping[str, Model] = {model.name: model for model in models}
        self._clock = clock
        self._sleep = sleep
        self._switches = 0
        """Since the newest answer, because a model could not be reached."""
        self._denied: set[str] = set()
        """Models that do not answer us at all: they are not asked again."""
        self.too_long: ContextTooLong | None = None
        """What the model said, if the newest question was longer than it can read."""
        self.halvings = 0
        """How often a summary of as much as was wanted could not be had, since the newest answer."""

    def model(self, talk: Conversation) -> Model:
        """Who is asked; the first, if the one that began is not in use any more."""
        return self._models.get(talk.model) or next(iter(self._models.values()))

    def other(self, talk: Conversation) -> Model | None:
        """Who can be asked instead."""
        out = {self.model(talk).name, *self._denied}
        return next((model for name, model in self._models.items() if name not in out), None)

    async def ask(self, kept: Transcript, question: Question, budget: Budget) -> GaveUp | None:
        """One model call; the end of the work, if there is nothing left for it.

        If it was begun before a crash, it is begun again: nobody knows what became of it. What another model, or the
        same one in another way, may do better is written down, and the caller asks again. Raises ModelError otherwise.
        """
        talk, model = kept.talk, self.model(kept.talk)
        room = await self._room(kept, question, budget)
        if room is None or isinstance(room, GaveUp):
            return room
        turn, seconds_left = talk.usage.turns + 1, budget.seconds - talk.seconds
        await kept.add(ModelAsked(turn=turn, reserved_usd=room[1], model=model.name))
        began = self._clock()
        try:
            reply = await model.complete(
                question.messages,
                question.tools,
                max_output_tokens=max(min(room[0], budget.tokens - talk.usage.tokens), 1),
                timeout_s=min(_CALL_TIMEOUT_S, seconds_left),
            )
        except ModelUnavailable as error:
            if self._clock() - began >= seconds_left:
                return out_of("seconds", budget)
            await self._give_way(kept, error)
            return None
        except ModelError as error:
            await self._around(kept, error, is_summary=bool(question.stands_for))
            return None
        self._switches, self.too_long, self.halvings = 0, None, 0
        answered = ModelAnswered(
            turn=turn,
            message=reply.message,
            usage=reply.usage,
            finish_reason=reply.finish_reason,
            seconds=self._clock() - began,
            model=model.name,
            stands_for=question.stands_for,
        )
        if question.stands_for:  # what follows is another question, for which money is set aside first
            await kept.add(answered)
        else:
            kept.hold(answered)
        return None

    async def _room(self, kept: Transcript, question: Question, budget: Budget) -> tuple[int, float] | GaveUp | None:
        """Tokens for the answer and the dollars that were set aside for it, or the end if there are none left.

        None if the minion was told just now that they will be soon: then it is asked with that.
        """
        talk, model = kept.talk, self.model(kept.talk)
        wanted = dict.fromkeys(min(tokens, _most_tokens(talk, model)) for tokens in _wanted(question, talk, model))
        # Until somebody has counted, the context is that of the messages; tools of others may be longer than those.
        tools = 0 if talk.usage.turns else len(json.dumps(list(question.tools))) // BYTES_PER_TOKEN
        reserves = [(tokens, model.reserve_usd(talk.context + tools, tokens)) for tokens in wanted]
        ours = [(tokens, usd) for tokens, usd in reserves if usd <= budget.usd - talk.usage.usd]
        if not ours:
            return out_of("dollars", budget)
        for tokens, usd in ours:
            held = await self._purse.reserve(usd)
            if not held.is_granted:
                continue
            if not talk.warned and not question.stands_for and (note := money_notice(budget, talk.usage, held)):
                await kept.add(Noted(text=note))
                return None
            return tokens, usd
        return out_of_shared(held)

    async def switch(self, kept: Transcript, why: str) -> bool:
        """Let another model go on; False if there is none."""
        other = self.other(kept.talk)
        if other is not None:
            self.too_long, self.halvings = None, 0  # which the former one said
            await kept.add(Switched(model=other.name, why=why))
        return other is not None

    async def _give_way(self, kept: Transcript, error: ModelUnavailable) -> None:
        """To the other model, after a pause that grows. Raises what it was given when all pauses were made."""
        if self.other(kept.talk) is None or self._switches >= len(_PAUSES_S):
            raise error
        await self._sleep(_PAUSES_S[self._switches])
        self._switches += 1
        await self.switch(kept, str(error))

    async def _around(self, kept: Transcript, error: ModelError, *, is_summary: bool) -> None:
        """What may help against an error that would come again. Raises it if nothing does."""
        match error:
            case ContextTooLong() if is_summary or not self.too_long:
                self.too_long, self.halvings = error, self.halvings + is_summary
            case HistoryRefused() if not kept.talk.is_mended:
                await kept.add(Mended())
            case ModelDenied() if self.other(kept.talk) is not None:
                _log.error("%s Another model goes on. %s", error, error.detail)
                self._denied.add(self.model(kept.talk).name)
                await self.switch(kept, str(error))
            case _:
                raise error


def _wanted(question: Question, talk: Conversation, model: Model) -> Sequence[int]:
    """Tokens of an answer, most first."""
    if question.most_tokens:
        return (question.most_tokens + (_THOUGHTS if model.profile.thinks_long else 0),)
    return _AFTER_A_CUT if talk.was_cut or model.profile.thinks_long else _ANSWER_TOKENS


def _most_tokens(talk: Conversation, model: Model) -> int:
    """What the window has left for an answer: servers refuse a question that asks for more (vLLM, for one)."""
    window = model.profile.window
    return max(int(window * (1 - _LEFT_FREE)) - talk.context, int(window * _LEAST_ANSWER), 1)
