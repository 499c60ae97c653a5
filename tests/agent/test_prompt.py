import pytest

from app.agent.prompt import fill, first_messages, load_prompt, names
from app.core.budget import Budget
from app.core.errors import BlueprintError


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
    first = first_messages("Task: $task", {"task": "fix\0 it"}, "Use tabs.", Budget(turns=7))
    system, task = first.messages
    assert system["role"] == "system"
    assert system["content"].endswith("Use tabs.")
    assert task["role"] == "user"
    assert task["content"].startswith("Task: fix\ufffd it\n\n## Your budget\nAt most 7 turns,")
    assert "Rules of this repository" not in first_messages("x", {}, " ", Budget()).messages[0]["content"]


def test_what_each_part_takes_of_the_context_is_told() -> None:
    first = first_messages("$issue\n$more", {"issue": "a" * 400, "more": "", "unused": "x"}, "r" * 40, Budget())
    assert list(first.tokens) == ["contract", "rules", "prompt", "issue"]
    assert first.tokens["issue"] == 100
    text = sum(len(message["content"]) for message in first.messages)
    assert text / 4 <= sum(first.tokens.values()) <= text / 4 + 4
