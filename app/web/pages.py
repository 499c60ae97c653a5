"""The page of a run: live while it goes on, its record afterwards. It needs nothing from elsewhere.

Its address holds a key that cannot be guessed and that stands only where the repository's readers see it, on GitHub.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, status
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.exceptions import HTTPException

from app.core.blueprint import Blueprint
from app.core.errors import NotFound
from app.core.events import OrderGiven
from app.core.glance import Place, Reader
from app.core.orders import Order, Retry, Stop, WrapUp
from app.core.sessions import LASTS
from app.core.store import Store, StoreDown
from app.engine.dispatch import Blueprints, decide
from app.web import body
from app.web.access import Access, TurnedAway, Visitor, check_origin
from app.web.entry import sections
from app.web.frame import Frame
from app.web.html import HEADERS, Paper
from app.web.live import Live

_log = logging.getLogger(__name__)

KEYS_PATH: Final = "/.well-known/minions-signing-keys.pem"
_ORDERS: Final[dict[str, Order]] = {"stop": Stop(), "wrap up": WrapUp(), "retry": Retry()}
_MOST_FORM: Final = 4_096
"""Bytes of a form with one word in it."""
_PING_S: Final = 15
"""Proxies cut a connection on which nothing is said for some 30 s or more."""

Page = Callable[[Request, Visitor], Awaitable[Response]]


class Pages:
    """The pages for people."""

    def __init__(
        self,
        store: Store,
        reader: Reader,
        blueprints: Blueprints,
        access: Access,
        *,
        github_url: str,
        own_url: str,
        budget_usd: float,
    ) -> None:
        """`github_url` is where GitHub's own pages are: a run leads back to its issue. `own_url` is where ours are.

        `budget_usd` is what all minions of a run may cost together.
        """
        self._store = store
        self._reader = reader
        self._blueprints = blueprints
        self._access = access
        self._own_url = own_url
        self._github_url = github_url
        self.paper = Paper()
        self.live = Live(
            reader,
            lambda key: Frame(
                key,
                reader,
                self.paper,
                github_url=github_url,
                blueprint_of=self._blueprint,
                budget_usd=budget_usd,
            ),
        )

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(include_in_schema=False)
        for path, page, method in (
            ("/", self.home, "GET"),
            ("/runs/{key}", self.run, "GET"),
            ("/runs/{key}/live", self.events, "GET"),
            ("/runs/{key}/events/{visit:int}/{number:int}", self.event, "GET"),
            ("/runs/{key}/turns/{visit:int}/{number:int}", self.turns, "GET"),
            ("/runs/{key}/change.patch", self.patch, "GET"),
            ("/runs/{key}/orders", self.order, "POST"),
        ):
            router.add_route(path, self.guarded(page), methods=[method], include_in_schema=False)
        router.add_api_route("/runs/{key}/statement", self.statement, methods=["GET"])
        router.add_api_route(KEYS_PATH, self.keys, methods=["GET"])
        return router

    def guarded(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """The page for those who may see it; for others the sentence that says why not."""

        async def answer(request: Request) -> Response:
            try:
                return await page(request, await self._access.visitor(request))
            except TurnedAway as away:
                if away.to:
                    return RedirectResponse(away.to, 303, headers=HEADERS)
                return self.paper.page("closed.html", away.status, why=str(away))
            except NotFound:
                return self.paper.page("missing.html", 404)
            except StoreDown:
                return self.paper.page("closed.html", 503, why="The database does not answer. Try again in a minute.")

        return answer

    async def lost(self, request: Request, error: Exception) -> Response:
        """What is answered where there is nothing: a page for who asks for pages, a word for programs."""
        if not isinstance(error, HTTPException):
            raise error
        if error.status_code == status.HTTP_404_NOT_FOUND and "text/html" in request.headers.get("accept", ""):
            return self.paper.page("missing.html", 404)
        return await http_exception_handler(request, error)

    async def home(self, request: Request, visitor: Visitor) -> Response:  # noqa: ARG002 - as every page
        """Say what runs here; runs are found by their links on GitHub."""
        return self.paper.page("home.html", visitor=visitor, blueprints=self._blueprints.values())

    async def run(self, request: Request, visitor: Visitor) -> Response:
        """Show one run."""
        frame = await self._frame(request, visitor)
        run = frame.run
        return self.paper.page(
            "run.html",
            run=run,
            frame=frame,
            visitor=visitor,
            may_order=visitor.writes(run.task.repository.id),
            is_signed=bool(await self._store.statement(run.id)),
        )

    async def events(self, request: Request, visitor: Visitor) -> Response:
        """What changes on the page of a run, as long as it goes on."""
        frame = await self._frame(request, visitor)
        seen = request.headers.get("last-event-id") or request.query_params.get("seen", "")
        mark, _, seq = seen.partition("-")
        number = int(seq) if seq.isdecimal() else 0

        clock = asyncio.get_running_loop().time
        until = clock() + LASTS.total_seconds()

        async def told() -> AsyncIterator[ServerSentEvent]:
            async for name, kind, data in self.live.watch(frame.key, mark, number):
                if clock() > until:  # the browser comes again, and is asked who it is
                    return
                yield ServerSentEvent(data, event=kind, id=name)

        return EventSourceResponse(told(), headers=HEADERS | {"X-Accel-Buffering": "no"}, ping=_PING_S)

    async def event(self, request: Request, visitor: Visitor) -> Response:
        """One entry of the journal in full: a page of its own, or a part of the run's."""
        frame = await self._frame(request, visitor)
        place = Place(int(request.path_params["visit"]), int(request.path_params["number"]))
        recorded = await self._reader.entry(frame.run.id, place)
        template = "entry_part.html" if "part" in request.query_params else "entry.html"
        return self.paper.page(
            template,
            visitor=visitor,
            run=frame.run,
            recorded=recorded,
            sections=sections(recorded.entry),
            among=frame.among(place),
            has_more=await self._has(frame, Place(place.visit, place.number + 1)),
        )

    async def turns(self, request: Request, visitor: Visitor) -> Response:
        """Some turns that follow each other: a page of their own, or a part of the run's. Raises NotFound."""
        frame = await self._frame(request, visitor)
        place = Place(int(request.path_params["visit"]), int(request.path_params["number"]))
        stretch = frame.stretches.at(place)
        template = "turns_part.html" if "part" in request.query_params else "turns.html"
        before, after = frame.stretches.beside(stretch)
        return self.paper.page(
            template, visitor=visitor, run=frame.run, frame=frame, stretch=stretch, before=before, after=after
        )

    async def patch(self, request: Request, visitor: Visitor) -> Response:
        """The change of a run, to the byte."""
        frame = await self._frame(request, visitor)
        return PlainTextResponse(await self._reader.patch(frame.run.id), headers=HEADERS)

    async def order(self, request: Request, visitor: Visitor) -> Response:
        """Tell a run what to do. The worker looks up once more whether who asks may."""
        check_origin(request, self._own_url)
        frame = await self._frame(request, visitor)
        run = frame.run
        if not visitor.writes(run.task.repository.id):
            raise TurnedAway(f"Who may write to {run.task.repository.full_name} may tell its runs what to do.")
        try:
            raw = await body.read(request.headers, request.stream(), body.Room(), largest=_MOST_FORM)
        except body.TooLarge:
            raise TurnedAway("This is no form of ours.", status=413) from None
        wanted = _ORDERS.get(parse_qs(raw.decode("utf-8", "replace")).get("order", [""])[0])
        if wanted is None:
            raise TurnedAway("There is no such button.", status=400)
        given = OrderGiven(
            repository=run.task.repository,
            run_id=run.id,
            order=wanted,
            requester=visitor.person or run.task.requester,
            intent=f"page/{run.id}/{secrets.token_hex(8)}",
        )
        decision = decide(given, self._blueprints)
        if decision.act is not None:
            receipt = await self._store.accept(None, decision.act, decision.reason)
            _log.info("From the page of run %s: %s", run.id, receipt.reason)
        return RedirectResponse(f"/runs/{frame.key}", 303, headers=HEADERS)

    async def statement(self, key: str) -> Response:
        """What was signed about what the run published last: a DSSE envelope, to the byte as it was made."""
        try:
            run = await self._store.find(key)
        except NotFound:
            return self.paper.page("missing.html", 404)
        text = await self._store.statement(run.id)
        if not text:
            return JSONResponse({"error": "This run has published nothing yet."}, 404, headers=HEADERS)
        return Response(text, media_type="application/vnd.dsse.envelope.v1+json", headers=HEADERS)

    async def keys(self) -> Response:
        """The public keys by which statements are checked."""
        pem = "".join(await self._store.signing_keys())
        return Response(pem, 200 if pem else 404, media_type="application/x-pem-file", headers=HEADERS)

    async def _frame(self, request: Request, visitor: Visitor) -> Frame:
        """The run that the path names, for those who may see it. Raises NotFound: others learn nothing of it."""
        frame = await self.live.frame(str(request.path_params["key"]))
        if not visitor.reads(frame.run.task.repository.id):
            raise NotFound("There is no such run.")
        return frame

    async def _has(self, frame: Frame, place: Place) -> bool:
        """Whether there is such an entry."""
        try:
            await self._reader.entry(frame.run.id, place)
        except NotFound:
            return False
        return True

    def _blueprint(self, name: str) -> Blueprint[Any] | None:
        return self._blueprints.get(name)
