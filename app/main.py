"""Where everything is put together. Nothing else builds adapters; nothing happens when this is imported."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from typing import Any, Final

import httpx
import uvicorn
import uvloop
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from app.adapters.diff_cover import DiffCover
from app.adapters.github import payloads
from app.adapters.github.app import App
from app.adapters.github.auth import AppAuth, KeyFile, KeyText
from app.adapters.github.forge import GitHubForges
from app.adapters.github.history import GitHubHistory
from app.adapters.github.pace import Paces
from app.adapters.github.tokens import Tokens
from app.adapters.litellm import MOST_TRIES, LiteLLMModel, warm_up
from app.adapters.mcp import McpServers
from app.adapters.mcp import servers as mcp_servers
from app.adapters.model_prices import Price
from app.adapters.model_profiles import profile_of
from app.adapters.packages import RegistryIndex
from app.adapters.redacted import RedactedForge, RedactedLog
from app.adapters.ruff import RuffAnalysis
from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.sandbox.egress.registries import reach
from app.adapters.sandbox.limits import Limits
from app.adapters.signing import FILE, SigningKey
from app.adapters.store import PostgresStore, ProcrastinateQueue, opened
from app.adapters.store.schema import check as check_tables
from app.adapters.store.schema import with_driver
from app.adapters.workspace.clean_trees import CleanTrees
from app.adapters.workspace.folders import GIB
from app.adapters.workspace.leftovers import MachineLeftovers
from app.adapters.workspace.workspace import Author, GitWorkspace, TellAuthor, nobody
from app.adapters.workspace.workspaces import Workspaces
from app.agent.minion import AgentLoop
from app.agent.prompt import load_prompt
from app.agent.prompt import names as prompt_names
from app.agent.reviewer import ModelReviewer
from app.agent.rules import read_rules
from app.agent.tools.all_tools import chosen
from app.agent.tools.outside import outside_tools
from app.agent.tools.tool import Tool
from app.ahead import make_ready
from app.core import wording
from app.core.blueprint import AgentSpec, Node, State
from app.core.budget import Budget
from app.core.errors import BlueprintError, ForgeError, MinionsError, SettingsError, Unavailable
from app.core.events import Event
from app.core.forge import Forge, Remote
from app.core.guards import Guards
from app.core.minion import GaveUp, Minion, Submission
from app.core.model import Model
from app.core.outside import NoServers, Servers
from app.core.pace import THE_APP, Allowance
from app.core.patch import Patch
from app.core.places import Limits as Places
from app.core.redaction import Redactor
from app.core.reviewer import NoReviewer, Reviewer
from app.core.run import Run
from app.core.shift import Shift
from app.core.signals import Signals
from app.core.statement import Published, statement
from app.core.store import Store
from app.core.task import Repository
from app.core.world import World
from app.engine.dispatch import Blueprints
from app.engine.orders import Orders
from app.engine.progress import Progress
from app.engine.recovery import Recovery
from app.engine.runner import OpenForge, Runner
from app.engine.sweeps import Sweeps
from app.engine.watch import Watch
from app.guards import ALL, GuardSet
from app.settings import NONE, Settings
from app.web.health import Health
from app.web.hints import Hints
from app.web.pages import Pages
from app.web.webhook import Webhook
from blueprints import BLUEPRINTS
from blueprints.steps.change import Change
from blueprints.steps.configuration import container_image, layout

_log = logging.getLogger(__name__)

_TRIES_OF_TWO: Final = 2
"""Of each model where there are two: the other one is asked before a pause gets long."""
REVIEW: Final = "review"
"""The role of nodes in which a model reads and does not write."""
_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@dataclass(frozen=True)
class Models:
    """Which model works in which role."""

    worker: Model
    fallback: Model | None
    """Who goes on where the first one does not answer."""
    reviewer: Model | None
    """None if nobody reviews."""


@dataclass(frozen=True)
class Outside:
    """The adapters of one worker, made once and shared by its runs."""

    settings: Settings
    store: Store
    boxes: BubblewrapBoxes
    workspaces: Workspaces
    redactor: Redactor
    models: Models
    guards: Guards
    public_url: str
    signing_key: SigningKey
    servers: Servers
    shift: Shift

    def runner(self, blueprints: Blueprints, open_forge: OpenForge) -> Runner:
        """What advances runs in this process."""
        return Runner(
            store=self.store,
            blueprints=blueprints,
            orders=Orders(self.store, blueprints, self.page_url, lambda: datetime.now(UTC)),
            progress=Progress(self.page_url, time.monotonic, interval_s=self.settings.progress_interval_s),
            open_forge=lambda run: RedactedForge(open_forge(run), self.redactor),
            open_workspace=self.workspace,
            open_world=self.world,
            now=lambda: datetime.now(UTC),
            clock=time.monotonic,
            shift=self.shift,
        )

    def page_url(self, run: Run) -> str:
        """Where the page of a run is."""
        return f"{self.public_url}/runs/{run.key}" if self.public_url else ""

    def workspace(self, run: Run, forge: Forge) -> GitWorkspace:
        """The work tree of a run, whether it is there already or not."""
        return self.workspaces.open(
            run.id, run.task.repository.id, lambda write: forge.remote(write=write), asked_at=run.asked_at
        )

    async def world(self, run: Run, node: Node[Any], forge: Forge, signals: Signals) -> World:
        """Everything that a node may touch. A tree that is not the one that was saved is made again from that."""
        workspace = self.workspace(run, forge)
        if run.visits and node.in_tree:
            patch = await self.store.patch(run.id)
            await workspace.bring_to(run.trail.base_sha, patch=patch, set_up=_set_up_of(run))
        return World(
            forge=forge,
            workspace=workspace,
            sandbox=workspace.sandbox,
            minion=await self._minion(run, node, workspace, signals),
            reviewer=await self._reviewer(run, node, forge, workspace, signals),
            notary=RunNotary(run, self.store, self.signing_key, self.redactor, self.public_url),
            guards=self.guards,
            clean=CleanTrees(self.workspaces, run.id, run.task.repository.id, lambda write: forge.remote(write=write)),
            coverage=DiffCover(),
            page_url=self.page_url(run),
            marker=wording.marker(run),
            now=lambda: datetime.now(UTC),
            patience=self.settings.patience,
        )

    async def warm(self, repository: Repository, open_forge: Callable[[Repository], Forge]) -> None:
        """Prepare for the next run of a repository. What goes wrong is told in the log alone: that run will see it."""
        name = repository.full_name
        tell = partial(_log.info, "%s: %s", name)
        try:
            await make_ready(self.workspaces, repository, open_forge(repository), self.redactor, tell)
        except MinionsError as error:
            _log.warning("%s is not prepared for its next run: %s %s", name, error, error.detail)
        except Exception:  # an outermost edge: a push must not be able to stop the worker
            _log.exception("%s is not prepared for its next run", name)

    async def _minion(self, run: Run, node: Node[Any], workspace: GitWorkspace, signals: Signals) -> Minion:
        if node.agent is None or node.agent.role == REVIEW:
            return NoMinion()
        model, fallback = in_turn(self.models.worker, self.models.fallback, former=str(run.state.get("model", "")))
        return AgentLoop(
            model=model,
            fallback=fallback,
            spec=replace(node.agent, budget=allowed(self.settings, run, node.agent.budget)),
            prompt=load_prompt(node.module, node.agent.prompt),
            sandbox=workspace.sandbox,
            workspace=workspace,
            journal=self.store.journal(run.id, len(run.visits)),
            rules=await read_rules(workspace),
            clock=time.monotonic,
            signals=signals,
            shift=self.shift,
            more_tools=await self._outside_tools(run, node.agent),
        )

    async def _outside_tools(self, run: Run, spec: AgentSpec) -> Sequence[Tool[Any]]:
        """What the operator's servers offer to minions of this role; to who may not write, what only reads."""
        offers = await self.servers.offers(run.blueprint, spec.role)
        return outside_tools(offers, self.servers, only_reading=spec.role == REVIEW)

    async def _reviewer(
        self, run: Run, node: Node[Any], forge: Forge, workspace: GitWorkspace, signals: Signals
    ) -> Reviewer:
        if node.agent is None or node.agent.role != REVIEW:
            return NoReviewer()

        async def remote(write: bool) -> Remote:  # noqa: FBT001 - as a workspace asks
            return await forge.remote(write=write)

        @asynccontextmanager
        async def copy(patch: Patch) -> AsyncIterator[GitWorkspace]:
            async with self.workspaces.clean(run.id, run.task.repository.id, remote) as tree:
                await tree.check_out(run.trail.base_sha, patch=patch.data, set_up=_set_up_of(run))
                yield tree

        return ModelReviewer(
            model=self.models.reviewer,
            spec=replace(node.agent, budget=allowed(self.settings, run, node.agent.budget)),
            prompt=load_prompt(node.module, node.agent.prompt),
            journal=self.store.journal(run.id, len(run.visits)),
            rules=await read_rules(workspace),
            open_copy=copy,
            clock=time.monotonic,
            signals=signals,
            shift=self.shift,
            more_tools=await self._outside_tools(run, node.agent),
        )


