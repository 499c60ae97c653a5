"""A real, small repository for each blueprint: its label, a first try that its own gate sends back, a pull request."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.demo.script import Script
from app.evaluation.exercise import exercises
from blueprints import BLUEPRINTS
from tests.evaluation.scripted import SENT_BACK, two_tries
from tests.forks import Forks
from tests.stories.conftest import built
from tests.stories.test_from_label_to_pull_request import ended

pytestmark = [pytest.mark.story, pytest.mark.timeout(300)]

TASKS = {name: exercises(name)[task] for name, (task, _) in SENT_BACK.items()}


@pytest.fixture(scope="module")
async def street(forks: Forks) -> AsyncIterator[Any]:
    """One server for all of them, whose model knows the task of each."""
    scripts = {"two-tries": Script(acts=two_tries(TASKS.values()))}
    settings = {"MINIONS_MODEL": "openai/two-tries"}
    async with built(scripts=scripts, settings=settings, start=forks.start) as town:
        yield town


@pytest.mark.parametrize("name", SENT_BACK)
async def test_its_label_brings_a_pull_request_that_its_own_gate_let_pass(street: Any, name: str) -> None:
    task, gate = TASKS[name], BLUEPRINTS[name].node(SENT_BACK[name][1])
    repository = street.repository(task.files)
    ann = street.person("ann", repository)
    number = await ann.file(task.title, task.body)
    await ann.label(number, f"minion:{name}")
    pull, check = await ended(ann)
    assert (pull["title"], check["conclusion"]) == (task.title, "success")
    wanted = task.changed(task.solution)
    changed = {path for path, text in wanted.items() if task.files.get(path) != text}
    assert {file["filename"] for file in await ann.files(pull["number"])} == changed
    rows = check["output"]["summary"]
    assert f"| {gate.title} | ⚙️ step | ✔️ pass, before that mend" in rows, rows
    assert f"Closes #{number}" in pull["body"]
