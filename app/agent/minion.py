"""The agent loop: ask, carry out, write down, again. All that it knows is in the journal, so it survives a crash.

One step looks at where the conversation stands and does the one thing that follows. Each effect has an entry before and
an entry after it; see `conversation.py` for what the entries mean.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pydantic import TypeAdapter

from app.agent.bounds import LAST_TURNS, exhausted, notice, out_of, told_to_wrap_up
from app.agent.conversation import Call, Conversation
from app.agent.prompt import first_messages
from app.agent.tools.all_tools import chosen
from app.agent.tools.tool import Arguments, Desk, Told, Tool, clipped, storable
from app.core.blueprint import AgentSpec
from app.core.budget import Budget
from app.core.errors import ContextTooLong, ModelUnavailable, RepositoryError
from app.core.journal import Closed, Entry, Journal, ModelAnswered, ModelAsked, Noted, Opened, ToolCalled, ToolReturned
from app.core.model import Model
from app.core.shift import Shift
from app.core.signals import Signals
from app.core.world import GaveUp, Sandbox, Submission, Workspace

_log = logging.getLogger(__name__)

_MOST_MISSES: Final = 3
"""As mini-swe-agent: a model that gets it wrong three times in a row will not get it right."""
_ANSWER_TOKENS: Final = (16_000, 4_000)
"""Room for an answer; the smaller one when the larger cannot be paid any more."""
_CALL_TIMEOUT_S: Final = 900.0
"""For one model call with all its tries; what open-swe allows."""
_INTERRUPTED: Final = "[interrupted; the tree may have changed: look at it]"

_RESULT: Final[TypeAdapter[Submission | GaveUp]] = TypeAdapter(Submission | GaveUp)


class AgentLoop:
    """A minion for one visit of one node. Implements `Minion`.

    `prompt` is the text of the node's prompt file, `rules` that of the repository's rules, `clock` gives seconds that
    only grow, `shift` is that of the worker that it works in, `more_tools` are tools besides those that the node names,
    or in their place. Raises BlueprintError for a tool that there is not.
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
        more_tools: Sequence[Tool[Any]] = (),
    ) -> None:
        self._model = model
        self._own_budget = spec.budget
        self._signals = signals
        self._tools = {**chosen(spec.tools), **{tool.name: tool for tool in more_tools}}
        self._schemas = [tool.schema for tool in self._tools.values()]
        self._prompt = prompt
        self._sandbox = sandbox
        self._workspace = workspace
        self._journal = journal
        self._rules = rules
        self._clock = clock
        self._shift = shift or Shift()
        self._saved: bytes | None = None
        """The change as it was saved last, if this loop did."""

    @property
    def _budget(self) -> Budget:
        """The node's own, with what was added to it."""
        own = self._own_budget
        return own.model_copy(update={"usd": own.usd + self._signals.raised_usd}) if self._signals.raised_usd else own

    async def work(self, facts: Mapping[str, str]) -> Submission | GaveUp:
        """Work, or go on where the journal ends, until something is submitted or given up.

        Raises BlueprintError if the prompt wants a fact that is missing, SandboxError if the box is lost, ModelError or
        ModelUnavailable if the model does not answer, HandedOver if this worker's shift is over, as soon as what is
        under way is written down; working again then goes on from the journal.
        """
        talk = Conversation.of(await self._journal.entries())
        if not talk.messages:
            messages = first_messages(self._prompt, dict(facts), self._rules)
            await self._record(talk, Opened(messages=messages, model=self._model.name))
        while talk.result is None:
            self._shift.go_on()
            await self._step(talk)
        return _RESULT.validate_python(talk.result)

    async def _step(self, talk: Conversation) -> None:
        if talk.pending:
            await self._carry_out(talk, talk.pending[0])
        elif talk.missed >= _MOST_MISSES:
            detail = f"{_MOST_MISSES} answers in a row held no tool call that could be carried out."
            await self._close(talk, GaveUp(reason="format", detail=detail))
        elif talk.owed:
            await self._record(talk, Noted(text=talk.owed))
        elif ended := exhausted(self._budget, talk.usage, talk.seconds):
            await self._close(talk, ended)
        elif talk.wrapping_up_since is not None and talk.usage.turns >= talk.wrapping_up_since + LAST_TURNS:
            await self._close(talk, GaveUp(reason="wrap up", detail="It was told to wrap up, and did not submit."))
        elif self._signals.wrap_up and talk.wrapping_up_since is None:
            await self._record(talk, Noted(text=told_to_wrap_up()))
        elif not talk.warned and (text := notice(self._budget, talk.usage, talk.seconds)):
            await self._record(talk, Noted(text=text))
        else:
            await self._ask(talk)

    async def _ask(self, talk: Conversation) -> None:
        """One model call. If it was begun before a crash, it is begun again: nobody knows what became of it."""
        left = self._budget.usd - talk.usage.usd
        reserves = [(tokens, self._model.reserve_usd(talk.messages, tokens)) for tokens in _ANSWER_TOKENS]
        room = next(((tokens, usd) for tokens, usd in reserves if usd <= left), None)
        if room is None:
            return await self._close(talk, out_of("dollars", self._budget))
        turn, seconds_left = talk.usage.turns + 1, self._budget.seconds - talk.seconds
        await self._record(talk, ModelAsked(turn=turn, reserved_usd=room[1]))
        began = self._clock()
        try:
            reply = await self._model.complete(
                talk.messages,
                self._schemas,
                max_output_tokens=max(min(room[0], self._budget.tokens - talk.usage.tokens), 1),
                timeout_s=min(_CALL_TIMEOUT_S, seconds_left),
            )
        except ContextTooLong as error:
            return await self._close(talk, GaveUp(reason="too_big", detail=str(error)))
        except ModelUnavailable:
            if self._clock() - began < seconds_left:
                raise
            return await self._close(talk, out_of("seconds", self._budget))
        answer = ModelAnswered(
            turn=turn,
            message=reply.message,
            usage=reply.usage,
            finish_reason=reply.finish_reason,
            seconds=self._clock() - began,
        )
        return await self._record(talk, answer)

    async def _carry_out(self, talk: Conversation, call: Call) -> None:
        """The next tool call of the newest answer, or the words that stand for it if it cannot be carried out."""
        tool = self._tools.get(call.tool)
        if tool is None:
            named = f"There is no tool {call.tool[:100]!r}. There are: {', '.join(self._tools)}."
            return await self._told(talk, call, Told(named, ok=False), 0.0)
        if talk.begun and not tool.repeatable:
            return await self._told(talk, call, Told(_INTERRUPTED, ok=False), 0.0)
        try:
            arguments = tool.parse(call.arguments)
        except ValueError as error:
            return await self._told(talk, call, Told(clipped(str(error)), ok=False), 0.0)
        seconds_left = self._budget.seconds - talk.seconds
        if seconds_left <= 0 and not tool.repeatable:
            return await self._close(talk, out_of("seconds", self._budget))
        if not talk.begun:
            given: Any = call.arguments  # an object, or parsing would have failed
            await self._record(talk, ToolCalled(call_id=call.id, tool=call.tool, arguments=given))
        began = self._clock()
        told = await _run(tool, arguments, Desk(self._sandbox, self._workspace, seconds_left))
        return await self._told(talk, call, told, self._clock() - began)

    async def _told(self, talk: Conversation, call: Call, told: Told, seconds: float) -> None:
        if told.ends:
            return await self._close(talk, told.ends)
        returned = ToolReturned(call_id=call.id, text=storable(told.text), ok=told.ok, seconds=seconds)
        return await self._record(talk, returned, patch=await self._changed(call))

    async def _changed(self, call: Call) -> bytes | None:
        """The change of the tree, if this call may have altered it: with the result it is one write."""
        tool = self._tools.get(call.tool)
        if tool is None or not tool.alters:
            return None
        try:
            data = (await self._workspace.patch()).data
        except RepositoryError as error:  # a moment's affair, such as half a clone: the next result saves it
            _log.info("The tree cannot be saved now: %s", error)
            return None
        is_known, self._saved = data == self._saved, data
        return None if is_known else data

    async def _close(self, talk: Conversation, result: Submission | GaveUp) -> None:
        told = result.model_copy(update={"model": self._model.name, "usage": talk.usage})
        await self._record(talk, Closed(result=told.model_dump(mode="json")))

    async def _record(self, talk: Conversation, entry: Entry, *, patch: bytes | None = None) -> None:
        await self._journal.append(entry, patch=patch)
        talk.apply(entry)


async def _run(tool: Tool[Any], arguments: Arguments, desk: Desk) -> Told:
    """Run a tool; what is wrong with a path is an answer for the model."""
    path = getattr(arguments, "path", "")
    try:
        return await tool.run(arguments, desk)
    except FileNotFoundError:
        return Told(f"There is no {path!r} in the repository.", ok=False)
    except IsADirectoryError:
        return Told(f"{path!r} is a folder.", ok=False)
    except NotADirectoryError:
        return Told(f"A part of {path!r} is a file, not a folder.", ok=False)
    except PermissionError:
        sentence = "leads outside of the repository, or is no ordinary file of it. Give a path relative to its root."
        return Told(f"{path!r} {sentence}", ok=False)
    except OSError as error:
        return Told(f"{path!r}: {error.strerror or 'that did not work'}.", ok=False)
