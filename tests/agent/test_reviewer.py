"""A reviewer with a scripted model and real commands, in a copy of the tree."""

import json
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.agent.reviewer import ModelReviewer
from app.agent.rules import Rules
from app.core.blueprint import AgentSpec
from app.core.budget import Budget, Usage
from app.core.errors import MinionsError, ModelError, ModelUnavailable, RepositoryError, SandboxError
from app.core.journal import Closed, Entry, ModelAnswered, Opened, ToolReturned
from app.core.minion import GaveUp
from app.core.model import Profile, Reply
from app.core.patch import Change, FileChange, Patch
from app.core.reviewer import Review
from app.core.sandbox import Sandbox
from app.core.shift import HandedOver, Shift
from app.core.signals import Signals
from tests.agent.folder import FolderSandbox, FolderWorkspace

SPEC = AgentSpec("review.md", ("read", "search", "bash", "give_up"), "review", Budget(turns=12))
FACTS = {"issue": "Greet by name.", "change": "the diff"}
DATA = b"--- a/greet.py\n+++ b/greet.py\n@@ -1 +1,2 @@\n def greet():\n+    return 1\n"
PATCH = Patch(
    data=DATA,
    files=(
        FileChange(
            path="greet.py",
            change=Change.MODIFIED,
            old_mode="100644",
            new_mode="100644",
            binary=False,
            added=1,
            deleted=0,
        ),
    ),
)


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"tool": tool, "arguments": arguments}


def finding(**more: Any) -> dict[str, Any]:
    return call(
        "finding", **{"path": "greet.py", "line": 2, "severity": "minor", "claim": "c", "evidence": "e", **more}
    )


VERDICT = call("verdict", summary="All of it.")


@dataclass
class ScriptedModel:
    """Answers by its script: lists of calls, or an error."""

    script: list[list[dict[str, Any]] | MinionsError]
    name: str = "openai/y"
    profile: Profile = field(default_factory=Profile)
    asked: list[Sequence[dict[str, Any]]] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)

    def reserve_usd(self, input_tokens: int, max_output_tokens: int) -> float:  # noqa: ARG002 - the Protocol
        return 0.0

    async def complete(
        self,
        messages: Sequence[dict[str, Any]],
        tools: Sequence[dict[str, Any]],
        *,
        max_output_tokens: int,  # noqa: ARG002
        timeout_s: float,  # noqa: ARG002
    ) -> Reply:
        self.asked.append(list(messages))
        self.tools = [tool["function"]["name"] for tool in tools]
        turn = sum(message["role"] == "assistant" for message in messages)
        said = self.script[turn]
        if isinstance(said, MinionsError):
            raise said
        calls = [
            {
                "id": f"call_{turn}_{place}",
                "type": "function",
                "function": {"name": one["tool"], "arguments": json.dumps(one["arguments"])},
            }
            for place, one in enumerate(said)
        ]
        message = {"role": "assistant", "content": None, "tool_calls": calls}
        return Reply(message=message, usage=Usage(turns=1, usd=0.01), finish_reason="tool_calls", model=self.name)


@dataclass
class ListJournal:
    """A journal in memory, and the trees that were saved with it."""

    kept: list[Entry] = field(default_factory=list)
    trees: list[bytes] = field(default_factory=list)

    async def entries(self) -> Sequence[Entry]:
        return list(self.kept)

    async def append(self, *entries: Entry, patch: bytes | None = None) -> None:
        self.kept.extend(entries)
        if patch is not None:
            self.trees.append(patch)


@dataclass
class FolderCopy(FolderWorkspace):
    """A copy of the tree, with commands in it."""

    @property
    def sandbox(self) -> Sandbox:
        return FolderSandbox(self.root)


@dataclass
class Room:
    """The tree of a run and the copies that were made of it."""

    tree: Path
    copies: int = 0
    broken: MinionsError | None = None
    journal: ListJournal = field(default_factory=ListJournal)
    shift: Shift = field(default_factory=Shift)

    @asynccontextmanager
    async def copy(self, patch: Patch) -> AsyncIterator[FolderCopy]:
        assert patch == PATCH
        if self.broken:
            raise self.broken
        self.copies += 1
        place = self.tree.with_name(f"copy-{self.copies}")
        shutil.copytree(self.tree, place)
        try:
            yield FolderCopy(place)
        finally:
            shutil.rmtree(place)

    def reviewer(self, model: ScriptedModel | None, rules: str = "") -> ModelReviewer:
        return ModelReviewer(
            model=model,
            spec=SPEC,
            prompt="# Review\n$issue\n$change",
            journal=self.journal,
            rules=Rules(text=rules),
            open_copy=self.copy,
            clock=lambda: 0.0,
            signals=Signals(),
            shift=self.shift,
        )

    async def review(self, *script: list[dict[str, Any]] | MinionsError) -> Review | GaveUp:
        return await self.reviewer(ScriptedModel(list(script))).review(PATCH, FACTS)

    @property
    def told(self) -> list[str]:
        return [entry.text for entry in self.journal.kept if isinstance(entry, ToolReturned)]


@pytest.fixture
def room(tree: Path) -> Room:
    (tree / "greet.py").write_text("def greet():\n    return 1\n")
    return Room(tree)


async def test_findings_and_a_verdict_are_a_review(room: Room) -> None:
    result = await room.review([call("read", path="greet.py")], [finding(), finding(line=1)], [VERDICT])
    assert isinstance(result, Review)
    assert [(one.path, one.line, one.severity) for one in result.findings] == [
        ("greet.py", 2, "minor"),
        ("greet.py", 1, "minor"),
    ]
    assert (result.summary, result.model, result.usage.turns) == ("All of it.", "openai/y", 3)


