import asyncio
import contextlib
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.adapters.litellm import LiteLLMModel
from app.adapters.litellm_library import warm_up
from app.adapters.model_faults import fault, scrubbed
from app.adapters.model_prices import Price, listed
from app.adapters.model_profiles import profile_of
from app.core.errors import ContextTooLong, HistoryRefused, ModelDenied, ModelError, ModelUnavailable
from app.core.model import Model, Profile, Reply
from app.demo.models import ModelServer, serve
from app.demo.script import Act, Call, Script, Tokens, Turn

KEY = "sk-very-secret-0123456789"
MESSAGES = [{"role": "system", "content": "You work."}, {"role": "user", "content": "Go on"}]
TOOLS = [{"type": "function", "function": {"name": "read", "description": "Read.", "parameters": {"type": "object"}}}]
SCRIPT = Script(
    acts=(
        Act(
            when="",
            turns=(
                Turn(
                    text="I look.",
                    calls=(Call(tool="read", arguments={"path": "ä"}), Call(tool="read", arguments="{broken")),
                    usage=Tokens(input=1_000_000, output=100_000, cached=400_000),
                ),
                Turn(text="Done."),
            ),
        ),
    )
)


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
async def server() -> AsyncIterator[ModelServer]:
    async with serve({"script": SCRIPT}) as running:
        yield running


@pytest.fixture
def rest() -> Clockless:
    return Clockless()


def model(url: str, rest: Clockless, **more: Any) -> LiteLLMModel:
    given: dict[str, Any] = {"api_base": url, "api_key": KEY, "sleep": rest.sleep, "jitter": lambda: 1.0}
    return LiteLLMModel(more.pop("name", "openai/script"), **given | more)


async def ask(asked: Model, messages: list[dict[str, Any]] | None = None, timeout_s: float = 30) -> Reply:
    return await asked.complete(messages or MESSAGES, TOOLS, max_output_tokens=500, timeout_s=timeout_s)


FIRST = """
import asyncio, json, sys
from app.adapters.litellm import LiteLLMModel
from app.adapters.litellm_library import warm_up

async def ask(url, messages, tools):
    await warm_up()
    loaded = set(sys.modules)
    model = LiteLLMModel("openai/script", api_base=url, api_key="none")
    await model.complete(messages, tools, max_output_tokens=500, timeout_s=30)
    print(*sorted(set(sys.modules) - loaded))

asyncio.run(ask(sys.argv[1], *map(json.loads, sys.argv[2:])))
"""


async def test_the_first_turn_of_a_worker_waits_for_no_import(server: ModelServer) -> None:
    """While something large is imported, no other run of the worker goes on."""
    words = ["-c", FIRST, server.url, json.dumps(MESSAGES), json.dumps(TOOLS)]
    asked = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=subprocess.PIPE)
    said, _ = await asked.communicate()
    assert asked.returncode == 0
    assert len(said.split()) < 20, said.decode()


def refusal(message: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "x", "param": None, "code": code}}


async def test_brings_the_message_as_it_came(server: ModelServer, rest: Clockless) -> None:
    """Broken arguments included; the loop decides about them."""
    reply = await ask(model(server.url, rest))
    assert reply.message["content"] == "I look."
    assert [call["function"]["arguments"] for call in reply.message["tool_calls"]] == ['{"path": "\\u00e4"}', "{broken"]
    assert [call["id"] for call in reply.message["tool_calls"]] == ["call_0_0", "call_0_1"]
    assert (reply.finish_reason, reply.model) == ("tool_calls", "script")
    asked = server.requests[0]
    assert (asked["messages"], asked["tools"], asked["max_tokens"]) == (MESSAGES, TOOLS, 500)


