"""The server while it has no GitHub App: it serves `/setup`, until there is one."""

import asyncio
from collections.abc import Callable
from typing import Final

import httpx
import uvicorn
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from app.adapters.github.manifests import created
from app.core.app_manifest import Created
from app.credentials import keep
from app.settings import Settings
from app.web.setup import Setup

_LAST_PAGE_S: Final = 2.0
"""The last page asks for its style and its picture when it has arrived; a browser may have kept neither."""


def set_up(settings: Settings, tell: Callable[[str], None]) -> bool:
    """Serve `/setup` until the App is there; False if the server was told to stop before, or shall not keep it.

    Where to begin is told whatever the level of the log: until somebody reads it, this server is of no use.
    """
    return asyncio.run(_served(settings, tell))


async def _served(settings: Settings, tell: Callable[[str], None]) -> bool:
    done = asyncio.Event()

    def kept(app: Created) -> str:
        return str(keep(settings.home, app)) if settings.credentials == "file" else ""

    async with httpx.AsyncClient(follow_redirects=False) as http:
        pages = Setup(
            settings.page_url,
            settings.github_url,
            exchange=lambda code: created(http, settings.api_url, code),
            keep=kept,
            finished=done.set,
        )
        app = FastAPI(title="Minions", docs_url=None, redoc_url=None, openapi_url=None)
        app.include_router(pages.router())
        app.mount("/static", StaticFiles(packages=[("app.web", "static")]))
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=5,  # seconds, for the last page to be sent
            )
        )
        # It listens before it is told: whoever is quicker than the server waits a moment.
        listener = server.config.bind_socket()
        listener.listen()
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        tell(f"There is no GitHub App yet. Make one: {pages.url}")
        ended = asyncio.create_task(done.wait())
        await asyncio.wait({serving, ended}, return_when=asyncio.FIRST_COMPLETED)
        if done.is_set():
            await asyncio.wait({serving}, timeout=_LAST_PAGE_S)
        server.should_exit = True
        await serving
        ended.cancel()
    return done.is_set() and settings.credentials == "file"