async def test_it_has_other_words_and_only_tools_that_look(room: Room) -> None:
    model = ScriptedModel([[VERDICT]])
    await room.reviewer(model, rules="Standard library only.").review(PATCH, FACTS)
    assert model.tools == ["read", "search", "bash", "give_up", "finding", "verdict"]
    system, task = model.asked[0]
    assert system["content"].startswith("You review one change")
    assert "Standard library only." in system["content"]
    assert task["content"] == "# Review\nGreet by name.\nthe diff"
    opened = room.journal.kept[0]
    assert isinstance(opened, Opened)
    assert list(opened.tokens) == ["contract", "rules", "prompt", *FACTS], "as the page of the run shows them"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"path": "other.py"}, "'other.py' is not in the change. Its files are: greet.py."),
        ({"line": 7}, "Line 7 of greet.py is not in the change. Near it are: 1, 2."),
        ({"line": 0}, "Line 0 of greet.py is not in the change."),
        ({"severity": "fatal"}, "finding: severity: "),
        ({"more": 1}, "finding: more: Extra inputs are not permitted"),
        ({"claim": "x" * 401}, "finding: claim: String should have at most 400 characters"),
    ],
)
async def test_a_finding_outside_of_the_change_is_refused_with_what_would_do(
    room: Room, wrong: dict[str, Any], words: str
) -> None:
    result = await room.review([finding(**wrong)], [VERDICT])
    assert isinstance(result, Review)
    assert result.findings == ()
    assert room.told[0].startswith(words)


async def test_six_are_taken_and_no_more(room: Room) -> None:
    result = await room.review([finding() for _ in range(8)], [VERDICT])
    assert isinstance(result, Review)
    assert len(result.findings) == 6
    assert room.told[6].startswith("There are 6 findings already")


async def test_a_review_that_a_crash_broke_off_knows_what_it_found(room: Room) -> None:
    whole = [[finding(line=1)], [finding(line=9), finding(line=2)], [VERDICT]]
    await room.review(*whole)
    entries = list(room.journal.kept)
    for cut in range(len(entries) + 1):
        room.journal = ListJournal(entries[:cut])
        result = await room.review(*whole)
        assert isinstance(result, Review)
        assert [one.line for one in result.findings] == [1, 2], cut
        asked = [entry for entry in room.journal.kept if isinstance(entry, ModelAnswered)]
        assert len(asked) == 3


@pytest.mark.hostile
async def test_what_it_writes_stays_in_its_copy_and_is_saved_nowhere(room: Room) -> None:
    vandalism = "echo bad > greet.py; echo bad > new; rm -rf .git; echo bad > ../tree.txt"
    await room.review([call("bash", command=vandalism)], [call("bash", command="cat greet.py")], [VERDICT])
    assert "bad" in room.told[1]
    assert (room.tree / "greet.py").read_text() == "def greet():\n    return 1\n"
    assert sorted(path.name for path in room.tree.iterdir()) == ["greet.py"]
    assert room.journal.trees == []


@pytest.mark.hostile
@pytest.mark.parametrize("tool", ["write", "edit", "submit"])
async def test_what_would_change_something_is_not_there(room: Room, tool: str) -> None:
    await room.review([call(tool, path="greet.py", content="bad", old="a", new="b", summary="x")], [VERDICT])
    assert room.told[0].startswith(f"There is no tool '{tool}'.")


async def test_each_command_is_tried_in_a_copy_that_nobody_else_had(room: Room) -> None:
    reviewer = room.reviewer(ScriptedModel([]))
    results = await reviewer.reproduce(
        PATCH, ["test ! -e left && touch left && exit 3", "test ! -e left && exit 4"], timeout_s=60
    )
    assert [result.exit_code for result in results] == [3, 4]
    assert room.copies == 2


@pytest.mark.parametrize(
    "trouble",
    [ModelError("No key."), ModelUnavailable("It is away.")],
    ids=lambda error: type(error).__name__,
)
async def test_a_model_that_fails_is_no_review_and_what_it_cost_is_known(room: Room, trouble: MinionsError) -> None:
    result = await room.review([finding()], trouble)
    assert isinstance(result, GaveUp)
    assert (result.reason, result.detail, result.usage.usd) == ("failed", str(trouble), 0.01)


@pytest.mark.parametrize("trouble", [SandboxError("No box."), RepositoryError("No tree.")])
async def test_a_copy_that_cannot_be_made_is_no_review(room: Room, trouble: MinionsError) -> None:
    room.broken = trouble
    result = await room.review([VERDICT])
    assert isinstance(result, GaveUp)
    assert (result.reason, result.detail) == ("failed", str(trouble))
    assert await room.reviewer(None).reproduce(PATCH, ["true"], timeout_s=1) == []


async def test_without_a_model_nothing_is_made(room: Room) -> None:
    result = await room.reviewer(None).review(PATCH, FACTS)
    assert (result, room.copies) == (GaveUp(reason="no model", detail=""), 0)


async def test_a_worker_whose_shift_is_over_hands_the_review_over(room: Room) -> None:
    room.shift.end()
    with pytest.raises(HandedOver):
        await room.review([VERDICT])
    assert isinstance(room.journal.kept[0], Opened)
    assert not any(isinstance(entry, Closed) for entry in room.journal.kept)
