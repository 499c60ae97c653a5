import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from app.agent.bounds import LAST_TURNS
from app.core.budget import Budget, Usage
from app.core.errors import (
    BlueprintError,
    ContextTooLong,
    ModelError,
    ModelUnavailable,
    RepositoryError,
    SandboxError,
)
from app.core.journal import Closed, Entry, ModelAnswered, ModelAsked, Noted, Opened, ToolCalled, ToolReturned
from app.core.minion import GaveUp, Submission
from app.core.patch import Patch
from app.core.sandbox import CommandResult
from app.core.shift import HandedOver, Shift
from app.core.workspace import Workspace
from tests.agent.folder import FolderSandbox, FolderWorkspace
from tests.agent.scripted import (
    BASH,
    EDIT,
    READ,
    SUBMIT,
    Bench,
    Messages,
    PowerCut,
    careful,
    curious,
    reason_of,
    say,
    script,
)


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
    # The answer was there, but not yet in the journal, where it comes together with the call that it asks for.
    lost = not stored_first and cut_at in {2, 3, 6, 7, 10, 11, 14, 15}
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
async def test_what_is_left_is_told_three_times(bench: Bench, budget: Budget) -> None:
    """At 50, 75 and 90 % of any bound, each once; what was sent before stays the same."""
    model = bench.model(curious)
    await bench.work(model, budget)
    notes = [number for number, entry in enumerate(bench.journal.kept) if isinstance(entry, Noted)]
    answered = [sum(isinstance(entry, ModelAnswered) for entry in bench.journal.kept[:number]) for number in notes]
    assert answered == [10, 15, 18]
    assert "keep enough to check the change" in model.asked[10]
    assert "submit what works, or give up" in model.asked[18]
    assert all(after.startswith(before[:-1]) for before, after in pairwise(model.asked))


async def test_whose_time_is_over_is_told(bench: Bench) -> None:
    used_up = Budget(seconds=2, seconds_of="the run's budget of 3600 seconds")
    reason, detail = reason_of(await bench.work(bench.model(curious), used_up))
    assert (reason, detail) == ("seconds", "What was left of the run's budget of 3600 seconds was used up: 2 seconds.")


async def test_seconds_survive_a_restart(bench: Bench) -> None:
    """3 of 5 seconds were used before the crash; the day between does not count."""
    bench.journal.cut_at = 13
    model = bench.model(curious)
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
    assert "call `submit` now" in bench.kept(Noted)[0].text


@pytest.mark.parametrize("empty", [{}, {"content": None}, {"content": ""}, {"content": " \n"}])
async def test_an_empty_answer_can_be_sent_back(bench: Bench, empty: dict[str, Any]) -> None:
    model = bench.model(script({"role": "assistant"} | empty, say("", SUBMIT)))
    await bench.work(model)
    assert json.loads(model.asked[1])[2] == {"role": "assistant", "content": "(nothing)"}


async def test_blanks_beside_a_call_are_not_sent_back(bench: Bench) -> None:
    """Anthropic refuses text of nothing else, and litellm would write words of its own there."""
    model = bench.model(script(say(" \n\n", READ), say("", SUBMIT)))
    await bench.work(model)
    assert json.loads(model.asked[1])[2] == say("", READ)


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
    "failing",
    [("edit", {"path": "hello.txt", "old": "mars", "new": "moon"}), ("edit", '{"path": "hel'), ("teleport", {})],
)
async def test_what_is_submitted_together_with_a_failure_is_not_yet(bench: Bench, failing: Any) -> None:
    """Who wrote the answer could not know of it; the same words in the next one count."""
    model = bench.model(script(say("", failing, SUBMIT), say("", EDIT, SUBMIT)))
    assert isinstance(await bench.work(model), Submission)
    assert [entry.ok for entry in bench.kept(ToolReturned)] == [False, False, True]
    assert "not submitted: a call before it" in bench.kept(ToolReturned)[1].text
    assert await bench.workspace.read("hello.txt") == b"hello moon\r\n"


async def test_what_is_submitted_twice_counts_once(bench: Bench) -> None:
    model = bench.model(script(say("", EDIT, SUBMIT, ("submit", {"summary": "Again."}))))
    result = await bench.work(model)
    assert isinstance(result, Submission)
    assert result.summary == "Greets the moon."


class Meeting(FolderWorkspace):
    """Reads only when `wanted` are reading at the same time: whoever comes alone waits for ever."""

    def __init__(self, root: Path, wanted: int) -> None:
        super().__init__(root)
        self.barrier = asyncio.Barrier(wanted)

    async def read(self, path: str) -> bytes:
        async with asyncio.timeout(20):
            await self.barrier.wait()
        return await super().read(path)


