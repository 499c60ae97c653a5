"""Real git against the server: clone, push, and what a push sets going."""

import asyncio
import base64
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from githubkit.webhooks import parse

from app.demo.github.objects import Installation
from app.demo.github.plumbing import Git
from app.demo.github.state import Hub

Run = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def git(tmp_path: Path) -> Run:
    """Runs git with no configuration but what is given; answers with its exit code and everything it said."""

    async def run(*words: str, token: str = "", at: Path = tmp_path) -> tuple[int, str]:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.invalid",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.invalid",
        }
        if token:
            answer = tmp_path / "askpass"
            answer.write_text('#!/bin/sh\ncase "$1" in Username*) echo x-access-token;; *) echo "$TOKEN";; esac\n')
            answer.chmod(0o755)
            env |= {"GIT_ASKPASS": str(answer), "TOKEN": token}
        process = await asyncio.create_subprocess_exec(
            "git", *words, cwd=at, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    return run


def token_for(hub: Hub, installation: Installation, **permissions: str) -> str:
    return hub.accounts.mint(installation, permissions or None, None).value


@pytest.fixture
async def clone(git: Run, url: str, hub: Hub, installation: Installation, tmp_path: Path) -> Path:
    """A clone of acme/greeting on a branch `work`."""
    place = f"{url}/acme/greeting.git"
    code, said = await git("clone", "-q", place, "clone", token=token_for(hub, installation, contents="read"))
    assert code == 0, said
    await git("switch", "-qc", "work", at=tmp_path / "clone")
    return tmp_path / "clone"


async def commit(git: Run, clone: Path, path: str, text: str) -> str:
    (clone / path).parent.mkdir(parents=True, exist_ok=True)
    (clone / path).write_text(text)
    await git("add", "-A", at=clone)
    assert (await git("commit", "-qm", f"Change {path}", at=clone))[0] == 0
    return (await git("rev-parse", "HEAD", at=clone))[1].strip()


async def test_a_push_moves_the_branch_and_is_told_once(
    git: Run, clone: Path, hub: Hub, installation: Installation, received: list[httpx.Request]
) -> None:
    first = await commit(git, clone, "greet.py", "x = 1\n")
    received.clear()
    assert (await git("push", "-q", "origin", "work", token=token_for(hub, installation), at=clone))[0] == 0
    second = await commit(git, clone, "greet.py", "x = 2\n")
    assert (await git("push", "-q", "origin", "work", token=token_for(hub, installation), at=clone))[0] == 0
    await hub.settled()
    assert (await Git(hub.repository("acme/greeting").path).refs())["refs/heads/work"] == second
    pushes = [json.loads(one.content) for one in received if one.headers["X-GitHub-Event"] == "push"]
    assert [(one["before"], one["after"], one["created"], one["forced"]) for one in pushes] == [
        ("0" * 40, first, True, False),
        (first, second, False, False),
    ]
    assert [commit["id"] for commit in pushes[1]["commits"]] == [second]
    assert pushes[0]["sender"]["login"] == "minions[bot]"
    others = [one.headers["X-GitHub-Event"] for one in received]
    assert (others.count("create"), others.count("check_suite")) == (1, 2)


async def test_a_forced_push_moves_the_pull_request(
    git: Run, clone: Path, hub: Hub, installation: Installation, api: httpx.AsyncClient, received: list[httpx.Request]
) -> None:
    first = await commit(git, clone, "greet.py", "x = 1\n")
    token = token_for(hub, installation)
    await git("push", "-q", "origin", "work", token=token, at=clone)
    await api.post("/repos/acme/greeting/pulls", json={"title": "P", "head": "work", "base": "main"})
    await git("reset", "-q", "--hard", "HEAD~", at=clone)
    second = await commit(git, clone, "greet.py", "x = 2\n")
    stale = f"--force-with-lease=refs/heads/work:{'1' * 40}"
    assert "stale info" in (await git("push", stale, "origin", "work", token=token, at=clone))[1]
    lease = f"--force-with-lease=refs/heads/work:{first}"
    assert (await git("push", "-q", lease, "origin", "work", token=token, at=clone))[0] == 0
    await hub.settled()
    assert hub.pull("acme/greeting", 1).head.sha == second
    moved = [json.loads(one.content) for one in received if b'"synchronize"' in one.content]
    assert [(one["before"], one["after"]) for one in moved] == [(first, second)]
    pushes = [json.loads(one.content) for one in received if one.headers["X-GitHub-Event"] == "push"]
    assert [one["forced"] for one in pushes] == [False, True]


@pytest.mark.parametrize(
    ("path", "permissions", "words"),
    [
        (
            ".github/workflows/ci.yml",
            {"contents": "write"},
            "(refusing to allow a GitHub App to create or update workflow `.github/workflows/ci.yml` without",
        ),
        (".github/dependabot.yml", {"contents": "write"}, ""),
        ("greet.py", {"contents": "read"}, "403"),
        ("greet.py", {"issues": "write"}, "403"),
    ],
)
async def test_a_token_pushes_what_it_may(
    path: str,
    permissions: dict[str, str],
    words: str,
    git: Run,
    clone: Path,
    hub: Hub,
    installation: Installation,
) -> None:
    await commit(git, clone, path, "on: push\n")
    code, said = await git("push", "origin", "work", token=token_for(hub, installation, **permissions), at=clone)
    assert (code == 0) == (not words)
    assert words in said
    assert ("refs/heads/work" in await Git(hub.repository("acme/greeting").path).refs()) == (not words)


async def test_people_and_apps_with_the_permission_change_workflows(
    git: Run, clone: Path, hub: Hub, installation: Installation
) -> None:
    await commit(git, clone, ".github/workflows/ci.yml", "on: push\n")
    assert (await git("push", "-q", "origin", "work", token=hub.user("ada").token, at=clone))[0] == 0
    installation.permissions["workflows"] = "write"
    await commit(git, clone, ".github/workflows/ci.yml", "on: pull_request\n")
    assert (await git("push", "-q", "origin", "work", token=token_for(hub, installation), at=clone))[0] == 0


async def test_one_refused_branch_does_not_hold_up_another(
    git: Run, clone: Path, hub: Hub, installation: Installation
) -> None:
    hub.protect_branch("acme/greeting", "main")
    await commit(git, clone, "greet.py", "x = 1\n")
    token = token_for(hub, installation)
    code, said = await git("push", "origin", "work:main", "work", token=token, at=clone)
    assert code != 0
    assert "GH006: Protected branch update failed for refs/heads/main." in said
    assert "(protected branch hook declined)" in said
    assert "refs/heads/work" in await Git(hub.repository("acme/greeting").path).refs()


@pytest.mark.parametrize(
    ("name", "login", "code"),
    [("greeting", "", 0), ("secret", "", 128), ("secret", "rob", 0), ("secret", "eve", 128), ("nothing", "ada", 128)],
)
async def test_who_may_clone(name: str, login: str, code: int, git: Run, url: str, hub: Hub) -> None:
    token = hub.user(login).token if login else ""
    assert (await git("clone", "-q", f"{url}/acme/{name}.git", "copy", token=token))[0] == code


async def test_a_token_of_another_repository_clones_nothing(
    git: Run, url: str, hub: Hub, installation: Installation
) -> None:
    token = hub.accounts.mint(installation, {"contents": "read"}, [hub.repository("acme/greeting")]).value
    assert (await git("clone", "-q", f"{url}/acme/secret.git", "copy", token=token))[0] != 0
    hub.suspend(installation)
    code, said = await git("clone", "-q", f"{url}/acme/secret.git", "copy", token=token)
    assert (code, "403" in said) == (128, True)


async def test_a_header_does_instead_of_a_password(git: Run, url: str, hub: Hub, installation: Installation) -> None:
    secret = base64.b64encode(f"x-access-token:{token_for(hub, installation)}".encode()).decode()
    header = f"http.{url}/.extraHeader=AUTHORIZATION: basic {secret}"
    assert (await git("-c", header, "clone", "-q", f"{url}/acme/secret.git", "copy"))[0] == 0


async def test_a_long_history_is_fetched_and_big_files_are_pushed(
    git: Run, clone: Path, hub: Hub, installation: Installation
) -> None:
    """Many refs make git compress its request; a big pack makes it send in chunks."""
    token = token_for(hub, installation)
    for number in range(60):
        await git("tag", "-am", "t", f"v{number}", at=clone)
        if number % 10 == 0:
            await commit(git, clone, "many.txt", str(number))
    (clone / "big.bin").write_bytes(os.urandom(3_000_000))
    await commit(git, clone, "small.txt", "x")
    code, said = await git("push", "-q", "--follow-tags", "origin", "work", token=token, at=clone)
    assert code == 0, said
    shallow = await git(
        "clone", "-q", "--depth=1", "--branch=work", f"{hub.url}/acme/greeting.git", "copy", token=token
    )
    assert shallow[0] == 0
    behind = await git("fetch", "-q", "--unshallow", "--tags", "origin", token=token, at=clone.parent / "copy")
    assert behind[0] == 0
    assert (clone.parent / "copy" / "big.bin").read_bytes() == (clone / "big.bin").read_bytes()


async def test_two_pushes_at_once_are_each_told_once(
    git: Run, clone: Path, hub: Hub, installation: Installation, received: list[httpx.Request]
) -> None:
    token = token_for(hub, installation)
    await commit(git, clone, "greet.py", "x = 1\n")
    received.clear()
    names = [f"work-{number}" for number in range(4)]
    codes = await asyncio.gather(*(git("push", "-q", "origin", f"work:{one}", token=token, at=clone) for one in names))
    await hub.settled()
    assert [code for code, _ in codes] == [0, 0, 0, 0]
    pushes = [json.loads(one.content)["ref"] for one in received if one.headers["X-GitHub-Event"] == "push"]
    assert sorted(pushes) == [f"refs/heads/{name}" for name in names]


async def test_a_repository_is_cloned_with_its_history(git: Run, clone: Path, hub: Hub) -> None:
    await commit(git, clone, "greet.py", "x = 1\n")
    with pytest.raises(ValueError, match="has no branch 'trunk'"):
        hub.add_repository("acme/bad", source=clone, default_branch="trunk")
    repository = hub.add_repository("acme/copy", source=clone, default_branch="work")
    assert len(await Git(repository.path).log("work")) == 2


async def test_a_persons_push_and_a_merge_move_the_default_branch_and_are_told(
    git: Run, clone: Path, api: httpx.AsyncClient, hub: Hub, received: list[httpx.Request]
) -> None:
    """Each parses as GitHub's own, and says all that is needed to see that it is the default branch."""
    ada = hub.user("ada").token
    pushed = await commit(git, clone, "greet.py", "x = 1\n")
    received.clear()
    assert (await git("push", "-q", "origin", "work:main", token=ada, at=clone))[0] == 0
    await commit(git, clone, "greet.py", "x = 2\n")
    assert (await git("push", "-q", "origin", "work", token=ada, at=clone))[0] == 0
    made = await api.post("/repos/acme/greeting/pulls", json={"title": "P", "head": "work", "base": "main"})
    merged = await hub.merge_pull("acme/greeting", made.json()["number"], by="ada")
    await hub.settled()
    told = []
    for delivery in received:
        if delivery.headers["X-GitHub-Event"] == "push":
            parse("push", delivery.content)
            told.append(json.loads(delivery.content))
    ours = [one for one in told if one["ref"] == f"refs/heads/{one['repository']['default_branch']}"]
    assert [(one["before"], one["after"], one["deleted"]) for one in ours] == [
        (ours[0]["before"], pushed, False),
        (pushed, merged, False),
    ]
    assert {(one["sender"]["login"], one["pusher"]["name"]) for one in ours} == {("ada", "ada")}
    assert all(one["installation"]["id"] for one in ours)
