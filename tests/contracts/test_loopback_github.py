"""One story, told by clients that know nothing of us: what they believe they did is what there is afterwards."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gidgethub
import gidgethub.apps
import gidgethub.httpx
import github as pygithub
import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from githubkit import AppInstallationAuthStrategy, GitHub
from githubkit.exception import RequestFailed

from app.demo.github.objects import App, Installation
from app.demo.github.server import serve
from app.demo.github.state import Hub

pytestmark = pytest.mark.contract
BRANCH, SUMMARY = "minions/1-7", "| step | outcome |\n|---|---|\n| test | green |"


@dataclass(frozen=True)
class Stage:
    """A GitHub with one installed App and one labelled issue."""

    hub: Hub
    app: App
    installation: Installation
    key: str = field(repr=False)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    private = key.private_bytes(pem, form, serialization.NoEncryption()).decode()
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "greet.py").write_text("def greet():\n    return 1\n")
    hub = Hub(tmp_path / "hub")
    hub.add_user("ada")
    hub.add_repository("acme/greeting", source=tmp_path / "source")
    app = hub.register_app(
        "Minions",
        public_key_pem=public,
        webhook_url="http://127.0.0.1:9/",  # the discard port: nobody listens, and that must disturb nothing
        webhook_secret="secret",
        permissions={"checks": "write", "contents": "write", "issues": "write", "pull_requests": "write"},
        events=["issues"],
    )
    installation = hub.install(app, ["acme/greeting"])
    hub.open_issue("acme/greeting", by="ada", title="Greets nobody", labels=["minion"])
    return Stage(hub, app, installation, private)


async def tell_githubkit(stage: Stage, url: str) -> None:
    """The story through githubkit, every answer parsed by its generated models."""
    auth = AppInstallationAuthStrategy(str(stage.app.id), stage.key, stage.installation.id)
    where = ("acme", "greeting")
    async with GitHub(auth, base_url=f"{url}/api/v3", auto_retry=False, http_cache=False) as client:
        rest = client.rest
        base = (await rest.git.async_get_ref(*where, "heads/main")).parsed_data.object_.sha
        tree = (await rest.git.async_get_commit(*where, base)).parsed_data.tree.sha
        made = await rest.git.async_create_commit(*where, message="Begin", tree=tree, parents=[base])
        sha = made.parsed_data.sha
        await rest.git.async_create_ref(*where, ref=f"refs/heads/{BRANCH}", sha=sha)
        with pytest.raises(RequestFailed) as refused:
            await rest.git.async_create_ref(*where, ref=f"refs/heads/{BRANCH}", sha=sha)
        assert refused.value.response.json()["message"] == "Reference already exists"
        run = (
            await rest.checks.async_create(*where, data={"name": "minion", "head_sha": sha, "status": "in_progress"})
        ).parsed_data
        output: Any = {"title": "Done", "summary": SUMMARY}
        await rest.checks.async_update(*where, run.id, data={"conclusion": "success", "output": output})
        comment = (await rest.issues.async_create_comment(*where, 1, body="At work")).parsed_data
        await rest.issues.async_update_comment(*where, comment.id, body="Done")
        await rest.reactions.async_create_for_issue(*where, 1, content="eyes")
        pull = await rest.pulls.async_create(
            *where, title="Greet", head=BRANCH, base="main", body="Closes #1", draft=True
        )
        assert pull.parsed_data.number == 2


async def tell_gidgethub(stage: Stage, url: str) -> None:
    """The story through gidgethub."""
    where = "/repos/acme/greeting"
    async with httpx2.AsyncClient() as http:
        api = gidgethub.httpx.GitHubAPI(http, "minions", base_url=f"{url}/api/v3")
        minted = await gidgethub.apps.get_installation_access_token(
            api, installation_id=str(stage.installation.id), app_id=str(stage.app.id), private_key=stage.key
        )
        api = gidgethub.httpx.GitHubAPI(http, "minions", base_url=f"{url}/api/v3", oauth_token=minted["token"])
        base = (await api.getitem(f"{where}/git/ref/heads/main"))["object"]["sha"]
        tree = (await api.getitem(f"{where}/git/commits/{base}"))["tree"]["sha"]
        commit = {"message": "Begin", "tree": tree, "parents": [base]}
        sha = (await api.post(f"{where}/git/commits", data=commit))["sha"]
        ref = {"ref": f"refs/heads/{BRANCH}", "sha": sha}
        await api.post(f"{where}/git/refs", data=ref)
        with pytest.raises(gidgethub.BadRequest, match="Reference already exists"):
            await api.post(f"{where}/git/refs", data=ref)
        check = {"name": "minion", "head_sha": sha, "status": "in_progress"}
        run = await api.post(f"{where}/check-runs", data=check)
        change = {"conclusion": "success", "output": {"title": "Done", "summary": SUMMARY}}
        await api.patch(f"{where}/check-runs/{run['id']}", data=change)
        comment = await api.post(f"{where}/issues/1/comments", data={"body": "At work"})
        await api.patch(f"{where}/issues/comments/{comment['id']}", data={"body": "Done"})
        await api.post(f"{where}/issues/1/reactions", data={"content": "eyes"})
        pull = {"title": "Greet", "head": BRANCH, "base": "main", "body": "Closes #1", "draft": True}
        assert (await api.post(f"{where}/pulls", data=pull))["number"] == 2


async def tell_pygithub(stage: Stage, url: str) -> None:
    """The story through PyGithub, which blocks and so runs in a thread."""
    await asyncio.to_thread(_tell_pygithub, stage, url)


def _tell_pygithub(stage: Stage, url: str) -> None:
    auth = pygithub.Auth.AppAuth(stage.app.id, stage.key)
    integration = pygithub.GithubIntegration(auth=auth, base_url=f"{url}/api/v3", seconds_between_writes=0)
    client = integration.get_github_for_installation(stage.installation.id)
    repository = client.get_repo("acme/greeting")
    base = repository.get_git_ref("heads/main").object.sha
    parent = repository.get_git_commit(base)
    sha = repository.create_git_commit("Begin", parent.tree, [parent]).sha
    repository.create_git_ref(f"refs/heads/{BRANCH}", sha)
    with pytest.raises(pygithub.GithubException, match="Reference already exists"):
        repository.create_git_ref(f"refs/heads/{BRANCH}", sha)
    run = repository.create_check_run("minion", sha, status="in_progress")
    run.edit(conclusion="success", output={"title": "Done", "summary": SUMMARY})
    issue = repository.get_issue(1)
    issue.create_comment("At work").edit("Done")
    issue.create_reaction("eyes")
    pull = repository.create_pull(base="main", head=BRANCH, title="Greet", body="Closes #1", draft=True)
    assert pull.number == 2
    integration.close()
    client.close()


@pytest.mark.parametrize("tell", [tell_githubkit, tell_gidgethub, tell_pygithub])
async def test_the_story_ends_the_same_whoever_tells_it(
    tell: Callable[[Stage, str], Awaitable[None]], stage: Stage
) -> None:
    hub = stage.hub
    async with serve(hub) as url:
        await tell(stage, url)
        await hub.settled()

    issue, pull = hub.issue("acme/greeting", 1), hub.pull("acme/greeting", 2)
    assert [(one.body, one.user.login, one.app) for one in issue.comments] == [("Done", "minions[bot]", stage.app)]
    assert [(one.content, one.user.login) for one in issue.reactions] == [("eyes", "minions[bot]")]
    assert (pull.head.branch, pull.base.branch, pull.draft, pull.commits) == (BRANCH, "main", True, 1)
    assert (pull.issue.title, pull.issue.user.login) == ("Greet", "minions[bot]")
    (run,) = hub.check_runs("acme/greeting")
    assert (run.suite.head_sha, run.name) == (pull.head.sha, "minion")
    assert (run.status, run.conclusion, run.summary) == ("completed", "success", SUMMARY)
    assert {one.status for one in hub.deliveries} == {"failed to connect to host"}
