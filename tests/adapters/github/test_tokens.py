import asyncio
import email.utils
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
import pytest

from app.adapters.github.app import App
from app.adapters.github.auth import AppAuth, KeyText
from app.adapters.github.pace import OwnTurns, Pace
from app.adapters.github.tokens import READ_CODE, TALK, WRITE_CODE, Tokens
from app.core.errors import Denied, ForgeError, NotFound, RateLimited, Suspended, Unavailable
from app.core.pace import Allowance
from app.core.task import Repository

HELLO = Repository(id=11, full_name="octo/hello", installation_id=5)
OTHER = Repository(id=12, full_name="octo/other", installation_id=5)


class GitHub:
    """Where tokens are minted: knows the App's key and a clock, and can be in trouble."""

    def __init__(self, public_pem: str) -> None:
        self.public_pem = public_pem
        self.now = 1_795_255_200.0
        self.ahead_s = 0.0
        self.minted: list[dict[str, Any]] = []
        self.trouble: list[httpx.Response | Exception] = []
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def answer(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        here = self.now + self.ahead_s
        date = {"Date": email.utils.formatdate(here, usegmt=True)}
        if self.trouble:
            trouble = self.trouble.pop(0)
            if isinstance(trouble, Exception):
                raise trouble
            trouble.headers.update(date)
            return trouble
        word = request.headers["authorization"].removeprefix("Bearer ")
        options: Any = {"verify_exp": False, "verify_iat": False}
        told = jwt.decode(word, self.public_pem, algorithms=["RS256"], options=options)
        if not (told["iat"] <= here < told["exp"] <= here + 600) or told["iss"] != "42":
            return httpx.Response(401, json={"message": "'Expiration time' claim ('exp') is wrong"}, headers=date)
        self.minted.append(json.loads(request.content) | {"path": request.url.path})
        end = datetime.fromtimestamp(here + 3600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        token = f"ghs_42_{len(self.minted)}" + ".-_aB3" * 85
        return httpx.Response(201, json={"token": token, "expires_at": end}, headers=date)


class Bench:
    def __init__(self, pem: str, public_pem: str) -> None:
        self.github = GitHub(public_pem)
        self.secrets: list[str] = []
        self.http = httpx.AsyncClient(transport=httpx.MockTransport(self.github.answer))
        auth = AppAuth("42", KeyText(pem), clock=self.github.clock)
        allowance = Allowance(write_spacing_s=0)
        pace = Pace(OwnTurns(allowance, clock=self.github.clock), allowance)
        app = App(self.http, "https://ghes.test/api/v3", auth, pace=pace, sleep=self.github.sleep)
        self.tokens = Tokens(app, on_secret=self.secrets.append, clock=self.github.clock, sleep=self.github.sleep)


@pytest.fixture
def bench(pem: str, public_pem: str) -> Bench:
    return Bench(pem, public_pem)


async def test_a_token_is_for_one_repository_and_one_use(bench: Bench) -> None:
    token = await bench.tokens.token(HELLO, READ_CODE)
    assert bench.github.minted == [
        {
            "path": "/api/v3/app/installations/5/access_tokens",
            "repository_ids": [11],
            "permissions": {"contents": "read", "metadata": "read"},
        }
    ]
    assert bench.secrets == [token.value]


async def test_a_token_is_kept_for_its_repository_and_use(bench: Bench) -> None:
    first = await bench.tokens.token(HELLO, READ_CODE)
    assert await bench.tokens.token(HELLO, dict(sorted(READ_CODE.items(), reverse=True))) == first
    others = [await bench.tokens.token(*use) for use in [(HELLO, WRITE_CODE), (OTHER, READ_CODE), (HELLO, TALK)]]
    assert len({first.value, *(token.value for token in others)}) == 4
    assert len(bench.github.minted) == 4


async def test_many_ask_at_once_and_one_token_is_minted(bench: Bench) -> None:
    tokens = await asyncio.gather(*(bench.tokens.token(HELLO, READ_CODE) for _ in range(20)))
    assert len(set(tokens)) == 1
    assert len(bench.github.minted) == 1


@pytest.mark.parametrize(("age_s", "minted"), [(3299, 1), (3300, 2), (7200, 2)])
async def test_a_token_is_replaced_five_minutes_before_its_end(bench: Bench, age_s: float, minted: int) -> None:
    await bench.tokens.token(HELLO, READ_CODE)
    bench.github.now += age_s
    await bench.tokens.token(HELLO, READ_CODE)
    assert len(bench.github.minted) == minted


@pytest.mark.faults
@pytest.mark.parametrize("ahead_s", [300.0, -300.0, 7200.0])
async def test_f27_a_wrong_clock_is_found_and_corrected(bench: Bench, ahead_s: float) -> None:
    bench.github.ahead_s = ahead_s
    await bench.tokens.token(HELLO, READ_CODE)
    assert len(bench.github.minted) == 1
    bench.github.now += 3000
    await bench.tokens.token(HELLO, READ_CODE)
    assert len(bench.github.minted) == 1, "how long it lives does not depend on our clock"


@pytest.mark.faults
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(403, json={"message": "This installation has been suspended"}), Suspended),
        (httpx.Response(404, json={"message": "Not Found"}), NotFound),
        (httpx.Response(401, json={"message": "A JSON web token could not be decoded"}), Unavailable),
        (httpx.Response(422, json={"message": "The permissions requested are not granted"}), Denied),
        (httpx.Response(429), RateLimited),
    ],
)
async def test_f31_why_there_is_no_token_is_told(bench: Bench, answer: httpx.Response, error: type[ForgeError]) -> None:
    bench.github.trouble = [answer] * (3 if answer.status_code == 401 else 1)  # which may be over in a moment
    with pytest.raises(error) as caught:
        await bench.tokens.token(HELLO, WRITE_CODE)
    assert type(caught.value) is error
    if answer.status_code == 422:
        assert "contents: write" in str(caught.value)
    if isinstance(caught.value, RateLimited):
        with pytest.raises(RateLimited):
            await bench.tokens.token(HELLO, WRITE_CODE)
        bench.github.now += caught.value.retry_after_s
    await bench.tokens.token(HELLO, WRITE_CODE)


