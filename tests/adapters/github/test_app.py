from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from app.adapters.github.app import App
from app.adapters.github.auth import AppAuth, KeyText
from app.core.errors import Unavailable

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
API = "https://api.test"


class GitHub:
    """An App with installations and deliveries, listed in pages of two."""

    def __init__(self) -> None:
        self.installations: list[dict[str, Any]] = [
            {"id": number, "account": {"login": f"org{number}"}, "permissions": {"issues": "write"}}
            for number in range(5)
        ]
        self.deliveries: list[dict[str, Any]] = [
            {
                "id": number,
                "guid": f"guid-{number}",
                "delivered_at": (NOW - timedelta(hours=number)).isoformat(),
                "status_code": 502 if number % 2 else 202,
                "event": "issues",
                "action": None,
            }
            for number in range(7)
        ]
        self.asked: list[str] = []
        self.key_is_good = True
        self.limits: list[dict[str, str]] = []
        """Headers of the next answers."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        answer = self._answer(request)
        answer.headers.update(self.limits.pop(0) if self.limits else {})
        return answer

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        if not self.key_is_good:
            return httpx.Response(401, json={"message": "A JSON web token could not be decoded"})
        match request.method, request.url.path:
            case "GET", "/app":
                return httpx.Response(200, json={"id": 42, "slug": "minions", "name": "x", "events": ["issues"]})
            case "GET", "/app/installations":
                return self.page(request, self.installations)
            case "GET", "/app/hook/deliveries":
                status = request.url.params.get("status")
                good = {"success": range(200, 400), "failure": range(400, 600)}.get(status or "", range(600))
                return self.page(request, [item for item in self.deliveries if item["status_code"] in good])
            case "POST", "/app/hook/deliveries/3/attempts":
                return httpx.Response(202, json={})
        return httpx.Response(404, json={"message": "Not Found"})

    def page(self, request: httpx.Request, items: list[dict[str, Any]]) -> httpx.Response:
        start = int(request.url.params.get("cursor", 0))
        following = request.url.copy_set_param("cursor", start + 2)
        links = {"Link": f'<{following}>; rel="next"'} if start + 2 < len(items) else {}
        return httpx.Response(200, json=items[start : start + 2], headers=links)


@pytest.fixture
def github() -> GitHub:
    return GitHub()


@pytest.fixture
def app(github: GitHub, pem: str) -> App:
    async def no_pause(_: float) -> None:
        pass

    http = httpx.AsyncClient(transport=httpx.MockTransport(github.answer))
    return App(http, API, AppAuth("42", KeyText(pem)), sleep=no_pause)


async def test_who_we_are_is_asked_once(app: App, github: GitHub) -> None:
    assert (await app.identity()).login == "minions[bot]"
    assert (await app.identity()).id == 42
    assert github.asked == ["GET /app"]


async def test_every_page_of_installations_is_read(app: App) -> None:
    found = await app.installations()
    assert [one.id for one in found] == [0, 1, 2, 3, 4]
    assert found[1].account is not None
    assert found[1].account.login == "org1"


async def test_deliveries_are_read_back_to_a_moment_and_no_further(app: App, github: GitHub) -> None:
    found = await app.deliveries(since=NOW - timedelta(hours=2))
    assert [one.guid for one in found] == ["guid-0", "guid-1", "guid-2"]
    assert [one.arrived for one in found] == [True, False, True]
    assert len(github.asked) == 2


async def test_only_failed_deliveries_or_only_the_newest(app: App) -> None:
    long_ago = NOW - timedelta(days=3)
    assert [one.id for one in await app.deliveries(since=long_ago, status="failure")] == [1, 3, 5]
    assert [one.id for one in await app.deliveries(since=long_ago, at_most=3)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ([], None),
        ([("4000", "5000"), ("500", "5000"), ("4999", "5000")], 0.1),
        ([("0", "15000")], 0.0),
        ([("1", "0"), ("many", "5000"), ("-1", "5000"), ("", "")], None),
        ([("7000", "5000")], 1.0),
    ],
)
async def test_the_least_that_is_left_of_the_hours_calls_is_seen(
    app: App, github: GitHub, said: list[tuple[str, str]], left: float | None
) -> None:
    github.limits = [{"x-ratelimit-remaining": some, "x-ratelimit-limit": limit} for some, limit in said]
    for _ in range(4):
        await app.deliveries(since=NOW, at_most=1)
    assert app.seen().calls_left == left
    assert app.seen().calls_left is None, "of the time before the last question nothing is said again"


async def test_a_delivery_is_asked_for_again(app: App, github: GitHub) -> None:
    await app.redeliver(3)
    assert github.asked == ["POST /app/hook/deliveries/3/attempts"]


async def test_a_key_of_another_app_is_told(app: App, github: GitHub) -> None:
    github.key_is_good = False
    with pytest.raises(Unavailable, match="belong to the same App"):
        await app.identity()


@pytest.mark.faults
@pytest.mark.parametrize("body", [b"<html>", b'{"id": 42', b"[]", b"null"])
async def test_f45_an_answer_that_cannot_be_read_is_an_error(pem: str, body: bytes) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    app = App(httpx.AsyncClient(transport=transport), API, AppAuth("42", KeyText(pem)))
    with pytest.raises(Unavailable):
        await app.identity()


async def test_pages_on_another_host_are_not_followed(pem: str) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, json=[], headers={"Link": '<https://evil.test/app/installations>; rel="next"'})

    app = App(httpx.AsyncClient(transport=httpx.MockTransport(answer)), API, AppAuth("42", KeyText(pem)))
    assert await app.installations() == []
    assert asked == [f"{API}/app/installations?per_page=100"]
