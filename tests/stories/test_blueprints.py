"""A real, small repository for each blueprint: its label, a first try that its own gate sends back, a pull request."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.demo.script import Script
from app.evaluation.exercise import exercises
from blueprints import BLUEPRINTS
from tests.evaluation.scripted import SENT_BACK, two_tries
from tests.stories.conftest import built
from tests.stories.test_from_label_to_pull_request import ended, until

pytestmark = [pytest.mark.story, pytest.mark.timeout(300)]

TASKS = {name: exercises(name)[task] for name, (task, _) in SENT_BACK.items()}


@pytest.fixture(scope="module")
async def street() -> AsyncIterator[Any]:
    """One server for all of them, whose model knows the task of each."""
    scripts = {"two-tries": Script(acts=two_tries(TASKS.values()))}
    async with built(scripts=scripts, settings={"MINIONS_MODEL": "openai/two-tries"}) as town:
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


async def test_a_campaign_brings_a_pull_request_in_each_of_its_repositories(street: Any) -> None:
    """One after the other, told of in one comment; where it may not work, that is told, too."""
    task = TASKS["migrate"]
    hub, *places = (street.repository(files) for files in ({"README.md": "All of us."}, task.files, task.files))
    ann = street.person("ann", hub)
    wanted = "\n".join(["repositories:", *(f"- {name}" for name in (*places, "nobody/nothing"))])
    number = await ann.file(task.title, f"{task.body}\n\n{wanted}\nlimit: 1\nbudget: $20")
    await ann.label(number, "minion:migrate")

    async def done() -> str:
        comments = await ann.comments(number)
        return next((one["body"] for one in comments if "**⚠️ 2 of 3 parts done, 1 without" in one["body"]), "")

    told = await until(done, within_s=240)
    for place in places:
        there = street.person("ann", place)
        (pull,) = await there.pulls()
        issue = street.stage.hub.issue(place, 1)
        assert (issue.title, issue.user.login) == (task.title, "minions[bot]")
        assert f"Part of the campaign {hub}#{number}, asked for by `ann`." in issue.body
        assert f"| `{place}` | {place}#1 · [run " in told
        assert f"| {place}#{pull['number']} | ✅ waits for review | $" in told
        assert "Closes #1" in pull["body"]
    assert "| `nobody/nothing` |  |  | ❌ The App is not installed on nobody/nothing" in told
    assert "eyes" in await ann.reactions(number)
    assert await ann.branches() == ["main"]
    await ann.comment(number, "/minion status")

    async def answered() -> bool:
        return any("**⚠️ 2 of 3 parts done" in one["body"] for one in (await ann.comments(number))[1:])

    assert await until(answered)
    assert len([one for one in await ann.comments(number) if one["user"]["type"] == "Bot"]) == 2
