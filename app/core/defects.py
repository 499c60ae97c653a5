"""Whether an issue is about a defect, as far as its words tell it without a model."""

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
