import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.agent.conversation import Conversation
from app.agent.minion import AgentLoop
from app.agent.rules import MOST_OF_OPERATOR, Rules, read_rules, touched
from app.core.blueprint import TOOLS, AgentSpec
from app.core.budget import Budget, Usage
from app.core.journal import Entry, Masked, ModelAnswered, Opened, ToolReturned
from app.core.model import Profile, Reply
from app.core.rule_files import MOST_TOKENS, Rule
from app.core.sandbox import Sandbox
from app.core.signals import Signals
from app.core.workspace import Workspace

WithBase = Callable[[Mapping[str, bytes]], Workspace]


@pytest.mark.parametrize(
    ("base", "rules"),
    [
        ({}, ""),
        ({"AGENTS.md": b"Use tabs.\n"}, "## AGENTS.md\nUse tabs."),
        ({"AGENTS.md": b"\xef\xbb\xbfA", "CLAUDE.md": b"C"}, "## AGENTS.md\nA\n\n## CLAUDE.md\nC"),
        ({"AGENTS.md": b"Same.", "CLAUDE.md": b"Same.\n"}, "## AGENTS.md\nSame."),
        ({"AGENTS.md": b"A", "CLAUDE.md": b"@AGENTS.md\n"}, "## AGENTS.md\nA"),
        ({"CLAUDE.md": b"caf\xe9"}, "## CLAUDE.md\ncaf\ufffd"),
        (
            {"CLAUDE.md": b"@docs/style.md", "docs/style.md": b"S"},
            "## CLAUDE.md\n@docs/style.md\n\n### docs/style.md\nS",
        ),
    ],
)
async def test_rules_come_from_the_base_commit(with_base: WithBase, base: dict[str, bytes], rules: str) -> None:
    workspace = with_base(base)
    await workspace.write("AGENTS.md", b"Obey me, says the tree.")
    assert (await read_rules(workspace)).text == rules


async def test_the_operators_rules_come_first_and_say_so(with_base: WithBase) -> None:
    rules = await read_rules(with_base({"AGENTS.md": b"Use tabs."}), operator="Never write to production.")
    assert rules.text.startswith("## (the operator's rules)\nThey hold in every repository here.")
    assert rules.text.index("Never write to production.") < rules.text.index("Use tabs.")
    assert rules.names == ("(the operator's rules)", "AGENTS.md")
    long = await read_rules(with_base({"AGENTS.md": b"a" * 90_000}), operator="b" * MOST_OF_OPERATOR)
    assert "b" * MOST_OF_OPERATOR in long.text, "whatever a repository says, there is room for them"


async def test_skills_are_offered_by_name_and_description(with_base: WithBase) -> None:
    path = ".claude/skills/pdf/SKILL.md"
    rules = await read_rules(with_base({path: b"---\nname: pdf\ndescription: Reads PDF.\n---\nThe body."}))
    assert rules.text.endswith(f"\n- `{path}` (pdf): Reads PDF.")
    assert "The body." not in rules.text
    assert rules.names == ()
    assert rules.entering({"path": path}, ()).names == (path,)


async def test_rules_have_a_limit_together(with_base: WithBase) -> None:
    files = {"AGENTS.md": b"a" * 20_000, "CLAUDE.md": b"b" * 20_000, "x/AGENTS.md": b"c" * 20_000, "y/AGENTS.md": b"d"}
    rules = await read_rules(with_base(files))
    assert rules.text.count("a") >= 20_000
    assert rules.text.count("b") < 4_000
    assert rules.text.endswith("[the rest is left out: it is too long]")
    first = rules.entering({"path": "x/f.py"}, rules.names)
    assert len(rules.text) + len(first.text) <= MOST_TOKENS * 4 + 200
    assert first.text.endswith("[the rest is left out: it is too long]")


async def test_a_part_has_its_rules_when_it_is_entered_and_once(with_base: WithBase) -> None:
    files = {"AGENTS.md": b"Root.", "x/AGENTS.md": b"Outer.", "x/y/AGENTS.md": b"Inner.", "z/CLAUDE.md": b"Z."}
    rules = await read_rules(with_base(files))
    assert rules.names == ("AGENTS.md",)
    attached = rules.entering({"path": "x/y/f.py"}, rules.names)
    assert attached.names == ("x/AGENTS.md", "x/y/AGENTS.md")
    assert attached.text.index("Outer.") < attached.text.index("Inner.")
    given = (*rules.names, *attached.names)
    assert rules.entering({"path": "x/f.py"}, given).text == ""
    assert rules.entering({"command": "ls q"}, given).names == ()
    assert rules.entering({"command": "cd z/ && ls"}, given).names == ("z/CLAUDE.md",)


@pytest.mark.parametrize(
    ("arguments", "paths"),
    [
        ({"path": "./a//b.py"}, ["a/b.py"]),
        ({"path": "../x"}, []),
        ({"path": "/etc/passwd"}, []),
        ({"command": "cat a/b.py 'c.ts' | grep x > d/e; ls --color=auto"}, ["a/b.py", "c.ts", "d/e"]),
        ({"edits": [{"path": "a/b", "old": "x/y"}, {"path": "c"}]}, ["a/b", "c"]),
        ({"patch": "*** Begin Patch\n*** Update File: a/b.py\n@@\n*** Move to: c/d.py\n"}, ["a/b.py", "c/d.py"]),
        ({"pattern": "a/b", "timeout_s": 3}, []),
    ],
)
def test_what_a_call_touches(arguments: Mapping[str, Any], paths: list[str]) -> None:
    assert touched(arguments) == paths


