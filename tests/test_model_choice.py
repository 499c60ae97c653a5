"""Which models the settings make, which of them works on a run, and how much it may use."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from app.core.blueprint import Kind
from app.core.budget import Budget, Usage
from app.core.errors import SettingsError
from app.core.model import Profile
from app.core.repo_config import RepoConfig
from app.core.run import Run, Status, Visit
from app.core.task import Person, Repository, Task
from app.log import redactor_of
from app.models import chosen_model, fallback_model, in_turn
from app.outside import allowed
from app.settings import Settings
from blueprints.fix.blueprint import Fix


def settings(**more: Any) -> Settings:
    return Settings(model="anthropic/claude-opus-4-8", **more)


def test_without_a_second_model_there_is_none() -> None:
    first = chosen_model(settings())
    assert (first.name, fallback_model(settings())) == ("anthropic/claude-opus-4-8", None)
    assert in_turn(first, None, former="openai/gpt-5.5") == (first, None)


def test_a_run_stays_with_the_model_that_it_is_at() -> None:
    """The one that worked in its earlier nodes, if that is still in the settings; else the first."""
    both = settings(fallback_model="openai/gpt-5.5")
    first, second = chosen_model(both), fallback_model(both)
    assert second
    assert in_turn(first, second, former="") == (first, second)
    assert in_turn(first, second, former=first.name) == (first, second)
    assert in_turn(first, second, former="openai/gpt-5.5") == (second, first)
    assert in_turn(first, second, former="openai/gpt-4") == (first, second)


def test_each_has_its_own_profile() -> None:
    both = settings(
        fallback_model="openai/gpt-5.5", model_dialect="whole_file", model_window=50_000, model_effort="high"
    )
    second = fallback_model(both)
    assert second
    assert chosen_model(both).profile == Profile(dialect="whole_file", window=50_000, effort="high")
    assert second.profile == Profile(dialect="apply_patch")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"fallback_model": "anthropic/claude-opus-4-8"}, "MINIONS_FALLBACK_MODEL names the same model"),
        ({"fallback_model": "openai/gpt-5.5", "fallback_price": "1"}, "MINIONS_FALLBACK_PRICE takes two or three"),
    ],
)
def test_what_makes_no_sense_is_refused(said: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        fallback_model(settings(**said))


def test_a_dialect_that_there_is_not() -> None:
    with pytest.raises(ValidationError):
        settings(model_dialect="morse")


def test_both_keys_are_kept_out_of_the_log() -> None:
    redactor = redactor_of(settings(model_api_key="first-secret-key", fallback_api_key="second-secret-key"))
    assert "secret-key" not in redactor.redact("first-secret-key second-secret-key")


NOW = datetime(2026, 11, 27, tzinfo=UTC)
TASK = Task(
    repository=Repository(id=1, full_name="octo/cat", installation_id=1),
    number=7,
    title="Greet the moon",
    body="",
    requester=Person(id=1, login="ann"),
    asked_at=NOW,
)
OF_RUN = "the run's budget of 6.00 US dollars"
OF_HOUR = "the run's budget of 3600 seconds"
USUAL = Budget(turns=80, tokens=4_000_000, usd=3.0, seconds=1_800)


def run(config: RepoConfig, *, spent: float = 0.0, worked_s: float = 1.0) -> Run:
    visit = Visit(node="implement", title="x", kind=Kind.AGENT, outcome="changed", started_at=NOW, seconds=worked_s)
    step = Visit(node="test", title="x", kind=Kind.STEP, outcome="green", started_at=NOW, seconds=9_000)
    return Run(
        id=1,
        key="k",
        task=TASK,
        blueprint="fix",
        blueprint_version=1,
        status=Status.RUNNING,
        at="repair",
        state=Fix(task=TASK, config=config).model_dump(mode="json"),
        visits=(visit.model_copy(update={"usage": Usage(usd=spent)}), step),
        asked_at=NOW,
    )


@pytest.mark.parametrize(
    ("config", "spent", "budget"),
    [
        ({}, 0.0, USUAL),
        ({"minion_turns": 20}, 0.0, Budget(turns=20, tokens=1_000_000, usd=3.0, seconds=1_800)),
        ({"minion_turns": 900, "minion_usd": 900.0, "minion_seconds": 86_400.0}, 0.0, None),
        ({}, 4.5, Budget(turns=80, tokens=4_000_000, usd=1.5, seconds=1_800, usd_of=OF_RUN)),
        ({}, 7.0, Budget(turns=80, tokens=4_000_000, usd=-1.0, seconds=1_800, usd_of=OF_RUN)),
    ],
)
def test_a_minion_may_use_what_is_usual_asked_for_and_allowed(
    config: dict[str, Any], spent: float, budget: Budget | None
) -> None:
    """200 turns and 7,200 seconds in a node, and 6 dollars a run at the most, where the operator says nothing else."""
    most = Budget(turns=200, tokens=45_000_000, usd=6.0, seconds=7_200, usd_of=OF_RUN)
    assert allowed(settings(run_seconds=90_000), run(RepoConfig(**config), spent=spent), USUAL) == (budget or most)


@pytest.mark.parametrize(
    ("worked_s", "left_s", "whose"),
    [(1_800.0, 1_800.0, ""), (3_000.0, 600.0, OF_HOUR), (4_000.0, 0.0, OF_HOUR)],
)
def test_all_minions_of_a_run_share_an_hour(worked_s: float, left_s: float, whose: str) -> None:
    """What steps take, such as tests, does not count."""
    budget = allowed(settings(), run(RepoConfig(), worked_s=worked_s), USUAL)
    assert (budget.seconds, budget.seconds_of) == (left_s, whose)