def allowed(settings: Settings, run: Run, usual: Budget) -> Budget:
    """As the repository wants it, or as is usual in the node, within what the operator allows."""
    state = _state_of(run)
    wanted = state.config.budget(usual) if isinstance(state, Change) else usual
    left = settings.run_usd - run.usage.usd  # what people added to it comes on top, in the loop
    return wanted.within(turns=settings.most_turns, usd=min(settings.most_usd, left), seconds=settings.most_seconds)


def _state_of(run: Run) -> State:
    state: State = BLUEPRINTS[run.blueprint].state.model_validate(run.state)
    return state


def _set_up_of(run: Run) -> tuple[str, ...]:
    """What the tree of a run needs that another machine makes anew."""
    state = _state_of(run)
    return (state.config.setup or ()) if isinstance(state, Change) else ()


@dataclass(frozen=True)
class RunNotary:
    """Implements `Notary` for one run, with the key of this machine."""

    run: Run
    store: Store
    key: SigningKey
    redactor: Redactor
    public_url: str

    async def attest(self, facts: Mapping[str, object]) -> None:
        """As `Notary` says. Secrets are taken out before it is signed."""
        published = Published.model_validate(_redacted(facts, self.redactor))
        task = self.run.task.model_copy(update={"title": self.redactor.redact(self.run.task.title)})
        said = statement(
            self.run.model_copy(update={"task": task}),
            published,
            builder=self.public_url,
            version=metadata.version("minions"),
            at=datetime.now(UTC),
        )
        await self.store.keep_signing_key(self.key.public.id, self.key.public.pem)
        await self.store.keep_statement(self.run.id, published.head_sha, self.key.sealed(said).model_dump_json())


