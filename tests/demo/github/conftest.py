"""A GitHub with an organisation, four people, one App, and somebody who listens to its webhooks."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from app.demo.github.objects import App, Installation
from app.demo.github.server import serve
from app.demo.github.state import Hub

PERMISSIONS = {
    "actions": "read",
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "pull_requests": "write",
    "statuses": "write",
}
EVENTS = [
    *("issues", "issue_comment", "pull_request", "pull_request_review", "pull_request_review_comment"),
    *("push", "create", "delete", "check_run", "check_suite", "status", "workflow_run"),
]


@pytest.fixture(scope="session")
def keys() -> tuple[str, str]:
    """Private and public key of an App, PEM; GitHub hands out private keys as PKCS#1."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@pytest.fixture
def received() -> list[httpx.Request]:
    """Every webhook that came to the receiver."""
    return []


class _Quiet(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@pytest.fixture
async def receiver(received: list[httpx.Request]) -> AsyncIterator[str]:
    """Where webhooks may go; `/503` at its end answers with 503."""

    async def take(request: Request) -> PlainTextResponse:
        body = await request.body()
        received.append(httpx.Request("POST", str(request.url), headers=request.headers.raw, content=body))
        return PlainTextResponse("taken", int(request.path_params["status"]))

    listener = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=[Route("/{status:int}", take, methods=["POST"])])
    server = _Quiet(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await task


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with a few files."""
    folder = tmp_path / "source"
    (folder / "docs").mkdir(parents=True)
    (folder / "greet.py").write_text('def greet(name):\n    return "Hello " + name\n')
    (folder / "docs" / "use.md").write_text("# Use\n")
    return folder


@pytest.fixture
def hub(tmp_path: Path, source: Path) -> Hub:
    """Ada may write, tia may triage, rob may read what is private, eve is a stranger."""
    hub = Hub(tmp_path / "hub")
    for login in ("ada", "tia", "rob", "eve"):
        hub.add_user(login)
    hub.add_repository("acme/greeting", source=source)
    hub.add_repository("acme/secret", source=source, private=True)
    hub.add_repository("acme/other", source=source, private=True)
    for name in ("acme/greeting", "acme/secret"):
        hub.add_collaborator(name, "ada", "write")
        hub.add_collaborator(name, "tia", "triage")
        hub.add_collaborator(name, "rob", "read")
    return hub


@pytest.fixture
def minions(hub: Hub, keys: tuple[str, str], receiver: str) -> App:
    """The App, registered and not installed."""
    return hub.register_app(
        "Minions",
        public_key_pem=keys[1],
        webhook_url=f"{receiver}/202",
        webhook_secret="It's a Secret to Everybody",
        permissions=PERMISSIONS,
        events=EVENTS,
    )


@pytest.fixture
def installation(hub: Hub, minions: App) -> Installation:
    """The App on two of the three repositories."""
    return hub.install(minions, ["acme/greeting", "acme/secret"])


@pytest.fixture
async def url(hub: Hub, installation: Installation) -> AsyncIterator[str]:
    """The running server, with its first deliveries answered."""
    assert installation in hub.accounts.installations
    async with serve(hub) as url:
        await hub.settled()
        yield url


@pytest.fixture
def signed(minions: App, keys: tuple[str, str]) -> Callable[..., str]:
    """An App JWT; claims can be given in seconds from now, or replaced."""

    def sign(*, issued: float = -60, expires: float = 500, key: str = keys[0], **claims: Any) -> str:
        now = int(time.time())
        body = {"iss": str(minions.id), "iat": now + issued, "exp": now + expires} | claims
        return jwt.encode(body, key, algorithm="RS256")

    return sign


@pytest.fixture
async def api(url: str, hub: Hub, installation: Installation) -> AsyncIterator[httpx.AsyncClient]:
    """A client with an installation token for everything that is granted."""
    token = hub.accounts.mint(installation, None, None).value
    headers = {"Authorization": f"token {token}"}
    # Some answers take several processes of git, each of which waits for its turn on a busy machine.
    async with httpx.AsyncClient(base_url=f"{url}/api/v3", headers=headers, timeout=60) as client:
        yield client


@pytest.fixture
async def head(api: httpx.AsyncClient) -> str:
    """The newest commit of acme/greeting."""
    answer = await api.get("/repos/acme/greeting/git/ref/heads/main")
    return str(answer.json()["object"]["sha"])


@pytest.fixture
async def branch(api: httpx.AsyncClient, head: str) -> str:
    """A branch `minions/1-1` with one commit that changes greet.py; answers with the commit."""
    tree = await api.post(
        "/repos/acme/greeting/git/trees",
        json={
            "base_tree": head,
            "tree": [{"path": "greet.py", "mode": "100644", "type": "blob", "content": "def greet():\n    ...\n"}],
        },
    )
    body = {"message": "Greet nobody", "tree": tree.json()["sha"], "parents": [head]}
    commit = await api.post("/repos/acme/greeting/git/commits", json=body)
    sha = str(commit.json()["sha"])
    await api.post("/repos/acme/greeting/git/refs", json={"ref": "refs/heads/minions/1-1", "sha": sha})
    return sha
