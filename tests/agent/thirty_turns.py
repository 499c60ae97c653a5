"""Thirty turns with everything in them, and a model that goes through them whatever happens on the way."""

from pathlib import Path
from typing import Any

from app.core.budget import Budget
from app.core.minion import Submission
from tests.agent.folder import FolderSandbox, FolderWorkspace
from tests.agent.scripted import Bench, Messages, say

WINDOW = 24_000
"""Tokens: so few that old results leave the conversation on the way."""
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


def lay_out(folder: Path) -> None:
    """The files to begin with."""
    folder.mkdir()
    (folder / "long.txt").write_text(LONG * 100)
    (folder / "code.py").write_text("".join(f"a{number} = 0\n" for number in range(1, 10)))


def fresh(folder: Path) -> Bench:
    lay_out(folder)
    return Bench(FolderWorkspace(folder), FolderSandbox(folder))


async def whole(folder: Path) -> tuple[Bench, bytes]:
    """A run that nobody disturbs, and the tree that it makes."""
    bench = fresh(folder)
    assert isinstance(await bench.work(bench.counting(policy, window=WINDOW), BUDGET), Submission)
    return bench, (await bench.workspace.patch()).data
