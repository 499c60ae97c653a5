"""The HTTP API: ask for work, and see what became of it, with a token instead of an account on GitHub.

What is asked for here is kept and answered at once; a worker opens the issue, which is the record, and starts the run.
A token sees and stops what was asked for with it, and nothing else.
"""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, FastAPI, Header, Query, Request, Response, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import ValidationError

from app.core import wording
from app.core.access import FORM, ApiToken, ApiTokens, digest_of
from app.core.campaign import Campaigns, Standing
from app.core.errors import NotFound
from app.core.events import OrderGiven
from app.core.hidden import one_line
from app.core.orders import Stop
from app.core.requests import Differs, Requests, TooMany, Wanted, campaign_of
from app.core.requests import Request as Asked
from app.core.run import Run
from app.core.store import Store, StoreDown
from app.core.task import Person
from app.core.wording.campaign import what_is_wrong
from app.engine.dispatch import Blueprints
from app.engine.requests import standing_of
from app.web import body
from app.web.rate import Rate
from app.web.reference import reference
from app.web.shown import NewRun, Problem, Runs, RunShown, shown

PATH: Final = "/api/v1"
LARGEST: Final = 256 * 1024
"""Bytes of a request; GitHub takes 64 KiB as the text of an issue."""
_PATIENCE_S: Final = 10.0
"""For a body to arrive."""
_ANSWER_S: Final = 5.0
"""For the database."""
CALLS_PER_MINUTE: Final = 300
"""Of one token, at each web server: five a second are plenty for who looks how runs stand."""
_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")
_ABOUT: Final = (
    "Ask for work in a repository, and see what became of it. Every call carries `Authorization: Bearer TOKEN`; the "
    "operator makes one by `minions token create`."
)

T = TypeVar("T")


class _Refused(Exception):
    def __init__(self, status: int, sentence: str, *, retry_after_s: float = 0) -> None:
        super().__init__(sentence)
        self.status = status
        self.retry_after_s = retry_after_s


Key = Annotated[
    str,
    Header(
        description="Any word of your own for this wish. Sent again with the same wish it makes no second run, and "
        "answers with the first."
    ),
]

Answers = dict[int | str, dict[str, Any]]


