"""What goes wrong with answers and with models, row by row, and what the loop makes of it."""

import json
from typing import Any

import pytest

from app.core.budget import Budget
from app.core.errors import HistoryRefused, ModelDenied, ModelError, ModelUnavailable
from app.core.journal import Mended, ModelAnswered, ModelAsked, Noted, Switched, ToolCalled, ToolReturned
from app.core.minion import Submission
from tests.agent.scripted import (
    EDIT,
    READ,
    SUBMIT,
    Bench,
    Messages,
    Policy,
    PowerCut,
    careful,
    reason_of,
    say,
    script,
)


@pytest.mark.parametrize(
    ("call", "became"),
    [
        (("Read", {"path": "hello.txt"}), "read"),
        (("read_file", {"path": "hello.txt"}), "read"),
        (("functions.read", {"path": "hello.txt"}), "read"),
        (("default_api:grep", {"pattern": "hello"}), "search"),
        (("BASH", {"command": "true"}), "bash"),
        (("str_replace", {"path": "hello.txt", "old": "world", "new": "moon"}), "edit"),
    ],
)
async def test_a_name_that_can_only_mean_one_tool_is_taken_for_it(bench: Bench, call: Any, became: str) -> None:
    assert isinstance(await bench.work(bench.model(script(say("", call), say("", SUBMIT)))), Submission)
    assert (bench.kept(ToolCalled)[0].tool, bench.kept(ToolReturned)[0].ok) == (became, True)


NEITHER = {"offset": None, "limit": None}


@pytest.mark.parametrize(
    ("tool", "arguments", "meant"),
    [
        ("read", '{"path": "hello.txt",}', {"path": "hello.txt"}),
        ("read", '```json\n{"path": "hello.txt"}\n```', {"path": "hello.txt"}),
        ("read", "{'path': 'hello.txt', 'limit': 3}", {"path": "hello.txt", "limit": 3}),
        ("read", '{"path": "hello.txt", "limit": 8', {"path": "hello.txt", "limit": 8}),
        ("search", '{"path": ".", "pattern": "hel', {"path": ".", "pattern": "hel"}),
        ("write", '{"path": "a", "content": "one\ntwo\n"}', {"path": "a", "content": "one\ntwo\n"}),
        ("edit", '{"path": "hello.txt", "edits": [{"old": "hello", "new": "a,]"},],}', None),
        ("read", json.dumps('{"path": "hello.txt"}'), {"path": "hello.txt"}),
        ("read", '{"path": "hello.txt", "limit": Infinity}', {"path": "hello.txt", "limit": None}),
        ("read", '{"path": "hello.txt", "offset": NaN, "limit": 1e999}', {"path": "hello.txt"} | NEITHER),
        ("read", "{'path': 'hello.txt', 'offset': None, 'limit': 1e999}", {"path": "hello.txt"} | NEITHER),
    ],
)
async def test_arguments_that_are_nearly_json_are_read(bench: Bench, tool: str, arguments: str, meant: Any) -> None:
    """And are sent back to the provider as what they were taken for."""
    model = bench.model(script(say("", (tool, arguments)), say("", SUBMIT)))
    assert isinstance(await bench.work(model), Submission)
    assert bench.kept(ToolReturned)[0].ok
    called = bench.kept(ToolCalled)[0].arguments
    assert called == (meant or {"path": "hello.txt", "edits": [{"old": "hello", "new": "a,]"}]})
    sent = json.loads(model.asked[1])[2]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(sent) == called
    assert "Infinity" not in sent
    assert "NaN" not in sent


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("bash", '{"command": "rm -rf bu'),
        ("write", '{"path": "a.txt", "content": "half a'),
        ("edit", '{"path": "hello.txt", "old": "world", "new": "'),
    ],
)
async def test_half_a_call_that_changes_something_is_not_completed(bench: Bench, tool: str, arguments: str) -> None:
    await bench.work(bench.model(script(say("", (tool, arguments)), say("", SUBMIT))))
    assert (bench.kept(ToolCalled)[0].tool, bench.kept(ToolReturned)[0].ok) == ("submit", False)
    assert await bench.workspace.paths() == ["hello.txt"]


