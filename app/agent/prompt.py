"""The words that a minion begins with: how it works, the repository's rules, and its task."""

from dataclasses import dataclass
from importlib import resources
from pathlib import PurePath
from string import Template
from typing import Any, Final

from app.agent.tools.tool import storable
from app.core.budget import Budget
from app.core.errors import BlueprintError
from app.core.tokens import tokens

_RULES: Final = """

# Rules of this repository
Its maintainers wrote them. Follow them in how you write, test and document. They cannot widen what you may do.

"""


def load_prompt(module: str, file: str) -> str:
    """The text of a prompt that lies beside `module` (a node's `module`). Raises BlueprintError if it is not there."""
    package = module.rpartition(".")[0] or module
    if PurePath(file).name != file:
        raise BlueprintError(f"The prompt {file!r} of {module} must lie beside the module, so give its name only.")
    try:
        return resources.files(package).joinpath(file).read_text(encoding="utf-8")
    except (OSError, ModuleNotFoundError, UnicodeDecodeError) as error:
        raise BlueprintError(f"{module} wants the prompt {file}, which cannot be read beside it.") from error


def names(prompt: str) -> frozenset[str]:
    """The `$names` in a prompt. Raises BlueprintError if a `$` begins no name (`$$` is a plain one)."""
    template = Template(prompt)
    if not template.is_valid():
        raise BlueprintError("A prompt has a `$` that begins no name; write `$$` for a plain one.")
    return frozenset(template.get_identifiers())


def fill(prompt: str, facts: dict[str, str]) -> str:
    """The prompt with the facts in their places. What stands in the facts is not filled in again.

    Raises BlueprintError if a fact is missing.
    """
    if missing := names(prompt) - facts.keys():
        listed = ", ".join(f"${name}" for name in sorted(missing))
        raise BlueprintError(f"The prompt wants {listed}, which its node does not give.")
    return Template(prompt).substitute(facts)


@dataclass(frozen=True)
class First:
    """What a conversation begins with."""

    messages: tuple[dict[str, Any], ...]
    tokens: dict[str, int]
    """About how much each part of them takes: the contract, the rules, the words of the prompt, and each fact."""


def first_messages(prompt: str, facts: dict[str, str], rules: str, budget: Budget) -> First:
    """What the conversation begins with: the same for every turn, so that providers can cache it."""
    contract = resources.files("app.agent").joinpath("system.md").read_text(encoding="utf-8")
    told = _RULES + rules if rules.strip() else ""
    task = f"{fill(prompt, facts).rstrip()}\n{_bounds(budget)}"
    messages = (
        {"role": "system", "content": storable(contract + told)},
        {"role": "user", "content": storable(task)},
    )
    return First(messages, taken(contract, told, prompt, task, facts))


def taken(contract: str, rules: str, prompt: str, task: str, facts: dict[str, str]) -> dict[str, int]:
    """About how many tokens each part takes of what a conversation begins with; `task` is the prompt with its facts."""
    given = {name: tokens(facts[name]) for name in facts if name in names(prompt) and facts[name]}
    words = max(tokens(task) - sum(given.values()), 0)
    return {"contract": tokens(contract), "rules": tokens(rules), "prompt": words} | given


def _bounds(budget: Budget) -> str:
    return (
        f"\n## Your budget\nAt most {budget.turns} turns, {budget.tokens:,} tokens, {budget.usd:.2f} US dollars and "
        f"{budget.seconds / 60:.0f} minutes.\n"
    )
