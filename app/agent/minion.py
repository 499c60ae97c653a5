"""The agent loop: ask, carry out, write down, again. All that it knows is in the journal, so it survives a crash.

One step looks at where the conversation stands and does the one thing that follows. Each effect has an entry before and
an entry after it; see `conversation.py` for what the entries mean.

    conversation  what the entries come to            window      what leaves the conversation when it gets full
    questions     asking a model                      stuck       whether it goes round in circles
    errands       carrying out its calls              bounds      how much is used up
    transcript    the conversation and its journal    verdict     whether that is the end, or a word is due
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from pydantic import TypeAdapter

from app.agent.background import RESTARTED, Background
from app.agent.bounds import enlarged
from app.agent.conversation import Conversation
from app.agent.errands import Errands
from app.agent.prompt import first_messages
from app.agent.questions import Question, Questions
from app.agent.room import ASK_FOR_SUMMARY, SUMMARY_TOKENS, make_room
from app.agent.rules import Rules
from app.agent.spoken import SpokenModel
from app.agent.tools.all_tools import Toolset
from app.agent.tools.tool import Tool
from app.agent.transcript import Transcript
from app.agent.verdict import due, end_of
from app.core.blueprint import AgentSpec
from app.core.budget import Budget
from app.core.errors import ContextTooLong
from app.core.journal import Closed, Journal, Noted, Opened, Switched
from app.core.minion import GaveUp, Submission
from app.core.model import Model
from app.core.purse import Purse
from app.core.sandbox import Sandbox
from app.core.shift import Shift
from app.core.signals import Signals
from app.core.workspace import Workspace

_RESULT: Final[TypeAdapter[Submission | GaveUp]] = TypeAdapter(Submission | GaveUp)


class AgentLoop:
    """A minion for one visit of one node. Implements `Minion`.

    `model` works, and `fallback` goes on where it does not answer. `prompt` is the text of the node's prompt file,
    `rules` are those of the repository, `clock` gives seconds that only grow, `shift` is that of the worker that it
    works in, `more_tools` are tools besides those that the node names, or in their place, `purse` is what this run
    shares with others. Raises BlueprintError for a tool that there is not.
    """

    def __init__(
        self,
        *,
        model: Model,
        spec: AgentSpec,
        prompt: str,
        sandbox: Sandbox,
        workspace: Workspace,
        journal: Journal,
        rules: Rules | None = None,
        clock: Callable[[], float],
        signals: Signals,
        shift: Shift | None = None,
        fallback: Model | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        background: Background | None = None,
        more_tools: Sequence[Tool[Any]] = (),
        purse: Purse | None = None,
    ) -> None:
        given = [model, *([fallback] if fallback else [])]
        models = [SpokenModel(each) if each.profile.dialect == "bash" else each for each in given]
        self._questions = Questions(models, clock, sleep, purse)
        self._toolsets = {each.name: Toolset.of(spec.tools, each.profile.dialect, more_tools) for each in models}
        self._background = background or Background()
        self._errands = Errands(sandbox, workspace, clock, self._background, rules or Rules())
        self._own_budget = spec.budget
        self._signals = signals
        self._prompt = prompt
        self._journal = journal
        self._rules = rules or Rules()
        self._shift = shift or Shift()
        self._lost_others = False
        """Whether commands ended in the background with an earlier worker, of which the minion does not know."""

    async def work(self, facts: Mapping[str, str]) -> Submission | GaveUp:
        """Work, or go on where the journal ends, until something is submitted or given up.

        Raises BlueprintError if the prompt wants a fact that is missing, SandboxError if the box is lost, ModelError or
        ModelUnavailable if the model does not answer, HandedOver if this worker's shift is over, as soon as what is
        under way is written down; working again then goes on from the journal.
        """
        kept = Transcript(self._journal, Conversation.of(await self._journal.entries()))
        try:
            self._lost_others = kept.talk.has_begun_others
            if not kept.talk.messages:
                await kept.add(self._opened(facts, kept.talk))
            if (model := self._questions.model(kept.talk).name) != kept.talk.model:
                await kept.add(Switched(model=model, why=f"{kept.talk.model} is not in the settings any more"))
            while kept.talk.result is None:
                self._shift.go_on()
                if end := await self._step(kept):
                    await kept.add(self._closed(end, kept.talk))
        finally:
            try:
                await kept.settle()
            finally:
                await self._background.end()
        return _RESULT.validate_python(kept.talk.result)

    def _opened(self, facts: Mapping[str, str], talk: Conversation) -> Opened:
        """What the conversation begins with."""
        budget = enlarged(self._own_budget, raised_usd=self._signals.raised_usd)
        first = first_messages(self._prompt, dict(facts), self._rules.text, budget)
        model = self._questions.model(talk).name
        return Opened(messages=first.messages, model=model, rules=self._rules.names, tokens=first.tokens)

    def _closed(self, end: Submission | GaveUp, talk: Conversation) -> Closed:
        """What the conversation ends with."""
        known = {"model": self._questions.model(talk).name, "usage": talk.usage, "rules": talk.rules}
        return Closed(result=end.model_copy(update=known).model_dump(mode="json"))

    async def _step(self, kept: Transcript) -> Submission | GaveUp | None:
        """The one thing that follows from where the conversation stands; the end of the work, if it is that."""
        talk = kept.talk
        budget = enlarged(self._own_budget, raised_usd=self._signals.raised_usd, is_longer=talk.extended)
        if talk.pending:
            return await self._errands.next(kept, self._tools(talk), budget)
        if await self._other_model(kept):
            return None
        if end := end_of(talk, budget):
            return end
        wrap_up = self._signals.wrap_up
        if note := self._restart() or due(talk, budget, wrap_up=wrap_up) or await self._errands.missed(talk):
            await kept.add(Noted(text=note))
            return None
        room = await make_room(kept, self._questions)
        if isinstance(room, GaveUp):
            return room
        return None if room is True else await self._ask(kept, budget, room or None)

    async def _ask(self, kept: Transcript, budget: Budget, part: tuple[int, int] | None = None) -> GaveUp | None:
        """Ask for the next turn, or for a summary of a part of the conversation."""
        messages, tools = kept.talk.messages, self._tools(kept.talk).schemas
        question = Question(messages, tools)
        if part:
            wanted = {"role": "user", "content": ASK_FOR_SUMMARY}
            question = Question([*messages[: part[1]], wanted], tools, SUMMARY_TOKENS, part)
        try:
            return await self._questions.ask(kept, question, budget)
        except ContextTooLong as error:
            return GaveUp(reason="too_big", detail=str(error))

    async def _other_model(self, kept: Transcript) -> bool:
        """Let the other model go on where this one says nothing, or will not; False if that does not help."""
        silent, other = {*kept.talk.refused_by, *kept.talk.silent}, self._questions.other(kept.talk)
        if kept.talk.model not in silent or other is None or other.name in silent:
            return False
        return await self._questions.switch(kept, "the former one gave no answer")

    def _restart(self) -> str:
        """Once after a restart: that nothing goes on in the background any more, if something did."""
        had, self._lost_others = self._lost_others, False
        return f"{RESTARTED}The work was interrupted: commands that ran in the background have ended." if had else ""

    def _tools(self, talk: Conversation) -> Toolset:
        return self._toolsets[self._questions.model(talk).name]
