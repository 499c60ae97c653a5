"""What was merged, and the issue as it was: read from a repository with a history."""

from datetime import timedelta
from typing import Any

import httpx

from app.core.merged import Merged

Scene = Any
"""The class in conftest.py, which tests do not import."""
HERE = "octo/hello"
HOUR = timedelta(hours=1)
"""GitHub tells times in whole seconds."""


async def opened(scene: Scene, branch: str, body: str, *, base: str = "main") -> int:
    """A pull request of ada's from a branch with one commit."""
    repository, ada = scene.hub.repository(HERE), scene.hub.user("ada")
    headers = {"Authorization": f"Bearer {ada.token}"}
    async with httpx.AsyncClient(base_url=f"{scene.hub.url}/api/v3/repos/{HERE}", headers=headers) as http:
        head = (await http.get(f"/branches/{base}")).json()["commit"]
        tree = head["commit"]["tree"]["sha"]
        made = await http.post("/git/commits", json={"message": branch, "tree": tree, "parents": [head["sha"]]})
        await http.post("/git/refs", json={"ref": f"refs/heads/{branch}", "sha": made.json()["sha"]})
    pull = await scene.hub.pulls.open(repository, ada, title="Work", body=body, head=branch, base=base, draft=False)
    return int(pull.issue.number)


async def merge(scene: Scene, branch: str, body: str) -> int:
    number = await opened(scene, branch, body)
    await scene.hub.merge_pull(HERE, number, by="ada")
    return number


def issue(scene: Scene, title: str, body: str = "") -> int:
    return int(scene.hub.open_issue(HERE, by="ada", title=title, body=body).number)


async def newest(scene: Scene, most: int = 10) -> list[Merged]:
    return list(await scene.forges.merged(scene.asked).newest(most))


async def test_what_was_merged_for_an_issue_is_found_the_newest_first(scene: Scene) -> None:
    """Without those that close none, are not merged, or went to another branch."""
    first, second = issue(scene, "One", "Do <!-- hidden --> it"), issue(scene, "Two")
    later = await opened(scene, "later", f"Closes #{first}")
    old = await merge(scene, "old", f"Fixes #{second}")
    await scene.hub.merge_pull(HERE, later, by="ada")
    pull = scene.hub.pull(HERE, later)
    pull.merged_at = pull.issue.updated_at = pull.merged_at + HOUR
    await merge(scene, "without", "Some work")
    refused = await opened(scene, "refused", f"Closes #{issue(scene, 'Three')}")
    scene.hub.close_issue(HERE, refused, by="ada")
    found = await newest(scene)
    assert [(one.number, one.issue, one.title, one.why_not) for one in found] == [
        (later, first, "One", ""),
        (old, second, "Two", ""),
    ]
    assert found[0].body == "Do  it"
    assert (found[0].head_sha, found[0].base_sha) == (pull.head.sha, pull.base.sha)
    scene.hub.pull(HERE, old).issue.updated_at += 2 * HOUR  # something was said there: GitHub lists it first
    assert [one.number for one in await newest(scene, 1)] == [later]


async def test_the_title_is_that_of_before_the_pull_request(scene: Scene) -> None:
    """What an issue is called afterwards may tell how it was solved."""
    number = issue(scene, "First")
    scene.hub.edit_issue(HERE, number, by="ada", title="It crashes with two files")
    await merge(scene, "topic", f"Closes #{number}")
    scene.hub.edit_issue(HERE, number, by="ada", title="Solved by a lock in open()")
    scene.hub.issue(HERE, number).events[-1].created_at += HOUR
    (found,) = await newest(scene)
    assert found.title == "It crashes with two files"


async def test_what_cannot_be_compared_with_says_why(scene: Scene) -> None:
    one, again, gone = issue(scene, "One"), issue(scene, "Again"), issue(scene, "Gone")
    both = await merge(scene, "both", f"Closes #{one}, closes #{again}")
    reopened = await merge(scene, "reopened", f"Closes #{again}")
    deleted = await merge(scene, "deleted", f"Closes #{gone}")
    named = await merge(scene, "named", f"Closes #{reopened}")
    early = await opened(scene, "early", "")
    late = issue(scene, "Late")
    scene.hub.issue(HERE, late).created_at += HOUR
    scene.hub.edit_issue(HERE, early, by="ada", body=f"Closes #{late}")
    await scene.hub.merge_pull(HERE, early, by="ada")
    scene.hub.reopen_issue(HERE, again, by="ada")
    scene.hub.delete_issue(HERE, gone, by="ada")
    told = {found.number: found.why_not for found in await newest(scene)}
    assert told[both] == "closes 2 issues at once"
    assert told[reopened] == f"closed #{again}, which was opened again"
    assert told[deleted] == f"closed #{gone}, which is not there any more"
    assert told[named] == f"names #{reopened}, which is a pull request"
    assert told[early] == f"was there before its issue #{late}"
