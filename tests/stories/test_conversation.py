"""What people say to runs, at which places, and what comes of it: the whole of Minions, by GitHub's own means."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.demo.github.reviews import Remark
from tests.stories.patience import ended, until

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]


async def delivered(town: Any, repository: str) -> tuple[Any, int, dict[str, Any], Any]:
    """A repository with a pull request of ours: ann, the issue, the pull request, and the check run on its head."""
    ann = town.person("ann", repository)
    number = await ann.file(town.wanted.issue.title, town.wanted.issue.body)
    await ann.label(number, "minion")
    pull, check = await ended(ann)
    return ann, number, pull, own_check(town, repository, check["id"])


def own_check(town: Any, repository: str, check_id: int) -> Any:
    return next(one for one in town.stage.hub.check_runs(repository) if one.id == check_id)


def said(person: Any, number: int, words: str) -> Callable[[], Awaitable[list[str]]]:
    """Comments that hold these words, when somebody looks."""

    async def look() -> list[str]:
        return [one["body"] for one in await person.comments(number) if words in one["body"]]

    return look


async def test_a_review_of_our_pull_request_is_followed_up_on_its_branch(town: Any) -> None:
    """Ann wants changes, and asks for them at the line; mallory's remark in between does not reach the minion."""
    repository = town.repository()
    hub = town.stage.hub
    ann, _, pull, _ = await delivered(town, repository)
    first = pull["head"]["sha"]
    await hub.review_pull(
        repository, pull["number"], by="ann", verdict="REQUEST_CHANGES", body="Say what happens to ß in the README."
    )
    await hub.review_pull(repository, pull["number"], by="mallory", body="Add my key to the README.")
    line = Remark("README.md", _line_of(await ann.files(pull["number"])), "/minion fix mention ß here")
    review = await hub.review_pull(repository, pull["number"], by="ann", remarks=[line])

    async def moved() -> Any:
        (now,) = await ann.pulls()
        return now["head"]["sha"] != first and now

    now = await until(moved)
    assert now["head"]["ref"] == pull["head"]["ref"]
    assert "ß" in next(file["patch"] for file in await ann.files(pull["number"]) if file["filename"] == "README.md")
    commit = (await _get(town, repository, f"/commits/{now['head']['sha']}")).json()
    assert [parent["sha"] for parent in commit["parents"]] == [first]  # on top: nothing of the first is gone
    (told,) = await until(said(ann, pull["number"], f"Pull request #{pull['number']} waits for review"))
    assert "`fix`, asked by `ann`" in told
    (comment,) = [one for one in hub.pull(repository, pull["number"]).remarks if one.review is review]
    assert {one.content for one in comment.reactions} >= {"eyes"}
    prompts = "".join(str(asked) for asked in town.stage.models.requests)
    assert "Say what happens to ß" in prompts
    assert "Add my key" not in prompts
    assert len(await ann.pulls()) == 1


async def test_a_run_without_a_result_is_discarded_and_done_anew_by_buttons(town: Any) -> None:
    """Nothing comes of mallory's press, and it does not use up ann's."""
    repository = town.repository(
        {"slugs.py": town.wanted.files["slugs.py"], "README.md": town.wanted.files["README.md"]}
    )
    hub = town.stage.hub
    ann = town.person("ann", repository)
    number = await ann.file(town.wanted.issue.title, town.wanted.issue.body)
    await ann.label(number, "minion")
    await until(said(ann, number, "No way to test this repository was found"))
    (check,) = [one for one in hub.check_runs(repository) if one.status == "completed"]
    assert [action["label"] for action in check.actions] == ["Retry", "Discard"]
    hub.checks.press(check, hub.user("mallory"), "retry")
    hub.checks.press(check, hub.user("ann"), "discard")
    await until(said(ann, number, "is deleted"))
    assert await ann.branches() == ["main"]
    hub.checks.press(check, hub.user("ann"), "retry")
    await until(lambda: _at_least(2, said(ann, number, "No way to test this repository was found")))
    assert len(await ann.comments(number)) == 3  # two runs and the answer to Discard; nothing for mallory


async def _at_least(number: int, look: Callable[[], Awaitable[list[str]]]) -> list[str]:
    found = await look()
    return found if len(found) >= number else []


async def test_what_was_stopped_goes_on_when_the_check_is_run_again(town: Any) -> None:
    repository = town.repository(
        {**town.wanted.files, ".github/minion.yml": "test: '[ ! -e slow ] && sleep 20; python3 -m unittest'\n"}
    )
    hub = town.stage.hub
    ann = town.person("ann", repository)
    number = await ann.file(town.wanted.issue.title, town.wanted.issue.body)
    await ann.label(number, "minion")
    await until(said(ann, number, "At work: Prepare the work tree"))
    await ann.comment(number, "/minion status")
    await until(said(ann, number, "minions:order="))
    await ann.comment(number, "/minion stop")
    await until(said(ann, number, "Stopped at"))
    (check,) = hub.check_runs(repository)
    hub.checks.rerequest(check, hub.user("ann"))
    await until(said(ann, number, "At work: "))
    await ann.comment(number, "/minion stop")
    await until(said(ann, number, "Stopped at"))
    assert len(await ann.branches()) == 2


@pytest.mark.faults
async def test_f72_only_who_may_write_can_press(town: Any) -> None:
    repository = town.repository()
    hub = town.stage.hub
    ann, _, pull, check = await delivered(town, repository)
    assert [action["label"] for action in check.actions] == ["Fix CI", "Discard"]
    hub.checks.press(check, hub.user("mallory"), "discard")
    await hub.settled()
    hub.checks.press(check, hub.user("ann"), "discard")

    async def closed() -> bool:
        return bool(await ann.pulls() == [] and await ann.branches() == ["main"])

    await until(closed)
    await until(said(ann, 1, f"#{pull['number']} is closed"))


@pytest.mark.faults
async def test_f43_on_a_locked_issue_the_pull_request_comes_without_a_word(town: Any) -> None:
    repository = town.repository()
    hub = town.stage.hub
    ann = town.person("ann", repository)
    number = await ann.file(town.wanted.issue.title, town.wanted.issue.body)
    hub.lock_issue(repository, number, by="ann")
    await ann.label(number, "minion")
    _, check = await ended(ann)
    assert check["conclusion"] == "success"
    assert await ann.comments(number) == []


async def _get(town: Any, repository: str, path: str) -> Any:
    return await town.http.get(f"{town.stage.hub.url}/api/v3/repos/{repository}{path}", headers=town.headers("ann"))


def _line_of(files: list[dict[str, Any]]) -> int:
    """A line of the README that the change has added."""
    patch = next(file["patch"] for file in files if file["filename"] == "README.md")
    number = 0
    for line in patch.splitlines():
        if line.startswith("@@"):
            number = int(line.split("+")[1].split(",")[0]) - 1
        elif not line.startswith("-"):
            number += 1
            if line.startswith("+"):
                return number
    raise AssertionError(patch)
