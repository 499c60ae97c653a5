import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.agent.bounds import LAST_TURNS
from app.agent.minion import AgentLoop
from app.agent.rules import Rules
from app.core.blueprint import TOOLS, AgentSpec
from app.core.budget import Budget, Usage
from app.core.errors import BlueprintError, ContextTooLong, ModelError, ModelUnavailable
from app.core.journal import Closed, Entry, ModelAnswered, ModelAsked, Noted, Opened, ToolCalled, ToolReturned
from app.core.model import Reply
from app.core.shift import HandedOver, Shift
from app.core.signals import Signals
from app.core.world import GaveUp, Sandbox, Submission, Workspace
from tests.agent.conftest import FolderWorkspace

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
    """A journal in memory. `cut_at` takes the power away at that entry: before it is stored, or after."""

    kept: list[Entry] = field(default_factory=list)
    patches: list[bytes | None] = field(default_factory=list)
    cut_at: int | None = None
    stored_first: bool = True

    async def entries(self) -> Sequence[Entry]:
        return list(self.kept)

    async def append(self, entry: Entry, *, patch: bytes | None = None) -> None:
        cut = len(self.kept) == self.cut_at
        if not cut or self.stored_first:
            self.kept.append(type(entry).model_validate_json(entry.model_dump_json()))
            self.patches.append(patch)
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
    asked: list[str] = field(default_factory=list)
    bounds: list[tuple[int, float]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return "tests/thinking"

    def reserve_usd(self, messages: Messages, max_output_tokens: int) -> float:  # noqa: ARG002 - the Protocol
        return self.reserve * max_output_tokens / 16_000

    async def complete(
        self,
        messages: Messages,
        tools: Sequence[dict[str, Any]],
        *,
        max_output_tokens: int,
        timeout_s: float,
    ) -> Reply:
        assert tools
        self.asked.append(json.dumps(messages))
        self.bounds.append((max_output_tokens, timeout_s))
        self.time.now += self.seconds
        message = self.policy(messages)
        finish = message.pop("finish", "tool_calls" if message.get("tool_calls") else "stop")
        return Reply(message=message, usage=self.usage, finish_reason=finish, model=self.name)


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

    def model(self, policy: Policy, **more: Any) -> ThinkingModel:
        return ThinkingModel(policy, self.time, **more)

    def loop(self, model: ThinkingModel, budget: Budget | None = None, tools: tuple[str, ...] = TOOLS) -> AgentLoop:
        return AgentLoop(
            model=model,
            spec=AgentSpec("work.md", tools, "implement", budget or Budget()),
            prompt="Task: $task",
            sandbox=self.sandbox,
            workspace=self.workspace,
            journal=self.journal,
            rules=Rules(text="Be kind."),
            clock=self.time,
            signals=self.signals,
            shift=self.shift,
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


@pytest.fixture
def bench(workspace: FolderWorkspace, sandbox: Sandbox, tree: Path) -> Bench:
    (tree / "hello.txt").write_bytes(b"hello world\r\n")
    return Bench(workspace, sandbox)


def reason_of(result: Submission | GaveUp) -> tuple[str, str]:
    assert isinstance(result, GaveUp)
    return result.reason, result.detail


async def test_works_until_it_submits(bench: Bench, tree: Path) -> None:
    result = await bench.work(bench.model(careful))
    used = Usage(turns=4, input_tokens=360, output_tokens=40, usd=0.4)
    assert result == Submission(
        summary="Greets the moon.", verification=("cat out.txt",), model="tests/thinking", usage=used
    )
    assert (tree / "out.txt").read_bytes() == b"hello moon\r\n"
    kinds = [entry.kind for entry in bench.journal.kept]
    turn = ["model asked", "model answered", "tool called", "tool returned"]
    assert kinds == ["opened", *turn, *turn, *turn, *turn[:3], "closed"]


async def test_the_conversation_only_grows_at_its_end(bench: Bench) -> None:
    """What was sent once is sent the same again, or providers could not cache it."""
    model = bench.model(careful)
    await bench.work(model)
    for shorter, longer in zip(model.asked, model.asked[1:], strict=False):
        assert longer.startswith(shorter.removesuffix("]"))


async def test_a_finished_journal_is_only_read(bench: Bench) -> None:
    first = await bench.work(bench.model(careful))
    silent = bench.model(script())
    assert await bench.work(silent) == first
    assert silent.asked == []


async def test_gives_up(bench: Bench) -> None:
    model = bench.model(script(say("", ("give_up", {"reason": "needs_human", "detail": "Which moon?"}))))
    assert reason_of(await bench.work(model)) == ("needs_human", "Which moon?")


@pytest.mark.crash
@pytest.mark.parametrize("stored_first", [True, False], ids=["after it was stored", "before it was stored"])
@pytest.mark.parametrize("cut_at", range(17))
async def test_a_power_cut_at_any_entry_changes_nothing(
    bench: Bench, tree: Path, cut_at: int, *, stored_first: bool
) -> None:
    """The same tree in the end, no answered question asked again, no command silently run again."""
    model = bench.model(careful)
    bench.journal.cut_at, bench.journal.stored_first = cut_at, stored_first
    with pytest.raises(PowerCut):
        await bench.work(model)
    bench.journal.cut_at = None
    bench.time.now += 100_000  # the time between a crash and a restart is not the minion's
    assert isinstance(await bench.work(model), Submission)
    assert list(await bench.workspace.paths()) == ["hello.txt", "out.txt"]
    assert [(tree / name).read_bytes() for name in ("hello.txt", "out.txt")] == [b"hello moon\r\n"] * 2
    answers = len(bench.kept(ModelAnswered))
    lost = not stored_first and cut_at in {2, 6, 10, 14}  # the answer was there, but not yet in the journal
    assert len(model.asked) == answers + lost
    assert sum(Counter(model.asked).values()) - len(set(model.asked)) == lost
    ran: list[str] = getattr(bench.sandbox, "commands")  # noqa: B009 - the fake's own memory
    assert len(bench.kept(ToolCalled)) == len(bench.kept(ToolReturned)) + 1, "each call begins once; submit ends all"
    assert len(ran) <= sum(entry.tool == "bash" for entry in bench.kept(ToolCalled))
    assert sum(entry.seconds for entry in bench.kept(ModelAnswered)) == answers


@pytest.mark.parametrize("last", range(1, 5))
async def test_a_shift_that_ends_in_a_model_call_costs_nothing(bench: Bench, tree: Path, last: int) -> None:
    """What the model answers is written down, and another worker goes on with it: nothing is asked or done twice."""

    def watched(asked: Sequence[dict[str, Any]]) -> dict[str, Any]:
        bench.shift.is_over = len(model.asked) == last
        return careful(asked)

    model = bench.model(watched)
    with pytest.raises(HandedOver):
        await bench.work(model)
    assert (len(model.asked), isinstance(bench.journal.kept[-1], ModelAnswered)) == (last, True)
    with pytest.raises(HandedOver):
        await bench.work(model)
    bench.shift = Shift()
    assert isinstance(await bench.work(model), Submission)
    assert len(model.asked) == len(set(model.asked)) == 4
    assert [entry.text for entry in bench.kept(ToolReturned) if "interrupted" in entry.text] == []
    assert (tree / "out.txt").read_bytes() == b"hello moon\r\n"


async def test_an_interrupted_command_is_told_and_not_run_again(bench: Bench, tree: Path) -> None:
    bench.journal.cut_at = 3
    append = ("bash", {"command": "echo x >> log"})
    model = bench.model(script(say("", append), say("", SUBMIT)))
    with pytest.raises(PowerCut):
        await bench.work(model)
    bench.journal.cut_at = None
    await bench.work(model)
    assert not (tree / "log").exists()
    assert [(entry.ok, entry.text) for entry in bench.kept(ToolReturned)] == [
        (False, "[interrupted; the tree may have changed: look at it]")
    ]


async def test_a_change_is_saved_with_the_result_that_tells_of_it(bench: Bench, workspace: Workspace) -> None:
    """Another machine has nothing but the journal and the saved change: they must be of the same moment."""
    await bench.work(bench.model(careful))
    journal = bench.journal
    saved = [entry for entry, patch in zip(journal.kept, journal.patches, strict=True) if patch is not None]
    assert saved
    assert all(isinstance(entry, ToolReturned) for entry in saved)
    newest = [patch for patch in journal.patches if patch is not None][-1]
    assert newest == (await workspace.patch()).data


WRITE = ("write", {"path": "hello.txt", "content": "hello moon\n"})
GROW = ("edit", {"path": "hello.txt", "old": "hello", "new": "hello hello"})


@pytest.mark.parametrize("cut_at", [3, 4])
@pytest.mark.parametrize("stored_first", [True, False])
@pytest.mark.parametrize(
    ("call", "left"), [(WRITE, b"hello moon\r\n"), (EDIT, b"hello moon\r\n"), (GROW, b"hello hello world\r\n")]
)
async def test_an_interrupted_change_of_a_file_is_made_once(
    bench: Bench, tree: Path, cut_at: int, call: Any, left: bytes, *, stored_first: bool
) -> None:
    """It finds the file as it was before the call, also where it was carried out already and nobody knows."""
    bench.journal.cut_at, bench.journal.stored_first = cut_at, stored_first
    model = bench.model(script(say("", call), say("", SUBMIT)))
    with pytest.raises(PowerCut):
        await bench.work(model)
    bench.journal.cut_at = None
    await bench.work(model)
    assert (tree / "hello.txt").read_bytes() == left
    assert [entry.ok for entry in bench.kept(ToolReturned)] == [True]


@pytest.mark.parametrize(
    ("budget", "reason", "answers"),
    [
        (Budget(turns=4), "turns", 4),
        (Budget(tokens=350), "tokens", 4),
        (Budget(usd=0.35), "dollars", 3),
        (Budget(seconds=3.5), "seconds", 4),
        (Budget(usd=0), "dollars", 0),
    ],
)
async def test_a_bound_ends_the_work(bench: Bench, budget: Budget, reason: str, answers: int) -> None:
    """Each answer takes a second, 100 tokens and 0.10 dollars; a call that cannot be paid is not started."""
    result = await bench.work(bench.model(lambda _: say("", READ), reserve=0.4), budget)
    assert isinstance(result, GaveUp)
    assert (result.reason, len(bench.kept(ModelAnswered))) == (reason, answers)


@pytest.mark.parametrize("budget", [Budget(turns=20), Budget(tokens=2_000), Budget(usd=2), Budget(seconds=20)], ids=str)
async def test_the_near_end_is_told_once(bench: Bench, budget: Budget) -> None:
    """At 85 % of any bound: after 17 of 20 turns."""
    model = bench.model(lambda _: say("", READ))
    await bench.work(model, budget)
    notes = [number for number, entry in enumerate(bench.journal.kept) if isinstance(entry, Noted)]
    assert len(notes) == 1
    before = [entry for entry in bench.journal.kept[: notes[0]] if isinstance(entry, ModelAnswered)]
    assert len(before) == 17
    assert "submit what works, or give up" in model.asked[17]


async def test_seconds_survive_a_restart(bench: Bench) -> None:
    """3 of 5 seconds were used before the crash; the day between does not count."""
    bench.journal.cut_at = 13
    model = bench.model(lambda _: say("", READ))
    budget = Budget(seconds=5)
    with pytest.raises(PowerCut):
        await bench.work(model, budget)
    bench.journal.cut_at = None
    bench.time.now += 86_400
    assert reason_of(await bench.work(model, budget)) == (
        "seconds",
        "The budget of 5 seconds was used up before anything was submitted.",
    )
    assert len(bench.kept(ModelAnswered)) == 5


async def test_a_call_gets_what_is_left(bench: Bench) -> None:
    """10 tokens after the first answer of 100; the seconds that are left; the smaller answer when money is short."""
    model = bench.model(lambda _: say("", READ), reserve=0.3)
    await bench.work(model, Budget(tokens=4_110, seconds=4, usd=0.3))
    assert model.bounds == [(4_110, 4.0), (4_000, 3.0), (3_910, 2.0)]


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (("teleport", {}), "There is no tool 'teleport'. There are: bash, read, search"),
        (("read", "{broken"), "must be a JSON object"),
        (("read", "[1]"), "must be a JSON object"),
        (("read", {}), "path: Field required. Expected: path, offset (may be left out)"),
        (("bash", {"command": "true", "shell": "zsh"}), "shell: Extra inputs"),
        (("write", '{"path": "a", "content": "\\u0000"}'), "NUL"),
        (("read", "[" * 100_000), "must be a JSON object"),
    ],
)
async def test_three_wrong_calls_in_a_row_end_the_work(bench: Bench, wrong: tuple[str, Any], word: str) -> None:
    """Each is answered with what is expected; what is sent back to the provider is well-formed."""
    model = bench.model(lambda _: say("", wrong))
    result = await bench.work(model)
    assert isinstance(result, GaveUp)
    assert (result.reason, len(model.asked)) == ("format", 3)
    assert all(word in entry.text for entry in bench.kept(ToolReturned))
    assert bench.kept(ToolCalled) == []
    for message in json.loads(model.asked[-1]):
        for call in message.get("tool_calls", []):
            assert isinstance(json.loads(call["function"]["arguments"]), dict)


