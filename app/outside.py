"""What a worker gives to its runs: adapters that are made once, and for each visit of a node the world around it."""

import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from app.adapters.diff_cover import DiffCover
from app.adapters.json_schema import JsonSchema
from app.adapters.mcp import McpServers
from app.adapters.mcp import servers as mcp_servers
from app.adapters.redacted import RedactedForge
from app.adapters.releases import RegistryReleases
from app.adapters.ruff import RuffAnalysis
from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.signing import FILE, SigningKey
from app.adapters.vectors import VectorFile
from app.adapters.workspace.clean_trees import CleanTrees
from app.adapters.workspace.folders import GIB
from app.adapters.workspace.workspace import GitWorkspace, TellAuthor, nobody
from app.adapters.workspace.workspaces import Workspaces
from app.agent.meaning import ByMeaning
from app.agent.minion import AgentLoop
from app.agent.prompt import load_prompt
from app.agent.reviewer import ModelReviewer
from app.agent.rules import Rules, read_rules
from app.agent.tools.outside import outside_tools
from app.agent.tools.tool import Tool
from app.agent.triage import VISIT, Triage
from app.ahead import make_ready
from app.boxes import chosen_boxes
from app.core import wording
from app.core.blueprint import AgentSpec, Kind, Node, State
from app.core.budget import Budget
from app.core.embeddings import Embedder, Meaning, NoMeaning
from app.core.errors import BlueprintError, MinionsError, SettingsError
from app.core.forge import Forge, Remote
from app.core.guards import Guards
from app.core.journal import Journal
from app.core.minion import GaveUp, Minion, Submission
from app.core.model import Model
from app.core.outside import NoServers, Servers
from app.core.patch import Patch
from app.core.redaction import Redactor
from app.core.releases import Releases
from app.core.reviewer import NoReviewer, Reviewer
from app.core.rollout import REVIEW, TRIAGE
from app.core.run import Run
from app.core.shift import Shift
from app.core.signals import Signals
from app.core.store import Store
from app.core.task import Repository
from app.core.tracing import Tracer
from app.core.triage import Decided
from app.core.world import World
from app.engine.admission import Admission
from app.engine.dispatch import Blueprints
from app.engine.ending import Ending
from app.engine.orders import Orders
from app.engine.progress import Progress
from app.engine.rollout import Rollout
from app.engine.runner import Leave, OpenForge, Runner, nothing_to_leave
from app.guards import ALL, GuardSet
from app.guards.protected import EVERYWHERE
from app.models import Models, chosen_models, embedder
from app.notary import RunNotary
from app.operator_rules import operators_rules
from app.registries import chosen_index, public_registries
from app.registry import check_wiring, load
from app.repo_config import most_open_for, said_by
from app.settings import Settings
from blueprints import BLUEPRINTS
from blueprints.steps.change import Change
from blueprints.steps.configuration import layout

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outside:
    """The adapters of one worker, made once and shared by its runs."""

    settings: Settings
    store: Store
    boxes: BubblewrapBoxes
    workspaces: Workspaces
    redactor: Redactor
    models: Models
    rollout: Rollout
    guards: Guards
    public_url: str
    signing_key: SigningKey
    servers: Servers
    operator_rules: str
    """What the operator wants of minions in every repository; empty for nothing."""
    releases: Releases
    shift: Shift
    blueprints: Blueprints
    embedder: Embedder | None = None
    """Who makes vectors of texts; files are looked for by words alone where there is none."""
    known_meaning: Meaning | None = None
    """What was found by meaning in the run that is played once more."""

    def runner(
        self,
        blueprints: Blueprints,
        open_forge: OpenForge,
        leave: Leave = nothing_to_leave,
        tracer: Tracer | None = None,
    ) -> Runner:
        """What advances runs in this process. `leave` gives up what a forge used for a run that is over."""
        store, now = self.store, lambda: datetime.now(UTC)
        progress = Progress(self.page_url, time.monotonic, interval_s=self.settings.progress_interval_s)
        ending = Ending(store, blueprints, progress, self.workspace, now=now, tracer=tracer)
        return Runner(
            store=store,
            blueprints=blueprints,
            orders=Orders(store, blueprints, self.page_url, now),
            progress=progress,
            open_forge=lambda run: RedactedForge(open_forge(run), self.redactor),
            open_world=self.world,
            now=now,
            clock=time.monotonic,
            admission=Admission(
                *(store, blueprints, progress, ending),
                arms=self.rollout.arms,
                triage=lambda run, forge: self.triage(run, forge, blueprints),
                most_open=most_open_for,
            ),
            ending=ending,
            shift=self.shift,
            tracer=tracer,
            leave=leave,
        )

    async def triage(self, run: Run, forge: Forge, blueprints: Blueprints) -> Decided:
        """Which blueprint a run gets that nobody named one for."""
        pair = self.models.pair(TRIAGE, run.terms.arms)
        triage = Triage(
            models=[model for model in pair or () if model],
            blueprints={name: blueprint.summary for name, blueprint in blueprints.items()},
            journal=self.store.journal(run.id, VISIT),
            purse=self.store.purse(run),
            protected=EVERYWHERE,
            config=await said_by(forge),
        )
        return await triage.decide(run.task)

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
        journal = self.store.journal(run.id, len(run.visits))
        if run.visits and node.in_tree:
            # Before the change: who was taken for lost, and adds to both from now on, is noticed when it is read again.
            await journal.entries()
            patch = await self.store.patch(run.id)
            await workspace.bring_to(run.trail.base_sha, patch=patch, set_up=_set_up_of(run, self.blueprints))
        return World(
            forge=forge,
            workspace=workspace,
            sandbox=workspace.sandbox,
            minion=await self._minion(run, node, workspace, signals, journal),
            reviewer=await self._reviewer(run, node, forge, workspace, signals),
            notary=RunNotary(run, self.store, self.signing_key, self.redactor, self.public_url),
            guards=self.guards,
            clean=CleanTrees(self.workspaces, run.id, run.task.repository.id, lambda write: forge.remote(write=write)),
            coverage=DiffCover(),
            schemas=JsonSchema(),
            page_url=self.page_url(run),
            marker=wording.marker(run),
            now=lambda: datetime.now(UTC),
            patience=self.settings.patience,
            releases=self.releases,
            meaning=self.meaning(run, node, journal),
        )

    def meaning(self, run: Run, node: Node[Any], journal: Journal) -> Meaning:
        """How a step finds files by meaning. An agent has its journal for itself."""
        if self.known_meaning:
            return self.known_meaning
        if self.embedder is None or node.agent is not None:
            return NoMeaning()
        return ByMeaning(
            embedder=self.embedder,
            vectors=VectorFile(self.settings.home, run.task.repository.id, self.embedder.kind),
            journal=journal,
            purse=self.store.purse(run),
            redactor=self.redactor,
            usd_left=self.settings.run_usd - run.usage.usd,
            least_files=self.settings.embedding_files,
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

    async def _minion(
        self, run: Run, node: Node[Any], workspace: GitWorkspace, signals: Signals, journal: Journal
    ) -> Minion:
        if node.agent is None or node.agent.role == REVIEW or (pair := self._in_turn(run, node.agent.role)) is None:
            return NoMinion()
        model, fallback = pair
        return AgentLoop(
            model=model,
            fallback=fallback,
            spec=replace(node.agent, budget=allowed(self.settings, run, node.agent.budget, self.blueprints)),
            prompt=load_prompt(node.module, node.agent.prompt),
            sandbox=workspace.sandbox,
            workspace=workspace,
            journal=journal,
            rules=await self._rules(run, workspace),
            clock=time.monotonic,
            signals=signals,
            shift=self.shift,
            more_tools=await self._outside_tools(run, node.agent),
            purse=self.store.purse(run),
        )

    async def _rules(self, run: Run, workspace: GitWorkspace) -> Rules:
        """Of the commit that the run began at; of one on a pull request, those of the default branch at that time."""
        if not run.trail.rules_sha:
            return await read_rules(workspace, operator=self.operator_rules)
        async with workspace.commit(run.trail.rules_sha) as commit:
            return await read_rules(commit, operator=self.operator_rules)

    async def _outside_tools(self, run: Run, spec: AgentSpec) -> Sequence[Tool[Any]]:
        """What the operator's servers offer to minions of this role; to who may not write, what only reads."""
        offers = await self.servers.offers(run.blueprint, spec.role)
        return outside_tools(offers, self.servers, only_reading=spec.role == REVIEW)

    def _in_turn(self, run: Run, role: str) -> tuple[Model, Model | None] | None:
        """Who works on this run in this role, and who goes on if need be; None if nobody does."""
        return self.models.pair(role, run.terms.arms, former=str(run.state.get("model", "")))

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
                await tree.check_out(run.trail.base_sha, patch=patch.data, set_up=_set_up_of(run, self.blueprints))
                yield tree

        reviewer, other = self._in_turn(run, REVIEW) or (None, None)
        return ModelReviewer(
            model=reviewer,
            fallback=other,
            spec=replace(node.agent, budget=allowed(self.settings, run, node.agent.budget, self.blueprints)),
            prompt=load_prompt(node.module, node.agent.prompt),
            journal=self.store.journal(run.id, len(run.visits)),
            rules=await self._rules(run, workspace),
            open_copy=copy,
            clock=time.monotonic,
            signals=signals,
            shift=self.shift,
            more_tools=await self._outside_tools(run, node.agent),
            purse=self.store.purse(run),
        )


def allowed(settings: Settings, run: Run, usual: Budget, blueprints: Blueprints = BLUEPRINTS) -> Budget:
    """As the repository wants it, or as is usual in the node, within what the operator allows."""
    state = _state_of(run, blueprints)
    wanted = state.config.budget(usual) if isinstance(state, Change) else usual
    most = wanted.within(turns=settings.most_turns, usd=settings.most_usd, seconds=settings.most_seconds)
    # What people added to it comes on top, in the loop.
    worked_s = sum(visit.seconds for visit in run.visits if visit.kind is Kind.AGENT)
    return most.within_run(
        usd_left=settings.run_usd - run.usage.usd,
        usd=settings.run_usd,
        seconds_left=settings.run_seconds - worked_s,
        seconds=settings.run_seconds,
    )


def _state_of(run: Run, blueprints: Blueprints) -> State:
    state: State = blueprints[run.blueprint].state.model_validate(run.state)
    return state


def _set_up_of(run: Run, blueprints: Blueprints) -> tuple[str, ...]:
    """What the tree of a run needs that another machine makes anew."""
    state = _state_of(run, blueprints)
    return (state.config.setup or ()) if isinstance(state, Change) else ()


class NoMinion:
    """What a step gets: it has declared no model, so it must not use one."""

    async def work(self, facts: Mapping[str, str]) -> Submission | GaveUp:
        """Refuse."""
        raise BlueprintError(f"Only agent nodes have a minion; this step wanted one for {', '.join(facts)}.")


async def outside(
    settings: Settings,
    store: Store,
    redactor: Redactor,
    author: TellAuthor = nobody,
    shift: Shift | None = None,
    *,
    blueprints: Blueprints | None = None,
) -> Outside:
    """The adapters that every worker needs; commits are by `author`. Raises SettingsError and BlueprintError.

    `blueprints` are those of the settings where none are given.
    """
    blueprints = load(settings.blueprints_folder) if blueprints is None else blueprints
    check_wiring(blueprints)
    models = chosen_models(settings)
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
        models=models,
        rollout=Rollout(models.roles, store.rollouts()),
        guards=GuardSet(ALL, index=chosen_index(settings), analysis=RuffAnalysis()),
        public_url=settings.page_url,
        signing_key=SigningKey.at(settings.signing_key_file or settings.home / FILE),
        servers=McpServers(mcp_servers(settings.mcp_file), redactor) if settings.mcp_file else NoServers(),
        operator_rules=operators_rules(settings.rules_file) if settings.rules_file else "",
        releases=RegistryReleases(public_registries(settings)),
        shift=shift or Shift(),
        blueprints=blueprints,
        embedder=embedder(settings),
    )
