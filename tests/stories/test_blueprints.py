"""A real, small repository for each blueprint: its label, a first try that its own gate sends back, a pull request."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.demo.script import Act, Script, Turn
from app.evaluation.exercise import exercises
from blueprints import BLUEPRINTS
from tests.evaluation.scripted import SENT_BACK, two_tries
from tests.forks import Forks
from tests.stories.conftest import built
from tests.stories.patience import ended, until

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]

TASKS = {name: exercises(name)[task] for name, (task, _) in SENT_BACK.items()}
WRITE = TASKS["docs"]
LARGE = ("Rewrite the program in another language", "All of it, and keep every behaviour as it is.")
VAGUE = ("Fix it", "")


def sorted_into(**answer: object) -> tuple[Turn, ...]:
    return (Turn(text=json.dumps(answer)),)


SORTER = Script(
    acts=(
        Act(
            when=LARGE[0],
            turns=sorted_into(blueprint="fix", sure=0.9, decline=True, why="Too large.", doable="A part."),
        ),
        Act(when=re.escape(WRITE.title), turns=sorted_into(blueprint="docs", sure=0.9, why="It asks for a page.")),
    )
)


@pytest.fixture(scope="module")
async def street(forks: Forks) -> AsyncIterator[Any]:
    """One server for all of them, whose model knows the task of each; a cheap one sorts what names no blueprint."""
    scripts = {"two-tries": Script(acts=two_tries(TASKS.values())), "sorter": SORTER}
    settings = {"MINIONS_MODEL": "openai/two-tries"}
    async with built(scripts=scripts, settings=settings, triage="sorter", start=forks.start) as town:
        yield town


def asked(street: Any) -> list[str]:
    """Which models were asked so far."""
    return [one["model"] for one in street.stage.models.requests]


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


async def test_an_issue_that_names_no_blueprint_is_sorted_by_a_cheap_model(street: Any) -> None:
    """It is asked once; what it chose is told, and is what works from there on."""
    repository = street.repository(WRITE.files)
    ann = street.person("ann", repository)
    before = len(asked(street))
    number = await ann.file(WRITE.title, WRITE.body)
    await ann.label(number, "minion")
    pull, check = await ended(ann)
    assert (check["name"], check["conclusion"]) == ("minions / docs", "success")
    assert f"Closes #{number}" in pull["body"]
    first, *others = asked(street)[before:]
    assert (first, set(others)) == ("sorter", {"two-tries"})
    (comment,) = await ann.comments(number)
    assert "Nobody named a blueprint; `docs` was chosen, 90 % sure: It asks for a page." in comment["body"]


@pytest.mark.parametrize(
    ("issue", "who", "why", "models"),
    [
        (VAGUE, "a rule", "The issue says too little to know when it is done.", []),
        (LARGE, "a model that sorts issues", "Too large. **What would make it doable:** A part.", ["sorter"]),
    ],
    ids=["by a rule", "by the model"],
)
async def test_what_is_declined_is_told_why_and_nothing_is_spent_on_it(
    street: Any, issue: tuple[str, str], who: str, why: str, models: list[str]
) -> None:
    """But for the question to the cheap model, where no rule says it."""
    repository = street.repository()
    ann = street.person("ann", repository)
    before = len(asked(street))
    number = await ann.file(*issue)
    await ann.label(number, "minion")
    (comment,) = await until(lambda: ann.comments(number))
    assert f"Declined by {who}: {why}" in comment["body"]
    assert asked(street)[before:] == models
    assert (await ann.branches(), await ann.pulls()) == (["main"], [])


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

    told = await until(done)
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