async def test_a_right_call_forgives_wrong_ones(bench: Bench) -> None:
    wrong = ("read", "{")
    model = bench.model(script(*[say("", wrong)] * 2, say("", wrong, READ), *[say("", wrong)] * 2, say("", SUBMIT)))
    assert isinstance(await bench.work(model), Submission)


async def test_text_without_a_tool_is_answered_twice(bench: Bench) -> None:
    model = bench.model(lambda _: say("I am done, I think."))
    result = await bench.work(model)
    assert isinstance(result, GaveUp)
    assert (result.reason, len(model.asked), len(bench.kept(Noted))) == ("format", 3, 2)
    assert "Use a tool" in bench.kept(Noted)[0].text


async def test_an_empty_answer_can_be_sent_back(bench: Bench) -> None:
    model = bench.model(script({"role": "assistant"}, say("", SUBMIT)))
    await bench.work(model)
    assert json.loads(model.asked[1])[2] == {"role": "assistant", "content": "(nothing)"}


async def test_a_call_that_was_cut_off_is_thrown_away(bench: Bench, tree: Path) -> None:
    cut = say("I write.", ("write", '{"path": "a.txt", "content": "half a'), finish="length")
    model = bench.model(script(cut, say("", SUBMIT)))
    assert isinstance(await bench.work(model), Submission)
    assert not (tree / "a.txt").exists()
    sent = json.loads(model.asked[1])
    assert sent[2] == {"role": "assistant", "content": "I write."}
    assert "cut off" in sent[3]["content"]


