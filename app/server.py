"""The web server, put together: deliveries, pages, the HTTP API."""

import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import uvicorn
import uvloop
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from app.adapters.github.sign_in import GitHubGate
from app.adapters.slack.directory import directory
from app.adapters.slack.receiver import receiver
from app.adapters.store import PostgresStore, ProcrastinateQueue, opened
from app.adapters.store.url import with_driver
from app.core.store import StoreDown
from app.engine.dispatch import Blueprints
from app.github import parser
from app.log import redactor_of
from app.memory import keep_what_is_there
from app.models import roles_of
from app.registry import load
from app.settings import Settings
from app.web.access import Access, OnLoopback, Shut
from app.web.api import CALLS_PER_MINUTE, PATH, Api
from app.web.editors import Editors
from app.web.health import Health
from app.web.hints import Hints
from app.web.html import Paper
from app.web.metrics import Metrics
from app.web.models import ModelsPage
from app.web.overview import OverviewPages
from app.web.pages import Pages
from app.web.rate import Rate
from app.web.sign_in import SignIn
from app.web.slack import Slack
from app.web.webhook import Webhook
from blueprints import BLUEPRINTS

_log = logging.getLogger(__name__)


def chosen_access(settings: Settings, store: PostgresStore, http: httpx.AsyncClient) -> Access:
    """Who may see pages: who signs in; without that whoever sits at this machine, where nobody else can reach it."""
    if settings.signs_in:
        secret = settings.client_secret.get_secret_value()
        gate = GitHubGate(
            http,
            github_url=settings.github_url,
            api_url=settings.api_url,
            client_id=settings.client_id,
            client_secret=secret,
        )
        return SignIn(gate, store.sessions(), Paper(), own_url=settings.page_url, secret=secret)
    return OnLoopback() if settings.is_on_loopback else Shut()


def web_app(settings: Settings, store: PostgresStore, blueprints: Blueprints = BLUEPRINTS) -> FastAPI:
    """The web server's application."""
    parse = parser(settings)
    hooks = tuple(secret.get_secret_value() for secret in settings.webhook_secrets)
    counts: Counter[str] = Counter()
    hints = Hints(store)
    webhook = Webhook(settings.app_id, hooks, parse, blueprints, store, counts, hear=hints.add)

    http = httpx.AsyncClient(follow_redirects=False)
    access = chosen_access(settings, store, http)
    pages = Pages(
        store,
        store.reader(),
        blueprints,
        access,
        github_url=settings.github_url,
        own_url=settings.page_url,
        budget_usd=settings.run_usd,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with suppress(StoreDown):  # it is told by /readyz, and by each delivery
            await store.rehearse()
        keep_what_is_there()
        yield
        await hints.close()
        await pages.live.close()
        await http.aclose()

    app = FastAPI(title="Minions", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.add_exception_handler(HTTPException, pages.lost)
    metrics = Metrics(store, counts, settings.metrics_token.get_secret_value())
    overview = OverviewPages(store.figures(), pages)
    models = ModelsPage(roles_of(settings), store.rollouts(), pages)
    routers = [part.router() for part in (webhook, pages, overview, models, Health(store, counts), metrics, Editors())]
    if isinstance(access, SignIn):
        routers.append(access.router())
    for router in routers:
        app.include_router(router)
    if settings.slack_signing_secret.get_secret_value():
        app.include_router(slack(settings, store, blueprints).router())
    app.mount(PATH, api(settings, store, blueprints).app())
    app.mount("/static", StaticFiles(packages=[("app.web", "static")]))
    return app


def api(settings: Settings, store: PostgresStore, blueprints: Blueprints) -> Api:
    """What answers calls of the HTTP API."""
    return Api(
        tokens=store.api_tokens(),
        requests=store.requests(),
        campaigns=store.campaigns(),
        store=store,
        blueprints=blueprints,
        page_url=settings.page_url,
        github_url=settings.github_url,
        per_hour=settings.api_runs_per_hour,
        rate=Rate(time.monotonic, CALLS_PER_MINUTE),
    )


def slack(settings: Settings, store: PostgresStore, blueprints: Blueprints) -> Slack:
    """What answers Slack. Raises SettingsError."""
    secret, token = settings.slack_signing_secret.get_secret_value(), settings.slack_bot_token.get_secret_value()
    return Slack(receiver(secret, token, store.requests(), blueprints, directory(settings.slack_file)))


def web(settings: Settings) -> None:
    """Serve the web until told to stop."""

    async def serve() -> None:
        url = with_driver(settings.database_url)
        redactor_of(settings)
        blueprints = load(settings.blueprints_folder)
        _log.info("GitHub's deliveries are wanted at %s/webhook.", settings.page_url)
        async with opened(url, ProcrastinateQueue(url), settings.places) as store:
            config = uvicorn.Config(
                web_app(settings, store, blueprints),
                host=settings.host,
                port=settings.port,
                log_config=None,
                access_log=False,
                server_header=False,
            )
            await uvicorn.Server(config).serve()

    uvloop.run(serve())  # an answer is one packet instead of two, which is a third of what a delivery costs
