import json
from pathlib import Path
from typing import Any

import pytest

from app.agent.conversation import Conversation
from app.agent.room import ASK_FOR_SUMMARY
from app.agent.window import Window
from app.core.budget import Budget
from app.core.errors import ContextTooLong
from app.core.journal import Masked, ModelAnswered, ModelAsked
from app.core.minion import GaveUp, Submission
from tests.agent.scripted import SUBMIT, Bench, CountingModel, Messages, PowerCut, reason_of, say, script

CHARACTERS = 8_000
"""Of one file: 2,667 tokens, as they are estimated."""
HALF_FULL = 14
"""Such results bring a window of 64,000 tokens above 55 %."""


@pytest.fixture
def files(tree: Path) -> None:
    for number in range(200):
        (tree / f"{number}.txt").write_text(f"{number:04}\n" + ("x" * 99 + "\n") * (CHARACTERS // 100))


def reader(turns: int) -> Any:
    """Reads one file after another, gives a summary where one is wanted, and submits after so many turns."""
    asked: list[int] = []

    def policy(messages: Messages) -> dict[str, Any]:
        if messages[-1]["content"] == ASK_FOR_SUMMARY:
            return say(f"I read up to file {len(asked) - 1}.")
        asked.append(len(messages))
        if len(asked) > turns:
            return say("", SUBMIT)
        return say("", ("read", {"path": f"{len(asked) - 1}.txt"}))

    return policy


BUDGET = Budget(turns=200, tokens=10**9, usd=100)


@pytest.mark.usefixtures("files")
class TestMasking:
    async def test_old_results_go_when_the_window_is_half_full(self, bench: Bench) -> None:
        """Those of the newest twelve calls stay, unless they are long; words say how to get the others back."""
        model = bench.counting(reader(40))
        assert isinstance(await bench.work(model, BUDGET), Submission)
        masks = bench.kept(Masked)
        assert masks
        before = next(place for place, entry in enumerate(bench.journal.kept) if isinstance(entry, Masked))
        messages = Conversation.of(bench.journal.kept[: before + 1]).messages
        results = [message["content"] for message in messages if message["role"] == "tool"]
        gone = [text for text in results if text.startswith("[left out to make room")]
        assert len(gone) == len(masks[0].places)
        assert results[: len(gone)] == gone, "the oldest go"
        assert "Call the tool again" in gone[0]
        kept = sum(map(len, results[len(gone) :])) // 3
        assert 10_000 < kept <= 16_000, "a quarter of the window"

    async def test_what_was_sent_stays_the_same_in_between(self, bench: Bench) -> None:
        """Providers cache from the beginning on: no more breaks than there are entries that say so."""
        model = bench.counting(reader(60))
        await bench.work(model, BUDGET)
        breaks = sum(
            not longer.startswith(shorter.removesuffix("]"))
            for shorter, longer in zip(model.asked, model.asked[1:], strict=False)
        )
        assert breaks == len(bench.kept(Masked))
        assert breaks <= 60 / 4, "each saves at least an eighth of the window, and one result takes a 24th"

    async def test_the_window_is_never_exceeded(self, bench: Bench) -> None:
        model = bench.counting(reader(100))
        await bench.work(model, BUDGET)
        assert max(map(len, model.asked)) // 3 < 64_000 * 0.86

    async def test_nothing_goes_where_there_is_room(self, bench: Bench) -> None:
        await bench.work(bench.counting(reader(10)), BUDGET)
        assert bench.kept(Masked) == []

    async def test_an_answer_whose_results_do_not_fit_keeps_the_last_of_them(self, bench: Bench) -> None:
        """A hundred files at once are four windows full: the work goes on with those that fit."""
        calls = [("read", {"path": f"{number}.txt"}) for number in range(100)]
        model = bench.counting(script(say("", *calls), say("", SUBMIT)))
        assert isinstance(await bench.work(model, BUDGET), Submission)
        results = [message["content"] for message in json.loads(model.asked[1]) if message["role"] == "tool"]
        shown = [number for number, text in enumerate(results) if "left out to make room" not in text]
        assert len(results) == 100
        assert shown == list(range(shown[0], 100))
        assert len(model.asked[1]) // 3 < 64_000 * 0.86

    @pytest.mark.crash
    async def test_a_loop_that_goes_on_has_the_very_same_messages(self, bench: Bench) -> None:
        """Cut at the entry after the first mask."""
        model = bench.counting(reader(HALF_FULL + 10))
        await bench.work(model, BUDGET)
        [first, *_] = [place for place, entry in enumerate(bench.journal.kept) if isinstance(entry, Masked)]
        whole = list(model.asked)
        for stored_first in (True, False):
            bench.journal.kept.clear()
            bench.journal.patches.clear()
            bench.journal.cut_at, bench.journal.stored_first = first, stored_first
            again = bench.counting(reader(HALF_FULL + 10))
            with pytest.raises(PowerCut):
                await bench.work(again, BUDGET)
            bench.journal.cut_at = None
            await bench.work(again, BUDGET)
            assert again.asked == whole


def long(text: str, role: str = "tool") -> dict[str, Any]:
    return {"role": role, "content": text * 3_000}


def test_too_little_to_gain_is_left_alone() -> None:
    """Twelve results stay however short they are; one that is older goes only together with others."""
    answer = {"role": "assistant", "content": "x"}
    messages = [answer, long("abc"), *[answer, {"role": "tool", "content": "y" * 500}] * 12]
    assert Window(128_000).maskable(messages) == ()
    assert Window(128_000).maskable(messages, at_any_gain=True) == (1,)
    assert Window(128_000).maskable([answer, *[long("abcdef")] * 30]) == (), "results of the newest answer stay"
    found = Window(128_000).maskable([answer, *[long("abcdef")] * 30], at_any_gain=True, newest_too=True)
    assert found == tuple(range(1, 26)), "but for those that there is no room for at all"
    assert Window(8_000).maskable([answer, long("abcdef")], at_any_gain=True, newest_too=True) == ()


@pytest.mark.usefixtures("files")
class TestSummary:
    """A model that thinks aloud: what it says cannot be masked."""

    @staticmethod
    def talker(turns: int, summary: str = "Short.") -> Any:
        asked: list[int] = []

        def policy(messages: Messages) -> dict[str, Any]:
            if messages[-1]["content"] == ASK_FOR_SUMMARY:
                return say(summary)
            asked.append(1)
            if len(asked) > turns:
                return say("", SUBMIT)
            return say("thought " * 200, ("read", {"path": "0.txt", "offset": len(asked), "limit": 1}))

        return policy

    async def test_older_turns_become_a_summary(self, bench: Bench) -> None:
        """The task and the last six turns stay as they are; the summary is paid for and is a turn of its own."""
        model = bench.counting(self.talker(40), window=20_000)
        result = await bench.work(model, BUDGET)
        assert isinstance(result, Submission)
        [summary] = [entry for entry in bench.kept(ModelAnswered) if entry.stands_for]
        place = bench.journal.kept.index(summary)
        before = Conversation.of(bench.journal.kept[:place]).messages
        after = Conversation.of(bench.journal.kept[: place + 1]).messages
        assert after[:2] == before[:2]
        assert after[2] == {
            "role": "user",
            "content": "[summary of what you did so far; older messages are left out]\nShort.",
        }
        assert after[3:] == before[-12:]
        assert after[3]["role"] == "assistant"
        assert result.usage.turns == 42
        assert result.usage.usd == pytest.approx(0.042)
        assert sum(entry.usage.turns for entry in bench.kept(ModelAnswered)) == 42

    async def test_after_two_summaries_it_is_too_big(self, bench: Bench) -> None:
        model = bench.counting(self.talker(200), window=20_000)
        reason, detail = reason_of(await bench.work(model, BUDGET))
        assert (reason, "could not be made shorter" in detail) == ("too_big", True)
        assert sum(1 for entry in bench.kept(ModelAnswered) if entry.stands_for) == 2

    async def test_a_summary_that_saves_nothing_is_the_last(self, bench: Bench) -> None:
        model = bench.counting(self.talker(200, "word " * 12_000), window=20_000)
        assert reason_of(await bench.work(model, BUDGET))[0] == "too_big"
        assert sum(1 for entry in bench.kept(ModelAnswered) if entry.stands_for) == 1

    async def test_an_empty_summary_replaces_nothing(self, bench: Bench) -> None:
        model = bench.counting(self.talker(200, ""), window=20_000)
        assert reason_of(await bench.work(model, BUDGET))[0] == "too_big"
        assert Conversation.of(bench.journal.kept).messages[2]["role"] == "assistant"


@pytest.mark.usefixtures("files")
class TestTooLong:
    """A provider whose window is smaller than anybody thought."""

    @staticmethod
    def narrow(most: int, inner: Any) -> Any:
        def policy(messages: Messages) -> dict[str, Any]:
            if sum(len(str(message.get("content"))) for message in messages) > most:
                raise ContextTooLong("The conversation is too long for the model.")
            said: dict[str, Any] = inner(messages)
            return said

        return policy

    async def test_results_go_first(self, bench: Bench) -> None:
        model = bench.model(self.narrow(110_000, reader(30)), window=1_000_000)
        assert isinstance(await bench.work(model, BUDGET), Submission)
        assert bench.kept(Masked)
        assert not any(entry.stands_for for entry in bench.kept(ModelAnswered))

    async def test_then_a_summary_is_made(self, bench: Bench) -> None:
        """Of everything but the last two turns, which is what can still be asked."""
        model = bench.model(self.narrow(22_000, TestSummary.talker(13)), window=1_000_000)
        assert isinstance(await bench.work(model, BUDGET), Submission)
        assert sum(1 for entry in bench.kept(ModelAnswered) if entry.stands_for) == 1

    @staticmethod
    def narrowed(bench: Bench, most: int, inner: Any) -> Any:
        """As where a server is started anew with a smaller window, in the middle of the work."""
        narrow = TestTooLong.narrow(most, inner)

        def policy(messages: Messages) -> dict[str, Any]:
            said: dict[str, Any] = (narrow if len(bench.kept(ModelAnswered)) >= 20 else inner)(messages)
            return said

        return policy

    async def test_what_is_too_long_to_be_summed_up_is_summed_up_in_parts(self, bench: Bench) -> None:
        """Of the eighteen turns that should have gone, the older half goes."""
        model = bench.model(self.narrowed(bench, 20_000, TestSummary.talker(24)), window=1_000_000)
        assert isinstance(await bench.work(model, BUDGET), Submission)
        [first, *_] = [entry.stands_for for entry in bench.kept(ModelAnswered) if entry.stands_for]
        assert first == (2, 20)

    async def test_then_a_model_that_reads_more_goes_on(self, bench: Bench) -> None:
        """Here where the other one could not even read one turn to sum it up."""
        bench.fallback = bench.model(TestSummary.talker(1), called="tests/wide")
        model = bench.model(self.narrowed(bench, 1_000, TestSummary.talker(30)), window=64_000)
        result = await bench.work(model, BUDGET)
        assert isinstance(result, Submission)
        assert (result.model, result.usage.turns) == ("tests/wide", 22)

    async def test_then_it_gives_up(self, bench: Bench) -> None:
        result = await bench.work(bench.model(self.narrow(9_000, reader(30)), window=1_000_000), BUDGET)
        assert isinstance(result, GaveUp)
        assert (result.reason, result.detail) == ("too_big", "The conversation is too long for the model.")


class Strict(CountingModel):
    """Refuses what is too long together with the answer that is asked for, as vLLM does."""

    async def complete(self, messages: Messages, tools: Any, *, max_output_tokens: int, timeout_s: float) -> Any:
        if len(json.dumps(messages)) // 3 + max_output_tokens > self.window:
            raise ContextTooLong("The conversation and the answer are too long for the model.")
        return await super().complete(messages, tools, max_output_tokens=max_output_tokens, timeout_s=timeout_s)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("window", [16_000, 32_000])
@pytest.mark.parametrize("policy", [reader, TestSummary.talker], ids=["results", "thoughts"])
async def test_no_more_is_asked_for_than_the_window_has_left(bench: Bench, window: int, policy: Any) -> None:
    model = Strict(policy(40), bench.time, window=window)
    await bench.work(model, BUDGET)
    assert len(bench.kept(ModelAsked)) == len(bench.kept(ModelAnswered)), "nothing was refused"
    assert (model.bounds[0][0] == 16_000) == (window > 16_000)