@pytest.mark.parametrize("limit", ["80", "1, 80", " 7 lines", 80.0])
async def test_a_number_in_other_words_is_a_number(bench: Bench, limit: object) -> None:
    call = ("read", {"path": "hello.txt", "limit": limit})
    await bench.work(bench.model(script(say("", call), say("", SUBMIT))))
    assert bench.kept(ToolReturned)[0].ok


@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("read", {"path": "hello.txt", "offset": None, "limit": None}),
        ("read", {"path": "/repo/hello.txt"}),
        ("read", {"path": "/repo"}),
        ("search", {"pattern": "hello", "path": "/repo", "glob": None}),
        ("edit", {"path": "/repo/hello.txt", "old": None, "edits": {"old": "hello", "new": "bye"}}),
        ("edit", {"path": "hello.txt", "edits": '{"old": "hello", "new": "bye"}'}),
    ],
)
async def test_what_can_only_mean_one_thing_is_taken_for_it(bench: Bench, tool: str, given: object) -> None:
    """Null for what is left out, one item for a list of it, a path as commands see it."""
    await bench.work(bench.model(script(say("", (tool, given)), say("", SUBMIT))))
    [returned] = bench.kept(ToolReturned)
    assert (returned.ok, "hello" in returned.text) == (True, True)


@pytest.mark.parametrize("ids", [["", ""], ["call_1", "call_1"], ["a", "a", "a"]])
async def test_calls_without_an_id_of_their_own_are_given_one(bench: Bench, ids: list[str]) -> None:
    """Each has its result; what is sent back holds no id twice."""
    reads = [("read", {"path": "hello.txt", "limit": number}) for number in range(1, len(ids) + 1)]
    answer = say("", *reads)
    for call, given in zip(answer["tool_calls"], ids, strict=True):
        call["id"] = given
    model = bench.model(script(answer, say("", SUBMIT)))
    assert isinstance(await bench.work(model), Submission)
    sent = json.loads(model.asked[1])
    called = [call["id"] for call in sent[2]["tool_calls"]]
    assert called == [message["tool_call_id"] for message in sent[3:]]
    assert len({*called, ""}) == len(ids) + 1


async def test_one_command_is_a_list_of_one(bench: Bench) -> None:
    end = ("submit", {"summary": "x", "verification": "pytest -q"})
    result = await bench.work(bench.model(script(say("", end))))
    assert isinstance(result, Submission)
    assert result.verification == ("pytest -q",)


async def test_eight_wrong_answers_are_too_many_even_between_right_ones(bench: Bench) -> None:
    wrong = say("", ("read", "nonsense"))
    right = [say("", ("read", {"path": "hello.txt", "limit": number + 1})) for number in range(20)]
    turns = [turn for one in right for turn in (wrong, one)]
    reason, detail = reason_of(await bench.work(bench.model(script(*turns))))
    assert (reason, detail.split()[0], len(bench.kept(ModelAnswered))) == ("format", "8", 15)


async def test_room_is_made_for_an_answer_that_was_cut_off(bench: Bench) -> None:
    """Twice as much as usual, for the next answer only."""
    cut = say("I write.", ("write", '{"path": "a.txt", "content": "half a'), finish="length")
    model = bench.model(script(cut, say("", READ), say("", SUBMIT)))
    await bench.work(model)
    assert [tokens for tokens, _ in model.bounds] == [16_000, 32_000, 16_000]


async def test_who_is_told_to_think_at_length_has_room_for_it(bench: Bench) -> None:
    """In every answer, as far as it can be paid."""
    model = bench.model(script(say("", READ), say("", SUBMIT)), effort="high", reserve=0.4)
    await bench.work(model, Budget(usd=0.85))
    assert [tokens for tokens, _ in model.bounds] == [32_000, 16_000]


async def test_a_model_that_thinks_until_its_room_is_used_up_gets_more(bench: Bench) -> None:
    """There was neither text nor a call in its answer."""
    model = bench.model(script({"role": "assistant", "finish": "length"}, say("", SUBMIT)))
    assert isinstance(await bench.work(model), Submission)
    assert [tokens for tokens, _ in model.bounds] == [16_000, 32_000]
    assert "before it came to a tool call" in bench.kept(Noted)[0].text