def _redacted(value: Any, redactor: Redactor) -> Any:
    """The same JSON value without the secrets in its strings."""
    if isinstance(value, str):
        return redactor.redact(value)
    if isinstance(value, Mapping):
        return {key: _redacted(item, redactor) for key, item in value.items()}
    return [_redacted(item, redactor) for item in value] if isinstance(value, list) else value


class NoMinion:
    """What a step gets: it has declared no model, so it must not use one."""

    async def work(self, facts: Mapping[str, str]) -> Submission | GaveUp:
        """Refuse."""
        raise BlueprintError(f"Only agent nodes have a minion; this step wanted one for {', '.join(facts)}.")


def check_wiring(blueprints: Blueprints) -> None:
    """Raise BlueprintError if an agent node wants a prompt or a tool that there is not: at start, not in a run."""
    for blueprint in blueprints.values():
        for node in blueprint.edges:
            if node.agent:
                prompt_names(load_prompt(node.module, node.agent.prompt))
                chosen(node.agent.tools)


async def outside(
    settings: Settings,
    store: Store,
    redactor: Redactor,
    author: TellAuthor = nobody,
    shift: Shift | None = None,
) -> Outside:
    """The adapters that every worker needs; commits are by `author`. Raises SettingsError and BlueprintError."""
    check_wiring(BLUEPRINTS)
    boxes = chosen_boxes(settings, redactor)
    if faults := await boxes.check():
        raise SettingsError("\n".join(["No box can be built on this machine, so no run can be worked on:", *faults]))
    return Outside(
        settings=settings,
        store=store,
        boxes=boxes,
        workspaces=Workspaces(
            settings.home, boxes, author=author, disk_bytes=int(settings.disk_gib * GIB), read_layout=layout
        ),
        redactor=redactor,
        models=Models(chosen_model(settings), fallback_model(settings), chosen_reviewer(settings)),
        guards=GuardSet(ALL, index=chosen_index(settings), analysis=RuffAnalysis()),
        public_url=settings.page_url,
        signing_key=SigningKey.at(settings.signing_key_file or settings.home / FILE),
        servers=McpServers(mcp_servers(settings.mcp_file), redactor) if settings.mcp_file else NoServers(),
        shift=shift or Shift(),
    )


