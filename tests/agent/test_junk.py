"""Answers that make no sense: whatever a model says, the loop ends with a result, and providers can read what it sends.

The seed is in the name of the test, so that what once went wrong can be looked at again.
"""

import json
import random
from collections.abc import Sequence
from typing import Any, Final

import pytest

from app.agent.background import RESTARTED
from app.agent.tools.all_tools import ALL_TOOLS
from app.agent.tools.apply_patch import APPLY_PATCH
from app.core.budget import Budget
from app.core.journal import ModelAnswered, Noted, ToolReturned
from app.core.model import Dialect
from tests.agent.scripted import Bench, MemoryJournal, Messages, Policy, PowerCut

RIGHT: Final = (
    ("read", {"path": "hello.txt"}),
    ("search", {"pattern": "hello"}),
    ("edit", {"path": "hello.txt", "old": "hello", "new": "hello hello"}),
    ("write", {"path": "new/file.txt", "content": "one\n"}),
    ("bash", {"command": "echo more >> log; exit 3"}),
    ("apply_patch", {"patch": "*** Begin Patch\n*** Add File: added\n+x\n*** End Patch"}),
)
NAMES: Final = ("bash", "read", "search", "edit", "write", "Read", "functions.edit", "str_replace", "teleport", "läs")
ODD_NAMES: Final = ("", None, "\x00", "read\n", "a" * 300, 7, "bash bash")
PATHS: Final = ("", "hello.txt", ".", "..", "/", "/repo/hello.txt", "a/b/c", "hello.txt/x", ".git/config", "~", "-rf")
WORDS: Final = ("hello world\r\n", "world", "é", "e\u0301", "\u202e", "\x00", "x" * 3_000, "true", "echo hi", "(", "7")
JSON: Final = ("{", "[1]", '["\\ud800"]', '{"path": "hello.txt"}', "null")
KEYS: Final = tuple(dict.fromkeys(name for tool in (*ALL_TOOLS, APPLY_PATCH) for name in tool.arguments.model_fields))
FINISHES: Final = ("stop", "tool_calls", "length", "tool_calls", "tool_calls", "", "content_filter", "odd")


class Junk:
    """Makes answers out of dice."""

    def __init__(self, seed: str) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - nothing secret

    def answer(self) -> dict[str, Any]:
        """A message of an assistant, more or less."""
        message: dict[str, Any] = {"role": "assistant", "content": self._content()}
        if self._dice.random() < 0.9:
            message["tool_calls"] = [self._call() for _ in range(self._dice.choice([0, 1, 1, 1, 2, 3, 12]))]
        if self._dice.random() < 0.1:
            message["thinking_blocks"] = [{"type": "thinking", "thinking": "hm", "signature": "abc"}]
        message["finish"] = self._dice.choices(FINISHES, [2, 60, 2, 30, 30, 1, 1, 1])[0]
        return message

    def _content(self) -> Any:
        return self._dice.choice(
            [None, "", "I look.", "All done.", " \n", [{"type": "text", "text": "parts"}], [], "\x00"]
        )

    def _call(self) -> dict[str, Any]:
        call: dict[str, Any] = {"type": "function"}
        call["id"] = self._dice.choice(["", None, "call_0", "call_0", f"call_{self._dice.random()}"])
        name, given = self._dice.choice(RIGHT)
        call["function"] = {"name": name, "arguments": json.dumps(given)}
        if self._dice.random() < 0.3:
            names = NAMES if self._dice.random() < 0.8 else ODD_NAMES
            call["function"] = {"name": self._dice.choice(names), "arguments": self._arguments()}
        if self._dice.random() < 0.02:
            call["function"] = None
        return call

    def _arguments(self) -> Any:
        given = {key: self._value(2) for key in self._dice.sample(KEYS, self._dice.randint(0, 4))}
        if self._dice.random() < 0.5:
            given["path"] = self._dice.choice(PATHS)
        text = json.dumps(given).replace("1.5", "Infinity")
        cut = text[: self._dice.randint(0, len(text))]
        return self._dice.choice(
            [text, text, text, given, cut, json.dumps(text), f"```json\n{text}\n```", None, [given], 7]
        )

    def _value(self, depth: int) -> Any:
        kinds: list[Any] = [
            self._dice.choice([*PATHS, *WORDS, *JSON]),
            None,
            True,
            -1,
            0,
            80,
            10**30,
            1.5,
            float("inf"),
        ]
        if depth:
            kinds += [[self._value(depth - 1)], {self._dice.choice(KEYS): self._value(depth - 1)}]
        return self._dice.choice(kinds)


