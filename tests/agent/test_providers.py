"""A whole piece of work with each provider, in its own form on the wire: nothing of what it wants back is lost."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from app.adapters.litellm import LiteLLMModel
from app.adapters.litellm_library import warm_up
from app.adapters.model_prices import Price
from app.adapters.model_profiles import profile_of
from app.core.errors import ModelDenied
from app.core.journal import Masked, Mended, ModelAnswered, Noted, Switched, ToolReturned
from app.core.minion import Submission
from app.core.model import Profile
from tests.agent.folder import FolderWorkspace
from tests.agent.scripted import Bench, MemoryJournal, PowerCut, reason_of
from tests.agent.wire import wire

EDIT = {"path": "hello.txt", "old": "world", "new": "moon"}
PATCH = "*** Begin Patch\n*** Update File: hello.txt\n-hello world\n+hello moon\n*** End Patch"
END = {"summary": "Greets the moon."}


@pytest.fixture(scope="session", autouse=True)
async def warm() -> None:
    await warm_up()


def model(name: str, url: str, **more: Any) -> Any:
    return LiteLLMModel(name, api_base=url, api_key="a-key", price=Price(input=1, output=1), **more)


# -- OpenAI, and everybody who speaks like it ------------------------------------------------------------------------
def openai(*calls: tuple[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None, **more}
    message["tool_calls"] = [
        {"id": f"call_{place}", "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
        for place, (name, given) in enumerate(calls)
    ]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "served",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("openai/gpt-5.5", ("apply_patch", {"patch": PATCH})),
        ("openai/gpt-4o", ("edit", EDIT)),
        ("hosted_vllm/zai-org/GLM-5.2", ("edit", EDIT)),
        ("hosted_vllm/Qwen/Qwen2.5-Coder-32B-Instruct", ("write", {"path": "hello.txt", "content": "hello moon\n"})),
    ],
)
async def test_a_server_that_speaks_like_openai(bench: Bench, name: str, call: tuple[str, dict[str, Any]]) -> None:
    """Each model gets the tools of its dialect; parallel calls are answered one by one, in order."""
    read = ("read", {"path": "hello.txt"})
    async with wire(openai(read, read), openai(call), openai(("submit", END))) as server:
        result = await bench.work(model(name, server.url))
    assert isinstance(result, Submission)
    assert await bench.workspace.read("hello.txt") == b"hello moon\r\n"
    assert [path.rpartition("/")[2] for path in server.paths] == ["completions"] * 3
    offered = [tool["function"]["name"] for tool in server.bodies[0]["tools"]]
    assert ("apply_patch" in offered, "edit" in offered) == (call[0] == "apply_patch", call[0] == "edit")
    second, third = server.bodies[1]["messages"], server.bodies[2]["messages"]
    assert third[: len(second)] == second, "what was sent before is sent the same again"
    assert [message.get("tool_call_id") for message in second[3:]] == ["call_0", "call_1"]
    assert "cache_control" not in json.dumps(server.bodies), "which strict servers refuse"


async def test_what_a_reasoning_server_thought_is_kept(bench: Bench) -> None:
    first = openai(("read", {"path": "hello.txt"}), reasoning_content="hm")
    async with wire(first, openai(("submit", END))) as server:
        await bench.work(model("hosted_vllm/deepseek-ai/DeepSeek-V4", server.url))
    assert bench.kept(ModelAnswered)[0].message["reasoning_content"] == "hm"
    assert server.bodies[1]["messages"][2]["tool_calls"][0]["id"] == "call_0"


def response(*output: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "gpt-5.5",
        "status": "completed",
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "output": list(output),
        "usage": {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 40},
            "output_tokens": 20,
            "output_tokens_details": {"reasoning_tokens": 5},
            "total_tokens": 120,
        },
    }


def item(place: int, name: str, given: dict[str, Any]) -> dict[str, Any]:
    arguments = json.dumps(given)
    called = {"type": "function_call", "id": f"fc_{place}", "call_id": f"call_{place}", "status": "completed"}
    return {**called, "name": name, "arguments": arguments}


async def test_openai_thinks_and_calls_tools_in_its_newer_form(bench: Bench) -> None:
    """Newer models take tools and thoughts together only there. Busy, it is asked again; its thoughts come back."""
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2VjcmV0"}
    answers = [
        response(thought, item(1, "read", {"path": "hello.txt"})),
        (429, {"error": {"message": "slow down"}}),
        response(item(2, "apply_patch", {"patch": PATCH})),
        response(item(3, "submit", END)),
    ]
    async with wire(*answers) as server:
        gpt = model(
            "openai/gpt-5.5", server.url, profile=profile_of("openai/gpt-5.5", effort="high"), sleep=bench.pause
        )
        result = await bench.work(gpt)
    assert isinstance(result, Submission)
    assert await bench.workspace.read("hello.txt") == b"hello moon\r\n"
    assert server.paths == ["/responses"] * 4
    assert {body["reasoning"]["effort"] for body in server.bodies} == {"high"}
    assert [one.get("encrypted_content") for one in server.bodies[3]["input"] if one["type"] == "reasoning"] == [
        "c2VjcmV0"
    ]
    usage = bench.kept(ModelAnswered)[0].usage
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (100, 40, 20)
    called = [one["call_id"] for one in server.bodies[3]["input"] if one["type"] == "function_call"]
    assert called == [one["call_id"] for one in server.bodies[3]["input"] if one["type"] == "function_call_output"]


@pytest.mark.parametrize(
    ("answer", "ends"),
    [
        ((400, {"error": {"message": "Your input exceeds the context window of this model"}}), "too_big"),
        ((401, {"error": {"message": "no"}}), "denied"),
        (response() | {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "refused"),
    ],
)
async def test_openai_says_no_in_its_newer_form(bench: Bench, answer: Any, ends: str) -> None:
    async with wire(answer) as server:
        gpt = model(
            "openai/gpt-5.5", server.url, profile=profile_of("openai/gpt-5.5", effort="high"), sleep=bench.pause
        )
        try:
            ended = reason_of(await bench.work(gpt))[0]
        except ModelDenied:
            ended = "denied"
    assert ended == ends


# -- Ollama ----------------------------------------------------------------------------------------------------------
def ollama(name: str, given: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": "qwen3-coder:30b",
        "created_at": "2026-01-01T00:00:00Z",
        "message": {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": name, "arguments": given}}],
        },
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 100,
        "eval_count": 20,
    }


@pytest.mark.filterwarnings("ignore:Item:UserWarning")  # of types that litellm makes at the first such call
@pytest.mark.parametrize(("name", "window", "told"), [("ollama", None, 32_768), ("ollama_chat", 16_000, 16_000)])
async def test_ollama(bench: Bench, name: str, window: int | None, told: int) -> None:
    """It has no key and gives no ids; unless it is told how much to read it leaves out the beginning silently."""
    full = f"{name}/qwen3-coder:30b"
    answers = [
        ollama("read", {"path": "hello.txt"}),
        ollama("write", {"path": "hello.txt", "content": "hello moon\n"}),
        ollama("submit", END),
    ]
    async with wire(*answers) as server:
        asked = LiteLLMModel(full, api_base=server.url, profile=profile_of(full, window=window))
        result = await bench.work(asked)  # type: ignore[arg-type]
    assert isinstance(result, Submission)
    assert result.model == full
    assert await bench.workspace.read("hello.txt") == b"hello moon\r\n"
    assert server.paths == ["/api/chat"] * 3
    assert {body["options"]["num_ctx"] for body in server.bodies} == {told}
    assert [message["role"] for message in server.bodies[2]["messages"]] == [
        *("system", "user", "assistant", "tool", "assistant", "tool")
    ]
    usage = bench.kept(ModelAnswered)[0].usage
    assert (usage.input_tokens, usage.output_tokens) == (100, 20)


# -- Anthropic -------------------------------------------------------------------------------------------------------
def anthropic(*blocks: dict[str, Any], stop: str = "tool_use") -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-4-8",
        "content": list(blocks),
        "stop_reason": stop,
        "usage": {"input_tokens": 100, "output_tokens": 20},
    }


def use(name: str, given: dict[str, Any], place: int = 1) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{place}", "name": name, "input": given}


THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "c2lnbmVk"}
HIDDEN = {"type": "redacted_thinking", "data": "ZW5jcnlwdGVk"}


async def test_anthropic(bench: Bench) -> None:
    """Thoughts come back to their place with their signatures; four places at most are marked for the cache."""
    text = {"type": "text", "text": "I look."}
    read = use("read", {"path": "hello.txt"})
    answers = [
        anthropic(THOUGHT, HIDDEN, text, read, use("read", {"path": "hello.txt"}, 2)),
        anthropic(THOUGHT, use("edit", EDIT, 3)),
        anthropic(use("submit", END, 4)),
    ]
    async with wire(*answers) as server:
        result = await bench.work(model("anthropic/claude-opus-4-8", server.url))
    assert isinstance(result, Submission)
    assert await bench.workspace.read("hello.txt") == b"hello moon\r\n"
    last = server.bodies[2]["messages"]
    assert [message["role"] for message in last] == ["user", "assistant", "user", "assistant", "user"]
    assert [block["type"] for block in last[1]["content"]] == [
        *("thinking", "redacted_thinking", "text", "tool_use", "tool_use")
    ]
    assert last[1]["content"][0] == THOUGHT
    assert last[1]["content"][1] == HIDDEN
    assert [block["tool_use_id"] for block in last[2]["content"]] == ["toolu_1", "toolu_2"]
    assert last[3]["content"][0] == THOUGHT
    for body in server.bodies:
        assert 2 <= json.dumps(body).count("cache_control") <= 4, "the most that Anthropic takes"
        assert "cache_control" in json.dumps(body["system"])
        assert "cache_control" in json.dumps(body["messages"][0]), "the task"
        assert "cache_control" in json.dumps(body["messages"][-1])


def converse(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """As Amazon Bedrock answers."""
    block = {"toolUse": {"toolUseId": "tooluse_1", "name": name, "input": given}}
    usage = {"inputTokens": 10, "cacheReadInputTokens": 90, "outputTokens": 5, "totalTokens": 105}
    return {"output": {"message": {"role": "assistant", "content": [block]}}, "stopReason": "tool_use", "usage": usage}


@pytest.mark.parametrize(
    ("name", "answer", "mark"),
    [
        ("bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0", converse("submit", END), "cachePoint"),
        ("openrouter/anthropic/claude-sonnet-4.5", openai(("submit", END)), "cache_control"),
        ("openrouter/openai/gpt-4o", openai(("submit", END)), ""),
    ],
)
async def test_claude_is_told_what_to_cache_elsewhere_too(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str, answer: Any, mark: str
) -> None:
    """Otherwise each turn pays for the whole conversation again."""
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    async with wire(answer) as server:
        assert isinstance(await bench.work(model(name, server.url)), Submission)
    sent = json.dumps(server.bodies[0])
    assert sent.count("cachePoint") + sent.count("cache_control") == (2 if mark else 0)
    assert mark in sent
    cached = bench.kept(ModelAnswered)[0].usage.cached_tokens
    assert cached == (90 if name.startswith("bedrock/") else 0)


@pytest.mark.parametrize(
    ("name", "thinking"),
    [("claude-opus-4-8", ["adaptive"] * 2), ("claude-sonnet-4-5", ["enabled"] * 2)],
)
async def test_anthropic_is_told_how_much_to_think(bench: Bench, name: str, thinking: list[str]) -> None:
    answers = [anthropic(THOUGHT, use("read", {"path": "hello.txt"})), anthropic(use("submit", END, 2))]
    async with wire(*answers) as server:
        claude = model(f"anthropic/{name}", server.url, profile=Profile(effort="high"))
        assert isinstance(await bench.work(claude), Submission)
    assert [body["thinking"]["type"] for body in server.bodies] == thinking
    assert all(body["thinking"].get("budget_tokens", 0) < body["max_tokens"] for body in server.bodies)


@pytest.mark.parametrize(("name", "thinks"), [("claude-opus-4-8", True), ("claude-sonnet-4-5", False)])
async def test_anthropic_goes_on_where_another_model_had_begun(bench: Bench, name: str, thinks: bool) -> None:  # noqa: FBT001 - a table
    """Older models refuse to think where calls stand without the thoughts before them; newer ones do not."""
    begun = openai(("read", {"path": "hello.txt"}))
    async with wire(begun, (401, {"error": {"message": "no"}})) as first, wire(anthropic(use("submit", END))) as server:
        bench.fallback = model(f"anthropic/{name}", server.url, profile=Profile(effort="high"))
        assert isinstance(await bench.work(model("openai/gpt-4o", first.url)), Submission)
    assert ["thinking" in body for body in server.bodies] == [thinks]


async def test_anthropic_refuses(bench: Bench) -> None:
    async with wire(anthropic(stop="refusal")) as server:
        assert reason_of(await bench.work(model("anthropic/claude-opus-4-8", server.url)))[0] == "refused"
    assert len(server.bodies) == 1


async def test_anthropic_cannot_read_the_thoughts(bench: Bench) -> None:
    """As after a change of model behind a gateway: they are left out, once, and the work goes on."""
    words = "messages.1.content.0: Invalid `signature` in `thinking` block"
    refused = (400, {"type": "error", "error": {"type": "invalid_request_error", "message": words}})
    answers = [
        anthropic(THOUGHT, use("read", {"path": "hello.txt"})),
        refused,
        anthropic(use("submit", END, 2)),
    ]
    async with wire(*answers) as server:
        assert isinstance(await bench.work(model("anthropic/claude-opus-4-8", server.url)), Submission)
    assert len(bench.kept(Mended)) == 1
    assert "thinking" not in json.dumps(server.bodies[2]["messages"])
    [call] = server.bodies[2]["messages"][1]["content"]
    [result] = server.bodies[2]["messages"][2]["content"]
    assert call["id"] == result["tool_use_id"]


async def test_anthropic_says_that_it_is_too_long(bench: Bench) -> None:
    """Results go first; what stays is asked again."""
    await bench.workspace.write("long.txt", b"word word\n" * 2_000)
    words = "prompt is too long: 210000 tokens > 200000 maximum"
    refused = (400, {"type": "error", "error": {"type": "invalid_request_error", "message": words}})
    looks = [
        anthropic(use("read", {"path": "long.txt", "offset": number, "limit": 1_500}, number)) for number in range(1, 4)
    ]
    async with wire(*looks, refused, anthropic(use("submit", END, 9))) as server:
        claude = model("anthropic/claude-opus-4-8", server.url, profile=Profile(window=16_000))
        assert isinstance(await bench.work(claude), Submission)
    assert len(bench.kept(Masked)) == 1
    assert "left out to make room" in json.dumps(server.bodies[4]["messages"])


# -- Gemini ----------------------------------------------------------------------------------------------------------
def gemini(*parts: dict[str, Any], finish: str = "STOP") -> dict[str, Any]:
    content = {"content": {"role": "model", "parts": list(parts)}} if parts else {}
    return {
        "candidates": [{**content, "finishReason": finish, "index": 0}],
        "usageMetadata": {
            "promptTokenCount": 600,
            "cachedContentTokenCount": 300,
            "candidatesTokenCount": 20,
            "thoughtsTokenCount": 30,
            "totalTokenCount": 650,
        },
        "modelVersion": "gemini-3-pro",
    }


def function(name: str, given: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": given}, **more}


async def test_gemini(bench: Bench) -> None:
    """Its signatures come back at the calls that they were given with; thoughts are paid for."""
    answers = [
        gemini(
            {"text": "I look.", "thought": True},
            function("read", {"path": "hello.txt"}, thoughtSignature="c2lnbmVk"),
            function("search", {"pattern": "hello"}),
        ),
        gemini(function("edit", EDIT, thoughtSignature="YWdhaW4=")),
        gemini(function("submit", END)),
    ]
    async with wire(*answers) as server:
        result = await bench.work(model("gemini/gemini-3-pro", server.url))
    assert isinstance(result, Submission)
    assert await bench.workspace.read("hello.txt") == b"hello moon\r\n"
    assert {path.partition("?")[0] for path in server.paths} == {"/models/gemini-3-pro:generateContent"}
    usage = bench.kept(ModelAnswered)[0].usage
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (600, 300, 50)
    contents = server.bodies[2]["contents"]
    signed = [
        (part["function_call"]["name"], part.get("thoughtSignature"))
        for content in contents
        for part in content["parts"]
        if "function_call" in part
    ]
    assert signed == [("read", "c2lnbmVk"), ("search", None), ("edit", "YWdhaW4=")]
    results = [part["function_response"]["name"] for part in contents[2]["parts"]]
    assert results == ["read", "search"]
    assert "additionalProperties" not in json.dumps(server.bodies[0]["tools"]), "which it does not know"
    assert "$ref" not in json.dumps(server.bodies[0]["tools"])


@pytest.mark.parametrize(
    ("name", "effort", "told"),
    [
        ("gemini-3-pro-preview", "high", {"includeThoughts": True, "thinkingLevel": "high"}),
        ("gemini-3-pro-preview", "low", {"includeThoughts": True, "thinkingLevel": "low"}),
        ("gemini-2.5-pro", "medium", {"includeThoughts": True, "thinkingBudget": 2048}),
        ("gemini-2.5-pro", "", None),
    ],
)
async def test_gemini_is_told_how_much_to_think(bench: Bench, name: str, effort: Any, told: Any) -> None:
    """Its thoughts come back as thoughts, its signatures at their calls."""
    answers = [
        gemini({"text": "Hm.", "thought": True}, function("read", {"path": "hello.txt"}, thoughtSignature="c2lnbmVk")),
        gemini(function("submit", END)),
    ]
    async with wire(*answers) as server:
        gem = model(f"gemini/{name}", server.url, profile=Profile(effort=effort))
        assert isinstance(await bench.work(gem), Submission)
    assert [body["generationConfig"].get("thinkingConfig") for body in server.bodies] == [told, told]
    parts = [part for content in server.bodies[1]["contents"] for part in content["parts"]]
    assert [part.get("thoughtSignature") for part in parts if "function_call" in part] == ["c2lnbmVk"]
    assert [part.get("thought") for part in parts if part.get("text") == "Hm."] == [True]


@pytest.mark.parametrize("finish", ["SAFETY", "PROHIBITED_CONTENT"])
async def test_gemini_refuses(bench: Bench, finish: str) -> None:
    async with wire(gemini(finish=finish)) as server:
        assert reason_of(await bench.work(model("gemini/gemini-3-pro", server.url)))[0] == "refused"


# -- After a restart -------------------------------------------------------------------------------------------------
LOOKS = {"path": "hello.txt"}
_SIGNED = "c2lnbmVkIGJ5IGdlbWluaQ=="
TURNS = {
    "anthropic/claude-opus-4-8": [
        anthropic(THOUGHT, HIDDEN, {"type": "text", "text": "I look."}, use("read", LOOKS)),
        anthropic(THOUGHT, use("edit", EDIT, 2), use("read", LOOKS, 3)),
        anthropic(use("submit", END, 4)),
    ],
    "gemini/gemini-3-pro": [
        gemini({"text": "Hm.", "thought": True}, function("read", LOOKS, thoughtSignature=_SIGNED)),
        gemini(function("edit", EDIT, thoughtSignature=_SIGNED), function("read", LOOKS)),
        gemini(function("submit", END)),
    ],
    "openai/gpt-5.5": [
        response(
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2Vj"}, item(1, "read", LOOKS)
        ),
        response(item(2, "apply_patch", {"patch": PATCH}), item(3, "read", LOOKS)),
        response(item(4, "submit", END)),
    ],
    "hosted_vllm/deepseek-ai/DeepSeek-V4": [
        openai(("read", LOOKS), reasoning_content="hm"),
        openai(("edit", EDIT), ("read", LOOKS), reasoning_content="hm"),
        openai(("submit", END)),
    ],
}


@pytest.mark.crash
@pytest.mark.parametrize("name", TURNS)
async def test_who_goes_on_after_a_crash_sends_the_very_same(bench: Bench, tree: Path, name: str) -> None:
    """Cut at each entry: every request is one of an undisturbed run, to the last sign of a signature."""
    profile = profile_of(name, effort="high" if name.startswith("openai/") else "")
    async with wire(*TURNS[name]) as server:
        assert isinstance(await bench.work(model(name, server.url, profile=profile)), Submission)
    whole, length = [signed(body) for body in server.bodies], len(bench.journal.kept)
    for cut_at in range(1, length):
        (tree / "hello.txt").write_bytes(b"hello world\r\n")
        again = Bench(FolderWorkspace(tree), bench.sandbox, journal=MemoryJournal(cut_at=cut_at))
        async with wire(*TURNS[name]) as server:
            with pytest.raises(PowerCut):
                await again.work(model(name, server.url, profile=profile))
            again.journal.cut_at = None
            server.answers = TURNS[name][len(again.kept(ModelAnswered)) :]
            first, server.bodies = server.bodies, []
            assert isinstance(await again.work(model(name, server.url, profile=profile)), Submission)
        sent = [signed(body) for body in [*first, *server.bodies]]
        assert sent == whole, cut_at


def signed(body: dict[str, Any]) -> str:
    """A request; the ids that are made up for Gemini's calls, which has none, are others in each run."""
    return re.sub(r"call_[0-9a-f]{28}", "call", json.dumps(body, sort_keys=True))