@dataclass(frozen=True)
class Api:
    """Answers calls; everything outside comes in by these."""

    tokens: ApiTokens
    requests: Requests
    campaigns: Campaigns
    store: Store
    blueprints: Blueprints
    page_url: str
    github_url: str
    per_hour: int
    """Runs that one token may ask for within an hour."""
    rate: Rate
    """Of all calls."""
    room: body.Room = field(default_factory=body.Room)

    def app(self) -> FastAPI:
        """The application, to be mounted at `PATH`: its description is at `/openapi.json`, for people at `/docs`."""
        app = FastAPI(
            title="Minions",
            version="1",
            description=_ABOUT,
            openapi_url="/openapi.json",
            docs_url=None,
            redoc_url=None,
            servers=[{"url": f"{self.page_url}{PATH}"}],
            root_path_in_servers=False,
        )
        # For its description alone: who calls is looked up before anything of the call is read.
        router = APIRouter(dependencies=[Security(HTTPBearer(auto_error=False))])
        usual = _problems({401: "No token that is in use", 429: "Too often", 503: "The database is away"})
        missing = usual | _problems({404: "No run that was asked for with this token"})
        refused = usual | _problems(
            {
                403: "The token is not for this repository",
                409: "The key was used for something else",
                413: "The body is too large",
                422: "What is wanted cannot be read",
            }
        )
        accepted: Answers = {202: {"model": RunShown, "description": "Kept; a worker goes on"}}
        schema = {"schema": NewRun.model_json_schema()}
        wanted = {"requestBody": {"required": True, "content": {"application/json": schema}}}
        post: dict[str, Any] = {"methods": ["POST"], "response_model": None, "status_code": 202}
        add = router.add_api_route
        add("/runs", self.ask, summary="Ask for a run", responses=accepted | refused, openapi_extra=wanted, **post)
        add("/runs", self.runs, methods=["GET"], summary="List runs", responses=usual)
        add("/runs/{key}", self.show, methods=["GET"], summary="Show a run", responses=missing)
        add("/runs/{key}/stop", self.stop, summary="Stop a run", responses=accepted | missing, **post)
        app.include_router(router)
        app.add_api_route("/docs", lambda: reference(app.openapi()), methods=["GET"], include_in_schema=False)
        app.add_exception_handler(_Refused, _answer)
        app.add_exception_handler(StoreDown, _away)
        app.add_exception_handler(TimeoutError, _away)
        return app

    async def ask(self, request: Request, idempotency_key: Key = "") -> Response:
        """Open an issue as the record, and start a run on it, or a campaign where `migrate` names several places."""
        token = await self._caller(request)
        return await self._ask(token, await self._read(request), idempotency_key)

    async def runs(self, request: Request, limit: Annotated[int, Query(ge=1, le=100)] = 30) -> Runs:
        """What was asked for with this token, the newest first."""
        token = await self._caller(request)
        found = await _in_time(self.requests.of_token(token.id, limit))
        shown = []
        for asked, run in found:
            standing = None if run else await _in_time(standing_of(asked, self.campaigns))
            shown.append(self._shown(asked, run or standing))
        return Runs(runs=shown)

    async def show(self, request: Request, key: str) -> RunShown:
        """One run."""
        asked = await self._of(await self._caller(request), key)
        return self._shown(asked, await self._work(asked))

    async def stop(self, request: Request, key: str) -> Response:
        """End a run, or a campaign and its runs; changes so far are kept."""
        token = await self._caller(request)
        return await self._stop(token, await self._of(token, key))

    async def _caller(self, request: Request) -> ApiToken:
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        token = None
        if kind.lower() == "bearer" and FORM.fullmatch(secret.strip()):
            token = await _in_time(self.tokens.find(digest_of(secret.strip())))
        if token is None:
            raise _Refused(401, "Send `Authorization: Bearer TOKEN` with a token of this server that was not revoked.")
        if wait_s := self.rate.wait_s(token.id):
            raise _Refused(429, "This token calls too often.", retry_after_s=wait_s)
        return token

    async def _read(self, request: Request) -> NewRun:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                raw = await body.read(request.headers, request.stream(), self.room, largest=LARGEST)
        except (body.TooLarge, body.TooMany):
            raise _Refused(413, f"The body is larger than {LARGEST // 1024} KiB.") from None
        except TimeoutError:
            raise _Refused(408, f"The body did not arrive within {_PATIENCE_S:.0f} seconds.") from None
        try:
            return NewRun.model_validate_json(raw)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise _Refused(422, f"{place or 'The body'}: {first['msg']}") from None

    async def _ask(self, token: ApiToken, wish: NewRun, key: str) -> Response:
        if not token.is_for(wish.repository):
            raise _Refused(403, f"This token is not for {wish.repository}.")
        if wish.blueprint not in self.blueprints:
            known = ", ".join(self.blueprints)
            raise _Refused(422, f"There is no such blueprint. There are: {known}.")
        if key and not _KEY.fullmatch(key):
            raise _Refused(422, "An Idempotency-Key has 1 to 200 printable characters.")
        wanted = Wanted(
            door="api",
            full_name=wish.repository,
            title=one_line(wish.title),
            body=wish.body,
            blueprint=wish.blueprint,
            login=token.login,
            source=f"token {token.name}",
            token_id=token.id,
        )
        _check_campaign(token, wanted)
        intent = f"api/{token.id}/{digest_of(key) if key else secrets.token_hex(16)}"
        try:
            asked = await _in_time(self.requests.take(intent, wanted, per_hour=self.per_hour))
        except Differs as error:
            raise _Refused(409, str(error)) from None
        except TooMany as error:
            raise _Refused(429, str(error), retry_after_s=error.retry_after_s) from None
        return self._accepted(asked, await self._work(asked))

    async def _work(self, asked: Asked) -> Run | Standing | None:
        """What works on it."""
        run = await _in_time(self.requests.run_of(asked))
        return run or await _in_time(standing_of(asked, self.campaigns))

    async def _of(self, token: ApiToken, key: str) -> Asked:
        try:
            asked = await _in_time(self.requests.find(key))
        except NotFound:
            asked = None
        if asked is None or asked.wanted.token_id != token.id:
            raise _Refused(404, "There is no run of this name that was asked for with this token.")
        return asked

    async def _stop(self, token: ApiToken, asked: Asked) -> Response:
        why = wording.stopped_early(token.login)
        work = await self._work(asked)
        if work is None and await _in_time(self.requests.refuse(asked, asked.error or why)):
            return self._accepted(await _in_time(self.requests.load(asked.id)), None)
        work = work or await self._work(asked)
        if isinstance(work, Standing) and not work.has_ended:
            campaign = work.campaign
            word = f"api stop/{asked.id}/{campaign.revision}"
            given = self.campaigns.give(campaign.id, word, Stop(), campaign.task.requester)
            await _in_time(given)
        if isinstance(work, Run) and not work.status.has_ended:
            run, task = work, work.task
            order = OrderGiven(
                repository=task.repository,
                number=task.number,
                run_id=run.id,
                order=Stop(),
                requester=Person(id=task.requester.id, login=task.requester.login),
                intent=f"api stop/{asked.id}/{run.revision}",
            )
            await _in_time(self.store.accept(None, order, f"{token.name} stops run {run.id} over the API."))
        return self._accepted(asked, work)

    def _accepted(self, asked: Asked, work: Run | Standing | None) -> Response:
        where = {"Location": f"{PATH}/runs/{asked.key}"}
        return JSONResponse(self._shown(asked, work).model_dump(mode="json"), status_code=202, headers=where)

    def _shown(self, asked: Asked, work: Run | Standing | None) -> RunShown:
        return shown(asked, work, page_url=self.page_url, github_url=self.github_url)


def _check_campaign(token: ApiToken, wanted: Wanted) -> None:
    """Whether what is asked for can be a campaign, and reaches no further than the token. Raises _Refused."""
    wish = campaign_of(wanted)
    if wish is None:
        return
    if wish.fault:
        raise _Refused(422, what_is_wrong(wish))
    for name in wish.repositories:
        if not token.is_for(name):  # of a pattern, only one that holds all that it may stand for
            raise _Refused(403, f"This token is not for {name}.")


def _problems(described: Mapping[int, str]) -> Answers:
    return {status: {"model": Problem, "description": why} for status, why in described.items()}


async def _in_time(call: Awaitable[T]) -> T:
    """What the database answers. Raises TimeoutError."""
    async with asyncio.timeout(_ANSWER_S):
        return await call


async def _answer(_: Request, refused: Exception) -> Response:
    status = refused.status if isinstance(refused, _Refused) else 500
    headers = {}
    if isinstance(refused, _Refused) and refused.retry_after_s:
        headers["Retry-After"] = str(max(1, round(refused.retry_after_s)))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"detail": str(refused)}, status_code=status, headers=headers)


async def _away(_: Request, __: Exception) -> Response:
    return JSONResponse({"detail": "The database does not answer now. It is safe to try again."}, status_code=503)
