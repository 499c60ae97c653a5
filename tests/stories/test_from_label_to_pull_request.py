"""Conversations with the whole of Minions: somebody says something on GitHub, and something comes back."""

import asyncio
from typing import Any

import pytest

from tests.stories.patience import ended, until

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]


@pytest.mark.parametrize("kind", ["githubkit", "gidgethub"])
async def test_a_label_becomes_a_pull_request_that_passes(town: Any, kind: str) -> None:
    repository = town.repository()
    ann = town.person("ann", repository, kind=kind)
    wish = town.wanted.issue
    number = await ann.file(wish.title, wish.body)
    await ann.label(number, "minion")
    pull, check = await ended(ann)
    assert pull["title"] == wish.title
    assert pull["draft"]
    assert (pull["user"]["type"], pull["base"]["ref"]) == ("Bot", "main")
    for words in (
        f"Closes #{number}",
        "## How it was checked",
        "`python3 -m unittest",
        "- [ ] It does what was asked",
    ):
        assert words in pull["body"]
    assert {file["filename"]: file["status"] for file in await ann.files(pull["number"])} == {
        "README.md": "modified",
        "slugs.py": "modified",
        "tests/test_slugs.py": "modified",
    }
    shown = await town.http.get(
        f"{town.stage.hub.url}/api/v3/repos/{repository}/commits/{pull['head']['sha']}", headers=town.headers("ann")
    )
    assert shown.json()["commit"]["author"]["name"] == "minions[bot]"
    assert "Co-authored-by: ann <" in shown.json()["commit"]["message"]
    assert check["conclusion"] == "success"
    assert check["details_url"].startswith(town.stage.app_url)
    assert "Repair what is red" in check["output"]["summary"]

    async def rocket() -> bool:
        return "rocket" in await ann.reactions(number)

    await until(rocket)
    assert sorted(await ann.reactions(number)) == ["eyes", "rocket"]
    (comment,) = await ann.comments(number)
    assert f"Pull request #{pull['number']} waits for review" in comment["body"]
    assert len(await ann.branches()) == 2
    page = await town.http.get(check["details_url"])
    assert "Run the tests" in page.text
    assert "unicodedata.normalize" in page.text


async def test_a_comment_asks_as_well_and_its_words_count(town: Any) -> None:
    ann = town.person("ann", town.repository())
    number = await ann.file("Accented letters disappear", "See the title.")
    comment = await ann.comment(number, "Nice to have.\n\n/minion fix mind the README")
    pull, check = await ended(ann)
    assert check["conclusion"] == "success"
    assert "mind the README" in pull["body"]
    assert "eyes" in await ann.comment_reactions(comment)


async def quiet(town: Any, person: Any) -> None:
    """Nothing came of it: every delivery is answered, every run has ended, and the repository is as it was."""
    await town.stage.hub.settled()

    async def idle() -> bool:
        runs = (await town.http.get(f"{town.stage.app_url}/readyz")).json()["runs"]
        return not runs.keys() & {"queued", "running"}

    await until(idle)
    assert await person.pulls() == []
    assert await person.branches() == ["main"]


@pytest.mark.faults
@pytest.mark.parametrize("login", ["tim", "mallory"])
async def test_f16_who_may_not_write_gets_nothing_but_a_thumb_down(town: Any, login: str) -> None:
    repository = town.repository()
    ann, stranger = town.person("ann", repository), town.person(login, repository)
    number = await ann.file("Broken", "It is broken.")
    comment = await stranger.comment(number, "/minion fix")
    await quiet(town, ann)
    assert [one["id"] for one in await ann.comments(number)] == [comment]
    assert await ann.comment_reactions(comment) == ["-1"]


@pytest.mark.faults
async def test_f17_a_triager_who_sets_the_label_starts_nothing(town: Any) -> None:
    repository = town.repository()
    ann, tim = town.person("ann", repository), town.person("tim", repository)
    number = await ann.file("Broken", "It is broken.")
    await tim.label(number, "minion")
    await quiet(town, ann)
    assert await ann.comments(number) == []
    assert await ann.reactions(number) == ["-1"]


