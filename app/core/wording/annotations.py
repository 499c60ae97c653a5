"""What gates and reviewer say about places of a change, as annotations of its check run."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

from app.core.forge import Annotation
from app.core.guards import Finding
from app.core.kinds import is_test
from app.core.neutral import neutral_line
from app.core.patch import Change, Patch
from app.core.reviewer import ReviewFinding

MOST_ANNOTATIONS: Final = 100
"""Of one commit: two requests. The pull request says the rest."""
_MESSAGE: Final = 2_000
"""Code points; GitHub takes 64 KB: https://docs.github.com/en/rest/checks/runs#create-a-check-run"""
_TITLE: Final = 200
"""Code points; GitHub takes 255."""


def annotations(patch: Patch, remarks: Iterable[Finding], reviewed: Iterable[ReviewFinding]) -> tuple[Annotation, ...]:
    """Those about files that the change leaves there, the reviewer's first: GitHub shows others at no line."""
    left = (file for file in patch.files if file.change is not Change.DELETED and not file.submodule)
    there = dict.fromkeys(file.path for file in left)
    first = {line.path: line.line for line in reversed(patch.added_lines)}
    placed = (one if one.path else one.model_copy(update={"path": _place(one, list(there))}) for one in remarks)
    found = (one for one in (*_of_review(reviewed), *_of_gates(placed, first)) if one.path in there)
    return tuple(dict.fromkeys(found))[:MOST_ANNOTATIONS]


def _place(one: Finding, there: Sequence[str]) -> str:
    """The file of a change that a finding about all of it has most to do with: one that it names, or a test."""
    named = (path for path in there if re.search(rf"(?<![\w./-]){re.escape(path)}(?![\w/-])", one.sentence))
    tests = (path for path in there if is_test(path))
    return next(chain(named, tests, there), "")


def _of_review(findings: Iterable[ReviewFinding]) -> Iterator[Annotation]:
    for one in findings:
        yield Annotation(
            path=one.path,
            line=max(one.line, 1),
            level="notice" if one.severity == "minor" else "warning",
            title=f"Review: {one.severity}",
            message=neutral_line(f"{one.claim} {one.evidence}", _MESSAGE),
        )


def _of_gates(findings: Iterable[Finding], first: Mapping[str, int]) -> Iterator[Annotation]:
    """What is about a whole file stands at its first line that came: the diff may not show the file's own first."""
    for one in findings:
        title = f"Gate: {one.guard}"[:_TITLE]
        message = neutral_line(one.sentence, _MESSAGE)
        line = one.line or first.get(one.path, 1)
        yield Annotation(path=one.path, line=line, level="notice", title=title, message=message)