async def test_calls_that_only_read_run_together(bench: Bench, tree: Path) -> None:
    """Their results stand in the order in which they were asked for; what changes something waits for them."""
    bench.workspace = Meeting(tree, 3)
    reads = [("read", {"path": "hello.txt", "limit": number}) for number in (1, 2, 3)]
    change = ("bash", {"command": "echo changed > hello.txt"})
    model = bench.model(script(say("", *reads, change, *reads), say("", SUBMIT)))
    assert isinstance(await bench.work(model), Submission)
    texts = [entry.text.splitlines()[-1].strip() for entry in bench.kept(ToolReturned)]
    assert [text.partition("\t")[2] for text in texts] == [*["hello world"] * 3, "", *["changed"] * 3]
    assert [entry.call_id for entry in bench.kept(ToolReturned)] == [f"call_{place}" for place in range(7)]


async def test_one_wrong_call_among_others_is_told_in_its_place(bench: Bench) -> None:
    calls = [READ, ("read", {"path": "missing"}), ("read", {"paths": 3}), READ]
    await bench.work(bench.model(script(say("", *calls), say("", SUBMIT))))
    assert [entry.ok for entry in bench.kept(ToolReturned)] == [True, False, False, True]
    assert [entry.call_id for entry in bench.kept(ToolReturned)] == ["call_0", "call_1", "call_2", "call_3"]


@pytest.mark.crash
@pytest.mark.parametrize("cut_at", range(3, 13))
@pytest.mark.parametrize("stored_first", [True, False])
async def test_a_power_cut_among_calls_that_run_together_loses_none(
    bench: Bench, cut_at: int, *, stored_first: bool
) -> None:
    """Each has one result in the end, in its order; nothing that was answered is asked again."""
    bench.journal.cut_at, bench.journal.stored_first = cut_at, stored_first
    reads = [("read", {"path": "hello.txt", "limit": number}) for number in (1, 2, 3)]
    model = bench.model(script(say("", *reads, BASH), say("", SUBMIT)))
    with pytest.raises(PowerCut):
        await bench.work(model)
    bench.journal.cut_at = None
    assert isinstance(await bench.work(model), Submission)
    assert [entry.call_id for entry in bench.kept(ToolReturned)] == ["call_0", "call_1", "call_2", "call_3"]
    assert [entry.call_id for entry in bench.kept(ToolCalled)] == ["call_0", "call_1", "call_2", "call_3", "call_0"]


async def test_turns_are_added_once_where_the_work_still_moves(bench: Bench) -> None:
    """A change in the last ten turns brings twenty more; a budget for small things is not made longer."""

    def busy(messages: Messages) -> dict[str, Any]:
        return say("", ("write", {"path": "log", "content": f"{len(messages)}\n"}))

    assert reason_of(await bench.work(bench.model(busy), Budget(turns=40, usd=100)))[0] == "turns"
    assert len(bench.kept(ModelAnswered)) == 60
    assert sum(entry.text.startswith("[budget, longer]") for entry in bench.kept(Noted)) == 1


async def test_turns_are_not_added_to_work_that_stands_still(bench: Bench) -> None:
    assert reason_of(await bench.work(bench.model(curious), Budget(turns=40, usd=100)))[0] == "turns"
    assert len(bench.kept(ModelAnswered)) == 40


class Unbuildable(FolderSandbox):
    """A box that cannot be built the first `times`."""

    times: int = 1

    async def run(self, command: str, *, timeout_s: float = 600, stdin: bytes = b"") -> CommandResult:
        if self.times:
            self.times -= 1
            raise SandboxError("The box could not be built.")
        return await super().run(command, timeout_s=timeout_s, stdin=stdin)


async def test_a_box_that_cannot_be_built_once_is_tried_again(bench: Bench, tree: Path) -> None:
    bench.sandbox = Unbuildable(tree)
    model = bench.model(script(say("", BASH), say("", BASH), say("", SUBMIT)))
    assert isinstance(await bench.work(model), Submission)
    assert [entry.ok for entry in bench.kept(ToolReturned)] == [False, True]


async def test_a_box_that_cannot_be_built_twice_is_lost(bench: Bench, tree: Path) -> None:
    """Whoever goes on later does so with the tree as it was saved last, and knows that the command may have run."""
    box = Unbuildable(tree)
    box.times = 2
    bench.sandbox = box
    model = bench.model(script(say("", EDIT), say("", BASH), say("", BASH), say("", BASH), say("", SUBMIT)))
    with pytest.raises(SandboxError):
        await bench.work(model)
    (tree / "hello.txt").write_bytes(b"half of somethi")
    assert isinstance(await bench.work(model), Submission)
    assert [(entry.ok, entry.text[:12]) for entry in bench.kept(ToolReturned)][1:3] == [
        (False, "[the sandbox"),
        (False, "[interrupted"),
    ]
    assert (tree / "out.txt").read_bytes() == b"hello moon\r\n"
    assert len(model.asked) == len(set(model.asked)) == 5, "nothing is asked twice"