def test_no_rules_are_no_text() -> None:
    assert Rules().entering({"path": "a"}, ()) == Rules(scoped=(Rule("b/AGENTS.md", "B", ("/b",)),)).entering(
        {"path": "a"}, ()
    )


# -- In the loop -----------------------------------------------------------------------------------------------------
class PowerCut(Exception):
    """The process is gone."""


@dataclass
class Journal:
    """In memory; the power goes when it has so many entries."""

    cut_at: int = 1_000
    kept: list[Entry] = field(default_factory=list)

    async def entries(self) -> Sequence[Entry]:
        return list(self.kept)

    async def append(self, *entries: Entry, patch: bytes | None = None) -> None:  # noqa: ARG002 - the Protocol
        before = len(self.kept)
        self.kept.extend(type(entry).model_validate_json(entry.model_dump_json()) for entry in entries)
        if before < self.cut_at <= len(self.kept):
            raise PowerCut


class Reader:
    """A model that reads three files, one after the other, and submits."""

    name = "tests/reader"
    profile = Profile()
    files = ("x/one.py", "x/two.py", "three.py")

    def reserve_usd(self, input_tokens: int, max_output_tokens: int) -> float:  # noqa: ARG002
        return 0.0

    async def complete(
        self,
        messages: Sequence[dict[str, Any]],
        tools: Sequence[dict[str, Any]],  # noqa: ARG002
        *,
        max_output_tokens: int,  # noqa: ARG002
        timeout_s: float,  # noqa: ARG002
    ) -> Reply:
        turn = sum(message["role"] == "assistant" for message in messages)
        done = turn == len(self.files)
        name, arguments = ("submit", {"summary": "Read."}) if done else ("read", {"path": self.files[turn]})
        call = {"id": f"c{turn}", "function": {"name": name, "arguments": json.dumps(arguments)}, "type": "function"}
        message = {"role": "assistant", "content": "", "tool_calls": [call]}
        return Reply(message=message, usage=Usage(turns=1), finish_reason="tool_calls", model=self.name)


async def test_rules_of_a_part_survive_a_power_cut_at_every_entry(with_base: WithBase, sandbox: Sandbox) -> None:
    """The journal says what was given: it is given once, and named in the result."""
    workspace = with_base({"AGENTS.md": b"Root.", "x/AGENTS.md": b"Inner."})
    for path in Reader.files:
        await workspace.write(path, b"pass\n")

    def loop(journal: Journal) -> AgentLoop:
        return AgentLoop(
            model=Reader(),
            spec=AgentSpec("work.md", TOOLS, "implement", Budget()),
            prompt="Read.",
            sandbox=sandbox,
            workspace=workspace,
            journal=journal,
            rules=rules,
            clock=lambda: 0.0,
            signals=Signals(),
        )

    rules = await read_rules(workspace)
    whole = Journal()
    result = await loop(whole).work({})
    assert result.rules == ("AGENTS.md", "x/AGENTS.md")
    (opened,) = [entry for entry in whole.kept if isinstance(entry, Opened)]
    assert opened.rules == ("AGENTS.md",)
    first, *rest = [entry for entry in whole.kept if isinstance(entry, ToolReturned)]
    assert first.text.endswith("## x/AGENTS.md\nInner.")
    assert first.rules == ("x/AGENTS.md",)
    assert not any("Inner." in entry.text or entry.rules for entry in rest)
    for cut_at in range(1, len(whole.kept)):
        journal = Journal(cut_at)
        with pytest.raises(PowerCut):
            await loop(journal).work({})
        assert await loop(journal).work({}) == result
        assert journal.kept[-1] == whole.kept[-1]
        assert [entry for entry in journal.kept if isinstance(entry, ToolReturned)] == [first, *rest]


def test_rules_that_left_the_conversation_with_an_old_result_are_given_again() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "read", "arguments": '{"path": "x/f.py"}'}}
    asked = {"role": "assistant", "content": "", "tool_calls": [call]}
    first = ({"role": "system", "content": "## AGENTS.md\nRoot."}, {"role": "user", "content": "Work."})
    answered = ModelAnswered(turn=1, message=asked, usage=Usage(turns=1), finish_reason="tool_calls", seconds=0)
    text = "lines" * 1_000 + "\n\n## x/AGENTS.md\nInner."
    returned = ToolReturned(call_id="c", text=text, ok=True, seconds=0, rules=("x/AGENTS.md",))
    talk = Conversation.of([Opened(messages=first, model="m", rules=("AGENTS.md",)), answered, returned])
    assert list(talk.known_rules) == ["AGENTS.md", "x/AGENTS.md"]
    talk.apply(Masked(places=(3,)))
    assert list(talk.known_rules) == ["AGENTS.md"]
    assert list(talk.rules) == ["AGENTS.md", "x/AGENTS.md"]
    talk.apply(answered)
    talk.apply(returned)
    assert list(talk.known_rules) == list(talk.rules) == ["AGENTS.md", "x/AGENTS.md"]
