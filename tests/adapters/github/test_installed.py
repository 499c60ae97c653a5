from typing import Any

import httpx
import pytest

from app.adapters.github.app import App
from app.adapters.github.auth import AppAuth, KeyText
from app.adapters.github.installed import GitHubInstalled
from app.core.errors import ForgeError

pytestmark = pytest.mark.faults

HERE = {"id": 3, "account": {"login": "octo"}, "suspended_at": None}
AWAY = {"id": 4, "account": None, "suspended_at": "2026-01-02T03:04:05Z"}


def installed(pem: str, status: int, **answer: Any) -> GitHubInstalled:
    """A GitHub that answers every call so."""

    async def no_pause(_: float) -> None:
        pass

    http = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(status, **answer)))
    return GitHubInstalled(App(http, "https://api.test", AppAuth("42", KeyText(pem)), sleep=no_pause))


async def test_suspended_installations_are_listed_too(pem: str) -> None:
    listed = await installed(pem, 200, json=[HERE, AWAY]).listed()
    assert [(one.id, one.account, one.is_suspended) for one in listed] == [(3, "octo", False), (4, "", True)]


async def test_f31_only_github_saying_so_plainly_means_that_an_installation_is_gone(pem: str) -> None:
    assert await installed(pem, 404, json={"message": "Not Found", "status": "404"}).is_gone(3)
    assert not await installed(pem, 200, json=HERE).is_gone(3)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (404, {"text": "<h1>Not Found</h1>"}),
        (404, {"json": {"message": "Integration not found"}}),
        (404, {"json": {}}),
        (401, {"json": {"message": "Bad credentials"}}),
        (403, {"json": {"message": "Forbidden"}}),
        (410, {"json": {"message": "Gone"}}),
        (301, {"json": {"message": "Moved"}}),
        (502, {"text": ""}),
    ],
)
async def test_no_other_answer_says_anything(pem: str, status: int, answer: dict[str, Any]) -> None:
    with pytest.raises(ForgeError):
        await installed(pem, status, **answer).is_gone(3)
