"""Whether an issue is about a defect or about something new, as far as its words tell it without a model."""

import re
from typing import Final

from app.core.task import Task

_TITLE: Final = re.compile(
    r"\b(?:bug(?:fix)?|fix(?:es|ed)?|broken|crash(?:es|ed)?|fail(?:s|ed|ing)?|wrong(?:ly)?|incorrect(?:ly)?|regression"
    r"|does(?:n['\u2019]?t| not)|do(?:n['\u2019]?t| not) work|forgets|loses|ignores|hangs|leaks?|misbehaves|raises"
    r"|[A-Z][A-Za-z]+(?:Error|Exception)|panics?|segfault)\b",
    re.IGNORECASE,
)
_BODY: Final = re.compile(
    r"Traceback \(most recent call last\)|^panic: |^#+ *(?:steps to reproduce|actual (?:behaviou?r|result))",
    re.IGNORECASE | re.MULTILINE,
)
_OTHER: Final = re.compile(
    r"\b(?:typos?|spelling|docs?|documentation|readme|comments?|rename|refactor\w*|upgrade|bump|update|lint|formatting|tests?"
    r"|ci|build)\b",
    re.IGNORECASE,
)
"""Work whose title sounds like a defect and that no new test can show: "Fix typo in the README"."""


def is_about_a_defect(task: Task) -> bool:
    """Whether something does not work as it should; what reviewers of a pull request want is not looked at."""
    if task.is_pull_request or _OTHER.search(task.title):
        return False
    return bool(_TITLE.search(task.title) or _BODY.search(task.body))


_NEW: Final = re.compile(
    r"^(?:please )?"
    r"(?:accept|add|allow|enable|expose|implement|introduce|let|make|offer|provide|read|support|take|warn)\b",
    re.IGNORECASE,
)
_NO_CODE: Final = re.compile(
    r"\b(?:dependenc(?:y|ies)|packages?|type[ -]hints?|annotations?|licen[cs]e|changelog|config(?:uration)?"
    r"|workflow|dockerfile|docker|faster|slower|speed|performance|simpler|cleaner|private|public|class(?:es)?|module)\b",
    re.IGNORECASE,
)
"""What can be new in a repository and behaves as before, or where no test can see it."""


def is_about_something_new(task: Task) -> bool:
    """Whether code is to do what it did not do before, so that a test or a command can show it."""
    if task.is_pull_request or is_about_a_defect(task) or _OTHER.search(task.title) or _NO_CODE.search(task.title):
        return False
    return _NEW.search(task.title) is not None
