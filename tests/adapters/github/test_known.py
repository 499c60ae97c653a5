"""What is read once more costs nothing while it is as it was, and is seen when it changed."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from app.adapters.github.known import Answer, Known
from app.adapters.github.tokens import READ_CODE
from app.core.errors import Denied, ForgeError
from app.core.forge import Check, Permission, Reaction

Scene = Any
"""The class in conftest.py, which tests do not import."""
HERE = "octo/hello"
CHECK = Check(
    name="minions / fix", external_id="run-7", status="in_progress", details_url="", title="At work", summary=""
)


async def used(scene: Scene) -> int:
    """How many calls GitHub has charged to the token that was minted last. The loopback one counts by header."""
    charged = 0
    async with httpx.AsyncClient() as http:
        for word in ("Bearer", "token"):
            headers = {"Authorization": f"{word} {scene.secrets[-1]}"}
            answer = await http.get(f"{scene.hub.url}/api/v3/rate_limit", headers=headers)
            charged += int(answer.json()["rate"]["used"])
    return charged


READS: dict[str, Callable[[Scene], Awaitable[Any]]] = {
    "what somebody may do": lambda scene: scene.forges.open(scene.asked).permission("ada"),
    "whether an issue is open": lambda scene: scene.forges.open(scene.asked).issue_is_open(1),
    "the default branch": lambda scene: scene.forges.open(scene.asked).default_head(),
    "where a branch stands": lambda scene: scene.forges.open(scene.asked).branch_sha("main"),
}


@pytest.mark.parametrize("what", READS)
async def test_a_second_read_is_not_charged(scene: Scene, what: str) -> None:
    first = await READS[what](scene)
    charged = await used(scene)
    assert charged >= 2, "the repository's name is looked up by its id, then the thing itself"
    assert await READS[what](scene) == first
    assert await used(scene) == charged


async def test_a_permission_that_was_taken_away_is_seen_at_once(scene: Scene) -> None:
    for role, permission in [("write", Permission.WRITE), ("read", Permission.READ), ("admin", Permission.ADMIN)]:
        scene.hub.add_collaborator(HERE, "ada", role)
        for _ in range(2):
            assert await scene.forge.permission("ada") is permission


async def test_an_issue_that_was_closed_is_seen_at_once(scene: Scene) -> None:
    assert await scene.forge.issue_is_open(1)
    scene.hub.close_issue(HERE, 1, by="ada")
    assert not await scene.forge.issue_is_open(1)


async def test_a_repository_that_was_renamed_is_seen_at_once(scene: Scene) -> None:
    await scene.forge.permission("ada")
    scene.hub.rename_repository(HERE, "goodbye")
    assert (await scene.forges.open(scene.asked).remote(write=False)).url.endswith("/octo/goodbye.git")


async def test_a_check_run_that_was_made_meanwhile_is_found(scene: Scene) -> None:
    sha = (await scene.forge.default_head()).sha
    first = await scene.forge.put_check(sha, CHECK, check_id=None)
    assert await scene.forge.put_check(sha, CHECK, check_id=None) == first


async def test_our_comment_is_found_among_pages_that_are_known(scene: Scene) -> None:
    for number in range(120):
        scene.hub.add_comment(HERE, 1, f"comment {number}", by="ada")
    marker = "<!-- minions:run=7 -->"
    ours = await scene.forge.put_comment(1, marker, f"{marker}\nat work", comment_id=None)
    charged = await used(scene)
    for _ in range(2):
        assert await scene.forge.put_comment(1, marker, f"{marker}\nat work", comment_id=None) == ours
    assert await used(scene) - charged <= 2 * 2 + 1, "an edit each, and the page that has ours in it"


@pytest.mark.faults
async def test_f31_what_is_known_is_not_told_after_the_right_to_read_it_is_gone(scene: Scene) -> None:
    await scene.forge.permission("ada")
    await scene.forge.react(1, None, Reaction.EYES)
    scene.installation.permissions = {}
    with pytest.raises(Denied):
        await scene.forge.permission("ada")
    scene.hub.uninstall(scene.installation)
    with pytest.raises(ForgeError):
        await scene.forge.permission("ada")


async def test_an_installation_token_reads_what_it_knows_for_nothing_by_plain_http_too(scene: Scene) -> None:
    app = scene.forges._app
    token = (await scene.forges._tokens.token(scene.asked, READ_CODE)).value
    path = f"/repos/{HERE}/branches?per_page=1"
    first = await app.read_as(token, path, "read the branches")
    charged = await used(scene)
    again = await app.read_as(token, path, "read the branches")
    assert (again.json(), again.status_code, app.next_page(again)) == (first.json(), 200, app.next_page(first))
    assert await used(scene) == charged


def test_an_answer_is_for_one_token_and_one_address() -> None:
    known = Known()
    known.keep("ghs_one", "/repos/octo/hello", Answer('"1"', "", "{}"))
    assert known.find("ghs_one", "/repos/octo/hello") == Answer('"1"', "", "{}")
    assert known.find("ghs_two", "/repos/octo/hello") is None
    assert known.find("ghs_one", "/repos/octo/hello?page=2") is None
    assert "ghs_one" not in f"{known}{vars(known)}"


def test_an_answer_without_an_etag_is_forgotten() -> None:
    known = Known()
    known.keep("t", "/a", Answer('"1"', "", "{}"))
    known.keep("t", "/a", Answer("", "", "{}"))
    assert known.find("t", "/a") is None


def test_what_was_not_read_for_longest_makes_room() -> None:
    known = Known(most_characters=25)
    for name in "abc":
        known.keep("t", name, Answer(f'"{name}"', "", "0123456789"))
        known.find("t", "b")
    assert [name for name in "abc" if known.find("t", name)] == ["b", "c"]
    known.keep("t", "long", Answer('"x"', "", "0" * 26))
    assert [name for name in ("b", "c", "long") if known.find("t", name)] == ["b", "c"]
