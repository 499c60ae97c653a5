"""What GitHub remembers means the same as what it told us, or would have told."""

import json
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.adapters.github.app import App
from app.adapters.github.auth import AppAuth, KeyText
from app.adapters.github.history import GitHubHistory
from app.adapters.github.lookups import Lookups
from app.adapters.github.pace import Paces
from app.adapters.github.payloads import parse
from app.adapters.github.permissions import EVENTS, PERMISSIONS
from app.adapters.github.reactions import GitHubReactions
from app.core.errors import NotFound, RateLimited
from app.core.events import StopRequested, WorkRequested
from app.core.opinions import Posts, Thumbs
from app.core.pace import Allowance
from app.core.run import Run, Status, Trail
from app.core.task import Person, Repository, Task
from app.demo.github.faults import Fault
from app.demo.github.objects import Installation
from app.demo.github.server import serve
from app.demo.github.state import Hub

HERE = "octo/hello"
NOBODY_LISTENS = "http://127.0.0.1:9/webhook"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Past:
    """A repository on which things happen, and what GitHub remembers of them. ada and bob may write."""

    def __init__(self, hub: Hub, history: GitHubHistory, installation: Installation, app_id: int) -> None:
        self.hub = hub
        self.history = history
        self.installation = installation
        self.app_id = app_id
        self.reactions: GitHubReactions
        self.secrets: list[str] = []

    async def labelled(self, since: datetime | None = None) -> list[WorkRequested]:
        return [request async for request in self.history.labelled(since)]

    def run(self, number: int = 1, *, comment_id: int | None = None, **trail: Any) -> Run:
        """One that was asked for by the label, or by a comment."""
        repository = Repository(
            id=self.hub.repository(HERE).id, full_name="before/renamed", installation_id=self.installation.id
        )
        task = Task(
            repository=repository,
            number=number,
            title="It crashes",
            body="",
            requester=Person(id=1, login="ada"),
            comment_id=comment_id,
            asked_at=LONG_AGO,
        )
        return Run(
            id=9,
            key="key",
            task=task,
            blueprint="fix",
            blueprint_version=1,
            status=Status.RUNNING,
            at="test",
            state={},
            trail=Trail(**trail),
            asked_at=LONG_AGO,
        )


@pytest.fixture
async def past(tmp_path: Path, pem: str, public_pem: str) -> AsyncIterator[Past]:
    hub = Hub(tmp_path / "github")
    source = tmp_path / "source"
    source.mkdir()
    (source / "README.md").write_text("# Hello\n")
    hub.add_repository(HERE, source=source)
    for login in ("ada", "bob"):
        hub.add_user(login)
        hub.add_collaborator(HERE, login, "write")
    registered = hub.register_app(
        "Minions",
        public_key_pem=public_pem,
        webhook_url=NOBODY_LISTENS,
        webhook_secret="secret",
        permissions=dict(PERMISSIONS),
        events=list(EVENTS),
    )
    installation = hub.install(registered, [HERE])

    async def no_pause(_: float) -> None:
        """Faults are repeated here without waiting."""

    async with serve(hub) as url, httpx.AsyncClient() as http:
        app = App(http, f"{url}/api/v3", AppAuth(str(registered.id), KeyText(pem)), sleep=no_pause)
        secrets: list[str] = []
        lookups = Lookups(app, Paces(Allowance(write_spacing_s=0)), on_secret=secrets.append)
        history = GitHubHistory(
            app,
            lookups,
            partial(parse, app_id=str(registered.id)),
            label="minion",
            blueprints=["fix", "docs"],
        )
        hub.open_issue(HERE, by="ada", title="It crashes", body="On <!-- hidden -->start.")
        past = Past(hub, history, installation, registered.id)
        past.secrets = secrets
        past.reactions = GitHubReactions(lookups)
        yield past


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


async def test_a_label_that_is_found_is_the_request_that_its_delivery_is(past: Past) -> None:
    past.hub.add_label(HERE, 1, "Minion:docs", by="bob")
    await past.hub.settled()
    told = parse("issues", json.loads(past.hub.deliveries[-1].body), app_id=str(past.app_id))
    assert isinstance(told, WorkRequested)
    assert await past.labelled() == [told]
    assert (told.blueprint, told.task.requester.login, told.task.body) == ("docs", "bob", "On start.")