def chosen_boxes(settings: Settings, redactor: Redactor) -> BubblewrapBoxes:
    """The boxes of the settings; nothing is looked at yet. Raises SettingsError if registries cannot be used."""
    allowed = reach(settings.registries, settings.egress_hosts, settings.registries_file)
    for registry in allowed.private.values():
        redactor.add(registry.authorization)
        redactor.add(registry.authorization.split(" ")[-1])
    limits = Limits(memory_bytes=round(settings.box_memory_gib * 1024**3), cpus=settings.box_cpus)
    if settings.sandbox == "bubblewrap":
        return BubblewrapBoxes(settings.home, reach=allowed, limits=limits)
    # The engine's SDK takes 0.2 s to import, which everybody else need not wait for.
    from app.adapters.sandbox.containers.boxes import ContainerBoxes  # noqa: PLC0415

    return ContainerBoxes(
        settings.home,
        image=settings.container_image,
        choose_image=partial(container_image, own=settings.container_image, allowed=settings.container_images),
        runtime=settings.container_runtime,
        reach=allowed,
        limits=limits,
    )


def chosen_index(settings: Settings) -> RegistryIndex:
    """Who is asked about new dependencies: the public registries, as far as set-up commands may reach them."""
    allowed = reach(settings.registries, (), None).public
    return RegistryIndex(frozenset(allowed), clock=time.monotonic, now=lambda: datetime.now(UTC))


def chosen_model(settings: Settings) -> Model:
    """The model of the settings."""
    return LiteLLMModel(
        settings.model,
        api_base=settings.model_api_base,
        api_key=settings.model_api_key.get_secret_value(),
        price=_price("MINIONS_MODEL_PRICE", settings.model_price),
        profile=profile_of(
            settings.model, dialect=settings.model_dialect or None, window=settings.model_window or None
        ),
        most_tries=_TRIES_OF_TWO if settings.fallback_model else MOST_TRIES,
    )


def in_turn(model: Model, fallback: Model | None, *, former: str) -> tuple[Model, Model | None]:
    """Who works, and who goes on if need be: a run that had to change its model stays with the new one."""
    if fallback and former == fallback.name:
        return fallback, model
    return model, fallback


def fallback_model(settings: Settings) -> Model | None:
    """The model that goes on where the first one does not; None if there is none."""
    if not settings.fallback_model:
        return None
    if settings.fallback_model == settings.model:
        raise SettingsError("MINIONS_FALLBACK_MODEL names the same model as MINIONS_MODEL: name another one, or none.")
    return LiteLLMModel(
        settings.fallback_model,
        api_base=settings.fallback_api_base,
        api_key=settings.fallback_api_key.get_secret_value(),
        price=_price("MINIONS_FALLBACK_PRICE", settings.fallback_price),
        most_tries=_TRIES_OF_TWO,
    )


def _price(name: str, said: tuple[float, ...]) -> Price | None:
    if not said:
        return None
    if len(said) not in {2, 3}:
        raise SettingsError(f"{name} takes two or three numbers: dollars for a million tokens, as 1.25,10.")
    return Price(input=said[0], output=said[1], cached=said[2] if len(said) == 3 else None)