def broken(messages: Sequence[dict[str, Any]]) -> str:
    """What a provider would not read of a conversation; empty if it reads all of it."""
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            if not waiting or message["tool_call_id"] != waiting.pop(0):
                return f"a result without its call: {message}"
            continue
        if waiting:
            return f"calls without results: {waiting}"
        calls = message.get("tool_calls") or []
        if message["role"] == "assistant" and not calls and not message.get("content"):
            return "an empty answer"
        waiting = [call["id"] for call in calls]
        if len({*waiting, ""}) != len(waiting) + 1 or not all(isinstance(one, str) for one in waiting):
            return f"ids that are empty, or there twice: {waiting}"
        for call in calls:
            if not isinstance(json.loads(call["function"]["arguments"]), dict) or not call["function"]["name"]:
                return f"a call that is none: {call}"
    return f"calls without results: {waiting}" if waiting else ""


def policy(seed: int, odd: list[str]) -> Policy:
    """The same answer to the same conversation; what is wrong with a conversation goes to `odd`."""

    def answer(messages: Messages) -> dict[str, Any]:
        odd.extend(filter(None, [broken(messages)]))
        return Junk(f"{seed} {json.dumps(messages)}").answer()

    return answer


DIALECTS: Final[tuple[Dialect, ...]] = ("edit", "apply_patch", "whole_file")
BUDGET: Final = Budget(turns=30, usd=100)


@pytest.mark.parametrize("seed", range(40))
async def test_no_answer_is_too_odd(bench: Bench, seed: int) -> None:
    odd: list[str] = []
    result = await bench.work(bench.model(policy(seed, odd), dialect=DIALECTS[seed % 3]), BUDGET)
    assert result.kind in {"submission", "gave up"}
    assert odd == []
    assert bench.kept(ModelAnswered)
    for entry in bench.kept(ToolReturned):
        assert entry.text.strip()
        assert len(entry.text) < 25_000


@pytest.mark.crash
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("stored_first", [True, False])
async def test_a_cut_among_the_calls_of_an_odd_answer_loses_none(
    bench: Bench, seed: int, *, stored_first: bool
) -> None:
    """At every third of its entries: no answer that was kept is asked for again, and each call has one result."""
    odd: list[str] = []
    for cut_at in range(1 + seed % 3, 60, 3):
        bench.workspace.bring_to(repr([("hello.txt", b"hello world\r\n")]).encode())
        again = Bench(bench.workspace, bench.sandbox)
        again.journal = MemoryJournal(cut_at=cut_at, stored_first=stored_first)
        model = again.model(policy(seed, odd), dialect=DIALECTS[seed % 3])
        try:
            await again.work(model, BUDGET)
            break  # it ended before
        except PowerCut:
            again.journal.cut_at = None
        await again.work(model, BUDGET)
        lost = len(model.asked) - len(again.kept(ModelAnswered))
        assert lost in ({0} if stored_first else {0, 1}), cut_at
        told = any(entry.text.startswith(RESTARTED) for entry in again.kept(Noted))
        assert len(set(model.asked)) == len(again.kept(ModelAnswered)) + (lost and told), cut_at
    assert odd == []