async def test_an_answer_can_be_sent_back(server: ModelServer, rest: Clockless) -> None:
    """What the provider gets next time is what it said, plus the results."""
    asked = model(server.url, rest)
    reply = await ask(asked)
    messages: list[dict[str, Any]] = [
        *MESSAGES,
        reply.message,
        {"role": "tool", "tool_call_id": "call_0_0", "content": "text"},
        {"role": "tool", "tool_call_id": "call_0_1", "content": "broken"},
    ]
    before = repr(messages)
    assert (await ask(asked, messages)).message["content"] == "Done."
    assert repr(messages) == before, "the messages that were given must stay as they are"
    sent = server.requests[1]["messages"]
    assert sent[:2] == MESSAGES
    assert sent[2]["tool_calls"] == reply.message["tool_calls"]
    assert set(sent[2]) <= {"role", "content", "tool_calls"}, "OpenAI refuses fields that it does not know"


async def test_counts_tokens_and_dollars(server: ModelServer, rest: Clockless) -> None:
    """600,000 plain, 400,000 cached and 100,000 written tokens."""
    usage = (await ask(model(server.url, rest, price=Price(input=5, output=25, cached=0.5)))).usage
    assert (usage.turns, usage.input_tokens, usage.output_tokens, usage.cached_tokens) == (
        1,
        1_000_000,
        100_000,
        400_000,
    )
    assert usage.usd == pytest.approx(0.6 * 5 + 0.4 * 0.5 + 0.1 * 25)


async def test_estimates_where_the_server_does_not_count(server: ModelServer, rest: Clockless) -> None:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "word " * 30}}
    server.answer_next(200, {"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]})
    long: list[dict[str, Any]] = [{"role": "user", "content": "word " * 3_000}]
    usage = (await ask(model(server.url, rest, price=Price(input=1, output=1)), long)).usage
    assert 3_000 < usage.input_tokens < 6_000
    assert 30 < usage.output_tokens < 100
    assert usage.usd > 0


async def test_a_null_character_does_not_reach_the_store(server: ModelServer, rest: Clockless) -> None:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "a\0b\ud800c"}}
    server.answer_next(200, {"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]})
    assert (await ask(model(server.url, rest))).message["content"] in {"a\ufffdb?c", "a\ufffdb\ufffdc"}


@pytest.mark.parametrize(
    ("answer", "slept"),
    [
        ((429, refusal("slow down"), {"retry-after": "7"}), 7.0),
        ((429, refusal("slow down"), {"retry-after": "Sat, 21 Nov 2026 05:00:12 GMT"}), 1.0),
        ((429, refusal("Rate limit reached. Please try again in 2.5s."), {}), 2.5),
        ((429, refusal("You exceeded your current quota. Please retry in 34.07s."), {}), 34.07),
        ((408, refusal("late"), {}), 1.0),
        ((500, refusal("boom"), {}), 1.0),
        ((502, "<html>bad gateway</html>", {}), 1.0),
        ((503, refusal("busy"), {}), 1.0),
        ((529, refusal("overloaded"), {}), 1.0),
        ((200, "<html>hello</html>", {}), 1.0),
        ((200, refusal("overloaded"), {}), 1.0),
        ((200, {"id": "1", "object": "chat.completion", "model": "m", "choices": []}, {}), 1.0),
    ],
)
async def test_asks_again_where_that_may_help(
    server: ModelServer, rest: Clockless, answer: tuple[int, Any, dict[str, str]], slept: float
) -> None:
    server.answer_next(*answer)
    assert (await ask(model(server.url, rest))).message["content"] == "I look."
    assert (len(server.requests), rest.slept) == (2, [slept])


@pytest.mark.parametrize(
    ("answer", "kind", "word"),
    [
        ((400, refusal("bad")), ModelError, "refused the request"),
        ((400, refusal("boom", "context_length_exceeded")), ContextTooLong, "too long"),
        ((400, refusal("This model's maximum context length is 4096 tokens")), ContextTooLong, "too long"),
        ((400, refusal("prompt is too long: 210000 tokens > 200000")), ContextTooLong, "too long"),
        ((413, refusal("request_too_large")), ContextTooLong, "too long"),
        ((401, refusal(f"Incorrect API key provided: {KEY}")), ModelDenied, "key"),
        ((402, refusal("pay")), ModelDenied, "credit"),
        ((429, refusal("You", "insufficient_quota")), ModelDenied, "credit"),
        ((403, refusal("no")), ModelDenied, "key"),
        ((404, refusal("no")), ModelDenied, "no model"),
        ((400, refusal("messages.3: `tool_use` ids were found without `tool_result` blocks")), HistoryRefused, "form"),
        ((400, refusal("`thinking` blocks in the latest message cannot be modified")), HistoryRefused, "form"),
        (
            (400, refusal("An assistant message with 'tool_calls' must be followed by tool messages")),
            HistoryRefused,
            "form",
        ),
        ((400, refusal("Function call is missing a thought_signature in functionCall parts")), HistoryRefused, "form"),
    ],
)
async def test_gives_up_at_once_where_it_cannot_help(
    server: ModelServer, rest: Clockless, answer: tuple[int, Any], kind: type[ModelError], word: str
) -> None:
    server.answer_next(*answer)
    with pytest.raises(ModelError, match=word) as caught:
        await ask(model(server.url, rest))
    assert type(caught.value) is kind
    assert (len(server.requests), rest.slept) == (1, [])
    chain = f"{caught.value!r} {caught.value.detail} {caught.value.__cause__!r} {caught.value.__context__!r}"
    assert KEY not in chain


class Busy(Exception):
    """As litellm raises it."""

    status_code = 429

    def __init__(self, retry_after: str) -> None:
        super().__init__("slow down")
        self.litellm_response_headers = {"retry-after": retry_after, "date": "Sat, 21 Nov 2026 05:00:03 GMT"}


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7),
        ("0.5", 0.5),
        ("-3", 0),
        ("Sat, 21 Nov 2026 05:00:12 GMT", 9),
        ("Sat, 21 Nov 2026 04:00:00 GMT", 0),
        ("soon", None),
    ],
)
def test_when_to_ask_again_may_be_a_time_of_the_servers_own_clock(said: str, seconds: float | None) -> None:
    assert fault(Busy(said), model="m", key="").retry_after_s == seconds


