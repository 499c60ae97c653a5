"""What goes wrong between us and GitHub, and what is true afterwards."""

import asyncio
import base64
import logging
import socket
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.adapters.github.app import App
from app.adapters.github.auth import AppAuth, KeyText
from app.adapters.github.forge import GitHubForges
from app.adapters.github.tokens import Tokens
from app.core.errors import Denied, ForgeError, NotFound, RateLimited, Suspended, Unavailable
from app.core.forge import Check, Permission, Reaction
from app.core.run import Run, Status
from app.core.task import Person, Task

pytestmark = pytest.mark.faults

Scene = Any
"""The class in conftest.py, which tests do not import."""
HERE = "octo/hello"
MARKER = "<!-- minions:run=7 -->"
CHECK = Check(
    name="minions / fix",
    external_id="run-7",
    status="in_progress",
    details_url="",
    title="Working",
    summary="At work.",
)
HTML = {"body": "<html>Unicorn!</html>", "headers": {"Content-Type": "text/html"}}


async def no_pause(_: float) -> None:
    """What is away here stays away."""


async def comment(scene: Scene, text: str = "at work", comment_id: int | None = None) -> int:
    made: int = await scene.forge.put_comment(1, MARKER, f"{MARKER}\n{text}", comment_id=comment_id)
    return made


@pytest.mark.parametrize("is_done", [True, False])
async def test_f35_a_comment_whose_answer_got_lost_is_there_once(scene: Scene, *, is_done: bool) -> None:
    scene.fail("POST", r"/comments$", 502, is_done=is_done)
    made = await comment(scene)
    assert [one.id for one in scene.hub.issue(HERE, 1).comments] == [made]


@pytest.mark.parametrize("is_done", [True, False])
async def test_f36_a_check_run_whose_answer_got_lost_is_there_once(scene: Scene, *, is_done: bool) -> None:
    sha = (await scene.forge.default_head()).sha
    scene.fail("POST", r"/check-runs$", 502, is_done=is_done)
    made = await scene.forge.put_check(sha, CHECK, check_id=None)
    assert [run.id for run in scene.hub.check_runs(HERE)] == [made]


@pytest.mark.parametrize("path", [r"/git/refs$", r"/git/commits$"])
@pytest.mark.parametrize("is_done", [True, False])
async def test_a_branch_whose_answer_got_lost_is_there_once(scene: Scene, path: str, *, is_done: bool) -> None:
    base = (await scene.forge.default_head()).sha
    scene.fail("POST", path, 502, is_done=is_done)
    sha = await scene.forge.find_or_create_branch("minions/1-7", base_sha=base, message="At work")
    assert await scene.forge.branch_sha("minions/1-7") == sha


async def test_two_failures_in_a_row_are_told_and_nothing_is_made_twice(scene: Scene) -> None:
    scene.fail("POST", r"/comments$", 502, times=2)
    with pytest.raises(Unavailable, match="had trouble when we wanted to comment"):
        await comment(scene)
    assert scene.comments() == []
    await comment(scene)
    assert len(scene.comments()) == 1


@pytest.mark.parametrize("body", ["<html>", "{}", '{"id": "x"}', "[]", '{"data": 1', ""])
async def test_f45_an_answer_that_makes_no_sense_is_no_success(scene: Scene, body: str) -> None:
    scene.fail("POST", r"/comments$", 201, is_done=True, body=body)
    made = await comment(scene)
    assert [one.id for one in scene.hub.issue(HERE, 1).comments] == [made]


@pytest.mark.parametrize("body", ["{}", '{"full_name": 3}', "null"])
async def test_f45_a_repository_without_a_name_is_an_error(scene: Scene, body: str) -> None:
    scene.fail("GET", r"/repositories/", 200, body=body)
    with pytest.raises(Unavailable):
        await scene.forge.default_head()


async def test_f37_an_edit_that_failed_is_made_again(scene: Scene) -> None:
    made = await comment(scene)
    scene.fail("PATCH", r"/comments/", 502)
    assert await comment(scene, "done", made) == made
    assert scene.comments() == [f"{MARKER}\ndone"]


