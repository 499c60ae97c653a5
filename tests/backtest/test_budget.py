"""A backtest whose budget ends in the middle, and what the same call makes of it with a larger one."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.adapters.litellm_library import warm_up
from app.backtest.backtest import Backtest, Plan
from app.backtest.pair import Pair
from app.backtest.record import Record
from app.backtest.weighing import Weighed
from app.core.forge import Remote
from app.demo import models
from app.demo.script import Act, Script, Tokens
from app.evaluation.trial import Trial, Verdict
from app.settings import Settings
from tests.backtest.merged import UNITS, begin, script, title

pytestmark = pytest.mark.timeout(600)

EACH = Tokens(input=1_000, output=2_000)
"""Of each answer: with the price below, 25 cents. Before it, 50 are set aside, or 2 dollars where there is so much."""
PRICE = (0.0, 125.0)


def priced(known: Script) -> Script:
    """The same, each of whose answers costs 25 cents."""
    return Script(
        acts=tuple(
            Act(when=act.when, turns=tuple(turn.model_copy(update={"usage": EACH}) for turn in act.turns))
            for act in known.acts
        )
    )


PAIR = Weighed(
    pair=Pair(name="feet", title=title("feet"), merged="feet"),
    is_done=True,
    commands=("sh tests/run.sh",),
    timeout_s=60,
    others=("lib/feet.sh",),
)


@dataclass(frozen=True)
class Place:
    """Where a backtest is made, and what it is told."""

    settings: Settings
    database_url: str
    folder: Path
    told: list[str] = field(default_factory=list)

    async def tried(self, pair: Weighed, *trials: Trial, budget_usd: float) -> tuple[Backtest, list[str]]:
        """Two candidates at a pair after these trials, and who was asked, call by call."""
        plan = Plan(
            candidates=("openai/first", "openai/second"),
            clone=begin(self.folder / "units"),
            pairs=self.folder / "none",
            budget_usd=budget_usd,
            jobs=1,
            output=self.folder / "found.json",
        )
        record = Record(repository=plan.where, blueprint="fix", pairs=(pair,))
        for trial in trials:
            record = record.after(trial)
        known = priced(script(UNITS))
        async with models.serve({"first": known, "second": known}) as server:
            await warm_up()
            at = self.settings.model_copy(update={"model_api_base": server.url})
            run = Backtest(plan, record, self.told.append)
            await run.run(at, self.database_url, Remote(url=plan.where))
            return run, [request["model"] for request in server.requests]


@pytest.fixture
def place(database_url: str, home: Path, tmp_path: Path) -> Place:
    """With a price that counts."""
    settings = Settings(
        home=home, model_api_key="sk-of-the-script-1234567890", model_price=PRICE, review_model="none", _env_file=None
    )
    return Place(settings, database_url, tmp_path)


async def test_no_call_goes_beyond_the_budget(place: Place) -> None:
    """Who was not paid is no worse for it, and the file says what is left to do."""
    run, asked = await place.tried(PAIR.model_copy(update={"is_done": False}), budget_usd=0.9)
    assert asked == ["first", "first"]
    assert [one.verdict for one in run.record.trials] == [Verdict.SOLVED, Verdict.UNPAID]
    assert (run.is_complete, run.record.spent_usd) == (False, 0.5)
    run.conclude()
    again = Record.read(place.folder / "found.json", repository=run.plan.where, blueprint="fix")
    assert ([one.model for one in again.trials], again.pairs[0].is_usable) == (["openai/first"], True)


SOLVED = Trial(task="feet", kind="", language="", model="openai/first", verdict=Verdict.SOLVED, usd=0.5)


async def test_what_was_tried_is_not_tried_again(place: Place) -> None:
    run, asked = await place.tried(PAIR, SOLVED, budget_usd=2.0)
    assert asked == ["second", "second"]
    assert (run.is_complete, run.record.spent_usd) == (True, 1.0)
    run.conclude()
    assert [(one.candidate, one.solved) for one in run.record.standings] == [("openai/first", 1), ("openai/second", 1)]


async def test_nothing_is_asked_when_nothing_is_left(place: Place) -> None:
    run, asked = await place.tried(PAIR, SOLVED, budget_usd=0.5)
    assert (asked, run.is_complete) == ([], False)
    assert place.told == ["The budget of 0.50 US dollars is used up."]
