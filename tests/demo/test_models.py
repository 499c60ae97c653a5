from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.core.errors import SettingsError
from app.demo.models import ModelServer, serve
from app.demo.script import Act, Call, Script, Turn

FOLDER = Path(__file__).parent / "scripts"
KEY = {"authorization": "Bearer anything"}
IMPLEMENT = {"role": "user", "content": "Title\nImplement this"}
SPOKE = {"role": "assistant", "content": "…"}


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with serve(FOLDER) as running:
        yield running


async def ask(server: ModelServer, body: object, headers: dict[str, str] | None = None) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(
            f"{server.url}/chat/completions", json=body, headers=KEY if headers is None else headers
        )


async def test_lists_its_scripts_as_models(server: ModelServer) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{server.url}/models", headers=KEY)
    assert [model["id"] for model in answer.json()["data"]] == ["example"]


async def test_the_next_turn_follows_from_the_messages_alone(server: ModelServer) -> None:
    """Asked twice with the same messages, it says the same."""
    first = [(await ask(server, {"model": "example", "messages": [IMPLEMENT]})).json() for _ in range(2)]
    assert first[0] == first[1]
    call = first[0]["choices"][0]["message"]["tool_calls"][0]
    assert (call["id"], call["function"]) == ("call_0_0", {"name": "read", "arguments": '{"path": "hello.txt"}'})
    second = (await ask(server, {"model": "example", "messages": [IMPLEMENT, SPOKE]})).json()
    assert second["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "edit"
    assert second["usage"]["prompt_tokens_details"]["cached_tokens"] == 1000
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([{"role": "user", "content": "Sing"}], "no act"),
        ([{"role": "user", "content": [{"type": "text", "text": "Implement"}]}, SPOKE, SPOKE, SPOKE], "no more than 3"),
    ],
)
async def test_gives_up_where_the_script_ends(server: ModelServer, messages: object, why: str) -> None:
    """It makes nothing up."""
    message = (await ask(server, {"model": "example", "messages": messages})).json()["choices"][0]["message"]
    assert message["tool_calls"][0]["function"]["name"] == "give_up"
    assert why in message["content"]


async def test_text_alone_stops(server: ModelServer) -> None:
    choice = (await ask(server, {"model": "example", "messages": [{"role": "user", "content": "Chat"}]})).json()[
        "choices"
    ]
    assert (choice[0]["finish_reason"], choice[0]["message"]["content"]) == ("stop", "I only talk.")


@pytest.mark.parametrize(
    ("body", "headers", "status", "word"),
    [
        ({"model": "example", "messages": [IMPLEMENT]}, {}, 401, "API key"),
        ({"model": "example", "messages": [IMPLEMENT]}, {"authorization": "Bearer"}, 401, "API key"),
        ({"model": "../example", "messages": [IMPLEMENT]}, KEY, 404, "no script"),
        ({"model": "example"}, KEY, 400, "messages"),
        ({"model": "example", "messages": ["hello"]}, KEY, 400, "messages"),
        ([], KEY, 400, "messages"),
        ({"model": "example", "messages": [IMPLEMENT], "stream": True}, KEY, 400, "stream"),
    ],
)
async def test_refuses_in_the_form_of_openai(
    server: ModelServer, body: object, headers: dict[str, str], status: int, word: str
) -> None:
    answer = await ask(server, body, headers)
    assert answer.status_code == status
    assert word in answer.json()["error"]["message"]


async def test_says_what_it_was_told_to_say_next(server: ModelServer) -> None:
    server.answer_next(503, "<html>down</html>", {"retry-after": "3"})
    broken = await ask(server, {"model": "example", "messages": [IMPLEMENT]})
    assert (broken.status_code, broken.headers["retry-after"], broken.text) == (503, "3", "<html>down</html>")
    assert (await ask(server, {"model": "example", "messages": [IMPLEMENT]})).status_code == 200


async def test_plays_scripts_that_were_never_a_file() -> None:
    broken = Script(
        acts=(Act(when="", turns=(Turn(calls=(Call(tool="read", arguments="{broken"),), finish="length"),)),)
    )
    async with serve({"broken": broken}) as server:
        choice = (await ask(server, {"model": "broken", "messages": [IMPLEMENT]})).json()["choices"][0]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == "{broken"


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("Bad Name.yaml", "acts: []", "small letters"),
        ("bad.yaml", "acts: [{when: '(', turns: []}]", "not a regular expression"),
        ("bad.yaml", "acts: [", "no script"),
        ("bad.yaml", "acts: []\nscenes: []", "scenes"),
    ],
)
async def test_a_wrong_script_fails_at_the_start(tmp_path: Path, name: str, text: str, word: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(SettingsError, match=word):
        async with serve(tmp_path):
            pass