@pytest.mark.parametrize(
    "answer",
    [
        refusal("Your request was rejected by our safety system", "content_policy_violation"),
        refusal("The response was filtered due to the prompt triggering Azure's content management policy"),
        refusal("Invalid prompt: it was flagged as potentially violating our usage policy", "invalid_prompt"),
    ],
)
async def test_a_task_that_is_refused_beforehand_is_a_refusal(
    server: ModelServer, rest: Clockless, answer: dict[str, Any]
) -> None:
    """As in an answer, so that another model is asked; the same request again would end in the same way."""
    server.answer_next(400, answer)
    reply = await ask(model(server.url, rest))
    assert (reply.finish_reason, reply.message["content"], reply.usage.usd) == ("content_filter", "", 0)
    assert (len(server.requests), rest.slept) == (1, [])


@pytest.mark.parametrize("tokens", [-5, None])
async def test_a_server_cannot_give_tokens_back(server: ModelServer, rest: Clockless, tokens: int | None) -> None:
    """What it says of them is no less than nothing; where it is nothing, it is estimated."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "word"}}
    counted = {"prompt_tokens": tokens, "completion_tokens": tokens, "total_tokens": tokens}
    answer = {"id": "1", "object": "chat.completion", "model": "m", "choices": [choice], "usage": counted}
    server.answer_next(200, answer)
    usage = (await ask(model(server.url, rest, price=Price(input=1, output=1)))).usage
    assert min(usage.input_tokens, usage.output_tokens, usage.usd) > 0


@dataclass
class Cut:
    """A server whose first answers break off in the middle, each in another way."""

    beginnings: list[bytes]
    whole: bytes
    requests: int = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(next(line.split(b":")[1] for line in head.lower().split(b"\r\n") if b"content-length" in line))
        await reader.readexactly(length)
        self.requests += 1
        writer.write(self.beginnings.pop(0) if self.beginnings else self.whole)
        await writer.drain()
        writer.close()


async def test_a_connection_that_is_cut_in_the_middle_is_another_try(rest: Clockless) -> None:
    """Before a byte came, in the headers, in the body, in a chunk, and with a body that is no whole JSON."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "whole"}}
    body = json.dumps({"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]}).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
    chunked = head + b"transfer-encoding: chunked\r\n\r\n40\r\n" + body[:50]
    counted = head + b"content-length: %d\r\n\r\n" % len(body)
    halved = head + b"content-length: 50\r\n\r\n" + body[:50]
    state = Cut([b"", head[:30], counted + body[:50], chunked, halved], counted + body)
    async with await asyncio.start_server(state.answer, "127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
        assert (await ask(model(url, rest))).message["content"] == "whole"
    assert (state.requests, rest.slept) == (6, [1.0, 2.0, 4.0, 8.0, 16.0])


async def test_is_unavailable_after_six_tries(
    server: ModelServer, rest: Clockless, caplog: pytest.LogCaptureFixture
) -> None:
    """The key that the server repeats is in no log."""
    caplog.set_level(logging.DEBUG)
    for _ in range(7):
        server.answer_next(503, refusal(f"busy, {KEY}"))
    with pytest.raises(ModelUnavailable) as caught:
        await ask(model(server.url, rest))
    assert (len(server.requests), rest.slept) == (6, [1.0, 2.0, 4.0, 8.0, 16.0])
    assert KEY not in caught.value.detail
    assert KEY not in caplog.text


async def test_asks_once_more_without_what_can_be_left_out(server: ModelServer, rest: Clockless) -> None:
    """And without it from then on; what a plain request is refused for is an error at once."""
    server.answer_next(400, refusal("Unsupported parameter: 'reasoning_effort'"))
    asked = model(server.url, rest, params={"extra_body": {"strict": True}, "seed": 7})
    await ask(asked)
    await ask(asked)
    assert ["seed" in body for body in server.requests] == [True, False, False]
    assert (server.requests[1]["tools"], rest.slept) == (TOOLS, [])
    server.answer_next(400, refusal("bad"))
    with pytest.raises(ModelError, match="refused the request"):
        await ask(asked)
    assert len(server.requests) == 4


LIMITED = {
    "type": "object",
    "additionalProperties": False,
    "required": ["pattern"],
    "properties": {
        "pattern": {"type": "string", "minLength": 1, "maxLength": 2_000, "description": "What to look for."},
        "format": {"enum": ["long", "short"], "default": "long"},
        "lines": {"type": "array", "maxItems": 20, "items": {"type": "integer", "minimum": 1}},
        "either": {"anyOf": [{"type": "string", "pattern": "^a"}, {"type": "null"}]},
    },
}
PLAIN = {
    "type": "object",
    "required": ["pattern"],
    "properties": {
        "pattern": {"type": "string", "description": "What to look for."},
        "format": {"enum": ["long", "short"]},
        "lines": {"type": "array", "items": {"type": "integer"}},
        "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
}


@pytest.mark.parametrize("status", [400, 422])
async def test_tools_that_a_server_cannot_read_are_described_more_plainly(
    server: ModelServer, rest: Clockless, status: int
) -> None:
    """Without limits and strictness, once, and from then on; what is a name stays."""
    asked = model(server.url, rest)
    function = {"name": "search", "description": "Look.", "strict": True, "parameters": LIMITED}
    tools = [{"type": "function", "function": function}]
    server.answer_next(status, refusal("failed to parse grammar: number of repetitions exceeds sane defaults"))
    for _ in range(2):
        await asked.complete(MESSAGES, tools, max_output_tokens=500, timeout_s=30)
    sent = [body["tools"][0]["function"] for body in server.requests]
    assert [one["parameters"] for one in sent] == [LIMITED, PLAIN, PLAIN]
    assert ["strict" in one for one in sent] == [True, False, False]
    assert function["parameters"] is LIMITED
    assert rest.slept == []


@pytest.mark.parametrize(("effort", "timeout_s"), [("", 300), ("medium", 300), ("high", 600), ("max", 600)])
async def test_thinking_at_length_may_take_its_time(rest: Clockless, effort: Any, timeout_s: float) -> None:
    asked = model("", rest, profile=Profile(effort=effort))
    request = asked._request(MESSAGES, TOOLS, 500)
    assert (request.get("reasoning_effort", ""), request["timeout"]) == (effort, timeout_s)


async def test_tries_as_often_as_it_is_told(server: ModelServer, rest: Clockless) -> None:
    """Where there is another model, it is not the place to be patient."""
    for _ in range(3):
        server.answer_next(503, refusal("busy"))
    with pytest.raises(ModelUnavailable):
        await ask(model(server.url, rest, most_tries=2))
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("name", "dialect", "window"),
    [
        ("openai/gpt-5.5", "apply_patch", 128_000),
        ("openai/gpt-5.3-codex", "apply_patch", 128_000),
        ("anthropic/claude-opus-4-8", "edit", 128_000),
        ("hosted_vllm/Qwen/Qwen2.5-Coder-32B-Instruct", "whole_file", 128_000),
        ("ollama/gemma3:4b", "whole_file", 32_768),
        ("hosted_vllm/zai-org/GLM-5.2-Air-106B", "edit", 128_000),
        ("openai/gpt-4", "edit", 8_192),
    ],
)
def test_a_name_tells_how_to_work_with_a_model(name: str, dialect: str, window: int) -> None:
    profile = profile_of(name)
    assert (profile.dialect, profile.window) == (dialect, window)


def test_the_operator_knows_better() -> None:
    assert profile_of("openai/gpt-5.5", dialect="edit", window=32_000) == Profile(dialect="edit", window=32_000)


async def test_leaves_a_provider_in_peace_that_asks_for_long(server: ModelServer, rest: Clockless) -> None:
    server.answer_next(429, refusal("slow down"), {"retry-after": "900"})
    with pytest.raises(ModelUnavailable):
        await ask(model(server.url, rest))
    assert (len(server.requests), rest.slept) == (1, [])


async def test_nobody_listens(rest: Clockless) -> None:
    """Port 9 of loopback: the discard service, which nobody runs."""
    with pytest.raises(ModelUnavailable):
        await ask(model("http://127.0.0.1:9/v1", rest))
    assert len(rest.slept) == 5


async def test_a_name_without_a_provider_is_refused(rest: Clockless) -> None:
    with pytest.raises(ModelError, match=r"No provider is known for the model nonsense/model\. Write PROVIDER/NAME"):
        await ask(model("http://127.0.0.1:9/v1", rest, name="nonsense/model"))


@dataclass
class Dribble:
    """A server that never stops answering: one byte each fifth of a second."""

    requests: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.requests += 1
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n")
            while not self.over.is_set():
                writer.write(b" ")
                await writer.drain()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.over.wait(), 0.2)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def dribble() -> AsyncIterator[tuple[str, Dribble]]:
    state = Dribble()
    listening = await asyncio.start_server(state.answer, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1", state
        state.over.set()


async def test_the_clock_on_the_wall_bounds_a_call(dribble: tuple[str, Dribble], rest: Clockless) -> None:
    """Its own time-out would wait for ever; the test's time-out would say so."""
    with pytest.raises(ModelUnavailable, match="within 1 s"):
        await ask(model(dribble[0], rest), timeout_s=1)
    assert dribble[1].requests == 1


async def test_a_try_that_hangs_is_given_up_for_another(dribble: tuple[str, Dribble], rest: Clockless) -> None:
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        await ask(model(dribble[0], rest, try_timeout_s=0.3))
    assert dribble[1].requests == 6


@pytest.mark.parametrize(
    ("name", "price"),
    [
        ("gpt-4o", Price(input=2.5, output=10, cached=1.25)),
        ("openai/gpt-4o", Price(input=2.5, output=10, cached=1.25)),
        ("anthropic/gpt-4o", None),
        ("openai/no-such-model", None),
        ("sample_spec", Price(input=0, output=0)),
        ("vertex_ai/gemini-2.5-pro", Price(input=1.25, output=10)),
        ("bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0", Price(input=3, output=15)),
        ("bedrock/converse/anthropic.claude-sonnet-4-5-20250929-v1:0", Price(input=3, output=15)),
        ("openai/responses/gpt-4o", Price(input=2.5, output=10)),
    ],
)
def test_list_prices(name: str, price: Price | None) -> None:
    found = listed(name)
    assert (found is None) == (price is None)
    if found and price:
        assert (found.input, found.output) == pytest.approx((price.input, price.output))


def test_reserves_the_most_that_a_call_can_cost(rest: Clockless) -> None:
    asked = model("", rest, price=Price(input=3, output=15, cache_write=3.75))
    assert asked.reserve_usd(100_000, 10_000) == pytest.approx(102_000 * 3.75e-6 + 10_000 * 15e-6)
    assert model("", rest, name="openai/unlisted").reserve_usd(100_000, 10_000) == 0.0


def test_warns_once_of_a_model_without_a_price(rest: Clockless, caplog: pytest.LogCaptureFixture) -> None:
    model("", rest, name="hosted_vllm/mine")
    assert caplog.text.count("unknown") == 1
    assert KEY not in caplog.text


def test_keys_are_scrubbed() -> None:
    assert scrubbed(f"{KEY} and sk-proj-abcdefgh and a*****b", KEY) == "[key] and [key] and a*****b"


@pytest.mark.house
def test_the_library_is_not_imported_before_it_is_needed() -> None:
    """It takes seconds and 200 MB; `minions --help` and the webhook receiver do without."""
    program = (
        "import sys, app.adapters.litellm, app.agent.minion, app.demo.models;"
        "app.adapters.litellm.LiteLLMModel('openai/gpt-4o');"
        "sys.exit('litellm' in sys.modules or 'openai' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0


@dataclass
class Anthropic:
    """Answers `POST /v1/messages` with one thought and one tool call, and keeps what it was asked."""

    asked: list[dict[str, Any]] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(next(line.split(b":")[1] for line in head.lower().split(b"\r\n") if b"content-length" in line))
        self.asked.append(json.loads(await reader.readexactly(length)))
        body = json.dumps(
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": "claude-opus-4-8",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "c2lnbmVk"},
                    {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "a"}},
                ],
                "stop_reason": "tool_use",
                "usage": {
                    "input_tokens": 100,
                    "cache_creation_input_tokens": 200,
                    "cache_read_input_tokens": 300,
                    "output_tokens": 50,
                },
            }
        ).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n")
        writer.write(b"content-length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()


async def test_anthropic_caches_what_does_not_change_and_gets_its_thoughts_back(rest: Clockless) -> None:
    """List price of claude-opus-4-8, for a million tokens: 5 in, 25 out, 0.50 cached, 6.25 put in the cache."""
    state = Anthropic()
    listening = await asyncio.start_server(state.answer, "127.0.0.1", 0)
    async with listening:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        asked = model(url, rest, name="anthropic/claude-opus-4-8")
        reply = await ask(asked)
        result = {"role": "tool", "tool_call_id": "toolu_1", "content": "text"}
        messages: list[dict[str, Any]] = [*MESSAGES, reply.message, result]
        before = repr(messages)
        await ask(asked, messages)
    assert repr(messages) == before
    usage = reply.usage
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (600, 300, 50)
    assert usage.usd == pytest.approx((100 * 5 + 300 * 0.5 + 200 * 6.25 + 50 * 25) / 1e6)
    second = state.asked[1]
    assert second["system"][-1]["cache_control"] == {"type": "ephemeral"}
    assert [block["type"] for block in second["messages"][1]["content"]] == ["thinking", "tool_use"]
    assert second["messages"][1]["content"][0]["signature"] == "c2lnbmVk"
    assert second["messages"][-1]["content"][-1]["cache_control"] == {"type": "ephemeral"}
