"""Connections that break, answers of which half comes, and things that change in the middle, by rules of the double."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.core.errors import Denied, ForgeError, NotFound, Suspended, Unavailable
from app.core.forge import Check, Permission, Reaction
from app.demo.github import troubles
from app.demo.github.faults import Rule, When
from app.demo.github.troubles import Trouble

pytestmark = pytest.mark.faults

Scene = Any
"""The class in conftest.py, which tests do not import."""
HERE = "octo/hello"
MARKER = "<!-- minions:run=7 -->"
CHECK = Check(
    name="minions / fix", external_id="run-7", status="in_progress", details_url="", title="Working", summary="At work."
)
BROKEN = [
    troubles.cut(),
    troubles.cut(is_done=True),
    troubles.truncated(),
    troubles.page_instead(),
    troubles.page_instead(is_done=True),
    troubles.bad_gateway(is_done=True),
]


def once(scene: Scene, trouble: Trouble, method: str = ".*", path: str = "", first: int = 1) -> None:
    scene.hub.faults.add(Rule([trouble], method, path, When(first=first, times=1)))


async def comment(scene: Scene, text: str = "at work", comment_id: int | None = None) -> int:
    made: int = await scene.forge.put_comment(1, MARKER, f"{MARKER}\n{text}", comment_id=comment_id)
    return made


@pytest.mark.parametrize("trouble", BROKEN, ids=lambda one: one.name)
async def test_f35_f37_f45_a_comment_is_there_once_and_says_the_newest_whatever_comes_back(
    scene: Scene, trouble: Trouble
) -> None:
    once(scene, trouble, "POST", r"/comments$")
    made = await comment(scene)
    once(scene, trouble, "PATCH", r"/comments/")
    assert await comment(scene, "done", made) == made
    assert scene.comments() == [f"{MARKER}\ndone"]


@pytest.mark.parametrize("trouble", [*BROKEN, troubles.silent(is_done=True)], ids=lambda one: one.name)
async def test_f36_a_check_run_is_there_once_whatever_comes_back(scene: Scene, trouble: Trouble) -> None:
    sha = (await scene.forge.default_head()).sha
    once(scene, trouble, "POST", r"/check-runs$")
    made = await scene.forge.put_check(sha, CHECK, check_id=None)
    assert [run.id for run in scene.hub.check_runs(HERE)] == [made]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_f41_a_redirect_of_a_write_is_followed_to_the_same_repository(scene: Scene, status: Any) -> None:
    once(scene, troubles.redirected(status), "POST", r"/comments$")
    made = await comment(scene)
    assert [one.id for one in scene.hub.issue(HERE, 1).comments] == [made]


@pytest.mark.parametrize("what", ["issue", "permission", "comments"])
async def test_f45_a_read_of_which_half_comes_is_an_error_and_no_guess(scene: Scene, what: str) -> None:
    reads: dict[str, tuple[str, Callable[[], Awaitable[object]]]] = {
        "issue": (r"/issues/1$", lambda: scene.forge.issue_is_open(1)),
        "permission": (r"/collaborators/", lambda: scene.forge.permission("ada")),
        "comments": (r"/comments$", lambda: comment(scene)),
    }
    path, read = reads[what]
    scene.hub.faults.add(Rule([troubles.truncated(), troubles.page_instead()], "GET", path))
    with pytest.raises(Unavailable):
        await read()
    assert scene.comments() == []


async def test_f30_every_token_is_refused_at_first(scene: Scene) -> None:
    rule = Rule([troubles.bad_credentials()], path=r"^/api/v3/repo", when=When(last=2), each_token=True)
    scene.hub.faults.add(rule)
    assert await scene.forge.permission("ada") is Permission.WRITE
    assert scene.minted == 1


@pytest.mark.parametrize(
    ("name", "error"), [("suspended", Suspended), ("uninstalled", ForgeError), ("taken away", ForgeError)]
)
async def test_f31_what_ends_in_the_middle_of_a_run_is_told_and_nothing_is_asked_again_and_again(
    scene: Scene, name: str, error: type[ForgeError]
) -> None:
    deeds = {
        "suspended": lambda: scene.hub.suspend(scene.installation),
        "uninstalled": lambda: scene.hub.uninstall(scene.installation),
        "taken away": lambda: scene.hub.select_repositories(scene.installation, remove=[HERE]),
    }
    once(scene, troubles.meanwhile(name, deeds[name]), "POST", r"/comments$")
    with pytest.raises(error):
        await comment(scene)
    scene.hub.faults.add(Rule([troubles.late(0)]))  # to have every request written down
    before = len(scene.hub.faults.met)
    for _ in range(3):
        with pytest.raises(ForgeError):
            await scene.forges.open(scene.asked).permission("ada")
    assert len(scene.hub.faults.met) - before <= 3 * 4
    assert scene.comments() == []


async def test_f32_a_permission_that_is_taken_back_in_the_middle_is_named(scene: Scene) -> None:
    taken = troubles.meanwhile("taken", lambda: scene.hub.take_permission(scene.installation, "issues"))
    once(scene, taken, "POST", r"/comments$")
    with pytest.raises(Denied) as caught:
        await comment(scene)
    assert "issues" in f"{caught.value} {caught.value.detail}"


async def test_f43_a_conversation_that_is_locked_is_told_by_its_name(scene: Scene) -> None:
    made = await comment(scene)
    scene.hub.lock_issue(HERE, 1, by="ada")
    for act in (
        lambda: comment(scene, "done", made),
        lambda: comment(scene, "again"),
        lambda: scene.forge.react(1, None, Reaction.EYES),
    ):
        with pytest.raises(Denied, match="locked"):
            await act()
    sha = (await scene.forge.default_head()).sha
    await scene.forge.put_check(sha, CHECK, check_id=None)
    assert scene.comments() == [f"{MARKER}\nat work"]


async def test_f43_a_repository_that_is_archived_takes_nothing_and_says_so(scene: Scene) -> None:
    made = await comment(scene)
    sha = (await scene.forge.default_head()).sha
    scene.hub.repository(HERE).archived = True
    for act in (lambda: comment(scene, "done", made), lambda: scene.forge.put_check(sha, CHECK, check_id=None)):
        with pytest.raises(Denied, match="archived"):
            await act()


@pytest.mark.parametrize("how", ["deleted", "transferred", "discussion"])
async def test_f25_f43_an_issue_that_left_is_not_open_and_takes_no_comment(scene: Scene, how: str) -> None:
    scene.hub.add_repository("octo/other")
    leave = {
        "deleted": lambda: scene.hub.delete_issue(HERE, 1, by="ada"),
        "transferred": lambda: scene.hub.transfer_issue(HERE, 1, "octo/other", by="ada"),
        "discussion": lambda: scene.hub.make_discussion(HERE, 1, by="ada"),
    }
    leave[how]()
    assert not await scene.forge.issue_is_open(1)
    with pytest.raises((NotFound, Denied)):
        await comment(scene)
