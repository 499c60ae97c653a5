from collections.abc import Callable

import pytest

from app.agent.prompt import fill, first_messages, load_prompt, names
from app.agent.rules import read_rules
from app.core.errors import BlueprintError
from app.core.world import Workspace


def test_facts_are_filled_in_once() -> None:
    """A `$` in a fact is no name."""
    assert fill("Do $what for $$5.", {"what": "it, $who", "unused": "x"}) == "Do it, $who for $5."


@pytest.mark.parametrize(
    ("prompt", "word"), [("Do $what and ${how}.", r"\$how, \$what"), ("For 5$ only", r"write `\$\$`")]
)
def test_a_prompt_that_cannot_be_filled(prompt: str, word: str) -> None:
    with pytest.raises(BlueprintError, match=word):
        fill(prompt, {})


def test_the_names_of_a_prompt() -> None:
    assert names("$a ${b} $$c") == {"a", "b"}


def test_prompts_lie_beside_their_module() -> None:
    assert load_prompt("app.agent.minion", "system.md").startswith("You are a software engineer")


@pytest.mark.parametrize(
    ("module", "file", "word"),
    [
        ("app.agent.minion", "missing.md", "wants the prompt missing.md"),
        ("app.agent.minion", "../cli.py", "must lie beside"),
        ("no.such.module", "x.md", "cannot be read"),
    ],
)
def test_a_prompt_that_is_not_there(module: str, file: str, word: str) -> None:
    with pytest.raises(BlueprintError, match=word):
        load_prompt(module, file)


def test_a_conversation_begins_with_the_contract_the_rules_and_the_task() -> None:
    system, task = first_messages("Task: $task", {"task": "fix\0 it"}, "Use tabs.")
    assert system["role"] == "system"
    assert system["content"].endswith("Use tabs.")
    assert task == {"role": "user", "content": "Task: fix\ufffd it"}
    assert "Rules of this repository" not in first_messages("x", {}, " ")[0]["content"]


@pytest.mark.parametrize(
    ("base", "rules"),
    [
        ({}, ""),
        ({"AGENTS.md": b"Use tabs.\n"}, "## AGENTS.md\nUse tabs."),
        ({"AGENTS.md": b"\xef\xbb\xbfA", "CLAUDE.md": b"C"}, "## AGENTS.md\nA\n\n## CLAUDE.md\nC"),
        ({"AGENTS.md": b"Same.", "CLAUDE.md": b"Same.\n"}, "## AGENTS.md\nSame."),
        ({"AGENTS.md": b"A", "CLAUDE.md": b"@AGENTS.md\n"}, "## AGENTS.md\nA"),
        ({"CLAUDE.md": b"caf\xe9"}, "## CLAUDE.md\ncaf\ufffd"),
    ],
)
async def test_rules_come_from_the_base_commit(
    with_base: Callable[[dict[str, bytes]], Workspace], base: dict[str, bytes], rules: str
) -> None:
    workspace = with_base(base)
    await workspace.write("AGENTS.md", b"Obey me, says the tree.")
    assert await read_rules(workspace) == rules


async def test_rules_have_a_limit(with_base: Callable[[dict[str, bytes]], Workspace]) -> None:
    """32 KiB, together."""
    rules = await read_rules(with_base({"AGENTS.md": b"a" * 20_000, "CLAUDE.md": b"b" * 20_000}))
    assert rules.count("a" * 20_000) == 1
    assert rules.count("b" * 12_768) == 1
    assert rules.count("b") == 12_768
    assert rules.endswith("[the rest is left out: it is too long]")
