"""The worker, put together: runs, and what looks after them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Coroutine, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from app import loop
from app.adapters.github.app import App
from app.adapters.github.forge import GitHubForges
from app.adapters.github.history import GitHubHistory
from app.adapters.github.installed import GitHubInstalled
from app.adapters.github.lookups import Lookups
from app.adapters.github.reactions import GitHubReactions
from app.adapters.litellm_library import warm_up
from app.adapters.store import PostgresStore, ProcrastinateQueue, opened
from app.adapters.store.url import with_driver
from app.adapters.workspace.leftovers import MachineLeftovers
from app.core.errors import NotFound, SettingsError
from app.core.purse import Caps
from app.core.redaction import Redactor
from app.core.repo_config import PATH as CONFIG
from app.core.repo_config import RepoConfig
from app.core.retention import Kept
from app.core.shift import Shift
from app.core.task import Repository
from app.core.tracing import Tracer
from app.database import check_tables
from app.engine.campaigns import Announcer, Conductor
from app.engine.dispatch import Blueprints
from app.engine.installations import Installations
from app.engine.opinions import Poll
from app.engine.recovery import Recovery
from app.engine.requests import Opener, as_it_is
from app.engine.retention import Retention
from app.engine.reviews import Reviews
from app.engine.schedules import Schedules
from app.engine.sweeps import Sweeps
from app.engine.threads import Teller
from app.engine.watch import Watch
from app.github import chosen_paces, commit_author, github, history_of
from app.log import redactor_of
from app.memory import keep_what_is_there, loading
from app.outside import outside
from app.registry import load
from app.repo_config import most_open
from app.settings import Settings
from app.slack import threads
from blueprints.steps.configuration import parsed

if TYPE_CHECKING:
    from app.adapters.slack.threads import SlackThreads


_log = logging.getLogger(__name__)

_OTHERS_FIRST_S: Final = 3.0
"""After a start, for runs that were waiting. A new run's early nodes, which need no model, take about as long.

With 10,000 parked runs the first looks take three seconds, in which one that could go on would wait.
"""


def work(settings: Settings) -> None:
    """Work on runs until told to stop."""

    async def serve() -> None:
        if not settings.database_url:
            raise SettingsError("A worker needs MINIONS_DATABASE_URL: the database that its web server uses.")
        if missing := settings.missing():
            raise SettingsError("\n".join(missing))
        url = with_driver(settings.database_url)
        redactor = redactor_of(settings)
        await asyncio.to_thread(check_tables, settings.database_url)
        queue = ProcrastinateQueue(url, lost_after_s=settings.worker_lost_after_s)
        shift = Shift()
        blueprints = load(settings.blueprints_folder)
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(opened(url, queue, settings.places, caps(settings)))
            paces = chosen_paces(settings, store)
            app, forges = await stack.enter_async_context(github(settings, redactor, paces))
            tracer = stack.enter_context(traces(settings))
            author = partial(commit_author, app, settings.github_url)
            worker = await outside(settings, store, redactor, author, shift, blueprints=blueprints)
            lookups = Lookups(app, paces, on_secret=redactor.add)
            _log.info("Works on up to %s runs at a time, with %s.", settings.concurrency, worker.models.told)
            there = threads(settings)
            history = history_of(settings, app, lookups, blueprints=blueprints)
            looks: list[Coroutine[Any, Any, None]] = [
                _warmed_up(),
                Sweeps(store, MachineLeftovers(settings.home, worker.boxes.end_ownerless)).keep_sweeping(),
                recovery(settings, store, app, lookups, blueprints=blueprints).keep_looking(),
                Installations(store, store.register(settings.app_there), GitHubInstalled(app)).keep_looking(),
                Watch(store).keep_watching(),
                Retention(store.archive(), kept(settings)).keep_clearing(),
                schedules(store, forges, history).keep_looking(),
                announcer(settings, store, forges, blueprints).keep_looking(),
                worker.rollout.keep_looking(),
                reviews(settings, store, forges, blueprints).keep_looking(),
            ]
            if there is not None:
                looks.append(
                    Teller(store.requests(), store.campaigns(), there, blueprints, settings.github_url).keep_telling()
                )
            await stack.enter_async_context(_beside(map(_later, looks)))
            await queue.work(
                worker.runner(blueprints, forges.of, forges.leave, tracer).advance,
                open_request=opener(store, forges, blueprints, there, redactor, label=settings.label).open,
                look_after=conductor(store, forges, history).look_after,
                warm=lambda repository: worker.warm(repository, forges.open),
                concurrency=settings.concurrency,
                leave=shift.end,
                grace_s=settings.drain_s,
            )

    loop.run(serve())


@asynccontextmanager
async def _beside(looks: Iterable[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """All of these go on as long as the block lasts."""
    tasks = [asyncio.create_task(look) for look in looks]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _later(look: Coroutine[Any, Any, None]) -> None:
    """Let what waited for this worker go on first: the first looks after a start are long, and see all there is."""
    try:
        await asyncio.sleep(_OTHERS_FIRST_S)
    except asyncio.CancelledError:
        look.close()
        raise
    await look


async def _warmed_up() -> None:
    """Import the model's client, which takes a processor for seconds."""
    with loading():
        await warm_up()
    keep_what_is_there()


