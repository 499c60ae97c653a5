"""Where everything is put together. Nothing else builds adapters; nothing happens when this is imported."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING, Any

import httpx
import uvicorn
import uvloop
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from app.adapters.github import payloads
from app.adapters.github.app import App
from app.adapters.github.auth import AppAuth, KeyFile, KeyText
from app.adapters.github.forge import GitHubForges
from app.adapters.github.history import GitHubHistory
from app.adapters.github.pace import Paces
from app.adapters.github.sign_in import GitHubGate
from app.adapters.github.tokens import Tokens
from app.adapters.json_log import JsonLog
from app.adapters.litellm import warm_up
from app.adapters.redacted import RedactedLog
from app.adapters.slack.directory import directory
from app.adapters.slack.receiver import receiver
from app.adapters.store import PostgresStore, ProcrastinateQueue, opened
from app.adapters.store.schema import check as check_tables
from app.adapters.store.schema import with_driver
from app.adapters.workspace.leftovers import MachineLeftovers
from app.adapters.workspace.workspace import Author
from app.core.errors import ForgeError, NotFound, SettingsError, Unavailable
from app.core.events import Event
from app.core.pace import THE_APP, Allowance
from app.core.places import Limits as Places
from app.core.purse import Caps
from app.core.redaction import Redactor
from app.core.repo_config import PATH as CONFIG
from app.core.repo_config import RepoConfig
from app.core.shift import Shift
from app.core.store import StoreDown
from app.core.task import Repository
from app.core.tracing import Tracer
from app.engine.dispatch import Blueprints
from app.engine.recovery import Recovery
from app.engine.requests import Opener, as_it_is
from app.engine.schedules import Schedules
from app.engine.sweeps import Sweeps
from app.engine.threads import Teller
from app.engine.watch import Watch
from app.memory import keep_what_is_there
from app.models import roles_of, secrets_of
from app.outside import outside
from app.registry import load
from app.settings import Settings
from app.web.access import Access, OnLoopback, Shut
from app.web.api import CALLS_PER_MINUTE, PATH, Api
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
from blueprints.steps.configuration import parsed

if TYPE_CHECKING:
    from app.adapters.slack.threads import SlackThreads

_log = logging.getLogger(__name__)

_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def chosen_paces(settings: Settings, store: PostgresStore | None = None) -> Paces:
    """How fast GitHub is called: by all workers on one store together, or by this process where there is none."""
    allowance = Allowance(
        write_spacing_s=settings.write_spacing_s,
        calls_at_once=settings.calls_at_once,
        creations_per_hour=settings.creations_per_hour,
    )
    if store is None or not settings.write_spacing_s:  # a loopback server: no database is asked before a call
        return Paces(allowance)
    return Paces(allowance, lambda installation_id: store.turns(settings.app_id, installation_id, allowance))


@asynccontextmanager
async def github(
    settings: Settings, redactor: Redactor, paces: Paces | None = None
) -> AsyncIterator[tuple[App, GitHubForges]]:
    """GitHub, as the App of the settings. Raises SettingsError if the key cannot be used."""
    paces = paces or chosen_paces(settings)
    text = settings.private_key.get_secret_value()
    key = (
        KeyFile(settings.private_key_file, on_secret=redactor.add)
        if settings.private_key_file
        else KeyText(text, on_secret=redactor.add)
    )
    async with httpx.AsyncClient(follow_redirects=False) as http:
        app = App(http, settings.api_url, AppAuth(settings.app_id, key), pace=paces.of(THE_APP))
        forges = GitHubForges(
            app,
            Tokens(app, on_secret=redactor.add),
            api_url=settings.api_url,
            git_url=settings.github_url,
            on_secret=redactor.add,
            paces=paces,
        )
        yield app, forges


async def commit_author(app: App, github_url: str) -> Author:
    """The App's own account, so that GitHub shows who made a commit. Raises Unavailable: that is asked again later."""
    try:
        login = (await app.identity()).login
    except ForgeError as error:
        raise Unavailable("GitHub does not say who this App is", detail=str(error)) from error
    return Author(login, f"{login}@users.noreply.{github_url.partition('://')[2].partition(':')[0]}")


def redactor_of(settings: Settings) -> Redactor:
    """Knows every secret of the settings, and cleans the log from now on."""
    redactor = Redactor([*settings.secrets, *secrets_of(settings)])
    lines = JsonLog(redactor) if settings.log_format == "json" else RedactedLog(_LOG_FORMAT, redactor)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(lines)
    return redactor


def parser(settings: Settings) -> Callable[[str, dict[str, Any]], Event]:
    """Makes our words of what GitHub tells us."""
    return partial(
        payloads.parse, app_id=settings.app_id, label=settings.label, allowed_bots=frozenset(settings.allowed_bots)
    )


def recovery(
    settings: Settings, store: PostgresStore, app: App, redactor: Redactor, paces: Paces, *, blueprints: Blueprints
) -> Recovery:
    """What looks after events that never arrived."""
    history = history_of(settings, app, redactor, paces, blueprints=blueprints)
    return Recovery(store, store.logbook(settings.app_id), history, blueprints)


def history_of(
    settings: Settings, app: App, redactor: Redactor, paces: Paces, *, blueprints: Blueprints
) -> GitHubHistory:
    """What GitHub remembers."""
    return GitHubHistory(
        app,
        parser(settings),
        label=settings.label,
        blueprints=list(blueprints),
        paces=paces,
        on_secret=redactor.add,
    )


