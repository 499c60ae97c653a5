"""Thirty turns with everything in them, cut at every entry of the journal: in the end nobody can tell."""

from pathlib import Path
from typing import Any

import pytest

from app.core.budget import Budget
from app.core.journal import Masked, ModelAnswered, ToolReturned
from app.core.minion import Submission
from tests.agent.folder import FolderSandbox, FolderWorkspace
from tests.agent.scripted import Bench, MemoryJournal, Messages, PowerCut, say

PARTS = 12
"""The cuts are shared out among so many tests."""
LONG = "x" * 79 + "\n"


def read(number: int) -> tuple[str, Any]:
    return "read", {"path": "long.txt", "offset": number, "limit": 60}


def edit(number: int) -> tuple[str, Any]:
    return "edit", {"path": "code.py", "old": f"a{number} = 0", "new": f"a{number} = {number}\nb{number} = 1"}


STEPS: list[list[tuple[str, Any]]] = [
    [("read", {"path": "."})],
    *[[read(number)] for number in range(1, 6)],
    [read(6), read(7), ("search", {"pattern": "a1"})],
    *[[edit(number)] for number in range(1, 7)],
    [("bash", {"command": "echo one >> log"})],
    [("edit", {"path": "code.py", "edits": [{"old": "b1 = 1", "new": "c1 = 1"}, {"old": "b2 = 1", "new": "c2 = 1"}]})],
    *[[read(number), edit(number)] for number in range(7, 10)],
    [("read", {"path": "missing"}), read(9)],
    [("bash", {"command": "echo two >> log; exit 3"})],
    [("edit", {"path": "code.py", "old": "nowhere", "new": "x"})],
    *[[read(number)] for number in range(20, 26)],
    [("write", {"path": "new/file.txt", "content": "whole\n"}), ("bash", {"command": "cat log >> log2"})],
    [("bash", {"command": "ls"})],
    [("submit", {"summary": "All of it."})],
]


def policy(messages: Messages) -> dict[str, Any]:
    """One step after another; what was interrupted is done again, alone."""
    last = messages[-1]
    said = [message for message in messages if message["role"] == "assistant"]
    again = sum("again" in message["content"] for message in said)
    if last["role"] == "tool" and "interrupted" in last["content"]:
        call = said[-1]["tool_calls"][-1]["function"]
        return say("again", (call["name"], call["arguments"]))
    return say("", *STEPS[len(said) - again])


BUDGET = Budget(turns=100, usd=100)


def fresh(folder: Path) -> Bench:
    folder.mkdir()
    (folder / "long.txt").write_text(LONG * 100)
    (folder / "code.py").write_text("".join(f"a{number} = 0\n" for number in range(1, 10)))
    return Bench(FolderWorkspace(folder), FolderSandbox(folder))


async def whole(folder: Path) -> tuple[Bench, bytes]:
    """A run that nobody disturbs, and the tree that it makes."""
    bench = fresh(folder)
    assert isinstance(await bench.work(bench.counting(policy, window=24_000), BUDGET), Submission)
    return bench, (await bench.workspace.patch()).data


async def test_the_work_has_everything_in_it(tmp_path: Path) -> None:
    bench, tree = await whole(tmp_path / "whole")
    assert len(bench.kept(ModelAnswered)) == len(STEPS) == 30
    assert bench.kept(Masked)
    assert b"one\\ntwo\\none\\ntwo" not in tree
    assert {entry.ok for entry in bench.kept(ToolReturned)} == {True, False}


@pytest.mark.crash
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("stored_first", [True, False], ids=["after it was stored", "before it was stored"])
async def test_a_cut_at_any_entry_leads_to_the_same_tree_and_is_not_paid_twice(
    tmp_path: Path, part: int, *, stored_first: bool
) -> None:
    undisturbed, tree = await whole(tmp_path / "whole")
    length = len(undisturbed.journal.kept)
    for cut_at in range(part, length, PARTS):
        bench = fresh(tmp_path / str(cut_at))
        bench.journal = MemoryJournal(cut_at=cut_at, stored_first=stored_first)
        model = bench.counting(policy, window=24_000)
        with pytest.raises(PowerCut):
            await bench.work(model, BUDGET)
        bench.journal.cut_at = None
        assert isinstance(await bench.work(model, BUDGET), Submission)
        assert (await bench.workspace.patch()).data == tree, cut_at
        answers = len(bench.kept(ModelAnswered))
        lost = not stored_first and isinstance(undisturbed.journal.kept[cut_at], ModelAnswered)
        assert len(model.asked) == answers + lost, cut_at