def chosen_reviewer(settings: Settings) -> Model | None:
    """The model that reviews: the one that works, unless the settings say another, or none."""
    if settings.review_model == NONE:
        return None
    if not settings.review_model:
        return chosen_model(settings)
    own = {
        "model": settings.review_model,
        "model_api_base": settings.review_api_base,
        "model_api_key": settings.review_api_key,
        "model_price": settings.review_price,
        "model_dialect": "",
        "model_window": 0,
    }
    return chosen_model(settings.model_copy(update=own))


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
    redactor = Redactor(
        [
            settings.private_key.get_secret_value(),
            settings.model_api_key.get_secret_value(),
            settings.fallback_api_key.get_secret_value(),
            settings.review_api_key.get_secret_value(),
            *(secret.get_secret_value() for secret in settings.webhook_secrets),
        ]
    )
    for handler in logging.getLogger().handlers:
        handler.setFormatter(RedactedLog(_LOG_FORMAT, redactor))
    return redactor


def parser(settings: Settings) -> Callable[[str, dict[str, Any]], Event]:
    """Makes our words of what GitHub tells us."""
    return partial(
        payloads.parse, app_id=settings.app_id, label=settings.label, allowed_bots=frozenset(settings.allowed_bots)
    )


def recovery(settings: Settings, store: PostgresStore, app: App, redactor: Redactor, paces: Paces) -> Recovery:
    """What looks after events that never arrived."""
    history = GitHubHistory(
        app,
        parser(settings),
        label=settings.label,
        blueprints=list(BLUEPRINTS),
        paces=paces,
        on_secret=redactor.add,
    )
    return Recovery(store, store.logbook(settings.app_id), history, BLUEPRINTS)


def places(settings: Settings) -> Places:
    """How many runs may be at work at once."""
    return Places(
        installation=settings.installation_limit,
        repository=settings.repository_limit,
        requester=settings.requester_limit,
    )


def web_app(settings: Settings, store: Store, blueprints: Blueprints = BLUEPRINTS) -> FastAPI:
    """The web server's application."""
    parse = parser(settings)
    hooks = tuple(secret.get_secret_value() for secret in settings.webhook_secrets)
    counts: Counter[str] = Counter()
    hints = Hints(store)
    webhook = Webhook(settings.app_id, hooks, parse, blueprints, store, counts, hear=hints.add)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await hints.close()

    app = FastAPI(title="Minions", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    for part in (webhook, Pages(store, blueprints, github_url=settings.github_url), Health(store, counts)):
        app.include_router(part.router())
    app.mount("/static", StaticFiles(packages=[("app.web", "static")]))
    return app


def web(settings: Settings) -> None:
    """Serve the web until told to stop."""

    async def serve() -> None:
        url = with_driver(settings.database_url)
        redactor_of(settings)
        _log.info("GitHub's deliveries are wanted at %s/webhook.", settings.page_url)
        async with opened(url, ProcrastinateQueue(url)) as store:
            config = uvicorn.Config(
                web_app(settings, store),
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
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(opened(url, queue, places(settings)))
            paces = chosen_paces(settings, store)
            app, forges = await stack.enter_async_context(github(settings, redactor, paces))
            worker = await outside(settings, store, redactor, partial(commit_author, app, settings.github_url), shift)
            _log.info("Works on up to %s runs at a time, with %s.", settings.concurrency, settings.model)
            warming = asyncio.create_task(warm_up())  # the first run's early nodes need no model
            sweeps = Sweeps(store, MachineLeftovers(settings.home, worker.boxes.end_ownerless))
            beside = [
                asyncio.create_task(sweeps.keep_sweeping()),
                asyncio.create_task(recovery(settings, store, app, redactor, paces).keep_looking()),
                asyncio.create_task(Watch(store).keep_watching()),
            ]
            try:
                await queue.work(
                    worker.runner(BLUEPRINTS, forges.of).advance,
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

    asyncio.run(serve())
