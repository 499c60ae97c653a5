"""The loop, litellm, HTTP and a server that plays a script: what goes wrong on the way, and how it ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.adapters.litellm import LiteLLMModel
from app.adapters.model_prices import Price
from app.core.blueprint import TOOLS
from app.core.budget import Usage
from app.core.errors import ModelDenied, ModelError, ModelUnavailable
from app.core.journal import ModelAnswered, Noted, Switched, ToolCalled, ToolReturned
from app.core.minion import GaveUp, Submission
from app.demo.models import ModelServer, serve
from app.demo.script import Act, Call, Script, Turn
from tests.agent.scripted import Bench

SCRIPTS = Path(__file__).parents[1] / "demo" / "scripts"

LOOK = Turn(text="I look.", calls=(Call(tool="read", arguments={"path": "hello.txt"}),))
EDIT = Turn(calls=(Call(tool="edit", arguments={"path": "hello.txt", "old": "world", "new": "moon"}),))
SUBMIT = Turn(calls=(Call(tool="submit", arguments={"summary": "Greets the moon."}),))


def model(server: ModelServer, bench: Bench, name: str = "openai/script", **more: Any) -> Any:
    given: dict[str, Any] = {"api_base": server.url, "api_key": "none", "sleep": bench.pause, "jitter": lambda: 1.0}
    return LiteLLMModel(name, price=Price(input=1, output=1), **given | more)


@asynccontextmanager
async def playing(*turns: Turn, name: str = "script") -> AsyncIterator[ModelServer]:
    async with serve({name: Script(acts=(Act(when="", turns=turns),))}) as server:
        yield server


async def test_a_played_script_changes_a_file(bench: Bench) -> None:
    """One question fails on the way and is asked again."""
    async with serve(SCRIPTS) as server:
        server.answer_next(503, {"error": {"message": "busy"}})
        bench.prompt = "Implement $task."
        result = await bench.work(model(server, bench, "openai/example"))
    assert isinstance(result, Submission)
    assert result.summary == "Greets the moon"
    assert result.usage.turns == 3
    assert result.usage.usd > 0
    assert await bench.workspace.read("hello.txt") == b"hello moon\r\n"
    assert (len(server.requests), len(bench.paused)) == (4, 1)
    assert [tool["function"]["name"] for tool in server.requests[0]["tools"]] == list(TOOLS)


@dataclass(frozen=True)
class Case:
    """What a model says, and what comes of it."""

    turns: tuple[Turn, ...]
    ends: str = "submission"
    """Or the reason for giving up."""
    asked: int = 0
    """How often; as often as there are turns where it is not said."""
    ran: tuple[str, ...] = ("submit",)
    """Tools that were carried out."""
    told: str = ""
    """A part of what the minion was told by the loop or as a result."""


def calling(tool: str, arguments: dict[str, Any] | str, **more: Any) -> Turn:
    return Turn(calls=(Call(tool=tool, arguments=arguments),), **more)


CASES = {
    "happy": Case((LOOK, EDIT, SUBMIT), ran=("read", "edit", "submit")),
    "broken arguments, once": Case((calling("read", "{broken"), SUBMIT), told="must be a JSON object"),
    "broken arguments, three times": Case((calling("read", "{broken"),) * 3, ends="format", ran=()),
    "a comma too many": Case((calling("read", '{"path": "hello.txt",}'), SUBMIT), ran=("read", "submit")),
    "half a read": Case((calling("read", '{"path": "hello.txt"'), SUBMIT), ran=("read", "submit")),
    "half a write": Case((calling("write", '{"path": "a", "content": "x'), SUBMIT), told="must be a JSON object"),
    "an unknown tool": Case((calling("teleport", {}), SUBMIT), told="There is no tool 'teleport'"),
    "a tool in other letters": Case((calling("Read_File", {"path": "hello.txt"}), SUBMIT), ran=("read", "submit")),
    "an unknown argument": Case((calling("read", {"path": "a", "lines": 3}), SUBMIT), told="lines: Extra inputs"),
    "cut off in a call": Case(
        (calling("write", '{"path": "a", "content": "half', finish="length"), SUBMIT), told="cut off at its longest"
    ),
    "text alone, once": Case((Turn(text="Let me think."), SUBMIT), told="Use a tool"),
    "text alone, three times": Case((Turn(text="Let me think."),) * 3, ends="format", ran=()),
    "empty, once": Case((Turn(), SUBMIT), told="Your answer was empty"),
    "claims to be done": Case(
        (EDIT, Turn(text="It is fixed."), Turn(text="Done.")), ran=("edit",), told="call `submit`"
    ),
    "refuses": Case((Turn(text="I cannot help with that.", finish="content_filter"),), ends="refused", ran=()),
    "one of several fails": Case(
        (Turn(calls=(*LOOK.calls, Call(tool="read", arguments={"path": "missing"}), *LOOK.calls)), SUBMIT),
        ran=("read", "read", "read", "submit"),
        told="There is no 'missing'",
    ),
    "the same for ever": Case((LOOK,) * 6, ends="stuck", asked=5, ran=("read",) * 5, told="for the third time"),
    "gives up": Case(
        (calling("give_up", {"reason": "spec_conflict", "detail": "No."}),), "spec_conflict", ran=("give_up",)
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_what_a_model_says_has_its_way(bench: Bench, name: str) -> None:
    case = CASES[name]
    async with playing(*case.turns) as server:
        result = await bench.work(model(server, bench))
    assert (result.reason if isinstance(result, GaveUp) else "submission") == case.ends
    assert len(server.requests) == (case.asked or len(case.turns))
    assert tuple(entry.tool for entry in bench.kept(ToolCalled)) == case.ran
    words = [entry.text for entry in bench.journal.kept if isinstance(entry, Noted | ToolReturned)]
    assert any(case.told in text for text in words) or not case.told
    assert result.usage == sum((entry.usage for entry in bench.kept(ModelAnswered)), Usage())


BUSY: tuple[Any, ...] = (
    (429, {"error": {"message": "slow down"}}, {"retry-after": "7"}),
    (408, {"error": {"message": "late"}}),
    (500, {"error": {"message": "boom"}}),
    (529, {"error": {"message": "overloaded"}}),
    (502, "<html>bad gateway</html>"),
    (200, "<html>hello</html>"),
    (200, {"id": "1", "object": "chat.completion", "model": "m", "choices": []}),
)
DENIED: tuple[Any, ...] = (
    (401, {"error": {"message": "no"}}),
    (403, {"error": {"message": "no"}}),
    (404, {"error": {"message": "no"}}),
    (402, {"error": {"message": "pay"}}),
    (429, {"error": {"message": "You", "code": "insufficient_quota"}}),
)


@pytest.mark.parametrize("fault", BUSY, ids=lambda fault: str(fault[0]))
async def test_a_server_in_trouble_gives_way_to_the_other(bench: Bench, fault: Any) -> None:
    """After two tries; the run stays with the other one, and nothing is asked twice of a server that answered."""
    async with playing(LOOK, EDIT, SUBMIT) as first, playing(LOOK, EDIT, SUBMIT, name="second") as second:
        for _ in range(2):
            first.answer_next(*fault)
        bench.fallback = model(second, bench, "openai/second", most_tries=2)
        result = await bench.work(model(first, bench, most_tries=2))
    assert isinstance(result, Submission)
    assert (result.model, len(first.requests), len(second.requests)) == ("openai/second", 2, 3)
    assert [entry.model for entry in bench.kept(Switched)] == ["openai/second"]
    assert bench.paused[0] >= 1
    assert bench.paused[1:] == [0]


async def test_a_server_that_cannot_read_our_tools_gets_them_without_limits(bench: Bench) -> None:
    """The limits hold all the same: what is beyond them is told to the model."""
    too_much = Turn(calls=(Call(tool="read", arguments={"path": "hello.txt", "limit": 10_000_000}),))
    async with playing(too_much, EDIT, SUBMIT) as server:
        server.answer_next(400, {"error": {"message": "Invalid schema for function 'bash'"}})
        assert isinstance(await bench.work(model(server, bench)), Submission)
    assert ["maxLength" in str(body["tools"]) for body in server.requests] == [True, False, False, False]
    assert [entry.ok for entry in bench.kept(ToolReturned)] == [False, True]
    assert "less than or equal to 5000" in bench.kept(ToolReturned)[0].text


async def test_a_request_that_is_refused_in_its_plainest_form_ends_the_run(bench: Bench) -> None:
    async with playing(SUBMIT) as server:
        for _ in range(3):
            server.answer_next(400, {"error": {"message": "no"}})
        with pytest.raises(ModelError, match="refused the request"):
            await bench.work(model(server, bench))
    assert (len(server.requests), bench.paused) == (2, [])


@pytest.mark.parametrize("fault", DENIED, ids=lambda fault: str(fault[0]))
async def test_a_server_that_denies_us_gives_way_at_once(bench: Bench, fault: Any) -> None:
    async with playing(SUBMIT) as first, playing(SUBMIT, name="second") as second:
        first.answer_next(*fault)
        bench.fallback = model(second, bench, "openai/second")
        assert isinstance(await bench.work(model(first, bench)), Submission)
    assert (len(first.requests), len(second.requests), bench.paused) == (1, 1, [])


@pytest.mark.parametrize("fault", DENIED, ids=lambda fault: str(fault[0]))
async def test_without_another_model_the_run_ends_with_a_sentence(bench: Bench, fault: Any) -> None:
    async with playing(SUBMIT) as first:
        first.answer_next(*fault)
        with pytest.raises(ModelDenied, match=r"Check|Top it up"):
            await bench.work(model(first, bench))
    assert len(first.requests) == 1


async def test_two_servers_in_trouble_are_asked_in_turn(bench: Bench) -> None:
    async with playing(SUBMIT) as first, playing(SUBMIT, name="second") as second:
        for server in (first, second):
            for _ in range(9):
                server.answer_next(503, {"error": {"message": "busy"}})
        bench.fallback = model(second, bench, "openai/second", most_tries=1)
        with pytest.raises(ModelUnavailable):
            await bench.work(model(first, bench, most_tries=1))
    assert (len(first.requests), len(second.requests)) == (3, 3)
    assert bench.paused == [0, 5, 15, 30, 45]