async def test_trouble_on_the_way_is_tried_again(bench: Bench) -> None:
    bench.github.trouble = [httpx.Response(502, text="<html>"), httpx.ReadTimeout("slow")]
    await bench.tokens.token(HELLO, READ_CODE)
    bench.github.trouble = [httpx.ConnectError("x")] * 3
    with pytest.raises(Unavailable):
        await bench.tokens.token(OTHER, READ_CODE)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"token": null}', b'{"token": ""}'])
async def test_an_answer_without_a_token_is_no_token(bench: Bench, body: bytes) -> None:
    bench.github.trouble = [httpx.Response(201, content=body)]
    with pytest.raises(Unavailable):
        await bench.tokens.token(HELLO, READ_CODE)


@pytest.mark.faults
async def test_f30_a_fresh_token_that_is_refused_is_given_five_seconds(bench: Bench) -> None:
    token = await bench.tokens.token(HELLO, READ_CODE)
    answers = [await bench.tokens.retry(HELLO, READ_CODE, token, tries) for tries in range(5)]
    assert answers == [True, True, True, True, False]
    assert sum(bench.github.slept) == 5
    assert await bench.tokens.token(HELLO, READ_CODE) != token, "what was refused to the end is not used again"


@pytest.mark.faults
async def test_f29_an_old_token_that_is_refused_is_replaced_once(bench: Bench) -> None:
    token = await bench.tokens.token(HELLO, READ_CODE)
    bench.github.now += 600
    assert await bench.tokens.retry(HELLO, READ_CODE, token, 0)
    fresh = await bench.tokens.token(HELLO, READ_CODE)
    assert fresh != token
    assert not await bench.tokens.retry(HELLO, READ_CODE, token, 1), "once is enough"
    assert await bench.tokens.token(HELLO, READ_CODE) == fresh, "the new one is not forgotten for the old one's sake"


@pytest.mark.faults
async def test_f28_no_repr_shows_a_token(bench: Bench) -> None:
    token = await bench.tokens.token(HELLO, READ_CODE)
    assert len(token.value) > 500
    assert token.value[7:20] not in f"{token!r}{bench.tokens!r}{vars(bench.tokens)!r}"
