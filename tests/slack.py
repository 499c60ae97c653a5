"""A Slack on loopback that holds channels and messages, signs what it tells, and repeats what was not answered."""

import asyncio
import hashlib
import hmac
import json
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlencode

import httpx
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

BOT = "UMINION"


@dataclass
class LoopbackSlack:
    """One workspace. Messages are kept by channel, oldest first."""

    signing_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    token: str = field(default_factory=lambda: f"xoxb-{secrets.token_hex(16)}")
    channels: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    url: str = ""
    trouble: list[Response] = field(default_factory=list)
    """What the next calls are answered with, instead."""
    lose: int = 0
    """Of so many messages that are posted next, the answer gets lost after they were."""
    _numbers: Any = field(default_factory=lambda: count(1))

    # -- What people do ------------------------------------------------------------------------------------------
    def write(self, channel: str, user: str, text: str, *, thread: str = "") -> dict[str, Any]:
        """Somebody writes a message."""
        return self._add(channel, {"user": user, "text": text} | ({"thread_ts": thread} if thread else {}))

    def mention(self, channel: str, message: dict[str, Any]) -> dict[str, Any]:
        """What an app is told of a message that mentions it."""
        event = {**message, "type": "app_mention", "channel": channel}
        return {"type": "event_callback", "team_id": "T1", "event_id": f"Ev{message['ts']}", "event": event}

    def shortcut(self, channel: str, user: str, message: dict[str, Any]) -> dict[str, Any]:
        """What an app is told when somebody chooses its shortcut at a message."""
        return {
            "type": "message_action",
            "callback_id": "minion",
            "team": {"id": "T1"},
            "user": {"id": user},
            "channel": {"id": channel},
            "message": message,
            "action_ts": self._moment(),
            "trigger_id": "1.2.abc",
            "response_url": "http://127.0.0.1:9/",
        }

    def thread(self, channel: str, at: str) -> list[dict[str, Any]]:
        """A thread, with the message that it began with."""
        return [one for one in self.channels.get(channel, []) if at in {one["ts"], one.get("thread_ts")}]

    def said_by_us(self, channel: str, at: str) -> list[str]:
        """Texts of the app's own messages in a thread."""
        return [one["text"] for one in self.thread(channel, at) if one.get("bot_id")]

    # -- What the app is told ------------------------------------------------------------------------------------
    def signed(
        self, payload: dict[str, Any], *, at: float | None = None, repeat: int = 0
    ) -> tuple[bytes, dict[str, str]]:
        """Body and headers, as Slack sends them."""
        is_form = payload["type"] != "event_callback"
        body = (urlencode({"payload": json.dumps(payload)}) if is_form else json.dumps(payload)).encode()
        stamp = str(int(time.time() if at is None else at))
        word = hmac.new(self.signing_secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256)
        headers = {
            "content-type": "application/x-www-form-urlencoded" if is_form else "application/json",
            "x-slack-request-timestamp": stamp,
            "x-slack-signature": f"v0={word.hexdigest()}",
        }
        if repeat:
            headers |= {"x-slack-retry-num": str(repeat), "x-slack-retry-reason": "http_timeout"}
        return body, headers

    async def tell(self, http: httpx.AsyncClient, address: str, payload: dict[str, Any]) -> list[int]:
        """Tell the app, and again, three times at most, until it is answered well; the status of each answer."""
        answers: list[int] = []
        for repeat in range(4):
            body, headers = self.signed(payload, repeat=repeat)
            answers.append((await http.post(address, content=body, headers=headers)).status_code)
            if answers[-1] == httpx.codes.OK:
                break
        return answers

    # -- The Web API ---------------------------------------------------------------------------------------------
    async def _call(self, method: str, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _told(error="invalid_auth")
        if self.trouble:
            return self.trouble.pop(0)
        words: dict[str, Any] = dict(request.query_params) | (json.loads(await request.body() or b"{}"))
        if words.get("channel") not in self.channels:
            return _told(error="channel_not_found")
        methods = {
            "conversations.replies": self._replies,
            "chat.postMessage": self._post,
            "chat.update": self._update,
        }
        return methods[method](words) if method in methods else _told(error="unknown_method")

    def _replies(self, words: dict[str, Any]) -> Response:
        found = self.thread(words["channel"], words["ts"])
        if not found:
            return _told(error="thread_not_found")
        first, most = int(words.get("cursor", 0)), min(int(words.get("limit", 100)), 3)  # small, to be paged
        more = str(first + most) if first + most < len(found) else ""
        return _told(messages=found[first : first + most], response_metadata={"next_cursor": more})

    def _post(self, words: dict[str, Any]) -> Response:
        said = {key: words[key] for key in ("text", "thread_ts", "metadata") if key in words}
        message = self._add(words["channel"], said | {"bot_id": "B1", "user": BOT})
        if self.lose:
            self.lose -= 1
            return Response("<html>Bad gateway</html>", 502)
        return _told(ts=message["ts"], channel=words["channel"])

    def _update(self, words: dict[str, Any]) -> Response:
        for one in self.channels[words["channel"]]:
            if one["ts"] == words["ts"] and one.get("bot_id"):
                one["text"] = words["text"]
                return _told(ts=one["ts"])
        return _told(error="message_not_found")

    def _add(self, channel: str, message: dict[str, Any]) -> dict[str, Any]:
        message = {"type": "message", "ts": self._moment(), **message}
        self.channels.setdefault(channel, []).append(message)
        return message

    def _moment(self) -> str:
        return f"{1_700_000_000 + next(self._numbers)}.000100"


def _told(*, error: str = "", **more: Any) -> JSONResponse:
    return JSONResponse({"ok": not error, **({"error": error} if error else {}), **more})


class _Quiet(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        """Those of the tests stay."""


@asynccontextmanager
async def serve() -> AsyncIterator[LoopbackSlack]:
    """A workspace that answers on loopback while the block runs."""
    slack = LoopbackSlack()
    app = FastAPI(openapi_url=None)
    app.add_api_route("/api/{method}", slack._call, methods=["GET", "POST"], response_model=None)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        slack.url = f"http://127.0.0.1:{listener.getsockname()[1]}/api/"
        server = _Quiet(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield slack
        finally:
            server.should_exit = True
            await serving
