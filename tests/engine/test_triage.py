"""An issue with the bare label: who chooses its blueprint, what people see of it, and what it may cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from app.adapters.store import PostgresStore
from app.agent.triage import VISIT, Triage
from app.core.budget import Usage
from app.core.errors import ModelUnavailable
from app.core.forge import Forge
from app.core.model import Profile, Reply
from app.core.purse import Caps
from app.core.repo_config import RepoConfig
from app.core.run import Run, Status
from app.core.store import Draft
from app.core.task import Task
from app.core.triage import Decided
from tests.engine.conftest import BAKERY, Bakery

TOAST = replace(BAKERY, name="toast", summary="Toast bread")
DOCS = '{"blueprint": "toast", "sure": 0.9, "why": "It is about @toast."}'
LARGE = '{"sure": 0.95, "decline": true, "why": "It is a whole bakery.", "doable": "Ask for one loaf."}'


@dataclass
class Sorter:
    """A scripted model. It counts what it is asked."""

    answer: str = ""
    asked: list[str] = field(default_factory=list)
    name: str = "tests/sorter"
    profile: Profile = field(default_factory=Profile)

    def reserve_usd(self, input_tokens: int, max_output_tokens: int) -> float:  # noqa: ARG002 - the Protocol
        return 0.05

    async def complete(
        self,
        messages: Sequence[dict[str, Any]],
        tools: Sequence[dict[str, Any]],
        *,
        max_output_tokens: int,
        timeout_s: float,
    ) -> Reply:
        assert not tools
        assert max_output_tokens < 2_000
        assert timeout_s < 100
        self.asked.append(messages[-1]["content"])
        if not self.answer:
            raise ModelUnavailable("The model does not answer.")
        usage = Usage(turns=1, input_tokens=500, output_tokens=50, usd=0.01)
        return Reply(
            message={"role": "assistant", "content": self.answer}, usage=usage, finish_reason="stop", model=self.name
        )


@dataclass
class Sorting(Bakery):
    """An engine with two blueprints, and a model that chooses."""

    sorters: tuple[Sorter, ...] = ()
    config: RepoConfig = field(default_factory=RepoConfig)

    async def triage(self, run: Run, _forge: Forge | None = None) -> Decided:
        summaries = {name: one.summary for name, one in self.blueprints.items()}
        journal, purse = self.store.journal(run.id, VISIT), self.store.purse(run)
        return await Triage(list(self.sorters), summaries, journal, purse, config=self.config).decide(run.task)

    async def once(self, *, is_open: bool = True, **words: str) -> Run:
        """One run, from the label to its end."""
        self.asked += 1
        task: Task = self._task("ann", 7).model_copy(update=words)
        known = Draft(
            intent=f"label {self.asked}",
            task=task,
            blueprint="fix",
            blueprint_version=1,
            start="knead",
            is_open=is_open,
        )
        receipt = await self.store.accept(None, known, "why")
        await self.runner(triage=self.triage).advance(receipt.run_id or 0)
        return await self.store.load(receipt.run_id or 0)

    def told(self) -> str:
        return "\n".join(self.github.comments.values())


@pytest.fixture
def sorting(store: PostgresStore) -> Callable[..., Sorting]:
    both = {"fix": replace(BAKERY, name="fix"), "toast": TOAST}
    return lambda *sorters: Sorting(store, blueprints=both, sorters=sorters)


async def test_a_model_chooses_the_blueprint_and_people_see_why(sorting: Callable[..., Sorting]) -> None:
    shop = sorting(Sorter(DOCS))
    run = await shop.once()
    assert (run.status, run.blueprint, run.trail.pull_request_number) == (Status.DONE, "toast", 99)
    assert run.terms.triage
    assert (run.terms.triage.sure, run.terms.triage.model, run.usage.usd) == (0.9, "tests/sorter", 0.01)
    assert "`toast` was chosen, 90 % sure: It is about" in shop.told()
    assert "about @toast" not in shop.told(), "nobody is called by the model's words"


async def test_what_is_out_of_scope_is_declined_before_anything_else(sorting: Callable[..., Sorting]) -> None:
    shop = sorting(Sorter(LARGE))
    run = await shop.once()
    assert (run.status, run.visits, shop.github.branches) == (Status.REFUSED, (), {})
    for words in ("It is a whole bakery.", "What would make it doable:** Ask for one loaf.", "`/minion fix`"):
        assert words in shop.told()


async def test_a_secret_is_sent_to_no_model(sorting: Callable[..., Sorting]) -> None:
    sorter = Sorter(DOCS)
    secret = "The key is ghp_" + "a8Kd03jfLw9qPz72mXcVb5Rt1YhN6GsEu4Qo"
    shop = sorting(sorter)
    for body in (secret, f"### Blueprint\n\ntoast\n\n### What\n\n{secret}"):
        run = await shop.once(body=body)
        assert (run.status, sorter.asked) == (Status.REFUSED, [])


async def test_who_names_a_blueprint_gets_it(sorting: Callable[..., Sorting]) -> None:
    sorter = Sorter(LARGE)
    run = await sorting(sorter).once(is_open=False)
    assert (run.status, run.blueprint, sorter.asked) == (Status.DONE, "fix", [])


async def test_without_a_model_it_is_the_usual_one(sorting: Callable[..., Sorting]) -> None:
    """Nothing is said of it. A form's field still counts."""
    shop = sorting()
    run = await shop.once()
    assert (run.status, run.blueprint) == (Status.DONE, "fix")
    assert "was chosen" not in shop.told()