# -- How answers end, and what is no answer ----------------------------------------------------------------------------
CLAUDE, GEMINI, GPT = "anthropic/claude-opus-4-8", "gemini/gemini-3-pro", "openai/gpt-4o"
SONNET = "anthropic/claude-sonnet-4-5"
LAST = {CLAUDE: anthropic(use("submit", END, 9)), GEMINI: gemini(function("submit", END)), GPT: openai(("submit", END))}
SAYS = {"type": "text", "text": "I look into it."}


def chat(**choice: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "I look into it."}
    return openai() | {"choices": [{"index": 0, "message": message, "finish_reason": "stop"} | choice]}


def sorry(status: int, kind: str, words: str) -> tuple[int, dict[str, Any]]:
    return status, {"error": {"type": kind, "status": kind, "code": status, "message": words}}


@pytest.mark.parametrize(
    ("name", "answer", "word"),
    [
        (CLAUDE, anthropic(SAYS, stop="pause_turn"), "without a tool call"),
        (CLAUDE, anthropic(SAYS, stop="max_tokens"), "cut off at its longest"),
        (CLAUDE, anthropic(stop="end_turn"), "Your answer was empty"),
        (GEMINI, gemini(finish="MALFORMED_FUNCTION_CALL"), "Your answer was empty"),
        (GEMINI, gemini(finish="MAX_TOKENS"), "cut off at its longest"),
        (GPT, chat(finish_reason=None), "without a tool call"),
        (GPT, chat(finish_reason="eos_token"), "without a tool call"),
        (GPT, chat(message={"role": "assistant", "content": "x", "tool_calls": []}), "without a tool call"),
    ],
)
async def test_an_odd_end_is_an_answer_that_a_word_is_said_to(bench: Bench, name: str, answer: Any, word: str) -> None:
    async with wire(answer, LAST[name]) as server:
        assert isinstance(await bench.work(model(name, server.url, sleep=bench.pause)), Submission)
    assert [word in entry.text for entry in bench.kept(Noted)] == [True]
    assert bench.paused == []


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        (CLAUDE, sorry(529, "overloaded_error", "Overloaded")),
        (CLAUDE, sorry(500, "api_error", "Internal server error")),
        (CLAUDE, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
        (CLAUDE, {name: part for name, part in anthropic(use("submit", END)).items() if name != "usage"}),
        (CLAUDE, None),
        (GEMINI, sorry(503, "UNAVAILABLE", "The model is overloaded.")),
        (GEMINI, sorry(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota. Please retry in 1.5s.")),
        (GEMINI, {"usageMetadata": {"promptTokenCount": 5}}),
        (GPT, chat(message=None)),
        (GPT, openai() | {"choices": None}),
        (GPT, []),
        (GPT, (307, None)),
    ],
)
async def test_what_is_no_answer_is_asked_for_again(bench: Bench, name: str, answer: Any) -> None:
    async with wire(answer, LAST[name]) as server:
        assert isinstance(await bench.work(model(name, server.url, sleep=bench.pause)), Submission)
    assert (len(server.bodies), len(bench.paused)) == (2, 1)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        (GEMINI, gemini(finish="RECITATION")),
        (GEMINI, gemini(finish="BLOCKLIST")),
        (GEMINI, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 5}}),
        (GPT, chat(finish_reason="content_filter")),
        (GPT, sorry(400, "invalid_prompt", "Your prompt was flagged: see our usage policy.")),
        (SONNET, sorry(400, "invalid_request_error", "Output blocked by content filtering policy")),
    ],
)
async def test_a_refusal_in_any_form_brings_the_other_model(bench: Bench, name: str, answer: Any) -> None:
    async with wire(answer) as first, wire(LAST[CLAUDE]) as second:
        bench.fallback = model(CLAUDE, second.url)
        result = await bench.work(model(name, first.url, sleep=bench.pause))
    assert isinstance(result, Submission)
    assert (result.model, len(first.bodies), bench.paused) == (CLAUDE, 1, [])


