"""Evaluations with real boxes and a real database, at which scripts are the models."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from app.adapters.store import PostgresStore
from app.demo import models
from app.demo.script import Script
from app.evaluation.evaluation import Evaluation, Plan
from app.evaluation.exercise import Exercise
from app.evaluation.trial import Trial
from app.local import without_pages
from app.outside import Outside
from app.settings import Settings
from tests.registries import mirrored

Evaluated = Callable[..., Awaitable[list[Trial]]]


@pytest.fixture
def settings(home: Path) -> Settings:
    """Those of an evaluation whose home is this test's."""
    return Settings(home=home, model_api_key="sk-of-the-script-1234567890", egress_hosts=mirrored(), _env_file=None)


@pytest.fixture
def evaluated(settings: Settings, database_url: str) -> Evaluated:
    """Has every script try every task."""

    async def evaluate(scripts: Mapping[str, Script], tasks: Sequence[Exercise], blueprint: str = "fix") -> list[Trial]:
        evaluation = Evaluation(Plan(blueprint=blueprint), print)
        async with models.serve(scripts) as server:
            known = settings.model_copy(update={"model_api_base": server.url})
            await evaluation.run(known, database_url, [f"openai/{name}" for name in scripts], tasks)
        return evaluation.trials

    return evaluate


@pytest.fixture
async def worker(settings: Settings, store: PostgresStore) -> Outside:
    """What makes work trees and boxes."""
    return await without_pages(settings.model_copy(update={"model": "openai/none"}), store)
