"""The page of a run: every node, turn and tool call, and the change. It needs nothing from elsewhere.

Its address holds a key that cannot be guessed and that stands only where the repository's readers see it, on GitHub.
"""

import asyncio
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from app.core.errors import NotFound
from app.core.store import Store
from app.engine.dispatch import Blueprints
from app.web.record import commands, diff, rows

POLICY: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
KEYS_PATH: Final = "/.well-known/minions-signing-keys.pem"
_REFRESH_S: Final = 3
"""A run that goes on reloads its page this often."""


class Pages:
    """The pages for people."""

    def __init__(self, store: Store, blueprints: Blueprints, *, github_url: str) -> None:
        """`github_url` is where GitHub's own pages are: a run leads back to its issue."""
        self._store = store
        self._github_url = github_url
        self._blueprints = blueprints
        self._templates = Environment(
            loader=PackageLoader("app.web"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/", self.home, methods=["GET"], response_class=HTMLResponse)
        router.add_api_route("/runs/{key}", self.run, methods=["GET"], response_class=HTMLResponse)
        router.add_api_route("/runs/{key}/statement", self.statement, methods=["GET"])
        router.add_api_route(KEYS_PATH, self.keys, methods=["GET"])
        return router

    async def home(self) -> Response:
        """Say what runs here; runs are found by their links on GitHub."""
        return self._page("home.html", 200, blueprints=self._blueprints.values())

    async def run(self, key: str, request: Request) -> Response:
        """Show one run."""
        try:
            run = await self._store.find(key)
        except NotFound:
            return self._page("missing.html", 404)
        records = await self._store.records(run.id)
        patch = await self._store.patch(run.id)
        is_signed = bool(await self._store.statement(run.id))
        blueprint = self._blueprints.get(run.blueprint)
        going_on = not run.status.has_ended
        ahead = [(node.name, node.title, node.kind) for node in blueprint.edges] if blueprint else []
        refresh_s = _REFRESH_S if going_on and "still" not in request.query_params else None
        # Megabytes, of a long run: deliveries must not wait for it.
        return await asyncio.to_thread(
            lambda: self._page(
                "run.html",
                200,
                run=run,
                repository_url=f"{self._github_url}/{run.task.repository.full_name}",
                rows=rows(run, ahead, records),
                commands=commands(run),
                diff=list(diff(patch)),
                is_signed=is_signed,
                refresh_s=refresh_s,
            )
        )

    async def statement(self, key: str) -> Response:
        """What was signed about what the run published last: a DSSE envelope, to the byte as it was made."""
        try:
            run = await self._store.find(key)
        except NotFound:
            return self._page("missing.html", 404)
        text = await self._store.statement(run.id)
        if not text:
            return JSONResponse({"error": "This run has published nothing yet."}, 404, headers=POLICY)
        return Response(text, media_type="application/vnd.dsse.envelope.v1+json", headers=POLICY)

    async def keys(self) -> Response:
        """The public keys by which statements are checked."""
        pem = "".join(await self._store.signing_keys())
        return Response(pem, 200 if pem else 404, media_type="application/x-pem-file", headers=POLICY)

    def _page(self, template: str, status: int, **facts: Any) -> Response:
        return HTMLResponse(self._templates.get_template(template).render(**facts), status, headers=POLICY)
