"""The whole of Minions, running as in an installation, and people who use it through GitHub."""

import os
from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, Protocol

import gidgethub.httpx
import httpx
import httpx2
import pytest
from githubkit import GitHub, TokenAuthStrategy

from app.demo.github.objects import Role
from app.demo.stage import Seed, Stage, seed, staged
from tests.forks import Forks

_TOLD_OF_A_FAILURE: Final = 20_000
"""Characters at the end of a server's log that are shown with a failed test."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the server said: a wait that came to nothing says only that."""
    report = yield
    if report.failed:
        for given in item.funcargs.values():
            stage = given.stage if isinstance(given, Town) else given
            if isinstance(stage, Stage):
                report.sections.append(("The end of the server's log", stage.log_end(_TOLD_OF_A_FAILURE)))
                report.sections.append(("What was said in the newest repository", _said(stage)))
    return report


def _said(stage: Stage) -> str:
    newest = list(stage.hub.repositories.values())[-1:]
    comments = [comment for repository in newest for issue in repository.issues.values() for comment in issue.comments]
    return "\n\n".join(f"{one.user.login}: {one.body}" for one in comments)


class Person(Protocol):
    """Somebody with an account, at a client of GitHub that knows nothing of us."""

    async def file(self, title: str, body: str) -> int: ...
    async def label(self, number: int, name: str) -> None: ...
    async def comment(self, number: int, body: str) -> int: ...
    async def comments(self, number: int) -> list[dict[str, Any]]: ...
    async def reactions(self, number: int) -> list[str]: ...
    async def comment_reactions(self, comment_id: int) -> list[str]: ...
    async def pulls(self) -> list[dict[str, Any]]: ...
    async def files(self, number: int) -> list[dict[str, Any]]: ...
    async def checks(self, ref: str) -> list[dict[str, Any]]: ...
    async def annotations(self, check_id: int) -> list[dict[str, Any]]: ...
    async def branches(self) -> list[str]: ...


@dataclass
class Gidgethub:
    """`Person` by gidgethub, with plain JSON."""

    api: gidgethub.httpx.GitHubAPI
    repository: str

    async def file(self, title: str, body: str) -> int:
        return int((await self._post("/issues", {"title": title, "body": body}))["number"])

    async def label(self, number: int, name: str) -> None:
        await self._post(f"/issues/{number}/labels", {"labels": [name]})

    async def comment(self, number: int, body: str) -> int:
        return int((await self._post(f"/issues/{number}/comments", {"body": body}))["id"])

    async def comments(self, number: int) -> list[dict[str, Any]]:
        return [one async for one in self.api.getiter(f"/repos/{self.repository}/issues/{number}/comments")]

    async def reactions(self, number: int) -> list[str]:
        found = self.api.getiter(f"/repos/{self.repository}/issues/{number}/reactions")
        return [one["content"] async for one in found]

    async def comment_reactions(self, comment_id: int) -> list[str]:
        found = self.api.getiter(f"/repos/{self.repository}/issues/comments/{comment_id}/reactions")
        return [one["content"] async for one in found]

    async def pulls(self) -> list[dict[str, Any]]:
        return [one async for one in self.api.getiter(f"/repos/{self.repository}/pulls")]

    async def files(self, number: int) -> list[dict[str, Any]]:
        return [one async for one in self.api.getiter(f"/repos/{self.repository}/pulls/{number}/files")]

    async def checks(self, ref: str) -> list[dict[str, Any]]:
        url = f"/repos/{self.repository}/commits/{ref}/check-runs"
        return [one async for one in self.api.getiter(url, iterable_key="check_runs")]

    async def annotations(self, check_id: int) -> list[dict[str, Any]]:
        return [one async for one in self.api.getiter(f"/repos/{self.repository}/check-runs/{check_id}/annotations")]

    async def branches(self) -> list[str]:
        return [one["name"] async for one in self.api.getiter(f"/repos/{self.repository}/branches")]

    async def _post(self, path: str, data: Mapping[str, Any]) -> Any:
        return await self.api.post(f"/repos/{self.repository}{path}", data=data)