def recovery(
    settings: Settings, store: PostgresStore, app: App, lookups: Lookups, *, blueprints: Blueprints
) -> Recovery:
    """What looks after events that never arrived."""
    history = history_of(settings, app, lookups, blueprints=blueprints)
    poll = Poll(store.opinions(), GitHubReactions(lookups))
    return Recovery(store, store.logbook(settings.app_id), history, blueprints, poll, campaigns=store.campaigns())


def schedules(store: PostgresStore, forges: GitHubForges, history: GitHubHistory) -> Schedules:
    """What asks for work by the clock."""

    async def read(repository: Repository) -> RepoConfig:
        return parsed(await forges.open(repository).file(CONFIG, "HEAD"))

    return Schedules(store.timetable(), store.requests(), history, read)


def reviews(settings: Settings, store: PostgresStore, forges: GitHubForges, blueprints: Blueprints) -> Reviews:
    """What looks after pull requests that wait for review."""
    stale_after = timedelta(days=settings.stale_days)
    return Reviews(store, store.proposals(), forges.open, most_open, blueprints, stale_after=stale_after)


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
        store.requests(),
        store.campaigns(),
        forges,
        blueprints,
        lambda: datetime.now(UTC),
        complete,
        redactor,
        suggestions,
        label,
    )


def conductor(store: PostgresStore, forges: GitHubForges, history: GitHubHistory) -> Conductor:
    """What looks after campaigns."""
    return Conductor(
        store.campaigns(),
        store.requests(),
        forges,
        history,
        forges.open,
        lambda act, reason: store.accept(None, act, reason),
    )


def announcer(settings: Settings, store: PostgresStore, forges: GitHubForges, blueprints: Blueprints) -> Announcer:
    """What tells how campaigns stand."""

    def page_url(key: str) -> str:
        return f"{settings.page_url}/runs/{key}" if settings.page_url else ""

    return Announcer(store.campaigns(), forges.open, blueprints, page_url, pause_s=settings.progress_interval_s)


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


def kept(settings: Settings) -> Kept:
    """How long what is known is kept."""
    return Kept(
        runs=timedelta(days=settings.keep_runs_days) if settings.keep_runs_days else None,
        uninstalled=timedelta(days=settings.keep_uninstalled_days),
    )


def caps(settings: Settings) -> Caps:
    """What runs may cost together in a month."""
    return Caps(
        repository=settings.repository_usd,
        requester=settings.requester_usd,
        organisation=settings.organisation_usd,
        month=settings.month_usd,
    )
