"""Embeddings through the real litellm, over HTTP to a server on loopback."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.adapters.embeddings import MOST_CHARACTERS, MOST_TEXTS, LiteLLMEmbedder
from app.adapters.litellm_library import warm_up
from app.core.errors import ModelDenied, ModelError, ModelUnavailable
from tests.embeddings import KEY, EmbeddingServer, embedded, embedding_server

SEVERAL = [{"index": number, "embedding": [1.0] * number} for number in (1, 2, 3)]
TEXTS = [f"text number {number}" for number in range(3)]


@dataclass
class Clockless:
    """Remembers how long it was asked to sleep, and does not."""

    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture(scope="session", autouse=True)
async def warm() -> None:
    await warm_up()


@pytest.fixture
async def server() -> AsyncIterator[EmbeddingServer]:
    async with embedding_server() as running:
        yield running


@pytest.fixture
def rest() -> Clockless:
    return Clockless()


def model(server: EmbeddingServer, rest: Clockless, **more: Any) -> LiteLLMEmbedder:
    given: dict[str, Any] = {"api_base": server.url, "api_key": KEY, "sleep": rest.sleep, "jitter": lambda: 1.0}
    return LiteLLMEmbedder("openai/trigrams", **given | more)


def refusal(sentence: str) -> dict[str, Any]:
    return {"error": {"message": sentence, "type": "x", "param": None, "code": None}}


async def test_each_text_has_its_vector_in_its_place(server: EmbeddingServer, rest: Clockless) -> None:
    got = await model(server, rest, dimensions=64, usd=2.0).embed(TEXTS, timeout_s=30)
    assert [list(vector or ()) for vector in got.vectors] == [pytest.approx(embedded(text, 64)) for text in TEXTS]
    assert (got.error, got.usage.turns, got.usage.input_tokens) == (None, 0, sum(map(len, TEXTS)) // 4)
    assert got.usage.usd == pytest.approx(got.usage.input_tokens * 2 / 1e6)
    assert server.keys == {KEY}
    (asked,) = server.asked
    assert (asked["model"], asked["input"], asked["dimensions"]) == ("trigrams", TEXTS, 64)


async def test_nothing_is_asked_for_nothing(server: EmbeddingServer, rest: Clockless) -> None:
    assert list((await model(server, rest).embed([], timeout_s=30)).vectors) == []
    assert server.asked == []


async def test_many_texts_go_in_calls_that_providers_take_some_at_once(
    server: EmbeddingServer, rest: Clockless
) -> None:
    texts = [*(f"short {number}" for number in range(150)), *("x" * 20_000 + str(number) for number in range(5))]
    got = await model(server, rest).embed(texts, timeout_s=30)
    assert [list(vector or ()) for vector in got.vectors] == [pytest.approx(embedded(text)) for text in texts]
    assert sorted(server.texts) == sorted(texts)
    assert max(len(body["input"]) for body in server.asked) == MOST_TEXTS
    assert max(sum(map(len, body["input"])) for body in server.asked) <= MOST_CHARACTERS


@pytest.mark.parametrize(
    ("answer", "slept"),
    [
        ((429, refusal("slow down"), {"retry-after": "7"}), 7.0),
        ((500, refusal("boom"), {}), 1.0),
        ((503, "<html>busy</html>", {}), 1.0),
        ((200, "<html>hello</html>", {}), 1.0),
        ((200, {"object": "list", "model": "m", "data": []}, {}), 1.0),
        ((200, {"object": "list", "model": "m", "data": [{"index": 0, "embedding": [0.5]}]}, {}), 1.0),
        ((200, {"object": "list", "model": "m", "data": [{"index": n, "embedding": []} for n in range(3)]}, {}), 1.0),
        ((200, {"object": "list", "model": "m", "data": SEVERAL}, {}), 1.0),
    ],
    ids=["429", "500", "503", "a page", "no vectors", "one for three", "empty ones", "of several lengths"],
)
async def test_what_may_pass_is_asked_again(
    server: EmbeddingServer, rest: Clockless, answer: Any, slept: float
) -> None:
    server.faults.append(answer)
    got = await model(server, rest).embed(TEXTS, timeout_s=30)
    assert (got.error, None in got.vectors, rest.slept, len(server.asked)) == (None, False, [slept], 2)


async def test_what_does_not_pass_is_told_without_the_key_and_the_texts(
    server: EmbeddingServer, rest: Clockless, caplog: pytest.LogCaptureFixture
) -> None:
    """Also not what a server says that tells them both."""
    caplog.set_level(logging.INFO)
    server.faults.extend([(500, refusal(f"boom {KEY}"), {})] * 4)
    got = await model(server, rest).embed(TEXTS, timeout_s=30)
    assert isinstance(got.error, ModelUnavailable)
    assert (list(got.vectors), rest.slept) == ([None] * 3, [1.0, 2.0, 4.0])
    assert KEY not in f"{got.error!r} {got.error.detail} {caplog.text}"
    assert TEXTS[0] not in f"{got.error!r} {caplog.text}"
    assert got.error.__cause__ is got.error.__context__ is None


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (401, ModelDenied, "refused our key (401)"),
        (402, ModelDenied, "no credit left"),
        (404, ModelDenied, "knows no model openai/trigrams"),
        (413, ModelError, "too long"),
    ],
)
async def test_what_asking_again_does_not_help_is_asked_once(
    server: EmbeddingServer, rest: Clockless, status: int, kind: type[ModelError], told: str
) -> None:
    server.faults.append((status, refusal("no"), {}))
    got = await model(server, rest).embed(TEXTS, timeout_s=30)
    assert isinstance(got.error, kind)
    assert (told in str(got.error), rest.slept) == (True, [])


async def test_what_was_had_before_trouble_is_kept(server: EmbeddingServer, rest: Clockless) -> None:
    """It was paid."""
    server.faults.append((401, refusal("no"), {}))
    texts = [f"text {number}" for number in range(3 * MOST_TEXTS)]
    got = await model(server, rest, usd=1.0).embed(texts, timeout_s=30)
    there = [text for text, vector in zip(texts, got.vectors, strict=True) if vector is not None]
    assert isinstance(got.error, ModelDenied)
    assert (len(there), got.usage.usd > 0) == (2 * MOST_TEXTS, True)


async def test_a_model_that_cannot_shorten_vectors_is_asked_for_them_as_they_are(
    server: EmbeddingServer, rest: Clockless
) -> None:
    server.faults.append((400, refusal("This model does not support specifying dimensions."), {}))
    asked = model(server, rest, dimensions=64)
    got = await asked.embed(TEXTS, timeout_s=30)
    assert {len(vector or ()) for vector in got.vectors} == {256}
    await asked.embed(["one more"], timeout_s=30)
    assert ["dimensions" in body for body in server.asked] == [True, False, False]


async def test_one_that_does_not_answer_is_left_after_a_while(server: EmbeddingServer, rest: Clockless) -> None:
    """Each try, and all together."""
    server.faults.append(None)
    got = await model(server, rest, try_timeout_s=0.2).embed(TEXTS, timeout_s=30)
    assert (got.error, len(server.asked)) == (None, 2)
    server.faults.append(None)
    got = await model(server, rest).embed(TEXTS, timeout_s=0.2)
    assert isinstance(got.error, ModelUnavailable)
    assert "did not answer within" in str(got.error)


async def test_some_calls_are_made_at_once_and_who_stops_it_stops_them(
    server: EmbeddingServer, rest: Clockless
) -> None:
    server.faults.extend([None] * 8)
    asking = asyncio.create_task(model(server, rest).embed(["x" * MOST_CHARACTERS] * 8, timeout_s=30))
    await server.until(6)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await server.until(0)
    assert len(server.asked) == 6


async def test_a_self_hosted_server_is_asked_in_its_form(server: EmbeddingServer, rest: Clockless) -> None:
    asked = LiteLLMEmbedder("hosted_vllm/words", api_base=server.url, api_key=KEY, dimensions=32, sleep=rest.sleep)
    got = await asked.embed(TEXTS, timeout_s=30)
    assert (got.error, {len(vector or ()) for vector in got.vectors}) == (None, {32})
    assert server.paths == ["/v1/embeddings"]


def test_what_it_can_cost_is_known_beforehand() -> None:
    assert LiteLLMEmbedder("openai/none", usd=2.0).reserve_usd(1_000_000) == pytest.approx(2.0)
    assert LiteLLMEmbedder("openai/text-embedding-3-small").reserve_usd(1_000_000) == pytest.approx(0.02)
    assert LiteLLMEmbedder("openai/none").reserve_usd(1_000_000) == 0.0
