"""What gates refuse, told before the work: a minion that runs into one loses a round."""

from collections.abc import Mapping
from typing import Final

from app.core.allowances import allowed
from blueprints.steps.change import Change

REFUSED: Final[Mapping[str, str]] = {
    "tests": "tests that go, are skipped, or check less",
    "settings": "settings of tests, coverage, linters or type checkers that become less strict",
    "suppressions": "comments that silence a linter, a type checker or a scanner",
    "answers": "code that holds the very answers of the tests, or finds out whether it is tested",
    "locks": "a lock file that does not fit its manifest",
    "dependencies": "new dependencies that are not from a public registry, new, or under an unusual licence",
    "generated": "changes in what a program writes, and in copies of somebody else's files",
    "security": "what static analysis warns of, such as `eval`, a shell, or certificates that nobody checks",
}
"""In the words of `core/allowances.py`, each of which lets one of them pass."""
_ALWAYS: Final = "symbolic links, submodules, binaries of builds, and anything that looks like a secret"
_MOST_PATHS: Final = 20


def refusals(change: Change) -> str:
    """What gates send back here, what they let pass here, and what nobody may touch here besides."""
    lets = allowed(change.task) | frozenset(change.config.allow)
    refused = [text for word, text in REFUSED.items() if word not in lets]
    lines = ["Gates look at the change. They send back:", *(f"- {text}" for text in (*refused, _ALWAYS))]
    if passes := [text for word, text in REFUSED.items() if word in lets]:
        lines.append(f"They let pass here, because people allowed it: {'; '.join(passes)}.")
    if paths := change.config.protected_paths[:_MOST_PATHS]:
        lines.append(f"This repository protects besides: {', '.join(f'`{path}`' for path in paths)}.")
    return "\n".join(lines)
