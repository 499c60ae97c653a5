"""As `worker.py`, for work that is asked for over the HTTP API: one attempt is a call of a client, and the job of it.

The number of the order is that of a repository of its own, and of the client's idempotency key. Each attempt sends the
very same call, as a client does that got no answer.
"""

from functools import partial

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from app.adapters.store import PostgresStore, ProcrastinateQueue, connected
from app.adapters.store.campaigns import PostgresCampaigns
from app.adapters.store.connections import Connections
from app.adapters.store.jobs import Queue
from app.adapters.store.requests import PostgresRequests
from app.adapters.store.url import with_driver
from app.core.access import digest_of
from app.core.campaign import CampaignDraft
from app.core.errors import NotFound
from app.core.requests import Request, Wanted
from app.core.store import Draft
from app.core.task import Repository
from app.github import github
from app.home import prepared_home
from app.log import redactor_of
from app.server import web_app
from app.settings import Settings, load
from app.worker import opener
from blueprints import BLUEPRINTS
from tests.crash.worker import Fuse, Order, answer_orders

LOGIN = "ann-at-the-door"
TOKEN = f"mnn_{'d' * 43}"
CAMPAIGNS = 10
"""Numbers above it ask for a campaign."""


def repository_of(number: int) -> str:
    """Where the work of this number is wanted."""
    return f"doors-{number}/slugs"


def is_campaign(number: int) -> bool:
    """Whether the work of this number is a campaign, and not a run."""
    return number > CAMPAIGNS


def wish_of(number: int) -> dict[str, str]:
    """What the client sends, each time."""
    wish = {"repository": repository_of(number), "title": "Greet the moon", "body": "As the sun."}
    if not is_campaign(number):
        return wish
    places = ", ".join(f"doors-{number}/place-{place}" for place in (1, 2))
    return wish | {"blueprint": "migrate", "body": f"As the sun.\n\nrepositories: {places}\nbudget: $5"}


class FusedRequests(PostgresRequests):
    """Requests, whose every change is a commit."""

    def __init__(self, engine: AsyncEngine, queue: Queue, fuse: Fuse) -> None:
        super().__init__(engine, queue)
        self._fuse = fuse

    async def take(self, intent: str, wanted: Wanted, *, per_hour: int = 0) -> Request:
        """As `Requests` says. What is there already is taken by nobody."""
        there = [one for one, _ in await self.of_token(wanted.token_id or 0, 100) if one.intent == intent]
        return await self._fuse.commit("taken", lambda: self._take(intent, wanted, per_hour), again=bool(there))

    async def _take(self, intent: str, wanted: Wanted, per_hour: int) -> Request:
        return await super().take(intent, wanted, per_hour=per_hour)

    async def opened(self, request: Request, repository: Repository, number: int) -> Request:
        """As `Requests` says."""
        opened = super().opened
        again = bool(request.number)
        return await self._fuse.commit("opened", lambda: opened(request, repository, number), again=again)

    async def start(self, request: Request, draft: Draft, reason: str) -> None:
        """As `Requests` says."""
        start = super().start
        await self._fuse.commit("started", lambda: start(request, draft, reason))


class FusedCampaigns(PostgresCampaigns):
    """Campaigns, whose beginning is a commit."""

    def __init__(self, engine: AsyncEngine, queue: Queue, fuse: Fuse) -> None:
        super().__init__(engine, queue)
        self._fuse = fuse

    async def begin(self, request_id: int, draft: CampaignDraft) -> None:
        """As `Campaigns` says."""
        begin = super().begin
        await self._fuse.commit("started", lambda: begin(request_id, draft))


class FusedDoors(PostgresStore):
    """The store of one attempt."""

    def __init__(self, engine: Connections, queue: Queue, fuse: Fuse) -> None:
        super().__init__(engine, queue)
        self._fuse = fuse

    def requests(self) -> PostgresRequests:
        """As `PostgresStore` says."""
        return FusedRequests(self._engine, self._queue, self._fuse)

    def campaigns(self) -> PostgresCampaigns:
        """As `PostgresStore` says."""
        return FusedCampaigns(self._engine, self._queue, self._fuse)


async def advance(settings: Settings, order: Order, pipe: int) -> None:
    """One attempt: the call at the web server's application, then what a worker does for its job."""
    url = with_driver(order.database)
    redactor = redactor_of(settings)
    async with connected(url) as engine, github(settings, redactor) as (_, forges):
        store = FusedDoors(engine, ProcrastinateQueue(url), Fuse(order, pipe))
        await store.api_tokens().add("door", LOGIN, ["doors-*/*"], digest_of(TOKEN))
        key = await _called(settings, store, order.run)
        open_one = opener(store, forges, BLUEPRINTS, None, redactor, label=settings.label)
        await open_one.open((await store.requests().find(key)).id)


async def _called(settings: Settings, store: PostgresStore, number: int) -> str:
    """Ask, and answer with the key of the run. Raises NotFound if it was not taken."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": f"once-{number}"}
    transport = httpx.ASGITransport(web_app(settings, store))
    async with httpx.AsyncClient(transport=transport, base_url=settings.page_url, headers=headers) as client:
        answer = await client.post("/api/v1/runs", json=wish_of(number))
    if answer.status_code != 202:
        raise NotFound(answer.text)
    return str(answer.json()["id"])


def main() -> None:
    """Answer orders until there are no more."""
    settings = load()
    prepared_home(settings)
    answer_orders(partial(advance, settings))


if __name__ == "__main__":
    main()