# -- From one to another ---------------------------------------------------------------------------------------------
async def test_a_run_goes_from_gemini_to_openai(bench: Bench) -> None:
    """Nothing that only Gemini understands is sent on; ids are short enough, and each call has its result."""
    first = gemini(
        function("read", {"path": "hello.txt"}, thoughtSignature="c2lnbmVk" * 20),
        function("read", {"path": "missing"}),
    )
    broke = (403, {"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}})
    async with wire(first, broke) as google, wire(openai(("submit", END))) as other:
        bench.fallback = model("openai/gpt-4o", other.url)
        result = await bench.work(model("gemini/gemini-3-pro", google.url))
    assert isinstance(result, Submission)
    assert result.model == "openai/gpt-4o"
    assert [entry.model for entry in bench.kept(Switched)] == ["openai/gpt-4o"]
    assert [entry.ok for entry in bench.kept(ToolReturned)] == [True, False]
    messages = other.bodies[0]["messages"]
    assert "c2lnbmVk" not in json.dumps(messages)
    assert all(set(message) <= {"role", "content", "tool_calls", "tool_call_id"} for message in messages)
    assert [call["id"] for call in messages[2]["tool_calls"]] == ["call_0", "call_1"]
    assert [message["tool_call_id"] for message in messages[3:5]] == ["call_0", "call_1"]
