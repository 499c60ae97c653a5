"""A candidate beside a stable model, in runs of the engine: it gets its share, and is taken back when it does worse."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import httpx
import pytest
from fastapi import FastAPI

from app.adapters.store import PostgresStore
from app.core.blueprint import END, Blueprint, Node, State, agent, step
from app.core.budget import Budget, Usage
from app.core.forge import Forge
from app.core.journal import ModelAnswered, ModelAsked, Opened
from app.core.minion import GaveUp, Submission
from app.core.rollout import Candidate, Role
from app.core.run import Run
from app.core.signals import Signals
from app.core.world import World
from app.engine.rollout import Rollout
from app.web.access import OnLoopback
from app.web.models import ModelsPage
from app.web.pages import Pages
from tests.engine.conftest import Bakery

GOOD, WORSE, DEAR = "good-1", "worse-2", "dear-3"
ROLES = {"implement": Role(model=GOOD, candidates=(Candidate(model=WORSE, share=0.4),))}
DEAR_ROLES = {"implement": Role(model=GOOD, candidates=(Candidate(model=DEAR, share=0.5),))}
MODELS: Mapping[str, Callable[[int], bool]] = {
    GOOD: lambda _: True,
    WORSE: lambda run_id: run_id % 3 == 0,
    DEAR: lambda _: True,
}
"""Scripts: whether each does what it is asked, by the run."""
PRICES: Mapping[str, float] = {GOOD: 0.01, WORSE: 0.01, DEAR: 0.03}
"""US dollars of an answer."""


@agent("Work", prompt="none.md", budget=Budget(), role="implement")
async def work(state: State, world: World) -> Literal["changed", "gave up"]:
    result = await world.minion.work({})
    if isinstance(result, GaveUp):
        state.explanation = result.detail
    return "gave up" if isinstance(result, GaveUp) else "changed"


@step("Propose")
async def propose(state: State, world: World) -> None:
    pull = await world.forge.find_or_create_pull_request(
        branch=state.branch, base=state.base_branch, marker=world.marker, title="Done", body=""
    )
    state.pull_request_number, state.pull_request_url = pull.number, pull.url


WORK: Blueprint[State] = Blueprint(
    name="work",
    summary="Work",
    state=State,
    start=work,
    edges={work: {"changed": propose, "gave up": END}, propose: END},
)


@dataclass
class Scripted:
    """A minion whose model follows its script, with a journal as every minion has."""

    store: PostgresStore
    run: Run
    asked: Counter[str]

    async def work(self, facts: Mapping[str, str]) -> Submission | GaveUp:  # noqa: ARG002 - the Protocol
        arm = self.run.terms.arms.get("implement")
        model = arm.model if arm else GOOD
        self.asked[model] += 1
        journal = self.store.journal(self.run.id, len(self.run.visits))
        await journal.append(Opened(messages=(), model=model))
        await journal.append(ModelAsked(turn=1))
        usage = Usage(turns=1, usd=PRICES[model])
        said = {"message": {"role": "assistant"}, "usage": usage, "finish_reason": "stop"}
        await journal.append(ModelAnswered(turn=1, seconds=1, **said))
        if MODELS[model](self.run.id):
            return Submission(summary="Done.")
        return GaveUp(reason="needs_human", detail="I could not.")


@dataclass
class Trial(Bakery):
    """An engine in which a candidate is tried."""

    asked: Any = 0
    models: Counter[str] = field(default_factory=Counter)
    roles: Mapping[str, Role] = field(default_factory=lambda: ROLES)

    async def open_world(self, run: Run, node: Node[Any], forge: Forge, signals: Signals) -> World:
        world = await super().open_world(run, node, forge, signals)
        return replace(world, minion=Scripted(self.store, run, self.models))

    def rollout(self) -> Rollout:
        return Rollout(self.roles, self.store.rollouts())

    async def once(self, number: int) -> Run:
        """One run from its beginning to its end."""
        self.github.open_issues.add(number)
        run_id = await self.ask(number=number, blueprint="work")
        await self.runner(arms=self.rollout().arms).advance(run_id)
        return await self.store.load(run_id)

    async def page(self) -> str:
        app = FastAPI()
        pages = Pages(
            self.store,
            self.store.reader(),
            {},
            OnLoopback(),
            github_url="https://github.test",
            own_url="http://127.0.0.1",
            budget_usd=1.0,
        )
        app.include_router(ModelsPage(self.roles, self.store.rollouts(), pages).router())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http:
            return " ".join((await http.get("/models")).text.split())


@pytest.fixture
def trial(store: PostgresStore) -> Trial:
    return Trial(store, blueprints={"work": WORK})


async def test_a_worse_model_gets_its_share_and_is_rolled_back_by_itself(trial: Trial) -> None:
    """The page says how it does and, later, why it gets no more runs; no run changes its model in the middle."""
    runs = [await trial.once(number) for number in range(100, 115)]
    assert "is tried on 40 % of the runs" in await trial.page()
    while not (gone := await trial.store.rollouts().rolled_back()) and len(runs) < 60:
        runs.append(await trial.once(100 + len(runs)))
    assert [(one.role, one.model, one.stable) for one in gone] == [("implement", WORSE, GOOD)]
    arms = Counter(run.terms.arms["implement"].model for run in runs if run.terms.arms)
    assert 0.2 < arms[WORSE] / len(runs) < 0.6
    assert arms[WORSE] >= 10
    before = trial.models[WORSE]
    after = [await trial.once(number) for number in range(200, 206)]
    assert trial.models[WORSE] == before
    assert all(run.trail.pull_request_number and not run.terms.arms for run in after)
    page = await trial.page()
    assert f"<code>{WORSE}</code> was rolled back on" in page
    assert "of its runs ended well, and" in page
    assert "Fisher&#39;s exact test" in page


async def test_a_model_that_is_as_good_and_much_dearer_is_rolled_back(trial: Trial) -> None:
    """The page compares what they cost, without amounts."""
    trial.roles = DEAR_ROLES
    runs = [await trial.once(number) for number in range(100, 112)]
    assert "it cost 3.0 times as much; 1.5 times is allowed" in await trial.page()
    while not (gone := await trial.store.rollouts().rolled_back()) and len(runs) < 60:
        runs.append(await trial.once(100 + len(runs)))
    assert [(one.model, one.stable) for one in gone] == [(DEAR, GOOD)]
    assert all(run.trail.pull_request_number for run in runs)
    page = await trial.page()
    assert f"<code>{DEAR}</code> was rolled back on" in page
    assert "it cost 3.0 times as much as the other model in the same time, where 1.5 times is allowed" in page
    assert "Mann and Whitney" in page
    assert "$" not in page


async def test_the_arm_follows_from_the_run_and_stays(trial: Trial) -> None:
    """Whoever takes a run up again gives it the same model; also if that was rolled back meanwhile."""
    trial.github.open_issues.update(range(300, 310))
    ids = [await trial.ask(number=number, blueprint="work") for number in range(300, 310)]
    loaded = [await trial.store.load(run_id) for run_id in ids]
    first = [await trial.rollout().arms(run) for run in loaded]
    assert first == [await trial.rollout().arms(run) for run in loaded]
    chosen = next(run for run, arms in zip(loaded, first, strict=True) if arms["implement"].is_candidate)
    arms = await trial.rollout().arms(chosen)
    terms = chosen.terms.model_copy(update={"is_settled": True, "arms": arms})
    kept = await trial.store.save(chosen.model_copy(update={"terms": terms}))
    assert (await trial.store.load(chosen.id)).terms == kept.terms
    assert await trial.store.rollouts().roll_back("implement", GOOD, ROLES["implement"].candidates[0], "Why not.")
    assert not await trial.store.rollouts().roll_back("implement", GOOD, ROLES["implement"].candidates[0], "Again.")
    await trial.runner(arms=trial.rollout().arms).advance(chosen.id)
    assert trial.models == Counter({WORSE: 1})
