"""A node with everything around it, and models that answer by a rule."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.agent.background import Background
from app.agent.minion import AgentLoop
from app.agent.rules import Rules
from app.core.blueprint import TOOLS, AgentSpec
from app.core.budget import Budget, Usage
from app.core.journal import Entry, ToolReturned
from app.core.minion import GaveUp, Submission
from app.core.model import MOST_WINDOW, Dialect, Effort, Profile, Reply
from app.core.sandbox import Sandbox
from app.core.shift import Shift
from app.core.signals import Signals
from tests.agent.folder import FolderWorkspace

Messages = Sequence[dict[str, Any]]
Policy = Callable[[Messages], dict[str, Any]]


class PowerCut(Exception):
    """The process is gone."""


@dataclass
class Time:
    """Seconds that pass only when somebody lets them."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class MemoryJournal:
    """A journal in memory. `cut_at` takes the power away at the write of that entry: before it is stored, or after."""

    kept: list[Entry] = field(default_factory=list)
    patches: list[bytes | None] = field(default_factory=list)
    """For each entry, the change that was saved with it."""
    cut_at: int | None = None
    stored_first: bool = True

    async def entries(self) -> Sequence[Entry]:
        return list(self.kept)

    async def append(self, *entries: Entry, patch: bytes | None = None) -> None:
        cut = self.cut_at is not None and len(self.kept) <= self.cut_at < len(self.kept) + len(entries)
        if not cut or self.stored_first:
            self.kept.extend(type(entry).model_validate_json(entry.model_dump_json()) for entry in entries)
            told = max((at for at, entry in enumerate(entries) if isinstance(entry, ToolReturned)), default=-1)
            self.patches.extend(patch if at == told else None for at in range(len(entries)))
        if cut:
            raise PowerCut


@dataclass
class ThinkingModel:
    """Answers by a rule that looks at the conversation, as a model does; remembers what it was asked."""

    policy: Policy
    time: Time
    usage: Usage = field(default_factory=lambda: Usage(turns=1, input_tokens=90, output_tokens=10, usd=0.1))
    seconds: float = 1.0
    reserve: float = 0.1
    window: int = MOST_WINDOW
    dialect: Dialect = "edit"
    effort: Effort = ""
    wants_tools: bool = True
    called: str = "tests/thinking"
    asked: list[str] = field(default_factory=list)
    bounds: list[tuple[int, float]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.called

    @property
    def profile(self) -> Profile:
        return Profile(window=self.window, dialect=self.dialect, effort=self.effort)

    def reserve_usd(self, input_tokens: int, max_output_tokens: int) -> float:  # noqa: ARG002 - the Protocol
        return self.reserve * max_output_tokens / 16_000

    async def complete(
        self,
        messages: Messages,
        tools: Sequence[dict[str, Any]],
        *,
        max_output_tokens: int,
        timeout_s: float,
    ) -> Reply:
        assert bool(tools) == self.wants_tools
        self.asked.append(json.dumps(messages))
        self.bounds.append((max_output_tokens, timeout_s))
        self.time.now += self.seconds
        message = self.policy(messages)
        finish = message.pop("finish", "tool_calls" if message.get("tool_calls") else "stop")
        return Reply(message=message, usage=self.usage, finish_reason=finish, model=self.name)


class CountingModel(ThinkingModel):
    """Counts what it is sent as a provider does, so that the loop knows how full the window is."""

    async def complete(
        self, messages: Messages, tools: Sequence[dict[str, Any]], *, max_output_tokens: int, timeout_s: float
    ) -> Any:
        self.usage = Usage(turns=1, input_tokens=len(json.dumps(messages)) // 3, output_tokens=10, usd=0.001)
        return await super().complete(messages, tools, max_output_tokens=max_output_tokens, timeout_s=timeout_s)


def say(text: str = "", *calls: tuple[str, object], **more: Any) -> dict[str, Any]:
    """An assistant message; arguments given as text are sent as they are."""
    message: dict[str, Any] = {"role": "assistant", "content": text, **more}
    if calls:
        message["tool_calls"] = [
            {
                "id": f"call_{place}",
                "type": "function",
                "function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)},
            }
            for place, (name, given) in enumerate(calls)
        ]
    return message


READ = ("read", {"path": "hello.txt"})
EDIT = ("edit", {"path": "hello.txt", "old": "world", "new": "moon"})
BASH = ("bash", {"command": "cat hello.txt > out.txt"})
SUBMIT = ("submit", {"summary": "Greets the moon.", "verification": ["cat out.txt"]})


def careful(messages: Messages) -> dict[str, Any]:
    """Reads, edits, runs, submits; looks again after an interruption."""
    last = messages[-1]
    if last["role"] == "user":
        return say("", READ)
    if "interrupted" in last["content"]:
        return say("I look again.", READ)
    if last["content"].startswith("[hello.txt"):
        return say("", EDIT) if "world" in last["content"] else say("", BASH)
    return say("", BASH) if last["content"].startswith("---") else say("", SUBMIT)


def curious(messages: Messages) -> dict[str, Any]:
    """Reads for ever, each time a little more."""
    return say("", ("read", {"path": "hello.txt", "limit": len(messages)}))


def script(*messages: dict[str, Any]) -> Policy:
    """These answers one after another, by the number of answers in the conversation."""
    return lambda asked: dict(messages[sum(1 for message in asked if message["role"] == "assistant")])


@dataclass
class Bench:
    """One node with everything around it."""

    workspace: FolderWorkspace
    sandbox: Sandbox
    base: bytes = b""
    """The tree before anybody worked in it, as it would be saved."""
    time: Time = field(default_factory=Time)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    signals: Signals = field(default_factory=Signals)
    shift: Shift = field(default_factory=Shift)
    prompt: str = "Task: $task"
    fallback: ThinkingModel | None = None
    background: Background | None = None
    paused: list[float] = field(default_factory=list)
    """Seconds that the loop wanted to wait."""

    async def pause(self, seconds: float) -> None:
        self.paused.append(seconds)

    def model(self, policy: Policy, **more: Any) -> ThinkingModel:
        return ThinkingModel(policy, self.time, **more)

    def counting(self, policy: Policy, window: int = 64_000) -> CountingModel:
        return CountingModel(policy, self.time, window=window)

    def loop(self, model: ThinkingModel, budget: Budget | None = None, tools: tuple[str, ...] = TOOLS) -> AgentLoop:
        return AgentLoop(
            model=model,
            spec=AgentSpec("work.md", tools, "implement", budget or Budget()),
            prompt=self.prompt,
            sandbox=self.sandbox,
            workspace=self.workspace,
            journal=self.journal,
            rules=Rules(text="Be kind."),
            clock=self.time,
            signals=self.signals,
            shift=self.shift,
            fallback=self.fallback,
            sleep=self.pause,
            background=self.background,
        )

    async def work(self, model: ThinkingModel, budget: Budget | None = None) -> Submission | GaveUp:
        """Work, or go on: in the tree that was saved last, as whoever takes a run up again makes it."""
        if self.journal.kept:
            self.workspace.bring_to(next((one for one in reversed(self.journal.patches) if one), self.base))
        else:
            self.base = (await self.workspace.patch()).data
        return await self.loop(model, budget).work({"task": "greet the moon"})

    def kept(self, kind: type[Any]) -> list[Any]:
        return [entry for entry in self.journal.kept if isinstance(entry, kind)]


def reason_of(result: Submission | GaveUp) -> tuple[str, str]:
    assert isinstance(result, GaveUp)
    return result.reason, result.detail
