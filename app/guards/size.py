"""Changes that are too large to be reviewed with care."""

from collections.abc import Iterator
from typing import Final

from app.core.guards import Finding, Weight
from app.core.repo_config import PATH
from app.guards.guard import Guard, Subject

NAME: Final = "size"
MOST_BYTES: Final = 1_000_000
"""Of one file. GitHub shows no diff of larger ones: https://docs.github.com/en/repositories/creating-and-managing-repositories/repository-limits."""


def look(subject: Subject) -> Iterator[Finding]:
    """Findings for too many files, too many lines, and each file that is too large."""
    patch, config = subject.patch, subject.config
    lines = patch.added + patch.deleted
    if len(patch.files) > config.max_files:
        yield _finding(
            f"{len(patch.files):,} files are changed; at most {config.max_files:,} may be. {_ADVICE} `max_files`."
        )
    if lines > config.max_changed_lines:
        yield _finding(
            f"{lines:,} lines are changed; at most {config.max_changed_lines:,} may be. {_ADVICE} `max_changed_lines`."
        )
    for file in patch.files:
        if file.size > MOST_BYTES and (file.added or file.deleted):
            sentence = f"This file has {file.size:,} bytes; at most {MOST_BYTES:,} are let pass. Make it smaller."
            yield Finding(guard=NAME, sentence=sentence, path=file.path, weight=Weight.MEND)


_ADVICE: Final = f"Take out what was not asked for, split the issue, or raise, in `{PATH}`,"


def _finding(sentence: str) -> Finding:
    return Finding(guard=NAME, sentence=sentence)


GUARD: Final = Guard(NAME, look)
