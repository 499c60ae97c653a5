"""Thirty turns with everything in them, cut at every entry of the journal: in the end nobody can tell."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from app.core.journal import Entry, Masked, ModelAnswered, ToolCalled, ToolReturned
from app.core.minion import Submission
from tests.agent.scripted import MemoryJournal, PowerCut
from tests.agent.thirty_turns import BUDGET, STEPS, WINDOW, fresh, policy, whole

PARTS = 12
"""The cuts are shared out among so many tests."""


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
        model = bench.counting(policy, window=WINDOW)
        with pytest.raises(PowerCut):
            await bench.work(model, BUDGET)
        bench.journal.cut_at = None
        assert isinstance(await bench.work(model, BUDGET), Submission)
        assert (await bench.workspace.patch()).data == tree, cut_at
        answers = len(bench.kept(ModelAnswered))
        lost = not stored_first and _is_of_an_answer(undisturbed.journal.kept, cut_at)
        assert len(model.asked) == answers + lost, cut_at


def _is_of_an_answer(entries: Sequence[Entry], at: int) -> bool:
    """Whether an entry is a model's answer, or written together with one: the intent of the call that it asks for."""
    begun = isinstance(entries[at], ToolCalled) and isinstance(entries[at - 1], ModelAnswered | ToolCalled)
    return isinstance(entries[at], ModelAnswered) or begun