@pytest.mark.faults
@pytest.mark.parametrize(
    ("login", "text"),
    [
        ("rogue[bot]", "/minion fix"),
        ("ann", "What does `/minion fix` do?"),
        ("ann", "```\n/minion fix\n```"),
        ("ann", "> /minion fix"),
        ("ann", "<!--\n/minion fix\n-->"),
    ],
)
async def test_f18_f20_a_bot_a_quotation_and_code_ask_for_nothing(town: Any, login: str, text: str) -> None:
    repository = town.repository()
    if login == "rogue[bot]":
        town.stage.hub.add_collaborator(repository, login, "admin")
    ann = town.person("ann", repository)
    number = await ann.file("Broken", "It is broken.")
    comment = town.stage.hub.add_comment(repository, number, text, by=login).id
    await quiet(town, ann)
    assert [one["id"] for one in await ann.comments(number)] == [comment]
    assert await ann.comment_reactions(comment) == []


async def test_a_blueprint_that_does_not_exist_is_answered_with_those_that_do(town: Any) -> None:
    ann = town.person("ann", town.repository())
    number = await ann.file("Broken", "It is broken.")
    await ann.comment(number, "/minion fxi")

    async def answer() -> Any:
        return [one["body"] for one in await ann.comments(number) if "Not started" in one["body"]]

    (told,) = await until(answer)
    assert "There is no blueprint `fxi`" in told
    assert "Did you mean `/minion fix`?" in told
    assert await ann.branches() == ["main"]


async def test_a_repository_without_tests_is_told_how_to_name_them(town: Any) -> None:
    ann = town.person("ann", town.repository({"README.md": "# Nothing here\n"}))
    number = await ann.file("Broken", "It is broken.")
    await ann.label(number, "minion")

    async def answer() -> Any:
        return [one["body"] for one in await ann.comments(number) if "without a pull request" in one["body"]]

    (told,) = await until(answer)
    assert "No way to test this repository was found" in told
    assert ".github/minion.yml" in told
    assert await ann.pulls() == []


@pytest.mark.faults
async def test_f25_f26_an_issue_asked_for_twice_has_one_pull_request(town: Any) -> None:
    ann = town.person("ann", town.repository())
    number = await ann.file(town.wanted.issue.title, town.wanted.issue.body)
    await asyncio.gather(*(ann.comment(number, "/minion fix") for _ in range(3)), ann.label(number, "minion"))
    await ended(ann)
    await town.stage.hub.settled()

    async def told() -> bool:
        bodies = [one["body"] for one in await ann.comments(number)]
        return sum("Not started" in body for body in bodies) == 3

    await until(told)
    assert len(await ann.pulls()) == 1
    assert len(await ann.branches()) == 2


async def test_a_run_ends_when_somebody_says_stop(town: Any) -> None:
    repository = town.repository({"run.py": "", ".github/minion.yml": "test: sleep 600\n"})
    ann, tim = town.person("ann", repository), town.person("tim", repository)
    number = await ann.file("Do it", "Soon, if you can.")
    await ann.label(number, "minion")

    async def begun() -> Any:
        return [one for one in await ann.comments(number) if "Prepare the work tree" in one["body"]]

    await until(begun)
    await tim.comment(number, "/minion stop")
    stop_id = await ann.comment(number, "That was too early.\n\n/minion stop")

    async def stopped() -> Any:
        return [one for one in await ann.comments(number) if "Stopped at" in one["body"]]

    (comment,) = await until(stopped)
    assert "`ann` stopped it" in comment["body"]
    (branch,) = [name for name in await ann.branches() if name != "main"]
    (check,) = await ann.checks(branch)
    assert (check["status"], check["conclusion"]) == ("completed", "cancelled")

    async def heeded() -> bool:
        return bool(await ann.comment_reactions(stop_id) == ["+1"])

    await until(heeded)
    assert await ann.pulls() == []


async def test_help_is_answered_with_everything_that_can_be_asked_for(town: Any) -> None:
    repository = town.repository()
    ann, mallory = town.person("ann", repository), town.person("mallory", repository)
    number = await ann.file("Broken", "It is broken.")
    await mallory.comment(number, "/minion help")
    await ann.comment(number, "/minion help")

    async def answer() -> Any:
        return [one["body"] for one in await ann.comments(number) if "What you can ask for" in one["body"]]

    (told,) = await until(answer)
    assert all(f"- `/minion {word}" in told for word in ("fix", "stop", "help"))
    assert "Asked by `ann`" in told
    assert await ann.branches() == ["main"]
