"""How fast deliveries are taken: the real receiver on a real PostgreSQL, beside a bare route that hashes the body."""

import asyncio
import hashlib
import hmac
import json
import multiprocessing
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median, quantiles

import uvicorn
import uvloop
from fastapi import FastAPI, Request, Response
from pydantic import SecretStr

from app.adapters.store import ProcrastinateQueue, opened
from app.server import web_app
from app.settings import Settings
from tests.bench.database import database

SECRET = "a secret of the benchmark"
CONNECTIONS = 8
REQUESTS = 400
"""In one round, over all connections."""
ROUNDS = 5
STORED_A_SECOND = 50
"""Requests for work; Stripe's 1,300 pull requests a week are one in eight minutes."""
IGNORED_RATIO = 0.5
"""Events of others come in floods, so dropping one must cost hardly more than reading it."""


async def rows() -> list[dict[str, object]]:
    """Requests a second and p99 for deliveries that start a run, and for those that are ignored."""
    async with database() as url:
        with process(serve_minions, url) as (ours, _), process(_serve_bare, "") as (bare, _):
            return await _measured(ours, bare)


async def _measured(ours: int, bare: int) -> list[dict[str, object]]:
    numbers = iter(range(10_000_000))
    kinds = {"deliveries stored": labeled, "deliveries ignored": _starred}
    found: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in kinds}
    for round_ in range(ROUNDS + 1):
        for name, body in kinds.items():
            ours_s, ours_p99 = await _load(ours, [body(next(numbers)) for _ in range(REQUESTS)])
            bare_s, bare_p99 = await _load(bare, [body(next(numbers)) for _ in range(REQUESTS)])
            if round_:  # the first warms up
                found[name].append((ours_s, bare_s, ours_p99, bare_p99))
    made: list[dict[str, object]] = []
    for name, samples in found.items():
        speed, reference, p99, bare_p99 = (median(column) for column in zip(*samples, strict=True))
        goal, met = f">= {STORED_A_SECOND}/s", speed >= STORED_A_SECOND
        if name == "deliveries ignored":
            goal, met = f">= {IGNORED_RATIO} x", speed / reference >= IGNORED_RATIO
        made += [
            _row(f"webhook, {name}", speed, "requests/s", reference, goal, met),
            _row(f"webhook, {name}, p99", p99, "ms", bare_p99, "<= 250 ms", p99 <= 250),
        ]
    return made


def _row(name: str, value: float, unit: str, reference: float, goal: str, met: bool) -> dict[str, object]:  # noqa: FBT001
    return {
        "name": name,
        "value": round(value, 2),
        "unit": unit,
        "reference": f"bare FastAPI route that hashes the body: {reference:.2f} {unit}",
        "ratio": round(value / reference, 3),
        "goal": goal,
        "met": met,
        "runs": ROUNDS,
    }


async def _load(port: int, requests: list[bytes]) -> tuple[float, float]:
    """Send the requests over the connections, one after the other on each; requests a second, and p99 in ms."""
    times: list[float] = []
    began = time.perf_counter()
    await asyncio.gather(*(_client(port, requests[n::CONNECTIONS], times) for n in range(CONNECTIONS)))
    return len(requests) / (time.perf_counter() - began), quantiles(times, n=100)[98] * 1000


async def _client(port: int, requests: list[bytes], times: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in requests:
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        await reader.readexactly(length)
        times.append(time.perf_counter() - began)
        if not head.startswith((b"HTTP/1.1 202", b"HTTP/1.1 200")):
            raise RuntimeError(head.decode())
    writer.close()
    await writer.wait_closed()


def labeled(number: int, path: str = "/webhook") -> bytes:
    """An issue was labelled: each has a number of its own."""
    person = {"id": 1, "login": "ann", "type": "User"}
    issue = {
        "id": number,
        "number": number + 1,
        "title": "Broken",
        "body": "It is broken. " * 100,
        "state": "open",
        "user": person,
        "updated_at": "2026-01-02T03:04:05Z",
    }
    repository = {"id": 5, "name": "cat", "full_name": "octo/cat", "owner": {"login": "octo"}}
    payload = {
        "action": "labeled",
        "issue": issue,
        "label": {"name": "minion"},
        "repository": repository,
        "installation": {"id": 3},
        "sender": person,
    }
    return request("issues", payload, number, path)


def _starred(number: int) -> bytes:
    return request("star", {"action": "created", "padding": "x" * 2_000}, number)


def request(event: str, payload: object, number: int, path: str = "/webhook") -> bytes:
    """A delivery as it goes over the wire."""
    body = json.dumps(payload).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nx-github-event: {event}\r\n"
        f"x-github-delivery: {number:08}-cc78-11e3-81ab-4c9367dc0958\r\nx-hub-signature-256: sha256={signature}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode() + body


def serve_minions(url: str, listener: socket.socket) -> None:
    """The web server as an installation has it. Blocks."""

    async def serve() -> None:
        settings = Settings(app_id="1", webhook_secrets=(SecretStr(SECRET),), database_url=url)
        async with opened(url, ProcrastinateQueue(url)) as store:
            await _uvicorn(web_app(settings, store)).serve([listener])

    uvloop.run(serve())


def _serve_bare(_: str, listener: socket.socket) -> None:
    app = FastAPI()

    @app.post("/webhook")
    async def take(request: Request) -> Response:
        return Response(hashlib.sha256(await request.body()).hexdigest())

    uvloop.run(_uvicorn(app).serve([listener]))


def _uvicorn(app: FastAPI) -> uvicorn.Server:
    return uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))


@contextmanager
def process(target: object, url: str) -> Iterator[tuple[int, int]]:
    """A server in a process of its own; its port and process id, once it listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        server = multiprocessing.get_context("fork").Process(target=target, args=(url, listener), daemon=True)  # type: ignore[arg-type]
        server.start()
        try:
            yield int(listener.getsockname()[1]), server.pid or 0
        finally:
            server.terminate()
            server.join()
