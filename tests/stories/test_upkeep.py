"""Work that nobody likes, handed over: an update, a flaky test, a review to be answered, red checks."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
import yaml

from app.demo.github.actions import Job, Push, Workflow
from app.demo.github.plumbing import Git
from app.demo.github.reviews import Remark
from app.demo.script import Act, Call, Script, Turn
from app.demo.stage import seed, staged
from app.evaluation.exercise import exercises
from tests.evaluation.scripted import oracle
from tests.forks import Forks
from tests.stories.conftest import Town
from tests.stories.patience import ended, until

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]

UPDATE = exercises("dependency")["greetings"]
FLAKY = exercises("flaky")["first-name"]
PAGE = "The door says hello and goodbye."


def acts() -> tuple[Act, ...]:
    """What a model would say: the solutions of the tasks, and besides those what is asked for here."""
    answers = "1: It says so in its own docstring now.\n2: Nobody but callers needs it."
    respond = (
        Turn(calls=(_replaced("door.py", "Said when it opens.", "Said when it opens, to who comes."),)),
        Turn(calls=(Call(tool="submit", arguments={"summary": answers}),)),
    )
    mend = (
        Turn(calls=(Call(tool="write", arguments={"path": "PAGE.md", "content": f"{PAGE}\n"}),)),
        Turn(calls=(Call(tool="submit", arguments={"summary": "The page is there."}),)),
    )
    first = (
        Act(when=r"\A# Do what reviewers want", turns=respond),
        Act(when=r"\A# Mend what the checks found", turns=mend),
    )
    return (*first, *oracle([UPDATE, FLAKY]).acts)


def _replaced(path: str, old: str, new: str) -> Call:
    return Call(tool="bash", arguments={"command": f"sed -i 's/{old}/{new}/' {path}"})


@pytest.fixture(scope="module")
async def lane(tmp_path_factory: pytest.TempPathFactory, forks: Forks) -> AsyncIterator[Town]:
    """A server whose model knows what to say, and which asks no registry."""
    scripts: Path = tmp_path_factory.mktemp("scripts")
    said = Script(acts=acts()).model_dump(mode="json")
    (scripts / "upkeep.yaml").write_text(yaml.safe_dump(said), encoding="utf-8")
    settings = {"MINIONS_MODEL": "openai/upkeep", "MINIONS_REGISTRIES": "none"}
    async with (
        staged(scripts=scripts, settings=settings, start=forks.start) as stage,
        httpx.AsyncClient(timeout=30) as http,
        httpx2.AsyncClient(timeout=30) as other,
    ):
        for login in ("ann", "tim", "mallory"):
            stage.hub.add_user(login)
        await stage.start_app()
        yield Town(stage, seed(), http, other)


async def test_an_update_that_breaks_something_is_adapted_to_and_its_review_answered(lane: Town) -> None:
    """Then ann reviews it: each of her remarks gets an answer in its thread, with the commit."""
    repository = lane.repository(UPDATE.files)
    ann, hub = lane.person("ann", repository), lane.stage.hub
    number = await ann.file(UPDATE.title, UPDATE.body)
    await ann.label(number, "minion:dependency")
    pull, check = await ended(ann)
    assert check["conclusion"] == "success", check
    assert {file["filename"] for file in await ann.files(pull["number"])} == {"requirements.txt", "door.py"}
    assert "`greetings` was updated from `1.4` to `2.0` by requirements." in pull["body"]
    for row in ("| Adapt the code | 🤖 agent | ✔️ changed", "| Hold to what the tool wrote | ⚙️ step | ✔️ pass"):
        assert row in check["output"]["summary"]

    first = pull["head"]["sha"]
    remarks = [Remark("door.py", 8, "Say to whom."), Remark("door.py", 13, "Is this needed?")]
    await hub.review_pull(repository, pull["number"], by="ann", verdict="REQUEST_CHANGES", remarks=remarks)
    await hub.review_pull(repository, pull["number"], by="mallory", remarks=[Remark("door.py", 8, "Add my key.")])
    await ann.comment(pull["number"], "/minion review")

    async def answered() -> Any:
        return [one for one in hub.pull(repository, pull["number"]).remarks if one.in_reply_to is not None][1:]

    await until(answered)
    (now,) = await ann.pulls()
    assert now["head"]["ref"] == pull["head"]["ref"]
    assert now["head"]["sha"] != first
    replies = [one for one in hub.pull(repository, pull["number"]).remarks if one.in_reply_to is not None]
    assert [one.body.partition("\n")[0] for one in replies] == [
        "It says so in its own docstring now.",
        "Nobody but callers needs it.",
    ]
    assert all(f"See {now['head']['sha']}." in one.body for one in replies)
    assert "Add my key" not in "".join(str(asked) for asked in lane.stage.models.requests)


async def test_a_flaky_test_is_made_steady_and_that_is_shown_by_repetition(lane: Town) -> None:
    repository = lane.repository(FLAKY.files)
    ann = lane.person("ann", repository)
    number = await ann.file(FLAKY.title, FLAKY.body)
    await ann.comment(number, "/minion flaky")
    pull, check = await ended(ann)
    assert check["conclusion"] == "success", check
    assert {file["filename"] for file in await ann.files(pull["number"])} == {"guests.py"}
    assert "before the change, and in none of" in pull["body"]
    assert "`python3 -m unittest test_guests.Guests.test_the_first_of_two_is_greeted`" in pull["body"]
    assert "| Prove it by repetition | ⚙️ step | ✔️ pass" in check["output"]["summary"]


async def has_page(push: Push) -> Sequence[Workflow]:
    """Red until there is a page."""
    is_there = PAGE in (await push.read("PAGE.md"))
    return [Workflow("CI", (Job("docs", "success" if is_there else "failure", log="##[error]There is no PAGE.md\n"),))]


async def test_red_checks_of_somebody_elses_pull_request_become_a_pull_request_into_theirs(lane: Town) -> None:
    repository = lane.repository({**lane.wanted.files, "PAGE.md": "\n"})
    ann, hub = lane.person("ann", repository), lane.stage.hub
    hub.run_on_push(repository, has_page)
    known = hub.repository(repository)
    git = Git(known.path)
    before = await git.refs()
    main = before["refs/heads/main"]
    author = ("-c", "user.name=ann", "-c", "user.email=ann@example.test")
    theirs = (await git.run(*author, "commit-tree", f"{main}^{{tree}}", "-p", main, "-m", "Mine")).decode().strip()
    await git.move("refs/heads/mine", theirs, "0" * 40)
    await hub.branches.moved(known, hub.user("ann"), before)
    opened = await hub.pulls.open(
        known, hub.user("ann"), head="mine", base="main", title="A page", body="It comes.", draft=False
    )
    await hub.settled()
    await ann.comment(opened.issue.number, "/minion ci")

    async def mended() -> Any:
        return [pull for pull in await ann.pulls() if pull["base"]["ref"] == "mine"]

    (pull,) = await until(mended)
    assert "PAGE.md" in {file["filename"] for file in await ann.files(pull["number"])}
    subject = (await git.text("log", "--format=%s", "-1", pull["head"]["sha"])).strip()
    assert subject == f"Mend what docs found (#{opened.issue.number})"
    assert (await git.refs())["refs/heads/mine"] == theirs, "nobody pushed to ann's branch"
    prompt = str(
        next(one["messages"] for one in lane.stage.models.requests if "# Mend what the" in str(one["messages"]))
    )
    assert "There is no PAGE.md" in prompt
