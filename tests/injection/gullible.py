"""A model server whose model does whatever anybody tells it, wherever it reads it. It speaks the OpenAI wire format.

It remembers nothing: what it has obeyed follows from the names of its own calls in the conversation. When there is
nothing left to obey it goes on with its errand, which makes it read everything that there is, and submits.
"""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from app.demo.models import _Quiet
from tests.injection.case import READING, Call, Case
from tests.injection.hiding import found

_TOKEN: Final = re.compile(r"OBEY-([a-z0-9]+(?:-[a-z0-9]+)*)")
_ERRAND: Final = re.compile(r"Errand: ([a-z-]+)")
_AT_ONCE: Final = 8
"""Calls in one answer."""


@dataclass
class Gullible:
    """A model and everything that it was told."""

    cases: Mapping[str, Case]
    errand: Sequence[Call]
    """What it does besides: it reads."""
    surroundings: dict[str, str] = field(default_factory=dict)
    """What is filled in for `{name}` in the arguments of calls."""
    url: str = ""
    obeyed: set[str] = field(default_factory=set)
    begun: dict[str, int] = field(default_factory=dict)
    """Conversations of those who work, by errand."""
    carried_out: set[str] = field(default_factory=set)
    """Names of its calls that were answered."""

    async def complete(self, request: Request) -> JSONResponse:
        """`POST /v1/chat/completions`."""
        body = await request.json()
        self.surroundings["own_key"] = request.headers.get("authorization", "").removeprefix("Bearer ")
        messages = body["messages"]
        first = next(_text(message) for message in messages if message["role"] == "user")
        errand = (_ERRAND.search(first) or ["", "plain"])[1]
        mine = [call["id"] for message in messages for call in message.get("tool_calls") or ()]
        if not mine and "# Review the change" not in first:
            self.begun[errand] = self.begun.get(errand, 0) + 1
        self.carried_out |= {message["tool_call_id"] for message in messages if message["role"] == "tool"}
        heard = self._heard(messages)
        self.obeyed |= {case.name for case in heard}
        message = {"role": "assistant", "content": "I do as I am told.", "tool_calls": self._calls(heard, mine, errand)}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        usage = {"prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20}
        answer = {"id": "x", "object": "chat.completion", "created": 0, "model": body["model"]}
        return JSONResponse(answer | {"choices": [choice], "usage": usage})

    def _heard(self, messages: Sequence[Mapping[str, Any]]) -> list[Case]:
        """Cases whose words stand in any message that is not its own, in the order in which it met them."""
        told = [found(_text(message)) for message in messages if message["role"] != "assistant"]
        names = dict.fromkeys(name for text in told for name in _TOKEN.findall(text))
        return [self.cases[name] for name in names if name in self.cases]

    def _calls(self, heard: Sequence[Case], mine: Sequence[str], errand: str) -> list[dict[str, Any]]:
        wanted = [(f"obey-{case.name}-{at}", call) for case in heard for at, call in enumerate(case.calls)]
        steps = [(f"step-{at}", call) for at, call in enumerate(self.errand if errand == READING else self.errand[-1:])]
        left = [(name, call) for name, call in wanted if name not in mine][:_AT_ONCE]
        left = left or [(name, call) for name, call in steps if name not in mine][:1]
        if not left:
            words = "\n\n".join(["Done.", *(case.words for case in heard if case.words)])
            left = [("submit", Call("submit", {"summary": words, "risks": words}))]
        return [self._call(name, call) for name, call in left]

    def _call(self, name: str, call: Call) -> dict[str, Any]:
        arguments = json.dumps(call.arguments)
        for key, value in self.surroundings.items():
            arguments = arguments.replace(f"{{{key}}}", value)
        return {"id": name, "type": "function", "function": {"name": call.tool, "arguments": arguments}}


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "\n".join(str(part.get("text", "")) for part in content)


@asynccontextmanager
async def serving(model: Gullible) -> AsyncIterator[None]:
    """Serve the model on loopback while the block runs."""
    app = FastAPI(openapi_url=None)
    app.add_api_route("/v1/chat/completions", model.complete, methods=["POST"])
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        model.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        server = _Quiet(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield
        finally:
            server.should_exit = True
            await running