def schedules(store: PostgresStore, forges: GitHubForges, history: GitHubHistory) -> Schedules:
    """What asks for work by the clock."""

    async def read(repository: Repository) -> RepoConfig:
        return parsed(await forges.open(repository).file(CONFIG, "HEAD"))

    return Schedules(store.timetable(), store.requests(), history, read)


def opener(
    store: PostgresStore,
    forges: GitHubForges,
    blueprints: Blueprints,
    threads: "SlackThreads | None",
    redactor: Redactor,
    *,
    label: str,
) -> Opener:
    """What makes issues and runs of what was asked for elsewhere."""

    async def suggestions(repository: Repository) -> Collection[str]:
        try:
            return parsed(await forges.open(repository).file(CONFIG, "HEAD")).suggest
        except NotFound:
            return ()

    complete = threads.complete if threads else as_it_is
    return Opener(
        store.requests(), forges, blueprints, lambda: datetime.now(UTC), complete, redactor, suggestions, label
    )


@contextmanager
def traces(settings: Settings) -> Iterator[Tracer | None]:
    """Where traces of runs go, if anywhere; what is still on its way at the end is delivered. Raises SettingsError."""
    if not settings.traces_url:
        yield None
        return
    try:
        from app.adapters.traces import delivering  # noqa: PLC0415 # the packages of an extra
    except ImportError:
        raise SettingsError(
            "MINIONS_TRACES_URL needs packages that are not here: install minions[traces], or leave it empty."
        ) from None
    tracer = delivering(settings.traces_url, metadata.version("minions"))
    try:
        yield tracer
    finally:
        tracer.close()


def places(settings: Settings) -> Places:
    """How many runs may be at work at once."""
    return Places(
        installation=settings.installation_limit,
        repository=settings.repository_limit,
        requester=settings.requester_limit,
    )


def caps(settings: Settings) -> Caps:
    """What runs may cost together in a month."""
    return Caps(
        repository=settings.repository_usd,
        requester=settings.requester_usd,
        organisation=settings.organisation_usd,
        month=settings.month_usd,
    )


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
    metrics = Metrics(store, counts, settings.metrics_token.get_secret_value())
    overview = OverviewPages(store.figures(), pages)
    models = ModelsPage(roles_of(settings), store.rollouts(), pages)
    routers = [part.router() for part in (webhook, pages, overview, models, Health(store, counts), metrics)]
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


def threads(settings: Settings) -> "SlackThreads | None":
    """The threads of the settings' workspace, if they name one. Raises SettingsError."""
    if not settings.slack_bot_token.get_secret_value():
        return None
    known = directory(settings.slack_file)
    try:
        from app.adapters.slack.threads import SlackThreads  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise SettingsError("Slack needs more packages: install minions[slack].") from None
    return SlackThreads(settings.slack_bot_token.get_secret_value(), settings.slack_api_url, known)


def web(settings: Settings) -> None:
    """Serve the web until told to stop."""

    async def serve() -> None:
        url = with_driver(settings.database_url)
        redactor_of(settings)
        blueprints = load(settings.blueprints_folder)
        _log.info("GitHub's deliveries are wanted at %s/webhook.", settings.page_url)
        async with opened(url, ProcrastinateQueue(url)) as store:
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


def work(settings: Settings) -> None:
    """Work on runs until told to stop."""

    async def serve() -> None:
        if not settings.database_url:
            raise SettingsError("A worker needs MINIONS_DATABASE_URL: the database that its web server uses.")
        if missing := settings.missing():
            raise SettingsError("\n".join(missing))
        url = with_driver(settings.database_url)
        redactor = redactor_of(settings)
        await asyncio.to_thread(check_tables, url)
        queue = ProcrastinateQueue(url, lost_after_s=settings.worker_lost_after_s)
        shift = Shift()
        blueprints = load(settings.blueprints_folder)
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(opened(url, queue, places(settings), caps(settings)))
            paces = chosen_paces(settings, store)
            app, forges = await stack.enter_async_context(github(settings, redactor, paces))
            tracer = stack.enter_context(traces(settings))
            author = partial(commit_author, app, settings.github_url)
            worker = await outside(settings, store, redactor, author, shift, blueprints=blueprints)
            _log.info("Works on up to %s runs at a time, with %s.", settings.concurrency, worker.models.told)
            there = threads(settings)
            warming = asyncio.create_task(_warmed_up())  # the first run's early nodes need no model
            sweeps = Sweeps(store, MachineLeftovers(settings.home, worker.boxes.end_ownerless))
            beside = [
                asyncio.create_task(sweeps.keep_sweeping()),
                asyncio.create_task(
                    recovery(settings, store, app, redactor, paces, blueprints=blueprints).keep_looking()
                ),
                asyncio.create_task(Watch(store).keep_watching()),
                asyncio.create_task(
                    schedules(
                        store, forges, history_of(settings, app, redactor, paces, blueprints=blueprints)
                    ).keep_looking()
                ),
                asyncio.create_task(worker.rollout.keep_looking()),
            ]
            if there is not None:
                teller = Teller(store.requests(), there, blueprints, settings.github_url)
                beside.append(asyncio.create_task(teller.keep_telling()))
            try:
                await queue.work(
                    replace(worker.runner(blueprints, forges.of, forges.leave), tracer=tracer).advance,
                    open_request=opener(store, forges, blueprints, there, redactor, label=settings.label).open,
                    warm=lambda repository: worker.warm(repository, forges.open),
                    concurrency=settings.concurrency,
                    leave=shift.end,
                    grace_s=settings.drain_s,
                )
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)
            await warming

    uvloop.run(serve())


async def _warmed_up() -> None:
    await warm_up()
    keep_what_is_there()
