"""What every answer of the API has, whatever it is about: request id, rate limit, version, ETag."""

import hashlib
import json
import re
import time
import uuid
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.demo.github.auth import credential
from app.demo.github.faults import Asked
from app.demo.github.state import Hub

VERSIONS = ("2022-11-28", "2026-03-10")
"""API versions (docs.github.com, "API versions"); the first is taken when none is asked for."""
HOUR_S = 3_600


@dataclass
class Window:
    """What one credential used in its current hour."""

    reset: int
    """Seconds since 1970."""
    used: int = 0


class Dressing:
    """ASGI around the whole server; everything but the API only meets the trouble."""

    def __init__(self, app: ASGIApp, hub: Hub) -> None:
        self._app = app
        self._hub = hub
        self._windows: dict[str, Window] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trouble = self._hub.faults.take(self._asked(scope))
        if trouble:
            await trouble.meet(_Exchange(self, self._hub, scope, receive, send))
        else:
            await self.serve(scope, receive, send)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request that meets no trouble."""
        if scope["path"].startswith("/api/v3"):
            await self._api(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _asked(self, scope: Scope) -> Asked:
        header = dict(scope["headers"]).get(b"authorization", b"").decode(errors="replace")
        value = credential(header)
        token = self._hub.accounts.token(value)
        paths = (scope["path"], self._by_name(scope)["path"])
        return Asked(scope["method"], paths, value, token.installation.id if token else None)

    async def _api(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = {name.decode().lower(): value.decode(errors="replace") for name, value in scope["headers"]}
        version = asked.get("x-github-api-version", VERSIONS[0])
        window = self._window(asked.get("authorization", ""))
        is_free = scope["path"].endswith("/rate_limit")
        window.used += 0 if is_free else 1
        rate = self._rate(window)
        extra = self._headers(rate, version)
        if version not in VERSIONS:
            await _send(send, 400, extra, _message(f"{version!r} is not a supported version of the GitHub API."))
            return
        if window.used > self._hub.rate_limit and not is_free:
            await _send(
                send, 403, extra, _message("API rate limit exceeded. (But here's the good news: it is a double.)")
            )
            return
        scope.setdefault("state", {})["rate"] = rate
        status, headers, body = await self._answer(scope, receive)
        if scope["method"] == "GET" and status == 200:
            etag = f'W/"{hashlib.sha256(body).hexdigest()}"'
            extra["ETag"] = etag
            if etag.removeprefix("W/") in asked.get("if-none-match", ""):
                window.used -= 1  # GitHub does not charge for "not modified"
                headers = {name: value for name, value in headers.items() if not name.startswith("content-")}
                await _send(send, 304, headers | extra | self._headers(self._rate(window), version), b"")
                return
        await _send(send, status, headers | extra, body)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, dict[str, str], bytes]:
        """The answer of the app inside, whole: answers of the API are small."""
        return await _whole(self._app, self._by_name(scope), receive)

    def _by_name(self, scope: Scope) -> Scope:
        """`/repositories/ID/…` means the same as `/repos/OWNER/NAME/…`."""
        found = re.match(r"/api/v3/repositories/(\d{1,15})(/.*)?$", scope["path"])
        repository = self._hub.repositories.get(int(found[1])) if found else None
        if found is None or repository is None:
            return scope
        path = f"/api/v3/repos/{repository.full_name}{found[2] or ''}"
        return {**scope, "path": path, "raw_path": path.encode()}

    def _window(self, credential: str) -> Window:
        now = time.time()
        window = self._windows.get(credential)
        if window is None or window.reset <= now:
            window = self._windows[credential] = Window(int(now) + HOUR_S)
        return window

    def _rate(self, window: Window) -> dict[str, int]:
        left = max(self._hub.rate_limit - window.used, 0)
        return {"limit": self._hub.rate_limit, "remaining": left, "used": window.used, "reset": window.reset}

    def _headers(self, rate: dict[str, int], version: str) -> dict[str, str]:
        return {
            "X-GitHub-Request-Id": str(uuid.uuid4()).upper(),
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Api-Version-Selected": version,
            "X-GitHub-Enterprise-Version": "3.19.0",
            "X-RateLimit-Resource": "core",
            **{f"X-RateLimit-{name.title()}": str(value) for name, value in rate.items()},
        }


class _Exchange:
    """Implements `Exchange` on ASGI."""

    def __init__(self, dressing: Dressing, hub: Hub, scope: Scope, receive: Receive, send: Send) -> None:
        self._dressing = dressing
        self._hub = hub
        self._scope = scope
        self._receive = receive
        self._send = send

    async def real(self) -> tuple[int, dict[str, str], bytes]:
        """Carry it out."""
        return await _whole(self._dressing.serve, self._scope, self._receive)

    async def pass_on(self) -> None:
        """Serve it."""
        await self._dressing.serve(self._scope, self._receive, self._send)

    async def say(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Answer."""
        await _send(self._send, status, headers, body)

    async def cut(self, headers: Mapping[str, str], body: bytes) -> None:
        """Promise one byte more than there will be: uvicorn then closes the connection."""
        kept = {name.lower(): value for name, value in headers.items()} | {"content-length": str(len(body) + 1)}
        pairs = [(name.encode(), value.encode("latin-1")) for name, value in kept.items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": pairs})
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def silence(self) -> None:
        """Wait for the caller to go."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def moved(self) -> str:
        """The address by id."""
        place, query = str(self._scope["path"]), self._scope["query_string"].decode()
        if found := re.match(r"/api/v3/repos/([^/]+/[^/]+)(/.*)?$", place):
            place = f"/api/v3/repositories/{self._hub.repository(found[1]).id}{found[2] or ''}"
        return f"{self._hub.url}{place}{f'?{query}' if query else ''}"

    def now(self) -> float:
        """GitHub's clock."""
        return self._hub.ground.clock().timestamp()


async def _whole(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[int, dict[str, str], bytes]:
    """The whole answer of an ASGI application: status, headers, body."""
    started: MutableMapping[str, Any] = {}
    parts: list[bytes] = []

    async def take(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, take)
    headers = {name.decode(): value.decode("latin-1") for name, value in started["headers"]}
    return started["status"], headers, b"".join(parts)


def _message(text: str) -> bytes:
    return json.dumps({"message": text, "documentation_url": "https://docs.github.com/rest"}).encode()


async def _send(send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """One whole answer."""
    known = {"Content-Type": "application/json; charset=utf-8"}
    lower = {name.lower(): value for name, value in {**known, **headers}.items()}
    if status in {204, 304}:
        lower.pop("content-type", None)
        lower.pop("content-length", None)
    else:
        lower["content-length"] = str(len(body))
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in lower.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
