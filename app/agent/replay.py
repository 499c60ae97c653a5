"""What a model is sent of its own answers: as they came, except for what providers refuse to read again."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from app.agent.arguments import is_object, parsed

_STRANGE: Final = re.compile(r"[^A-Za-z0-9_-]")
"""Not in the name of a function: https://platform.openai.com/docs/api-reference/chat/create"""
_OWN: Final = frozenset({"role", "content", "tool_calls"})
"""What every provider reads in a message of the assistant. Thoughts and signatures are some provider's own."""
_MAY_BE_CUT: Final = frozenset({"read", "search"})
"""Tools for which half of the arguments will do: they change nothing."""
NOTHING: Final = "(nothing)"
_LOST: Final = "[lost]"


@dataclass(frozen=True)
class Call:
    """A tool call as the model sent it."""

    id: str
    tool: str
    arguments: object
    """Parsed JSON, or the text as it came if it is none."""


def words(message: dict[str, Any]) -> str:
    """What an answer says in text."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text") or "") for part in content if isinstance(part, dict))


def calls(message: dict[str, Any]) -> list[Call]:
    """The tool calls of an answer, each with an id of its own: no provider takes one twice, or an empty one."""
    found: list[Call] = []
    for place, raw in enumerate(message.get("tool_calls") or []):
        call, taken = _call(raw), {other.id for other in found}
        found.append(replace(call, id=f"{call.id}_{place}") if call.id in {"", *taken} else call)
    return found


def _call(raw: dict[str, Any]) -> Call:
    function = raw.get("function") or {}
    name, arguments = str(function.get("name") or ""), function.get("arguments") or "{}"
    if isinstance(arguments, str):
        arguments = parsed(arguments, may_be_cut=name in _MAY_BE_CUT)
    if isinstance(arguments, str):  # JSON in JSON: some servers encode it twice
        arguments = parsed(arguments)
    return Call(str(raw.get("id") or ""), name, arguments)


def replayable(message: dict[str, Any], kept: Sequence[Call]) -> dict[str, Any]:
    """The message with these of its calls; broken arguments, names and emptiness are put right."""
    copy = dict(message)
    copy.pop("tool_calls", None)
    if isinstance(said := copy.get("content"), str) and not said.strip():
        copy["content"] = ""  # nothing but blanks, which Anthropic refuses
    if kept:
        copy["tool_calls"] = [
            _replayable_call(raw, call) for raw, call in zip(message["tool_calls"], kept, strict=True)
        ]
    elif not copy.get("content"):
        copy["content"] = NOTHING
    return copy


def _replayable_call(raw: dict[str, Any], call: Call) -> dict[str, Any]:
    name = _STRANGE.sub("_", call.tool)[:64] or "unnamed"
    function = dict(raw.get("function") or {})
    if not isinstance(call.arguments, dict):
        arguments = "{}"
    elif is_object(function.get("arguments")):
        arguments = function["arguments"]
    else:
        arguments = json.dumps(call.arguments)
    if (name, arguments, call.id) == (call.tool, function.get("arguments"), raw.get("id")):
        return raw
    return raw | {"id": call.id, "function": function | {"name": name, "arguments": arguments}}


def portable(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages for any provider: without thoughts, each call with its result, no result without its call.

    Ids are given anew: some providers keep signatures in theirs, longer than others take.
    """
    result: list[dict[str, Any]] = []
    waiting: list[tuple[str, str]] = []  # old and new id of each call that has no result yet
    count = 0
    for message in messages:
        if message["role"] == "tool":
            if found := next((pair for pair in waiting if pair[0] == message.get("tool_call_id")), None):
                waiting.remove(found)
                result.append(message | {"tool_call_id": found[1]})
            continue
        result += _lost(waiting)
        waiting = []
        if message["role"] != "assistant":
            result.append(message)
            continue
        plain = {key: part for key, part in message.items() if key in _OWN and part is not None}
        if raws := message.get("tool_calls"):
            ids = [f"call_{count + place}" for place in range(len(raws))]
            count += len(raws)
            plain["tool_calls"] = [_plain_call(raw, new) for raw, new in zip(raws, ids, strict=True)]
            waiting = [(str(raw.get("id") or ""), new) for raw, new in zip(raws, ids, strict=True)]
        result.append(plain)
    return result + _lost(waiting)


def _plain_call(raw: dict[str, Any], new: str) -> dict[str, Any]:
    function = raw.get("function") or {}
    named = {"name": function.get("name"), "arguments": function.get("arguments")}
    return {"id": new, "type": "function", "function": named}


def _lost(waiting: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"role": "tool", "tool_call_id": new, "content": _LOST} for _, new in waiting]