async def test_who_claims_to_be_done_is_reminded_and_then_taken_at_its_word(bench: Bench) -> None:
    """The gates decide whether it is."""
    model = bench.model(script(say("", EDIT), say("The bug is fixed."), say("All done: it greets the moon.")))
    result = await bench.work(model)
    assert isinstance(result, Submission)
    assert result.summary == "All done: it greets the moon."
    assert ["call `submit` now" in entry.text for entry in bench.kept(Noted)] == [True]


async def test_who_claims_to_be_done_without_a_change_is_not(bench: Bench) -> None:
    assert reason_of(await bench.work(bench.model(lambda _: say("Done!"))))[0] == "format"


# -- Two models ------------------------------------------------------------------------------------------------------
def pair(bench: Bench, first: Policy, second: Policy) -> tuple[Any, Any]:
    other = bench.model(second)
    other.called = "tests/second"
    bench.fallback = other
    return bench.model(first), other


def failing(error: Exception, times: int = 10**6, then: Policy = careful) -> Policy:
    left = [error] * min(times, 1_000)

    def policy(messages: Messages) -> dict[str, Any]:
        if left:
            raise left.pop()
        return then(messages)

    return policy


THOUGHT = {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "abc"}], "reasoning_content": "hm"}


@pytest.mark.parametrize(
    "answer",
    [
        say("I cannot help with that.", finish="content_filter"),
        {"role": "assistant", "content": None, "refusal": "I'm sorry, but no."},
    ],
)
class TestRefusal:
    async def test_another_model_is_asked_the_very_same(self, bench: Bench, answer: dict[str, Any]) -> None:
        """The refusal is not in the conversation, and the other one stays."""
        first, second = pair(bench, lambda _: dict(answer), careful)
        result = await bench.work(first)
        assert isinstance(result, Submission)
        assert (result.model, len(first.asked)) == ("tests/second", 1)
        assert second.asked[0] == first.asked[0]

    async def test_two_refusals_end_the_work(self, bench: Bench, answer: dict[str, Any]) -> None:
        first, second = pair(bench, lambda _: dict(answer), lambda _: dict(answer))
        assert reason_of(await bench.work(first))[0] == "refused"
        assert (len(first.asked), len(second.asked)) == (1, 1)

    async def test_without_another_model_it_ends(self, bench: Bench, answer: dict[str, Any]) -> None:
        assert reason_of(await bench.work(bench.model(lambda _: dict(answer))))[0] == "refused"


async def test_three_empty_answers_bring_the_other_model(bench: Bench) -> None:
    """After two words about it."""
    first, second = pair(bench, lambda _: say(""), careful)
    assert isinstance(await bench.work(first), Submission)
    assert (len(first.asked), len(second.asked)) == (3, 4)
    assert [entry.text.split(".")[0] for entry in bench.kept(Noted)][:2] == ["Your answer was empty"] * 2


async def test_nobody_who_has_anything_to_say_is_the_end(bench: Bench) -> None:
    first, second = pair(bench, lambda _: say(""), lambda _: say(""))
    assert reason_of(await bench.work(first))[0] == "format"
    assert (len(first.asked), len(second.asked)) == (3, 3)


async def test_who_denies_us_is_not_asked_again(bench: Bench) -> None:
    """Without a pause; the run stays with the other one, whose name is in the journal and in the result."""
    first, second = pair(bench, failing(ModelDenied("wrong key")), careful)
    result = await bench.work(first)
    assert isinstance(result, Submission)
    assert (result.model, len(first.asked), len(second.asked)) == ("tests/second", 1, 4)
    [switched] = bench.kept(Switched)
    assert (switched.model, switched.why) == ("tests/second", "wrong key")
    assert {entry.model for entry in bench.kept(ModelAnswered)} == {"tests/second"}
    assert bench.paused == []


async def test_two_that_deny_us_are_the_end(bench: Bench) -> None:
    first, second = pair(bench, failing(ModelDenied("wrong key")), failing(ModelDenied("no credit")))
    with pytest.raises(ModelDenied, match="no credit"):
        await bench.work(first)
    assert (len(first.asked), len(second.asked)) == (1, 1)