async def test_thumbs_on_pull_request_and_comment_are_counted_as_they_are_now(past: Past) -> None:
    hub, here = past.hub, past.run().task.repository
    pull = hub.open_issue(HERE, by="bob", title="Stands for a pull request: to reactions they are one")
    comment = hub.add_comment(HERE, 1, "At work", by="bob")
    posts = Posts(run_id=9, repository=here, pull_request_number=pull.number, comment_id=comment.id)
    assert await past.reactions.thumbs(posts) == Thumbs()
    for thing, login, content in (
        *((pull, "ada", "+1"), (pull, "bob", "+1"), (pull, "ada", "heart")),
        *((comment, "ada", "-1"), (comment, "bob", "+1"), (hub.issue(HERE, 1), "ada", "-1")),
    ):
        hub.issues.react(thing, hub.user(login), content)
    for _ in range(2):  # the second time GitHub says that nothing changed
        assert await past.reactions.thumbs(posts) == Thumbs(up=3, down=1)
    hub.delete_comment(comment, by="ada")
    assert await past.reactions.thumbs(posts) == Thumbs(up=2)
    assert await past.reactions.thumbs(posts.model_copy(update={"comment_id": None})) == Thumbs(up=2)


async def test_every_repository_that_the_app_may_work_in_is_found(past: Past) -> None:
    past.hub.add_repository("octo/private")
    found = [one async for one in past.history.repositories()]
    here = past.hub.repository(HERE)
    assert found == [Repository(id=here.id, full_name=HERE, installation_id=past.installation.id)]


async def test_only_labels_of_ours_on_open_issues_are_found_each_by_its_newest_time(past: Past) -> None:
    for number, label in enumerate(["bug", "minion", "minion:fix", "minions"], 2):
        past.hub.open_issue(HERE, by="ada", title=label, labels=[label])
        assert past.hub.issue(HERE, number).title == label
    past.hub.open_issue(HERE, by="ada", title="Done", labels=["minion"])
    past.hub.close_issue(HERE, 6, by="ada")
    past.hub.remove_label(HERE, 3, "minion", by="ada")
    past.hub.add_label(HERE, 3, "minion", by="bob")
    found = await past.labelled()
    assert [(one.task.number, one.blueprint, one.task.requester.login) for one in found] == [
        (3, "fix", "bob"),
        (4, "fix", "ada"),
    ]


async def test_what_was_labelled_before_the_last_look_or_before_the_installation_is_not_found(past: Past) -> None:
    past.hub.add_label(HERE, 1, "minion", by="ada")
    issue = past.hub.issue(HERE, 1)
    assert len(await past.labelled(issue.updated_at)) == 1
    assert await past.labelled(issue.updated_at + timedelta(seconds=1)) == []
    (labelled,) = issue.events
    labelled.created_at = past.installation.created_at - timedelta(seconds=1)
    assert await past.labelled() == []


async def test_a_suspended_installation_and_a_bots_label_ask_for_nothing(past: Past) -> None:
    past.hub.add_user("rogue[bot]", is_bot=True)
    past.hub.add_label(HERE, 1, "minion", by="rogue[bot]")
    assert await past.labelled() == []
    past.hub.suspend(past.installation)
    past.hub.open_issue(HERE, by="ada", title="Now", labels=["minion"])
    assert await past.labelled() == []


@pytest.mark.faults
@pytest.mark.parametrize("status", [403, 404, 410])
async def test_f43_a_repository_that_shows_nothing_hides_no_other(past: Past, status: int) -> None:
    past.hub.add_repository("octo/other")
    past.installation.repositories.append(past.hub.repository("octo/other"))
    for name in (HERE, "octo/other"):
        past.hub.open_issue(name, by="ada", title="Now", labels=["minion"])
    past.hub.faults.add(Fault("GET", r"/octo/hello/issues$", status, body='{"message": "No."}'))
    assert [one.task.repository.full_name for one in await past.labelled()] == ["octo/other"]


@pytest.mark.faults
async def test_f32_an_installation_that_has_not_accepted_a_permission_is_passed_over(past: Past) -> None:
    past.hub.add_label(HERE, 1, "minion", by="ada")
    past.installation.permissions.pop("issues")
    assert await past.labelled() == []


@pytest.mark.faults
async def test_f38_github_may_ask_to_slow_down(past: Past) -> None:
    past.hub.add_label(HERE, 1, "minion", by="ada")
    limit = {"x-ratelimit-remaining": "0", "retry-after": "0"}
    past.hub.faults.add(Fault("GET", r"/issues/1/events", 403, headers=limit))
    with pytest.raises(RateLimited):
        await past.labelled()
    assert len(await past.labelled()) == 1
    past.hub.faults.add(Fault("GET", r"/issues/1/events", 403, headers=limit | {"retry-after": "3000"}))
    for _ in range(2):
        with pytest.raises(RateLimited) as caught:
            await past.labelled()
        assert caught.value.retry_after_s > 2000, "the second time GitHub is not asked"


async def test_tokens_are_few_and_each_is_told_to_be_redacted(past: Past) -> None:
    past.hub.add_label(HERE, 1, "minion", by="ada")
    await past.labelled()
    await past.history.withdrawn(past.run())
    (secret,) = past.secrets
    assert secret.startswith("ghs_")