@dataclass
class Githubkit:
    """`Person` by githubkit, which validates every answer against GitHub's own schemas."""

    api: GitHub[TokenAuthStrategy]
    owner: str
    name: str

    async def file(self, title: str, body: str) -> int:
        answer = await self.api.rest.issues.async_create(self.owner, self.name, title=title, body=body)
        return answer.parsed_data.number

    async def label(self, number: int, name: str) -> None:
        await self.api.rest.issues.async_add_labels(self.owner, self.name, number, data={"labels": [name]})

    async def comment(self, number: int, body: str) -> int:
        answer = await self.api.rest.issues.async_create_comment(self.owner, self.name, number, body=body)
        return answer.parsed_data.id

    async def comments(self, number: int) -> list[dict[str, Any]]:
        found: Any = (await self.api.rest.issues.async_list_comments(self.owner, self.name, number)).parsed_data
        return [one.model_dump(mode="json") for one in found]

    async def reactions(self, number: int) -> list[str]:
        found: Any = (await self.api.rest.reactions.async_list_for_issue(self.owner, self.name, number)).parsed_data
        return [one.content for one in found]

    async def comment_reactions(self, comment_id: int) -> list[str]:
        reactions = self.api.rest.reactions
        found: Any = (await reactions.async_list_for_issue_comment(self.owner, self.name, comment_id)).parsed_data
        return [one.content for one in found]

    async def pulls(self) -> list[dict[str, Any]]:
        found: Any = (await self.api.rest.pulls.async_list(self.owner, self.name)).parsed_data
        return [one.model_dump(mode="json") for one in found]

    async def files(self, number: int) -> list[dict[str, Any]]:
        found: Any = (await self.api.rest.pulls.async_list_files(self.owner, self.name, number)).parsed_data
        return [one.model_dump(mode="json") for one in found]

    async def checks(self, ref: str) -> list[dict[str, Any]]:
        answer = await self.api.rest.checks.async_list_for_ref(self.owner, self.name, ref)
        return [one.model_dump(mode="json") for one in answer.parsed_data.check_runs]

    async def annotations(self, check_id: int) -> list[dict[str, Any]]:
        found: Any = (await self.api.rest.checks.async_list_annotations(self.owner, self.name, check_id)).parsed_data
        return [one.model_dump(mode="json") for one in found]

    async def branches(self) -> list[str]:
        found: Any = (await self.api.rest.repos.async_list_branches(self.owner, self.name)).parsed_data
        return [one.name for one in found]


@dataclass
class Town:
    """A running Minions, and repositories that people work on."""

    stage: Stage
    wanted: Seed
    http: httpx.AsyncClient
    gidgethub: httpx2.AsyncClient
    _numbers: Any = field(default_factory=lambda: count(1))

    def repository(self, files: Mapping[str, str] | None = None) -> str:
        """A fresh repository with the App on it; ann may write, tim may triage, and mallory may read."""
        full_name = f"town{next(self._numbers)}/slugs"
        self.stage.add_repository(full_name, self.wanted.files if files is None else files)
        roles: dict[str, Role] = {"ann": "write", "tim": "triage", "mallory": "read"}
        for login, role in roles.items():
            self.stage.hub.add_collaborator(full_name, login, role)
        return full_name

    def headers(self, login: str) -> dict[str, str]:
        """For plain HTTP as somebody."""
        return {"Authorization": f"Bearer {self.stage.hub.user(login).token}"}

    def person(self, login: str, full_name: str, *, kind: str = "gidgethub") -> Person:
        """Somebody at a client of their own."""
        token = self.stage.hub.user(login).token
        api_url = f"{self.stage.hub.url}/api/v3"
        if kind == "gidgethub":
            api = gidgethub.httpx.GitHubAPI(self.gidgethub, login, base_url=api_url, oauth_token=token)
            return Gidgethub(api, full_name)
        owner, _, name = full_name.partition("/")
        return Githubkit(GitHub(TokenAuthStrategy(token), base_url=f"{api_url}/", auto_retry=False), owner, name)


class Minions(Protocol):
    """The command line."""

    async def __call__(self, *words: str, docker_host: str = "", **settings: str) -> tuple[int, str]:
        """Exit code and everything that was printed."""


@pytest.fixture(scope="session", name="minions")
def _minions(forks: Forks) -> Minions:
    async def run(*words: str, docker_host: str = "", **settings: str) -> tuple[int, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("MINIONS_")}
        environment = (
            plain
            | {f"MINIONS_{name.upper()}": value for name, value in settings.items()}
            | ({"DOCKER_HOST": docker_host} if docker_host else {})
        )
        process = await forks.heard(*words, environment=environment)
        out, _ = await process.communicate()
        return process.returncode or 0, out.decode()

    return run


@pytest.fixture(scope="session")
async def town(forks: Forks) -> AsyncIterator[Town]:
    """Started once: it takes seconds."""
    async with built(start=forks.start) as town:
        yield town


@asynccontextmanager
async def built(*, triage: str = "", **given: Any) -> AsyncIterator[Town]:
    """A town on a stage that is given this; `triage` is the script that sorts its issues, if one does."""
    async with staged(**given) as stage, httpx.AsyncClient(timeout=30) as http, httpx2.AsyncClient(timeout=30) as other:
        if triage:
            told = {"MODEL": f"openai/{triage}", "API_BASE": stage.models.url, "PRICE": "0.1,0.4"}
            told["API_KEY"] = stage.environment["MINIONS_MODEL_API_KEY"]
            stage.environment = {**stage.environment, **{f"MINIONS_TRIAGE_{word}": said for word, said in told.items()}}
        for login in ("ann", "tim", "mallory"):
            stage.hub.add_user(login)
        stage.hub.add_user("rogue[bot]", is_bot=True)
        await stage.start_app()
        yield Town(stage, seed(), http, other)