async def test_f37_an_edit_that_met_a_limit_is_made_when_that_is_over(scene: Scene) -> None:
    made = await comment(scene)
    limit = {"Retry-After": "0"}
    scene.fail(
        "PATCH", r"/comments/", 403, body='{"message": "You have exceeded a secondary rate limit."}', headers=limit
    )
    with pytest.raises(RateLimited):
        await comment(scene, "done", made)
    assert await comment(scene, "done", made) == made
    assert scene.comments() == [f"{MARKER}\ndone"]


async def test_f47_answers_of_calls_at_the_same_time_are_not_mixed_up(scene: Scene) -> None:
    logins = {f"user-{number}": ("write", "read", "admin")[number % 3] for number in range(24)}
    for login, role in logins.items():
        scene.hub.add_user(login)
        scene.hub.add_collaborator(HERE, login, role)
    for _ in range(3):
        told = await asyncio.gather(*(scene.forge.permission(login) for login in logins))
        assert [permission.value for permission in told] == list(logins.values())


async def test_f48_a_github_that_is_away_is_told_as_such(scene: Scene, pem: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # it does not listen: whoever calls is refused
        away = f"http://127.0.0.1:{nobody.getsockname()[1]}/api/v3"
        shared: dict[str, Any] = {"git_url": away, "on_secret": scene.secrets.append, "paces": scene.forges._paces}
        async with httpx.AsyncClient() as http:
            app = App(http, away, AppAuth("1", KeyText(pem)), sleep=no_pause)
            tokens = Tokens(app, on_secret=scene.secrets.append)
            for forges in (
                GitHubForges(scene.forges._app, scene.forges._tokens, api_url=away, **shared),
                GitHubForges(app, tokens, api_url=scene.forges._api_url, **shared),
            ):
                with pytest.raises(Unavailable, match="did not answer"):
                    await forges.open(scene.asked).permission("ada")
    assert await scene.forge.permission("ada") is Permission.WRITE


async def test_f49_a_version_of_the_api_that_is_not_served_any_more_is_told(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.fail("GET", r"/issues/1$", 410, body='{"message": "API version 2022-11-28 is no longer supported."}')
    with pytest.raises(Denied, match="bring Minions up to date"):
        await scene.forge.issue_is_open(1)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_reads_are_repeated(scene: Scene) -> None:
    scene.fail("GET", r"/collaborators/", 502, times=2, **HTML)
    assert await scene.forge.permission("ada") is Permission.WRITE


@pytest.mark.parametrize("body", ["<html>", "{", '{"permission": ["admin"]}', "[]", ""])
async def test_f45_a_read_that_makes_no_sense_gives_no_permission(scene: Scene, body: str) -> None:
    scene.fail("GET", r"/collaborators/", 200, body=body)
    with pytest.raises(Unavailable):
        await scene.forge.permission("ada")


async def test_f21_no_answer_is_no_permission(scene: Scene) -> None:
    scene.fail("GET", r"/collaborators/", 500, times=3)
    with pytest.raises(Unavailable):
        await scene.forge.permission("ada")
    scene.fail("GET", r"/collaborators/", 404, body='{"message": "Not Found"}')
    assert await scene.forge.permission("ada") is Permission.NONE


async def test_f44_an_answer_that_is_never_ready_is_not_waited_for(scene: Scene) -> None:
    scene.fail("GET", r"/issues/1$", 202, body="{}", times=1000)
    with pytest.raises(Unavailable):
        await scene.forge.issue_is_open(1)


LIMITS = [
    (403, '{"message": "API rate limit exceeded for installation."}', {"X-RateLimit-Remaining": "0"}, 3000),
    (403, '{"message": "You have exceeded a secondary rate limit."}', {"Retry-After": "5000"}, 5000),
    (429, "{}", {}, 60),
]


@pytest.mark.parametrize(("status", "body", "headers", "seconds"), LIMITS)
async def test_f38_f39_f40_a_limit_is_told_and_not_slept_out(
    scene: Scene, status: int, body: str, headers: dict[str, str], seconds: int
) -> None:
    if "X-RateLimit-Remaining" in headers:
        headers = headers | {"X-RateLimit-Reset": str(int(time.time()) + seconds)}
    scene.fail("POST", r"/comments$", status, body=body, headers=headers)
    with pytest.raises(RateLimited) as caught:
        await comment(scene)
    assert abs(caught.value.retry_after_s - seconds) < 10
    with pytest.raises(RateLimited):
        await scene.forges.open(scene.asked).permission("ada")
    assert scene.comments() == []


async def test_f41_a_renamed_repository_is_found_by_its_id(scene: Scene) -> None:
    await comment(scene)
    scene.hub.rename_repository(HERE, "goodbye")
    made = await scene.forge.put_comment(1, MARKER, f"{MARKER}\nsecond", comment_id=None)
    assert [one.id for one in scene.hub.issue("octo/goodbye", 1).comments] == [made]
    assert (await scene.forges.open(scene.asked).remote(write=False)).url.endswith("/octo/goodbye.git")


async def test_f41_a_redirected_write_is_no_false_success(scene: Scene) -> None:
    await scene.forge.permission("ada")
    scene.hub.rename_repository(HERE, "goodbye")
    await scene.forge.react(1, None, Reaction.EYES)
    assert [one.content for one in scene.hub.issue("octo/goodbye", 1).reactions] == ["eyes"]


async def test_f41_the_former_name_may_belong_to_another_repository(scene: Scene) -> None:
    scene.hub.rename_repository(HERE, "goodbye")
    scene.hub.add_repository(HERE)
    scene.hub.open_issue(HERE, by="ada", title="Another issue 1")
    await comment(scene)
    assert scene.comments() == []
    assert len(scene.hub.issue("octo/goodbye", 1).comments) == 1


async def test_f43_a_locked_issue_is_told(scene: Scene) -> None:
    scene.fail("POST", r"/comments$", 403, body='{"message": "Unable to create comment because issue is locked."}')
    with pytest.raises(Denied, match="comment on #1"):
        await comment(scene)


async def test_f43_a_comment_that_is_gone_is_made_again(scene: Scene) -> None:
    made = await comment(scene)
    scene.fail("PATCH", r"/comments/", 410, body='{"message": "Gone"}')
    scene.hub.delete_comment(scene.hub.issue(HERE, 1).comments[0], by="ada")
    assert await comment(scene, "done", made) != made


async def test_f25_a_deleted_or_transferred_issue_is_not_open(scene: Scene) -> None:
    scene.fail("GET", r"/issues/1$", 410, body='{"message": "This issue was deleted"}')
    assert not await scene.forge.issue_is_open(1)
    moved = {"Location": f"{scene.hub.url}/api/v3/repositories/99/issues/5"}
    scene.fail("GET", r"/issues/1$", 301, body='{"message": "Moved Permanently"}', headers=moved, times=2)
    assert not await scene.forge.issue_is_open(1)


async def test_f31_a_suspended_installation_is_told(scene: Scene) -> None:
    scene.hub.suspend(scene.installation)
    with pytest.raises(Suspended):
        await scene.forge.permission("ada")
    scene.hub.unsuspend(scene.installation)
    assert await scene.forge.permission("ada") is Permission.WRITE


async def test_f31_a_repository_that_was_taken_away_is_told(scene: Scene) -> None:
    await scene.forge.permission("ada")
    scene.hub.add_repository("octo/other")
    scene.hub.select_repositories(scene.installation, add=["octo/other"], remove=[HERE])
    with pytest.raises(ForgeError):
        await scene.forges.open(scene.asked).permission("ada")
    scene.hub.uninstall(scene.installation)
    with pytest.raises(ForgeError):
        await scene.forges.open(scene.asked).permission("ada")


async def test_an_uninstalled_app_is_told(scene: Scene) -> None:
    scene.hub.uninstall(scene.installation)
    with pytest.raises(NotFound):
        await scene.forge.permission("ada")


async def test_f32_a_permission_that_is_not_granted_is_told(scene: Scene) -> None:
    scene.installation.permissions = {"metadata": "read", "contents": "read"}
    with pytest.raises(Denied, match="issues: write"):
        await comment(scene)


async def test_f30_a_fresh_token_that_is_not_known_yet_is_tried_again(scene: Scene) -> None:
    scene.fail("GET", r"/repositories/", 401, body='{"message": "Bad credentials"}', times=3)
    assert await scene.forge.permission("ada") is Permission.WRITE
    assert scene.minted == 1


async def test_a_run_has_one_token_for_each_purpose_and_no_other_run_has_it(scene: Scene) -> None:
    for _ in range(2):
        for run_id in (7, 8):
            forge = scene.forges.of(run(scene, run_id))
            await forge.permission("ada")
            await forge.react(1, None, Reaction.EYES)
            await forge.remote(write=False)
    assert scene.minted == 4
    await scene.forges.of(run(scene, 7)).remote(write=True)
    assert scene.minted == 5


async def test_the_tokens_of_a_run_that_is_over_end(scene: Scene) -> None:
    def live() -> set[str]:
        return {value for value in scene.secrets if scene.hub.accounts.token(value)}

    await scene.forges.of(run(scene, 7)).remote(write=True)
    of_it = live()
    await scene.forges.of(run(scene, 8)).remote(write=True)
    of_another = live() - of_it
    await scene.forges.leave(run(scene, 7))
    assert (len(of_it), live()) == (2, of_another)
    scene.fail("DELETE", r"/installation/token", 502, times=9)
    await scene.forges.leave(run(scene, 8))  # they end by themselves
    assert live() == of_another


def run(scene: Scene, run_id: int) -> Run:
    now = datetime.now(UTC)
    ann = Person(id=1, login="ada")
    return Run(
        id=run_id,
        key="key",
        task=Task(repository=scene.asked, number=1, title="It crashes", body="", requester=ann, asked_at=now),
        blueprint="fix",
        blueprint_version=1,
        status=Status.RUNNING,
        at="test",
        state={},
        asked_at=now,
    )


async def test_a_token_that_is_never_accepted_is_told(scene: Scene) -> None:
    scene.fail("GET", r"/repositories/", 401, body='{"message": "Bad credentials"}', times=100)
    with pytest.raises(Unavailable, match="token"):
        await scene.forge.permission("ada")


async def test_f63_where_drafts_are_not_on_the_plan_it_is_no_draft(scene: Scene) -> None:
    base = (await scene.forge.default_head()).sha
    await scene.forge.find_or_create_branch("minions/1-7", base_sha=base, message="At work")
    scene.fail("POST", r"/pulls$", 422, body='{"message": "Draft pull requests are not supported in this repository."}')
    opened = await scene.forge.find_or_create_pull_request(
        branch="minions/1-7", base="main", marker=MARKER, title="Fix", body="Because."
    )
    assert not scene.hub.pull(HERE, opened.number).draft


async def test_f55_a_pull_request_whose_answer_got_lost_is_there_once(scene: Scene) -> None:
    base = (await scene.forge.default_head()).sha
    await scene.forge.find_or_create_branch("minions/1-7", base_sha=base, message="At work")
    scene.fail("POST", r"/pulls$", 502, is_done=True)
    opened = await scene.forge.find_or_create_pull_request(
        branch="minions/1-7", base="main", marker=MARKER, title="Fix", body="Because."
    )
    assert [issue.number for issue in scene.hub.repository(HERE).issues.values() if issue.pull] == [opened.number]


async def test_every_secret_is_told_before_it_is_used(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    header = (await scene.forge.remote(write=True)).header
    await comment(scene)
    pair = header.removeprefix("Authorization: Basic ")
    token = base64.b64decode(pair).decode().removeprefix("x-access-token:")
    assert {pair, token} <= set(scene.secrets)
    assert logging.getLogger("github.Requester").getEffectiveLevel() >= logging.INFO
    for secret in scene.secrets:
        assert secret not in caplog.text
