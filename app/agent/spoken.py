"""Models on servers without tool calls: a call is a fenced block in the answer, a result is what the user says next.

Only on the wire: what is written down, and everything else in the loop, is as with any other model.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from app.core.model import Model, Profile, Reply

_BLOCK: Final = re.compile(r"^(?P<fence>`{3,})([a-z_]+)[ \t]*\n(.*?)^(?P=fence)[ \t]*$", re.DOTALL | re.MULTILINE)
_OPEN: Final = re.compile(r"^(?P<fence>`{3,})([a-z_]+)[ \t]*\n(.*)\Z", re.DOTALL | re.MULTILINE)
"""The last block, if the answer ends without its end: servers stop there, or the model was cut off."""
_SHELLS: Final = frozenset({"bash", "sh", "shell"})
_HOW: Final = """

# How you use tools
Write one call at the end of each answer, as a fenced block whose first line names the tool. Nothing else is done.
For `bash` the block holds the command itself:
```bash
grep -rn "def greet" src | head
```
For every other tool it holds a JSON object:
```submit
{"summary": "What you changed and why.", "verification": ["pytest -q tests/test_greet.py"]}
```
Files are changed by commands, too, for example by `cat > path <<'EOF'` or by a short Python program. Where three
backticks stand in the block itself, begin and end it with four. The tools:
"""


class SpokenModel:
    """A model that is not given tools but told of them. Implements `Model`."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def name(self) -> str:
        """Of the model itself."""
        return self._model.name

    @property
    def profile(self) -> Profile:
        """Of the model itself."""
        return self._model.profile

    def reserve_usd(self, input_tokens: int, max_output_tokens: int) -> float:
        """As for the model itself."""
        return self._model.reserve_usd(input_tokens, max_output_tokens)

    async def complete(
        self,
        messages: Sequence[dict[str, Any]],
        tools: Sequence[dict[str, Any]],
        *,
        max_output_tokens: int,
        timeout_s: float,
    ) -> Reply:
        """Ask in words, and make a tool call of the block in the answer."""
        words = [_said(message) for message in messages]
        if tools and words:
            words[0] = words[0] | {"content": f"{words[0]['content']}{_HOW}{_listed(tools)}"}
        reply = await self._model.complete(
            _in_turn(words), [], max_output_tokens=max_output_tokens, timeout_s=timeout_s
        )
        spoken = sum(message["role"] == "assistant" for message in messages)
        return reply.model_copy(update={"message": _with_call(reply.message, spoken, reply.finish_reason)})


def _said(message: dict[str, Any]) -> dict[str, Any]:
    if message["role"] == "tool":
        return {"role": "user", "content": f"[result]\n{message['content']}"}
    return {"role": message["role"], "content": str(message.get("content") or "")}


def _in_turn(words: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The words with what one side says in a row as one message: many of these servers insist on taking turns."""
    joined: list[dict[str, Any]] = []
    for message in words:
        if joined and joined[-1]["role"] == message["role"]:
            joined[-1] = message | {"content": f"{joined[-1]['content']}\n\n{message['content']}"}
        else:
            joined.append(message)
    return joined


def _listed(tools: Sequence[dict[str, Any]]) -> str:
    functions = [tool["function"] for tool in tools]
    return "\n".join(
        f"- {one['name']}: {one['description']} Arguments: {json.dumps(one['parameters']['properties'])}"
        for one in functions
    )


def _with_call(message: dict[str, Any], spoken: int, finish_reason: str) -> dict[str, Any]:
    """The message with the last block of its text as a tool call."""
    text = str(message.get("content") or "")
    blocks = list(_BLOCK.finditer(text))
    block = blocks[-1] if blocks else None if finish_reason == "length" else _OPEN.search(text)
    if block is None:
        return message
    name, body = block[2], block[3].rstrip("\n")
    arguments = json.dumps({"command": body}) if name in _SHELLS else body
    call = {
        "id": f"said_{spoken}",
        "type": "function",
        "function": {"name": "bash" if name in _SHELLS else name, "arguments": arguments},
    }
    return message | {"tool_calls": [call]}