async def test_a_run_is_wanted_while_its_issue_is_open_and_labelled(past: Past) -> None:
    past.hub.add_label(HERE, 1, "minion", by="ada")
    assert await past.history.withdrawn(past.run()) is None
    past.hub.rename_repository(HERE, "hallo")
    past.hub.rename_repository("octo/hallo", "hello")
    assert await past.history.withdrawn(past.run()) is None


@pytest.mark.faults
@pytest.mark.parametrize("how", ["closed", "unlabeled"])
async def test_f25_what_would_have_been_told_is_found(past: Past, how: str) -> None:
    past.hub.add_label(HERE, 1, "minion", by="ada")
    if how == "closed":
        past.hub.close_issue(HERE, 1, by="bob")
    else:
        past.hub.remove_label(HERE, 1, "minion", by="bob")
    await past.hub.settled()
    told = parse("issues", json.loads(past.hub.deliveries[-1].body), app_id=str(past.app_id))
    assert isinstance(told, StopRequested)
    found = await past.history.withdrawn(past.run())
    assert found is not None
    assert await past.history.called_off(past.run().task) == found  # which is all that a campaign has
    # The run knows its repository by the name of then.
    assert (found.intent, found.at, found.requester, found.number) == (told.intent, told.at, told.requester, 1)


@pytest.mark.faults
async def test_f25_a_glance_tells_what_changed_and_is_not_wanted_any_more(past: Past) -> None:
    hub, past_s = past.hub, timedelta(hours=1)
    for number, title in enumerate(["closed long ago", "closed", "label taken off", "wanted", "commented"], 2):
        hub.open_issue(HERE, by="ada", title=title, labels=["minion"])
        assert hub.issue(HERE, number).title == title
    for number in (2, 3):
        hub.close_issue(HERE, number, by="ada")
    hub.remove_label(HERE, 4, "minion", by="bob")
    hub.issue(HERE, 2).updated_at -= past_s
    newest = max(issue.updated_at for issue in hub.repository(HERE).issues.values())
    here = past.run().task.repository
    found = await past.history.doubtful(here, newest - past_s / 2)
    assert sorted(found.numbers) == [1, 3, 4]  # the first one never had it
    assert found.until == newest - timedelta(minutes=1)
    assert sorted((await past.history.doubtful(here, LONG_AGO)).numbers) == [1, 2, 3, 4]


async def test_a_run_that_a_comment_asked_for_needs_no_label(past: Past) -> None:
    assert await past.history.withdrawn(past.run(comment_id=5)) is None


@pytest.mark.faults
async def test_f25_an_issue_that_is_gone_ends_its_run_and_nobody_is_named(past: Past) -> None:
    del past.hub.repository(HERE).issues[1]
    found = await past.history.withdrawn(past.run())
    assert found is not None
    assert (found.requester, found.number, found.at) == (None, 1, LONG_AGO)


@pytest.mark.faults
async def test_f56_a_branch_that_was_deleted_ends_its_run(past: Past) -> None:
    past.hub.add_label(HERE, 1, "minion", by="ada")
    here, run = past.hub.repository(HERE).path, past.run(branch="minions/1-9", head_sha="a")
    git(here, "branch", "minions/1-9", "main")
    assert await past.history.withdrawn(run) is None
    git(here, "branch", "-D", "minions/1-9")
    found = await past.history.withdrawn(run)
    assert found is not None
    assert found.requester is None


@pytest.mark.faults
async def test_f56_a_pull_request_that_somebody_closed_ends_its_run(past: Past) -> None:
    past.hub.add_label(HERE, 1, "minion", by="ada")
    past.hub.open_issue(HERE, by="ada", title="Stands for the pull request: both are issues")
    run = past.run(pull_request_number=2)
    assert await past.history.withdrawn(run) is None
    past.hub.close_issue(HERE, 2, by="bob")
    found = await past.history.withdrawn(run)
    assert found is not None
    assert found.requester is not None
    assert (found.requester.login, found.number) == ("bob", 1)


@pytest.mark.faults
async def test_f31_a_repository_that_the_app_lost_says_nothing_of_the_run(past: Past) -> None:
    run = past.run()
    past.hub.delete_repository(HERE)
    with pytest.raises(NotFound):
        await past.history.withdrawn(run)


@pytest.mark.faults
async def test_f11_a_delivery_that_failed_is_repeated_with_its_guid(past: Past) -> None:
    await past.hub.settled()
    failed = await past.history.failed(LONG_AGO)
    lost = next(one for one in failed if one.event == "issues.opened")
    assert (lost.arrived, lost.is_repeat, lost.answer, lost.is_urgent, lost.is_label) == (False, False, 0, True, False)
    await past.history.deliver_again(lost)
    await past.hub.settled()
    again = next(one for one in await past.history.failed(LONG_AGO) if one.guid == lost.guid)
    assert (again.is_repeat, again.id == lost.id) == (True, False)
    assert await past.history.arrived(LONG_AGO) == []