async def test_without_a_model_rules_decline_all_the_same(sorting: Callable[..., Sorting]) -> None:
    shop = sorting()
    run = await shop.once(title="?", body="")
    assert (run.status, run.visits, run.usage.usd) == (Status.REFUSED, (), 0)
    assert "Declined by a rule: The issue says too little" in shop.told()


async def test_what_the_repository_leaves_to_people_is_declined_before_money_is_spent(
    sorting: Callable[..., Sorting],
) -> None:
    """Whoever asks for it by the name of a blueprint gets it."""
    sorter = Sorter(DOCS)
    shop = sorting(sorter)
    shop.config = RepoConfig(protected_paths=("ovens/",), critical_paths=("till.py",))
    for title, words in (
        ("Update ovens/hot.yaml to 250 degrees", "which minions may not touch: `protected_paths` in"),
        ("till.py gives back a coin too many", "code that decides who may do what, encrypts, or moves money"),
    ):
        run = await shop.once(title=title)
        assert (run.status, run.visits, run.usage.usd, sorter.asked) == (Status.REFUSED, (), 0, [])
        assert words in shop.told()
    assert (await shop.once(title="till.py gives back a coin too many", is_open=False)).status is Status.DONE


async def test_a_form_chooses_without_a_model(sorting: Callable[..., Sorting]) -> None:
    sorter = Sorter(LARGE)
    run = await sorting(sorter).once(body="### Blueprint\n\ntoast")
    assert (run.blueprint, sorter.asked) == ("toast", [])


async def test_a_model_that_is_away_gives_way_and_stops_nothing(sorting: Callable[..., Sorting]) -> None:
    away, other = Sorter(""), Sorter(DOCS)
    assert (await sorting(away, other).once()).blueprint == "toast"
    assert (len(away.asked), len(other.asked)) == (1, 1)


async def test_both_away_leave_the_usual_one(sorting: Callable[..., Sorting]) -> None:
    shop = sorting(Sorter(""), Sorter(""))
    run = await shop.once()
    assert (run.status, run.blueprint) == (Status.DONE, "fix")
    assert "The model for triage did not answer." in shop.told()


async def test_nobody_is_asked_twice(sorting: Callable[..., Sorting]) -> None:
    """Whoever goes on after a crash reads the answer that was written down."""
    sorter = Sorter(DOCS)
    shop = sorting(sorter)
    run = await shop.store.load(await shop.ask(blueprint="fix"))
    assert await shop.triage(run) == await shop.triage(run)
    assert len(sorter.asked) == 1


async def test_no_money_no_question(sorting: Callable[..., Sorting]) -> None:
    """Nor a run, where nothing at all is left."""
    sorter = Sorter(DOCS)
    shop = sorting(sorter)
    shop.store = PostgresStore(shop.store._engine, shop.store._queue, caps=Caps(month=0.01))
    assert (await shop.once()).blueprint == "fix"
    assert sorter.asked == []
