"""Real packages, in the release in which a real issue was reported: from the label to a pull request."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pydantic import BaseModel

from app.demo.stage import Stage, Wish

pytestmark = pytest.mark.real_input

HERE = Path(__file__).parent
LOGIN = "ann"
END_S = 120
"""Set-up of humanize takes 5 to 10 s, everything else 1 to 2 s each; a busy machine is slower."""
UNDER_WAY = ("**⏳", "**🏃")


class Behaviour(BaseModel, frozen=True):
    """What a small program prints, with the package as it was and as it is to be."""

    program: str
    before: str
    after: str


class Package(BaseModel, frozen=True, extra="forbid"):
    """A release, the issue about it, and what is to come of it."""

    name: str
    version: str
    url: str
    sha256: str
    fixed_in: str
    issue: Wish
    suite: str
    """The command that runs the package's own tests, as it is to be found out."""
    sets_up: bool
    """Whether anything has to be installed first."""
    repairs: int
    """How often the script changes something after red tests."""
    changes: tuple[str, ...]
    """Files of the pull request: source first, then tests."""
    import_from: str
    behaviour: Behaviour


PACKAGES = [Package.model_validate(yaml.safe_load(file.read_text())) for file in sorted(HERE.glob("packages/*.yaml"))]


@dataclass
class Person:
    """Somebody who may write in one repository, and sees it through GitHub's API only."""

    stage: Stage
    repository: str
    http: httpx.AsyncClient

    async def asked(self, path: str, **how: Any) -> Any:
        answer = await self.http.get(path, **how)
        answer.raise_for_status()
        return answer.json()

    async def wants(self, wish: Wish) -> int:
        """File an issue and label it; answers with its number."""
        issue = await self.http.post("/issues", json={"title": wish.title, "body": wish.body})
        number: int = issue.raise_for_status().json()["number"]
        (await self.http.post(f"/issues/{number}/labels", json={"labels": ["minion"]})).raise_for_status()
        return number

    async def waits_for(self, number: int) -> tuple[dict[str, Any], str]:
        """Look until it is over; answers with the check run and the comment."""
        end = time.monotonic() + END_S
        while time.monotonic() < end:
            comments = await self.asked(f"/issues/{number}/comments")
            check = await self._check()
            if check and comments and not comments[0]["body"].startswith(UNDER_WAY):
                assert len(comments) == 1
                return check, comments[0]["body"]
            await asyncio.sleep(0.3)
        pytest.fail(f"nothing came of it within {END_S} s; the log ends:\n{self.stage.log_end()}")

    async def _check(self) -> dict[str, Any] | None:
        """The completed check run of the branch that Minions made, if there is one."""
        for ref in await self.asked("/git/matching-refs/heads/minions/"):
            for check in (await self.asked(f"/commits/{ref['object']['sha']}/check-runs"))["check_runs"]:
                if check["status"] == "completed":
                    return dict(check)
        return None


@asynccontextmanager
async def repository(stage: Stage, name: str, source: Path) -> AsyncIterator[Person]:
    """Put the files on GitHub, let a person write there, and install the App."""
    stage.hub.add_repository(name, source=source)
    if LOGIN not in stage.hub.accounts.users:
        stage.hub.add_user(LOGIN)
    stage.hub.add_collaborator(name, LOGIN, "write")
    stage.hub.install(stage.app, [name])
    headers = {"Authorization": f"Bearer {stage.hub.user(LOGIN).token}", "Accept": "application/vnd.github+json"}
    api = f"{stage.hub.url}/api/v3/repos/{name}"
    async with httpx.AsyncClient(base_url=api, headers=headers, timeout=30) as http:
        yield Person(stage, name, http)


