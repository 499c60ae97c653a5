"""The agent loop: ask, carry out, write down, again. All that it knows is in the journal, so it survives a crash.

One step looks at where the conversation stands and does the one thing that follows. Each effect has an entry before and
an entry after it; see `conversation.py` for what the entries mean.

    conversation  what the entries come to            window      what leaves the conversation when it gets full
    questions     asking a model                      stuck       whether it goes round in circles
    errands       carrying out its calls              bounds      how much is used up
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from pydantic import TypeAdapter

from app.agent.background import RESTARTED, Background
from app.agent.bounds import LAST_TURNS, MORE_TURNS, exhausted, longer, notice, told_to_wrap_up
from app.agent.conversation import Conversation
from app.agent.errands import Errands, run_tool
from app.agent.prompt import first_messages
from app.agent.questions import Question, Questions
from app.agent.spoken import SpokenModel
from app.agent.stuck import STUCK
from app.agent.tools.all_tools import Toolset
from app.agent.tools.read import READ, ReadArguments
from app.agent.tools.tool import Desk, storable
from app.agent.transcript import Transcript
from app.agent.window import ASK_FOR_SUMMARY, LEAST_GAIN, MOST_SUMMARIES, SUMMARY_TOKENS, Window
from app.core.blueprint import AgentSpec
from app.core.budget import Budget
from app.core.errors import ContextTooLong
from app.core.journal import Closed, Journal, Masked, Noted, Opened, Switched
from app.core.model import Model
from app.core.shift import Shift
from app.core.signals import Signals
from app.core.world import GaveUp, Sandbox, Submission, Workspace

_MISSES_IN_A_ROW: Final = 3
"""As mini-swe-agent: a model that gets it wrong three times in a row will not get it right."""
_MISSES: Final = 8
"""In all; the same."""
_TOO_BIG: Final = "The conversation got longer than the model can read, and could not be made shorter."
_MISSED: Final = "Several edits of this file did not find their place."
_RESULT: Final[TypeAdapter[Submission | GaveUp]] = TypeAdapter(Submission | GaveUp)


class AgentLoop:
    """A minion for one visit of one node. Implements `Minion`.

    `model` works, and `fallback` goes on where it does not answer. `prompt` is the text of the node's prompt file,
    `rules` that of the repository's rules, `clock` gives seconds that only grow, `shift` is that of the worker that it
    works in. Raises BlueprintError for a tool that there is not.
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
        rules: str,
        clock: Callable[[], float],
        signals: Signals,
        shift: Shift | None = None,
        fallback: Model | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        background: Background | None = None,
    ) -> None:
        given = [model, *([fallback] if fallback else [])]
        models = [SpokenModel(each) if each.profile.dialect == "bash" else each for each in given]
        self._questions = Questions(models, clock, sleep)
        self._toolsets = {each.name: Toolset.of(spec.tools, each.profile.dialect) for each in models}
        self._background = background or Background()
        self._errands = Errands(sandbox, workspace, clock, self._background)
        self._own_budget = spec.budget
        self._signals = signals
        self._prompt = prompt
        self._journal = journal
        self._rules = rules
        self._desk = Desk(sandbox, workspace, spec.budget.seconds)
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
                messages = first_messages(self._prompt, dict(facts), self._rules)
                await kept.add(Opened(messages=messages, model=self._questions.model(kept.talk).name))
            if (model := self._questions.model(kept.talk).name) != kept.talk.model:
                await kept.add(Switched(model=model, why=f"{kept.talk.model} is not in the settings any more"))
            while kept.talk.result is None:
                self._shift.go_on()
                await self._step(kept)
        finally:
            await self._background.end()
        return _RESULT.validate_python(kept.talk.result)

    async def _step(self, kept: Transcript) -> None:
        """The one thing that follows from where the conversation stands."""
        talk, budget = kept.talk, self._budget(kept.talk)
        end: Submission | GaveUp | bool | None = None
        if talk.pending:
            end = await self._errands.next(kept, self._tools(talk), budget)
        elif await self._other_model(kept):
            pass
        elif found := self._end(talk, budget):
            end = found
        elif note := self._note(talk, budget) or await self._region(talk):
            await kept.add(Noted(text=note))
        else:
            end = await self._make_room(kept, budget) or await self._ask(kept, budget)
        if isinstance(end, Submission | GaveUp):
            told = end.model_copy(update={"model": self._questions.model(talk).name, "usage": talk.usage})
            await kept.add(Closed(result=told.model_dump(mode="json")))

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

    async def _make_room(self, kept: Transcript, budget: Budget) -> GaveUp | bool:
        """Let old results go, or else older turns; False if there is room enough, the end if none can be made."""
        talk, asked = kept.talk, self._questions
        window, is_too_long = Window(asked.model(talk).profile.window), asked.too_long is not None
        is_full = is_too_long or window.is_full(talk.context)
        if not is_full and not window.is_filling(talk.context):
            return False
        if places := window.maskable(talk.messages, at_any_gain=is_full):
            await kept.add(Masked(places=places))
            asked.too_long = None
            return True
        if not is_full:
            return False
        part = window.older_part(talk.messages, talk.head, at_least=is_too_long)
        if part and talk.summaries < MOST_SUMMARIES and talk.gain >= LEAST_GAIN:
            return await self._ask(kept, budget, part) or True
        if (other := asked.other(talk)) and other.profile.window > window.tokens:
            return await asked.switch(kept, "the conversation is too long for the former one")
        return GaveUp(reason="too_big", detail=str(asked.too_long or _TOO_BIG))

    async def _other_model(self, kept: Transcript) -> bool:
        """Let the other model go on where this one says nothing, or will not; False if that does not help."""
        silent, other = {*kept.talk.refused_by, *kept.talk.silent}, self._questions.other(kept.talk)
        if kept.talk.model not in silent or other is None or other.name in silent:
            return False
        return await self._questions.switch(kept, "the former one gave no answer")

    def _end(self, talk: Conversation, budget: Budget) -> Submission | GaveUp | None:
        """The end of the work, if it is there."""
        if len(talk.claims) > 1 and talk.steps.has_changed and self._tools(talk).find("submit"):
            return Submission(summary=talk.claims[-1])
        if longer(budget, talk.usage, changed_at=talk.steps.changed_at) and not talk.extended:
            return None
        if talk.wrapping_up_since is not None and talk.usage.turns >= talk.wrapping_up_since + LAST_TURNS:
            return GaveUp(reason="wrap up", detail="It was told to wrap up, and did not submit.")
        return _hopeless(talk) or exhausted(budget, talk.usage, talk.seconds)

    def _note(self, talk: Conversation, budget: Budget) -> str:
        """What the minion has to be told before it is asked; empty if nothing."""
        if self._lost_others:
            self._lost_others = False
            return f"{RESTARTED}The work was interrupted: commands that ran in the background have ended."
        if talk.owed or talk.steps.owed:
            return talk.owed or talk.steps.owed
        if self._signals.wrap_up and talk.wrapping_up_since is None:
            return told_to_wrap_up()
        if not talk.extended and (text := longer(budget, talk.usage, changed_at=talk.steps.changed_at)):
            return text
        return "" if talk.warned else notice(budget, talk.usage, talk.seconds)

    async def _region(self, talk: Conversation) -> str:
        """The file that the minion takes for another one than it is; empty if there is none."""
        if not (path := talk.steps.puzzling):
            return ""
        told = await run_tool(READ, ReadArguments(path=path[:4_096]), self._desk)
        return storable(f"{STUCK}{_MISSED} This is what stands there now:\n{told.text}")

    def _tools(self, talk: Conversation) -> Toolset:
        return self._toolsets[self._questions.model(talk).name]

    def _budget(self, talk: Conversation) -> Budget:
        """The node's own, with what was added to it."""
        own, more = self._own_budget, {}
        if self._signals.raised_usd:
            more["usd"] = own.usd + self._signals.raised_usd
        if talk.extended:
            more["turns"] = own.turns + MORE_TURNS
        return own.model_copy(update=more) if more else own


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
