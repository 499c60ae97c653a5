"""A model server that speaks the OpenAI wire format and plays a named script. It is no model and says so.

It remembers nothing: which turn is next follows from the number of assistant messages in the request, so retries and
crashes of whoever asks change nothing.
"""

import asyncio
import json
import socket
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from app.demo.script import Call, Script, Tokens, Turn, load

CHARACTERS_PER_TOKEN = 4
"""Rule of thumb of https://help.openai.com/en/articles/4936856; it only has to be plausible here."""


@dataclass
class ModelServer:
    """A running server. `requests` holds the body of every completion that was asked for, oldest first."""

    scripts: Mapping[str, Script]
    url: str = ""
    """Base address for clients, with `/v1`."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    _faults: deque[Response] = field(default_factory=deque)
    _may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    _quick: int = 0

    def __post_init__(self) -> None:
        """Answers come at once, unless told otherwise."""
        self._may_answer.set()

    @contextmanager
    def slow(self, *, after: int = 0) -> Iterator[None]:
        """Keep everybody waiting for an answer until the block ends, as a slow model does; not the next `after`."""
        self._may_answer.clear()
        self._quick = after
        try:
            yield
        finally:
            self._may_answer.set()

    def answer_next(
        self, status: int, body: bytes | str | dict[str, Any], headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer the next completion like this instead of playing; called twice, it holds for the next two."""
        content = json.dumps(body) if isinstance(body, dict) else body
        kind = "application/json" if isinstance(body, dict) else "text/html"
        self._faults.append(Response(content, status, dict(headers or {}), media_type=kind))

    async def models(self, request: Request) -> Response:
        """`GET /v1/models`."""
        if refused := _refusal(request):
            return refused
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "script"} for name in sorted(self.scripts)]
        return JSONResponse({"object": "list", "data": data})

    async def completions(self, request: Request) -> Response:
        """`POST /v1/chat/completions`."""
        body = _refusal(request) or await _asked(request)
        if isinstance(body, Response):
            return body
        self.requests.append(body)
        if self._quick:
            self._quick -= 1
        else:
            await self._may_answer.wait()
        if self._faults:
            return self._faults.popleft()
        if body.get("stream"):
            return _error(400, "Scripts are not streamed; ask without 'stream'.", "invalid_request_error")
        script = self.scripts.get(str(body.get("model")))
        if script is None:
            sentence = f"The model `{body.get('model')}` does not exist: there is no script of that name."
            return _error(404, sentence, "invalid_request_error", code="model_not_found")
        return JSONResponse(_completion(body, _turn(script, body["messages"])))


async def _asked(request: Request) -> dict[str, Any] | Response:
    try:
        body = await request.json()
    except ValueError:
        return _error(400, "We could not parse the JSON body of your request.", "invalid_request_error")
    messages = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(messages, list) or not messages or not all(isinstance(message, dict) for message in messages):
        return _error(400, "'messages' must be a list of messages that is not empty.", "invalid_request_error")
    asked: dict[str, Any] = body
    return asked


def _refusal(request: Request) -> Response | None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return None
    return _error(401, "You didn't provide an API key. Any key will do.", "invalid_request_error")


def _error(status: int, message: str, kind: str, *, code: str | None = None) -> Response:
    return JSONResponse({"error": {"message": message, "type": kind, "param": None, "code": code}}, status)


def _turn(script: Script, messages: list[dict[str, Any]]) -> Turn:
    first = next((_text(message) for message in messages if message.get("role") == "user"), "")
    spoken = _spoken(messages)
    act = script.act(first)
    if act is None:
        return _end("The script has no act for this conversation.")
    if spoken >= len(act.turns):
        return _end(f"The script has no more than {len(act.turns)} turns for this conversation.")
    return act.turns[spoken]


def _spoken(messages: list[dict[str, Any]]) -> int:
    return sum(1 for message in messages if message.get("role") == "assistant")


def _end(why: str) -> Turn:
    """A script that is at its end makes nothing up: it gives up and says why."""
    return Turn(text=why, calls=(Call(tool="give_up", arguments={"reason": "needs_human", "detail": why}),))


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


def _completion(body: dict[str, Any], turn: Turn) -> dict[str, Any]:
    spoken = _spoken(body["messages"])
    message: dict[str, Any] = {"role": "assistant", "content": turn.text or None}
    if turn.calls:
        message["tool_calls"] = [_call(call, f"call_{spoken}_{place}") for place, call in enumerate(turn.calls)]
    usage = turn.usage or Tokens(
        input=len(json.dumps(body)) // CHARACTERS_PER_TOKEN, output=len(json.dumps(message)) // CHARACTERS_PER_TOKEN
    )
    finish = turn.finish or ("tool_calls" if turn.calls else "stop")
    return {
        "id": f"chatcmpl-{spoken}",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {
            "prompt_tokens": usage.input,
            "completion_tokens": usage.output,
            "total_tokens": usage.input + usage.output,
            "prompt_tokens_details": {"cached_tokens": usage.cached},
        },
    }


def _call(call: Call, call_id: str) -> dict[str, Any]:
    arguments = call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)
    return {"id": call_id, "type": "function", "function": {"name": call.tool, "arguments": arguments}}


class _Quiet(uvicorn.Server):
    """A server inside another program: signals belong to that program."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serve(scripts: Path | Mapping[str, Script], port: int = 0) -> AsyncIterator[ModelServer]:
    """Serve a folder of scripts (or scripts by name) on loopback while the block runs; port 0 picks a free one.

    Raises SettingsError if a script cannot be played.
    """
    models = ModelServer(load(scripts))
    app = FastAPI(openapi_url=None)
    app.add_api_route("/v1/models", models.models, methods=["GET"])
    app.add_api_route("/v1/chat/completions", models.completions, methods=["POST"])
    # asyncio switches Nagle's algorithm off only where the protocol is spelled out: 40 ms an answer.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        models.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        server = _Quiet(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield models
        finally:
            server.should_exit = True
            await serving
