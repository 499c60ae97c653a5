"""What is said about the checks of a pull request, and when it is handed over to people because of them."""

from collections.abc import Sequence
from typing import Final

from app.core.blueprint import CheckState
from app.core.forge import FailedCheck
from app.core.neutral import code, neutral
from app.core.wording.explanations import output_tail
from app.core.wording.figures import counted

_MOST_NAMES: Final = 10
_MOST_SHOWN: Final = 3
"""Failing checks whose own words are shown; all are one click away."""
_MOST_NOTES: Final = 5

HEADLINES: Final[dict[CheckState, str]] = {
    "": "✅ Pull request #{number} waits for review",
    "green": "✅ Pull request #{number} waits for review, its checks are green",
    "none": "✅ Pull request #{number} waits for review, no checks found",
    "unreadable": "✅ Pull request #{number} waits for review, its checks cannot be read",
    "moved": "🤝 Pull request #{number} is yours: somebody pushed to its branch",
    "red": "🟠 Pull request #{number} is handed over: its checks are red",
    "late": "🟠 Pull request #{number} is handed over: its checks did not end in time",
    "unclear": "🟠 Pull request #{number} is handed over: its checks ended without a verdict",
}
"""How a run with a pull request ended."""


def checks_of(sha: str) -> str:
    """What a run waits for."""
    return f"the checks of {sha[:7]}"


def checks_unreadable() -> str:
    """The installation did not accept the permissions that were added later."""
    return (
        "The checks of the pull request cannot be read, so nothing is done about them: accept the App's new "
        "permissions (actions: read, statuses: read) in the settings of the installation."
    )


def branch_moved(branch: str) -> str:
    """Somebody else pushed, or deleted the branch."""
    return (
        f"Somebody pushed to {code(branch)}, or removed it, so it is left as it is. What was mended meanwhile, if "
        f"anything was, is kept on the run's page."
    )


def tried_fixes(commands: Sequence[str]) -> str:
    """The repository's own commands changed something."""
    return f"The repository's own fixes were applied: {', '.join(code(command) for command in commands)}."


def tried_mending(summary: str) -> str:
    """A minion changed something, in its own words."""
    return f"The minion mended it, in its own words: {neutral(' '.join(summary.split())[:600])}"


def handed_over(
    sha: str,
    *,
    checks: CheckState,
    names: Sequence[str],
    failing: Sequence[FailedCheck],
    tried: Sequence[str],
    why: str,
) -> str:
    """Why people have to go on: what the checks say, what was tried about it, and what ended that."""
    parts = [_state(sha, checks, names, len(tried))]
    if tried:
        parts.append("\n".join(f"{number}. {sentence}" for number, sentence in enumerate(tried, 1)))
    if why:
        parts.append(why)
    parts += [_shown(one) for one in failing[:_MOST_SHOWN]]
    return "\n\n".join(part for part in parts if part)


def _state(sha: str, checks: CheckState, names: Sequence[str], rounds: int) -> str:
    listed = ", ".join(code(name) for name in names[:_MOST_NAMES])
    listed += f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    if checks == "late":
        return f"At {code(sha[:7])} these had not ended when the time for them was up: {listed}."
    if checks == "unclear":
        return f"At {code(sha[:7])} these ended without saying whether it is good: {listed}. A person has to look."
    tried = f", after {counted(rounds, 'try', 'tries')}:" if rounds else ": nothing that could be tried helped."
    return f"At {code(sha[:7])} these checks are red: {listed}{tried}"


def _shown(one: FailedCheck) -> str:
    notes = "\n".join(f"- {neutral(' '.join(note.split()))}" for note in one.annotations[:_MOST_NOTES])
    said = [f"What {code(one.name)} says:", notes, output_tail(one.log or one.summary)]
    return "\n\n".join(part for part in said if part) if notes or said[2] else ""