class Overfull(FolderWorkspace):
    """Git cannot read it as long as there is a file of that name."""

    async def patch(self) -> Patch:
        if await self._holds("huge"):
            raise RepositoryError("The change is too large to look at: 60 MB; ignore what tools have generated")
        return await super().patch()

    async def _holds(self, name: str) -> bool:
        return name in await self.paths()


async def test_who_makes_a_change_that_cannot_be_read_is_told_at_once(bench: Bench, tree: Path) -> None:
    """It can still be undone then; at the end of the work it would be lost."""
    bench.workspace = Overfull(tree)
    calls = [("bash", {"command": command}) for command in ("touch huge", "echo more > more", "rm huge")]
    model = bench.model(script(*(say("", call) for call in calls), say("", SUBMIT)))
    assert isinstance(await bench.work(model), Submission)
    told = ["cannot be read any more: The change is too large" in entry.text for entry in bench.kept(ToolReturned)]
    assert told == [True, True, False]
    assert bench.journal.patches[-1] is None
    assert b"more" in next(patch for patch in reversed(bench.journal.patches) if patch)


class Brittle(FolderWorkspace):
    """Breaks on one file, as a fault in our own code would."""

    async def read(self, path: str) -> bytes:
        if path == "cursed":
            raise RuntimeError("nobody thought of this")
        return await super().read(path)


async def test_a_tool_that_breaks_leaves_the_others(bench: Bench, tree: Path) -> None:
    """What it broke with stays in the log."""
    bench.workspace = Brittle(tree)
    model = bench.model(script(say("", ("read", {"path": "cursed"})), say("", EDIT), say("", SUBMIT)))
    assert isinstance(await bench.work(model), Submission)
    told = bench.kept(ToolReturned)[0]
    assert (told.ok, "nobody thought" in told.text) == (False, False)


async def test_a_tool_that_breaks_twice_is_an_error(bench: Bench, tree: Path) -> None:
    bench.workspace = Brittle(tree)
    with pytest.raises(RuntimeError):
        await bench.work(bench.model(lambda _: say("", ("read", {"path": "cursed"}))))


@pytest.mark.parametrize(("usd", "answers"), [(0.39, 0), (0.4, 1), (0.49, 1), (0.51, 2), (0.99, 6), (1.01, 7)])
async def test_no_call_is_begun_that_may_cost_more_than_is_left(bench: Bench, usd: float, answers: int) -> None:
    """Each may cost 0.40 dollars, and does cost 0.10: what was too much set aside is free for the next one."""
    model = bench.model(curious, reserve=1.6)  # of which the smaller answer takes a quarter
    reason, _ = reason_of(await bench.work(model, Budget(usd=usd)))
    assert (reason, len(model.asked), len(bench.kept(ModelAsked))) == ("dollars", answers, answers)
    assert all(entry.reserved_usd == 0.4 for entry in bench.kept(ModelAsked))


async def test_what_a_call_cost_beyond_what_was_set_aside_counts(bench: Bench) -> None:
    """The answer was paid for, so it is carried out; another is not asked for."""
    model = bench.model(lambda _: say("", EDIT), reserve=0.1, usage=Usage(turns=1, usd=0.9))
    result = await bench.work(model, Budget(usd=0.5))
    assert (reason_of(result)[0], result.usage.usd) == ("dollars", 0.9)
    assert [entry.ok for entry in bench.kept(ToolReturned)] == [True]


BEGINNING = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
OLD_JOURNAL: list[dict[str, Any]] = [
    {"kind": "opened", "messages": BEGINNING, "model": "m"},
    {"kind": "model asked", "turn": 1, "reserved_usd": 0.1},
    {
        "kind": "model answered",
        "turn": 1,
        "message": say("", READ),
        "usage": {"turns": 1, "input_tokens": 9, "output_tokens": 1, "cached_tokens": 0, "usd": 0.1},
        "finish_reason": "tool_calls",
        "seconds": 1.0,
    },
    {"kind": "tool called", "call_id": "call_0", "tool": "read", "arguments": {"path": "hello.txt"}},
    {"kind": "tool returned", "call_id": "call_0", "text": "hello", "ok": True, "seconds": 0.5},
    {"kind": "noted", "text": "[budget] You have 3 turns left."},
]
"""As the first version wrote it."""


@pytest.mark.parametrize("length", range(1, len(OLD_JOURNAL) + 1))
async def test_a_journal_of_the_first_version_is_gone_on_with(bench: Bench, length: int) -> None:
    entries: TypeAdapter[Entry] = TypeAdapter(Entry)
    bench.journal.kept = [entries.validate_python(entry) for entry in OLD_JOURNAL[:length]]
    bench.journal.patches = [None] * length
    bench.base = (await bench.workspace.patch()).data
    model = bench.model(careful)
    model.called = "m"
    assert isinstance(await bench.work(model), Submission)
    assert json.loads(model.asked[0])[:2] == BEGINNING


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (("read", {"path": "../secret"}), "leads out"),
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
        return curious(messages)

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