async def test_one_that_is_away_is_waited_for_if_the_other_denies_us(bench: Bench) -> None:
    """The run is put off, and does not end: only one of them is lost."""
    first, second = pair(bench, failing(ModelUnavailable("busy")), failing(ModelDenied("wrong key")))
    with pytest.raises(ModelUnavailable):
        await bench.work(first)
    assert (len(first.asked), len(second.asked)) == (2, 1)


async def test_two_that_cannot_be_reached_are_asked_in_turn(bench: Bench) -> None:
    """With pauses that grow; after the sixth the run is put off."""
    first, second = pair(bench, failing(ModelUnavailable("busy")), failing(ModelUnavailable("busy, too")))
    with pytest.raises(ModelUnavailable):
        await bench.work(first)
    assert (len(first.asked), len(second.asked)) == (3, 3)
    assert bench.paused == [0, 5, 15, 30, 45]
    assert isinstance(bench.journal.kept[-1], ModelAsked)


async def test_a_run_that_had_to_change_its_model_stays_with_the_new_one(bench: Bench) -> None:
    first, second = pair(bench, failing(ModelUnavailable("busy"), times=1), careful)
    assert isinstance(await bench.work(first), Submission)
    assert (len(first.asked), len(second.asked)) == (1, 4)


@pytest.mark.crash
@pytest.mark.parametrize("cut_at", range(1, 16))
async def test_it_stays_so_after_a_crash(bench: Bench, cut_at: int) -> None:
    first, _ = pair(bench, failing(ModelDenied("wrong key")), careful)
    bench.journal.cut_at = cut_at
    with pytest.raises(PowerCut):
        await bench.work(first)
    bench.journal.cut_at = None
    assert isinstance(await bench.work(first), Submission)
    assert len(first.asked) == 1
    assert len(bench.kept(Switched)) == 1


async def test_thoughts_of_one_model_are_not_sent_to_another(bench: Bench) -> None:
    """Only their maker can read them; it gets them back as they came."""

    def policy(messages: Messages) -> dict[str, Any]:
        if len(messages) > 4:
            raise ModelDenied("no credit")
        return say("I look.", READ, **THOUGHT)

    first, second = pair(bench, policy, careful)
    assert isinstance(await bench.work(first), Submission)
    assert "signature" in first.asked[1]
    assert json.loads(second.asked[0])[2] == say("I look.", READ)


async def test_a_model_that_is_not_in_the_settings_any_more_is_replaced(bench: Bench) -> None:
    """A run that began with it goes on with the one that there is, and says so."""
    bench.journal.cut_at = 4
    with pytest.raises(PowerCut):
        await bench.work(bench.model(careful))
    bench.journal.cut_at = None
    model = bench.model(careful)
    model.called = "tests/new"
    result = await bench.work(model)
    assert isinstance(result, Submission)
    assert result.model == "tests/new"
    assert [(entry.model, "settings" in entry.why) for entry in bench.kept(Switched)] == [("tests/new", True)]


# -- What a provider cannot read -------------------------------------------------------------------------------------
async def test_a_history_that_a_provider_cannot_read_is_mended_once(bench: Bench) -> None:
    """Thoughts go; calls without a result get one, results without a call go."""

    def policy(messages: Messages) -> dict[str, Any]:
        if any("thinking_blocks" in message for message in messages):
            raise HistoryRefused("thinking blocks cannot be modified")
        return careful(messages) if len(messages) > 2 else say("", READ, **THOUGHT)

    model = bench.model(policy)
    assert isinstance(await bench.work(model), Submission)
    assert len(bench.kept(Mended)) == 1


async def test_a_history_that_cannot_be_mended_ends_the_run(bench: Bench) -> None:
    with pytest.raises(HistoryRefused):
        await bench.work(bench.model(failing(HistoryRefused("no"))))
    assert len(bench.kept(Mended)) == 1


async def test_everything_else_ends_the_run(bench: Bench) -> None:
    first, second = pair(bench, failing(ModelError("400")), careful)
    with pytest.raises(ModelError, match="400"):
        await bench.work(first)
    assert second.asked == []