async def test_calls_of_one_answer_run_in_their_order(bench: Bench, tree: Path) -> None:
    """One that fails does not stop the next; nothing runs after the submission."""
    calls = [("bash", {"command": f"echo {number} >> log; exit {number}"}) for number in range(3)]
    model = bench.model(script(say("", *calls, SUBMIT, ("bash", {"command": "echo late >> log"}))))
    assert isinstance(await bench.work(model), Submission)
    assert (tree / "log").read_text() == "0\n1\n2\n"
    assert [entry.ok for entry in bench.kept(ToolReturned)] == [True, False, False]


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (("read", {"path": "../secret"}), "leads outside"),
        (("read", {"path": "missing.txt"}), "There is no 'missing.txt'"),
        (("edit", {"path": ".", "old": "a", "new": "b"}), "is a folder"),
        (("write", {"path": "hello.txt/x", "content": "b"}), "hello.txt/x"),
        (("read", {"path": "x" * 300}), "name too long"),
    ],
)
async def test_a_wrong_path_is_an_answer(bench: Bench, tree: Path, call: tuple[str, Any], word: str) -> None:
    (tree.parent / "secret").write_text("secret")
    await bench.work(bench.model(script(say("", call), say("", SUBMIT))))
    [returned] = bench.kept(ToolReturned)
    assert not returned.ok
    assert word in returned.text
    assert str(tree) not in returned.text


