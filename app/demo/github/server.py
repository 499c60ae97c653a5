"""All of this GitHub on 127.0.0.1."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from app.core.errors import SettingsError
from app.demo.github import git, making, pages
from app.demo.github.dressing import Dressing
from app.demo.github.refusal import Refusal
from app.demo.github.rest import (
    actions,
    apps,
    checks,
    issues,
    meta,
    pulls,
    reactions,
    repositories,
    reviews,
    statuses,
)
from app.demo.github.rest import git as git_data
from app.demo.github.state import Hub

DOCS = "https://docs.github.com/rest"


class _Embedded(uvicorn.Server):
    """uvicorn as a guest of somebody's loop: signals stay the host's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def build(hub: Hub) -> FastAPI:
    """The application, for a server of one's own."""
    app = FastAPI(title="loopback GitHub", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.hub = hub
    app.state.pages = pages.Pages()
    app.state.codes = {}
    # Order matters where paths overlap: `commits/{ref}/check-runs` stands before `commits/{ref}`.
    topics = (meta, apps, checks, statuses, actions, reactions, issues, reviews, pulls, git_data, repositories)
    for topic in topics:
        app.include_router(topic.router, prefix="/api/v3")
    app.include_router(repositories.here, prefix="/api/v3")
    app.include_router(actions.blobs)
    app.include_router(git.router)
    app.include_router(making.api, prefix="/api/v3")
    app.include_router(making.router)
    app.include_router(pages.router)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(HTTPException, _refused)
    app.add_middleware(Dressing, hub=hub)
    return app


async def _refused(request: Request, error: Exception) -> Response:
    """Every refusal in GitHub's form, for people as one line. A path that does not parse is one that does not exist."""
    if isinstance(error, HTTPException):
        error = Refusal(error.status_code, str(error.detail))
    elif not isinstance(error, Refusal):
        error = Refusal(404, "Not Found")
    if not request.url.path.startswith("/api/"):
        return PlainTextResponse(f"{error.status}: {error.message}\n", error.status)
    body: dict[str, object] = {"message": error.message, "documentation_url": DOCS, "status": str(error.status)}
    if error.errors:
        body["errors"] = error.errors
    if "Location" in error.headers:
        body["url"] = error.headers["Location"]
    return JSONResponse(body, error.status, headers=error.headers)


@contextlib.asynccontextmanager
async def serve(hub: Hub, port: int = 0) -> AsyncIterator[str]:
    """Serve the hub on 127.0.0.1 (port 0: any free one) and set `hub.url`; answers with that address.

    Webhooks are delivered while it runs, beginning with those of before. Raises SettingsError if the port is taken.
    """
    listener, blobs = _listener(port), _listener(0)
    hub.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    hub.ground.blob_url = f"http://127.0.0.1:{blobs.getsockname()[1]}"
    config = uvicorn.Config(
        build(hub),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=2,  # seconds; nobody may hold up a test with an open connection
    )
    server = _Embedded(config)
    task = asyncio.create_task(server.serve(sockets=[listener, blobs]))
    try:
        await hub.hooks.open()
        yield hub.url
    finally:
        await hub.hooks.close()
        server.should_exit = True
        await task
        listener.close()
        blobs.close()
        hub.url = hub.ground.blob_url = ""


def _listener(port: int) -> socket.socket:
    # asyncio switches Nagle's algorithm off only where the protocol is spelled out: 40 ms an answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise SettingsError(f"Port {port} of 127.0.0.1 cannot be used: {error.strerror}. Choose another.") from None
    listener.listen(128)
    return listener
