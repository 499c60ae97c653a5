"""A change of which no program notices anything: comments and blanks, where the issue asks for more."""

import re
from collections.abc import Iterator
from typing import Final

from app.core.comments import bare
from app.core.guards import Finding, Weight
from app.core.patch import Change, FileChange
from app.core.task import Task
from app.guards.guard import Guard, Subject

NAME: Final = "effect"

_WORDS: Final = re.compile(
    r"\b(?:comment(?:s|ed|ing)?|docstrings?|docs|document(?:s|ed|ation|ing)?|typos?|spelling|misspell\w*|wording|grammar"
    r"|licen[cs]e headers?|copyright|(?:re)?format(?:s|ted|ting)?|whitespace|white space|indent\w*|line endings"
    r"|jsdoc|javadoc|godoc|todos?)\b",
    re.IGNORECASE,
)
"""Words in a title of somebody who wants comments or blanks to be others."""
_CLEAR_WORDS: Final = re.compile(
    r"\b(?:comments|docstrings?|typos?|spelling|misspell\w*|licen[cs]e headers?|whitespace)\b", re.IGNORECASE
)
"""Those that mean it wherever they stand."""


def look(subject: Subject) -> Iterator[Finding]:
    """One finding if every file of the change does what it did before."""
    files = subject.patch.files
    if not files or subject.task is None or _is_about_words(subject.task):
        return
    if all(_is_idle(subject, file) for file in files):
        sentence = (
            "Nothing but comments and blanks is changed here, so nothing behaves differently. Do what the issue asks "
            "for, or give up and say why."
        )
        # A check of a pull request, or a reviewer, may want just that: who reads it has to see whether they did.
        weight = Weight.REMARK if subject.task.is_pull_request else Weight.MEND
        yield Finding(guard=NAME, sentence=sentence, path=files[0].path, weight=weight)


def _is_about_words(task: Task) -> bool:
    """Whether somebody asks for comments."""
    said = _WORDS.search(f"{task.title}\n{task.instructions}") or _CLEAR_WORDS.search(task.body)
    return said is not None


def _is_idle(subject: Subject, file: FileChange) -> bool:
    """Whether a file is the same without its comments; one whose lines are not told is not."""
    if file.binary or file.submodule or file.path not in subject.diffs:
        return False
    if file.change is Change.MODIFIED and file.old_mode != file.new_mode:
        return False
    return bare(file.path, subject.before(file.path)) == bare(file.path, subject.after(file.path))


GUARD: Final = Guard(NAME, look)