async def test_a_conversation_that_is_too_long_is_given_up(bench: Bench) -> None:
    def policy(messages: Messages) -> dict[str, Any]:
        if len(messages) > 4:
            raise ContextTooLong("The conversation is too long for the model.")
        return say("", READ)

    assert reason_of(await bench.work(bench.model(policy))) == (
        "too_big",
        "The conversation is too long for the model.",
    )
    assert isinstance(bench.journal.kept[-1], Closed)


@pytest.mark.parametrize("error", [ModelUnavailable("busy"), ModelError("no key")], ids=repr)
async def test_a_model_that_does_not_answer_is_asked_again_next_time(bench: Bench, error: ModelError) -> None:
    def policy(messages: Messages) -> dict[str, Any]:
        if len(messages) == 4:
            raise error
        return say("", READ)

    with pytest.raises(type(error)):
        await bench.work(bench.model(policy))
    assert isinstance(bench.journal.kept[-1], ModelAsked)
    again = bench.model(careful)
    assert isinstance(await bench.work(again), Submission)
    assert len(json.loads(again.asked[0])) == 4


async def test_a_model_that_uses_up_the_time_ends_the_work(bench: Bench) -> None:
    def policy(_: Messages) -> dict[str, Any]:
        raise ModelUnavailable("did not answer")

    result = await bench.work(bench.model(policy, seconds=60), Budget(seconds=60))
    assert isinstance(result, GaveUp)
    assert result.reason == "seconds"


