"""What somebody who may ask for work can allow a change that guards would stop otherwise.

    /minion fix allow: tests                      for one run, behind the command
    allow: tests, dependencies                    for one run, on a line of one's own issue
    allow: [suppressions]                         for every run, in `.github/minion.yml`

The text of an issue counts only if who wrote it is who asked: that person was looked up and may write here.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from app.core.task import Task

ALLOWANCES: Final[Mapping[str, str]] = {
    "tests": "tests may go, be skipped, or check less",
    "settings": "settings of tests, linters, type checkers and coverage may be loosened",
    "suppressions": "any number of comments may silence a linter or a type checker",
    "locks": "a lock file and what it locks need not fit each other",
    "dependencies": "any dependency may be added",
    "generated": "generated and vendored files may be changed",
    "security": "what the static analysis warns of may be added, and characters that cannot be seen",
    "answers": "code may answer the very cases of the tests",
}
"""What each word lets pass. Secrets, protected paths, links, names, binaries and size are never let pass so."""

_SAID: Final = re.compile(r"(?im)(?:^|(?<=\s))allow:[ \t]*([a-z]+(?:[ \t]*,[ \t]*[a-z]+)*)")
_LINE: Final = re.compile(r"(?im)^ {0,3}allow:[ \t]*([a-z]+(?:[ \t]*,[ \t]*[a-z]+)*)[ \t.]*$")


def allowed(task: Task) -> frozenset[str]:
    """What the task allows in so many words; what `.github/minion.yml` allows comes on top."""
    return frozenset(word for word in _words(task) if word in ALLOWANCES)


def _words(task: Task) -> Iterator[str]:
    texts = _SAID.findall(task.instructions)
    if task.author is not None and task.author.id == task.requester.id:
        texts += _LINE.findall(task.body)
    for text in texts:
        yield from (word.strip().lower() for word in text.split(","))
