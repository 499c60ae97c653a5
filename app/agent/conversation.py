"""Where a loop stands: a fold over its journal, and nothing else. The message list only ever grows at its end."""

import json
import re
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from app.agent.bounds import TOLD_TO_END, WRAP_UP
from app.core.budget import Usage
from app.core.journal import Closed, Entry, ModelAnswered, ModelAsked, Noted, Opened, ToolCalled, ToolReturned

_NO_TOOL: Final = (
    "That was text without a tool call, which reaches nobody. "
    "Use a tool: go on working, or end with `submit` or `give_up`."
)
_CUT: Final = (
    "Your answer was cut off at its longest, in the middle of a tool call. Nothing of it was carried out. "
    "Take a smaller step: for example a shorter file, or several edits."
)
_STRANGE: Final = re.compile(r"[^A-Za-z0-9_-]")
"""Not in the name of a function: https://platform.openai.com/docs/api-reference/chat/create"""


@dataclass(frozen=True)
class Call:
    """A tool call as the model sent it."""

    id: str
    tool: str
    arguments: object
    """Parsed JSON, or the text as it came if it is none."""


@dataclass
class Conversation:
    """The state of a loop. `apply` is the only way to change it."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    """Time that was used, the time before a crash included, the time between crash and restart not."""
    pending: deque[Call] = field(default_factory=deque)
    """Calls of the newest answer that have no result yet."""
    begun: bool = False
    """Whether the first of them was begun: if nobody is at it, it was interrupted."""
    missed: int = 0
    """Answers in a row of which nothing could be carried out."""
    owed: str = ""
    """What the loop has to say before it asks again."""
    rules: tuple[str, ...] = ()
    """Rule files that it was given so far."""
    warned: bool = False
    """Whether the notice of the near end was given."""
    wrapping_up_since: int | None = None
    """Turns that had been used when it was told to come to an end."""
    result: dict[str, Any] | None = None

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> "Conversation":
        """The state after these entries."""
        talk = cls()
        for entry in entries:
            talk.apply(entry)
        return talk

    def apply(self, entry: Entry) -> None:
        """Go on by one entry."""
        match entry:
            case Opened():
                self.messages = list(entry.messages)
                self.rules = entry.rules
            case ModelAsked():
                pass  # asked and not answered: it is asked again
            case ModelAnswered():
                self._answered(entry)
            case ToolCalled():
                self.begun = True
                self.missed = 0
            case ToolReturned():
                call = self.pending.popleft()
                self.begun = False
                self.seconds += entry.seconds
                self.rules += entry.rules
                self.messages.append({"role": "tool", "tool_call_id": call.id, "content": entry.text})
            case Noted():
                self.owed = ""
                self.warned = self.warned or entry.text.startswith(WRAP_UP)
                if entry.text.startswith(TOLD_TO_END):
                    self.wrapping_up_since = self.usage.turns
                self.messages.append({"role": "user", "content": entry.text})
            case Closed():
                self.result = entry.result

    def _answered(self, entry: ModelAnswered) -> None:
        self.usage += entry.usage
        self.seconds += entry.seconds
        self.missed += 1
        calls = [_call(raw) for raw in entry.message.get("tool_calls") or []]
        was_cut = entry.finish_reason == "length" and bool(calls)
        self.pending = deque() if was_cut else deque(calls)
        self.owed = _CUT if was_cut else "" if calls else _NO_TOOL
        self.messages.append(_replayable(entry.message, self.pending))


def _call(raw: Mapping[str, Any]) -> Call:
    function = raw.get("function") or {}
    arguments = function.get("arguments") or "{}"
    if isinstance(arguments, str):
        with suppress(ValueError, RecursionError):  # the tool will say what is wrong with the text
            arguments = json.loads(arguments)
    return Call(str(raw.get("id") or ""), str(function.get("name") or ""), arguments)


def _replayable(message: Mapping[str, Any], calls: Sequence[Call]) -> dict[str, Any]:
    """The message as it came, except for what providers refuse to read again: broken arguments, names, emptiness."""
    kept = dict(message)
    kept.pop("tool_calls", None)
    if calls:
        raws = message["tool_calls"]
        kept["tool_calls"] = [_replayable_call(raw, call) for raw, call in zip(raws, calls, strict=True)]
    elif not kept.get("content"):
        kept["content"] = "(nothing)"
    return kept


def _replayable_call(raw: dict[str, Any], call: Call) -> dict[str, Any]:
    name = _STRANGE.sub("_", call.tool)[:64] or "unnamed"
    if isinstance(call.arguments, dict) and name == call.tool:
        return raw
    arguments = raw["function"]["arguments"] if isinstance(call.arguments, dict) else "{}"
    return raw | {"function": dict(raw.get("function") or {}) | {"name": name, "arguments": arguments}}