async def test_what_a_store_cannot_hold_is_replaced(bench: Bench) -> None:
    """PostgreSQL takes no NUL in JSON."""
    await bench.work(bench.model(script(say("", ("bash", {"command": "printf 'a\\0b'"})), say("", SUBMIT))))
    assert bench.kept(ToolReturned)[0].text.endswith("a\ufffdb")


async def test_thinking_is_sent_back_as_it_came(bench: Bench) -> None:
    thought = {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "abc"}]}
    model = bench.model(script(say("", READ, **thought), say("", SUBMIT)))
    await bench.work(model)
    assert json.loads(model.asked[1])[2] == say("", READ, **thought)


async def test_wrong_wiring_is_told_before_anything_is_asked(bench: Bench) -> None:
    model = bench.model(script())
    with pytest.raises(BlueprintError, match="no tool teleport"):
        bench.loop(model, tools=("teleport",))
    with pytest.raises(BlueprintError, match=r"wants \$task"):
        await bench.loop(model).work({})
    assert (model.asked, bench.journal.kept) == ([], [])


async def test_a_resumed_loop_begins_with_the_same_words(bench: Bench) -> None:
    """Facts that changed meanwhile do not change the conversation."""
    bench.journal.cut_at = 0
    with pytest.raises(PowerCut):
        await bench.work(bench.model(careful))
    bench.journal.cut_at = None
    await bench.loop(bench.model(careful)).work({"task": "something else"})
    [opened] = bench.kept(Opened)
    assert opened.messages[1]["content"].startswith("Task: greet the moon\n")
    assert opened.model == "tests/thinking"


async def test_a_minion_that_is_told_to_wrap_up_has_some_turns_left(bench: Bench) -> None:
    def policy(messages: Messages) -> dict[str, Any]:
        bench.signals.wrap_up = len(messages) >= 4
        return say("", READ)

    result = await bench.work(bench.model(policy))
    assert isinstance(result, GaveUp)
    assert result.reason == "wrap up"
    told = [entry.text for entry in bench.kept(Noted)]
    assert [text.startswith("[wrap up]") for text in told] == [True]
    asked = len(bench.kept(ModelAnswered))
    assert asked == 2 + LAST_TURNS
    again = bench.model(policy)
    assert await bench.loop(again).work({"task": "greet the moon"}) == result  # as after a crash: it is in the journal
    assert again.asked == []


async def test_a_minion_that_wraps_up_submits_what_it_has(bench: Bench) -> None:
    def policy(messages: Messages) -> dict[str, Any]:
        bench.signals.wrap_up = True
        is_told = str(messages[-1].get("content")).startswith("[wrap up]")
        return say("", SUBMIT) if is_told else say("", EDIT)

    assert isinstance(await bench.work(bench.model(policy)), Submission)


async def test_money_that_is_added_while_it_works_is_used(bench: Bench) -> None:
    def policy(messages: Messages) -> dict[str, Any]:
        if len(messages) > 4:
            return say("", SUBMIT)
        bench.signals.raised_usd = 5.0
        return say("", READ)

    assert isinstance(await bench.work(bench.model(policy), Budget(usd=0.15)), Submission)
