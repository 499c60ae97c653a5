from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from app.agent.background import Background
from app.core.budget import Budget
from app.core.journal import ModelAnswered, Noted, ToolReturned
from app.core.minion import Submission
from tests.agent.scripted import EDIT, READ, SUBMIT, Bench, Messages, PowerCut, reason_of, say, script

TEST = ("bash", {"command": "cat hello.txt; echo 1 failed in 0.0$RANDOM s; exit 1"})
"""Says another duration each time, as tests do."""


def told(bench: Bench) -> list[str]:
    return [entry.text for entry in bench.kept(Noted) if entry.text.startswith("[stuck]")]


async def test_the_same_thing_three_times_is_told_and_five_times_is_the_end(bench: Bench) -> None:
    reason, _ = reason_of(await bench.work(bench.model(lambda _: say("", TEST))))
    assert (reason, len(bench.kept(ModelAnswered))) == ("stuck", 5)
    [note] = told(bench)
    assert "for the third time" in note
    assert len(bench.kept(ToolReturned)) == 5


async def test_the_same_tests_on_a_changed_tree_are_work(bench: Bench, tree: Path) -> None:
    """Edit, test, edit, test: each time the same words of the tests, for as long as it takes."""
    (tree / "log").write_text("")
    run = ("bash", {"command": "echo 1 failed; exit 1"})
    turns = [turn for number in range(9) for turn in (edit(number), say("", run))]
    assert isinstance(await bench.work(bench.model(script(*turns, say("", SUBMIT)))), Submission)
    assert told(bench) == []


def edit(number: int) -> dict[str, Any]:
    return say("", ("write", {"path": "log", "content": f"{number}\n"}))


async def test_waiting_for_a_command_in_the_background_is_no_circle(bench: Bench, tree: Path) -> None:
    bench.background = Background(PurePosixPath(tree.parent))
    start = say("", ("bash", {"command": "sleep 1000", "background": True}))
    look = say("", ("bash", {"command": "cat hello.txt"}))
    assert isinstance(await bench.work(bench.model(script(start, *[look] * 8, say("", SUBMIT)))), Submission)
    assert told(bench) == []


async def test_the_same_five_times_in_one_answer_is_no_circle(bench: Bench) -> None:
    turns = [say("", *[READ] * 5), say("", EDIT), say("", SUBMIT)]
    assert isinstance(await bench.work(bench.model(script(*turns))), Submission)
    assert told(bench) == []


async def test_two_things_in_turn_are_told(bench: Bench) -> None:
    """Three rounds of reading two files, and five are the end."""
    other = ("read", {"path": "."})
    model = bench.model(lambda asked: say("", READ if sum("tool_calls" in each for each in asked) % 2 else other))
    assert reason_of(await bench.work(model))[0] == "stuck"
    assert ["the same two things in turn" in note for note in told(bench)] == [True]


async def test_what_helps_is_forgiven(bench: Bench) -> None:
    """Four times the same, then something else: it goes on."""
    turns = [*[say("", READ)] * 4, say("", EDIT), *[say("", READ)] * 2, say("", SUBMIT)]
    assert isinstance(await bench.work(bench.model(script(*turns))), Submission)
    assert len(told(bench)) == 1


async def test_three_edits_that_miss_bring_the_file(bench: Bench) -> None:
    """What stands there now, as `read` shows it; a fourth miss does not bring it again."""
    wrong = [say("", ("edit", {"path": "hello.txt", "old": f"sun {number}", "new": "moon"})) for number in range(4)]
    model = bench.model(script(*wrong, say("", EDIT), say("", SUBMIT)))
    assert isinstance(await bench.work(model), Submission)
    [note] = told(bench)
    assert "     1\thello world" in note


@pytest.mark.parametrize("several", [False, True])
async def test_the_place_that_was_meant_is_shown(bench: Bench, *, several: bool) -> None:
    """Of a long file only the lines around it; of several passages the first."""
    lines = [f"line {number}\n" for number in range(1, 2_001)]
    lines[1_499] = "    return greet(world)\n"
    await bench.workspace.write("long.py", "".join(lines).encode())
    passages = [{"old": f"return greet(word{'!' * turn})", "new": "x"} for turn in range(3)]
    wrong = [{"path": "long.py"} | ({"edits": [one]} if several else one) for one in passages]
    await bench.work(bench.model(script(*[say("", ("edit", given)) for given in wrong], say("", SUBMIT))))
    [note] = told(bench)
    assert "  1500\t    return greet(world)" in note
    assert "  1440\tline 1440" in note
    assert "line 1400" not in note


@pytest.mark.parametrize("edits", [7, "x", [], [7], {}, [{}], None])
async def test_edits_that_are_none_are_misses_like_others(bench: Bench, edits: object) -> None:
    edit = ("edit", {"path": "hello.txt", "edits": edits})
    wrong = [say("", edit, ("read", {"path": "hello.txt", "limit": turn})) for turn in range(1, 4)]
    assert isinstance(await bench.work(bench.model(script(*wrong, say("", SUBMIT)))), Submission)
    assert "     1\thello world" in told(bench)[0]


async def test_turns_without_a_change_after_the_first_are_told(bench: Bench) -> None:
    def policy(messages: Messages) -> dict[str, Any]:
        return say("", EDIT) if len(messages) == 2 else say("", ("read", {"path": "hello.txt", "limit": len(messages)}))

    await bench.work(bench.model(policy), Budget(turns=30))
    assert ["for 12 turns" in note for note in told(bench)] == [True, True]


async def test_looking_around_before_the_first_change_is_not_told(bench: Bench) -> None:
    def policy(messages: Messages) -> dict[str, Any]:
        return say("", ("read", {"path": "hello.txt", "limit": len(messages)}))

    await bench.work(bench.model(policy), Budget(turns=30))
    assert told(bench) == []


@pytest.mark.crash
@pytest.mark.parametrize("cut_at", range(1, 23))
@pytest.mark.parametrize("stored_first", [True, False])
async def test_a_crash_changes_nothing_about_it(bench: Bench, cut_at: int, *, stored_first: bool) -> None:
    """Told once, ended after the fifth: also if the power is cut at any entry in between."""
    model = bench.model(lambda _: say("", READ))
    bench.journal.cut_at, bench.journal.stored_first = cut_at, stored_first
    with pytest.raises(PowerCut):
        await bench.work(model)
    bench.journal.cut_at = None
    assert reason_of(await bench.work(model))[0] == "stuck"
    assert (len(told(bench)), len(bench.kept(ToolReturned))) == (1, 5)