@dataclass
class Story:
    """How it ended for one package."""

    package: Package
    issue: int
    check: dict[str, Any]
    comment: str
    pulls: list[dict[str, Any]]
    files: list[dict[str, Any]]
    clone: Path

    @property
    def pull(self) -> dict[str, Any]:
        """The pull request."""
        return self.pulls[0]

    def evidence(self) -> list[tuple[str, str, str]]:
        """When, command and exit code, as the pull request tells them."""
        rows = [line.split(" | ") for line in self.pull["body"].split("\n") if line.startswith("| ")]
        return [(row[0].removeprefix("| "), row[1].strip("`"), row[2]) for row in rows if len(row) == 4]

    def printed(self, branch: str) -> str:
        """What the small program prints with the package as it is on `branch`."""
        git(self.clone, "checkout", "--quiet", branch)
        ran = subprocess.run(
            [sys.executable, "-B", "-c", self.package.behaviour.program],
            cwd=self.clone,
            env={"PYTHONPATH": str(self.clone / self.package.import_from)},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return ran.stdout.strip()


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody without settings of their own; it may not ask."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.fixture(scope="module", params=PACKAGES, ids=[package.name for package in PACKAGES])
async def story(
    request: pytest.FixtureRequest,
    stage: Stage,
    unpacked: Callable[[str, str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Story]:
    """One package, from its release to what came of the issue."""
    package: Package = request.param
    name = f"{package.name}/{package.name}"
    async with repository(stage, name, unpacked(package.url, package.sha256)) as person:
        number = await person.wants(package.issue)
        check, comment = await person.waits_for(number)
        assert check["conclusion"] == "success", comment
        pulls = await person.asked("/pulls", params={"state": "all"})
        clone = tmp_path_factory.mktemp("clone")
        await asyncio.to_thread(git, clone, "clone", "--quiet", f"{stage.hub.url}/{name}.git", ".")
        files = await person.asked(f"/pulls/{pulls[0]['number']}/files")
        yield Story(package, number, check, comment, pulls, files, clone)


async def test_there_is_one_pull_request_for_the_issue_and_it_is_a_draft(story: Story) -> None:
    assert len(story.pulls) == 1
    assert (story.pull["draft"], story.pull["state"], story.pull["base"]["ref"]) == (True, "open", "main")
    assert f"Closes #{story.issue}" in story.pull["body"]


async def test_it_changes_the_source_and_its_tests_and_nothing_that_set_up_left(story: Story) -> None:
    assert sorted(file["filename"] for file in story.files) == sorted(story.package.changes)
    assert all(file["additions"] > 0 for file in story.files)


async def test_the_check_run_on_its_head_is_a_success(story: Story) -> None:
    assert story.check["head_sha"] == story.pull["head"]["sha"]
    assert story.check["conclusion"] == "success"
    assert (
        story.check["output"]["title"] == f"✅ Pull request #{story.pull['number']} waits for review, no checks found"
    )


async def test_the_packages_own_suite_was_run_before_and_after(story: Story) -> None:
    evidence = story.evidence()
    assert ("before the change", story.package.suite, "0") in evidence
    assert ("after the change", story.package.suite, "0") in evidence
    set_up = {exit_code for when, _, exit_code in evidence if when == "set-up"}
    assert set_up == ({"0"} if story.package.sets_up else set())


async def test_the_comment_says_so(story: Story) -> None:
    assert story.comment.startswith(f"**✅ Pull request #{story.pull['number']} waits for review, no checks found**")


async def test_a_first_try_with_a_mistake_is_found_by_the_suite(story: Story) -> None:
    outcome = "✔️ green, before that red" if story.package.repairs else "✔️ green"
    assert f"| {outcome} |" in story.check["output"]["summary"]
    assert ("after red tests" in story.pull["body"]) == bool(story.package.repairs)


async def test_the_behaviour_of_the_issue_is_gone(story: Story) -> None:
    assert story.printed("main") == story.package.behaviour.before
    assert story.printed(story.pull["head"]["ref"]) == story.package.behaviour.after


async def test_set_up_reaches_registries_only(stage: Stage, unpacked: Callable[[str, str], Path]) -> None:
    package = next(package for package in PACKAGES if package.name == "parse")
    source = unpacked(package.url, package.sha256)
    fetch = """python3 -c 'import urllib.request as web; web.urlopen("https://example.org/install.sh")'"""
    (source / ".github").mkdir()
    (source / ".github" / "minion.yml").write_text(yaml.safe_dump({"setup": fetch, "test": package.suite}))
    asked_before = len(stage.models.requests)
    async with repository(stage, f"elsewhere/{package.name}", source) as person:
        check, comment = await person.waits_for(await person.wants(package.issue))
        assert await person.asked("/pulls", params={"state": "all"}) == []
    assert check["conclusion"] == "neutral"
    assert "✔️ cannot" in check["output"]["summary"]
    for said in (comment, check["output"]["summary"]):
        assert "only package registries can be reached" in said
        assert "refused: example.org:443 is not an allowed registry" in said
    assert len(stage.models.requests) == asked_before
