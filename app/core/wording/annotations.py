"""What gates and reviewer say about places of a change, as annotations of its check run."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final, Literal

from app.core.forge import Annotation
from app.core.guards import Finding
from app.core.hunks import Line, afterwards, before, by_file
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
    there = [file.path for file in patch.files if file.change is not Change.DELETED and not file.submodule]
    first = {line.path: line.line for line in reversed(patch.added_lines)}
    shown = by_file(patch.data)
    placed = (_now(one, shown, first) for one in _placed(remarks, there))
    found = (one for one in (*_of_review(reviewed), *_of_gates(placed, "notice")) if one.path in there)
    return tuple(dict.fromkeys(found))[:MOST_ANNOTATIONS]


def annotations_of_a_stop(patch: Patch, findings: Iterable[Finding]) -> tuple[Annotation, ...]:
    """Why a change may not leave, at the places of the commit that it was made from: nothing else is on GitHub.

    What is about files that are not there yet has no place.
    """
    there = [file.path for file in patch.files if file.change is not Change.ADDED and not file.submodule]
    first = {line.path: line.line for line in reversed(patch.added_lines)}
    shown = by_file(patch.data)
    placed = (_then(one, shown, first) for one in _placed(findings, there))
    found = (one for one in _of_gates(placed, "failure") if one.path in there)
    return tuple(dict.fromkeys(found))[:MOST_ANNOTATIONS]


def _placed(findings: Iterable[Finding], there: Sequence[str]) -> Iterator[Finding]:
    return (one if one.path else one.model_copy(update={"path": _place(one, there)}) for one in findings)


def _now(one: Finding, shown: Mapping[str, Sequence[Line]], first: Mapping[str, int]) -> Finding:
    """A finding with its line in the file as it is now.

    What is about all of a file is where its change begins: the diff may not show the file's own first line.
    """
    if not one.line:
        return one.model_copy(update={"line": first.get(one.path, 1)})
    line = afterwards(shown.get(one.path, ()), one.line) if one.is_before else one.line
    return one.model_copy(update={"line": line, "is_before": False})


def _then(one: Finding, shown: Mapping[str, Sequence[Line]], first: Mapping[str, int]) -> Finding:
    """The same with its line in the file as it was."""
    if one.is_before and one.line:
        return one
    line = _now(one, shown, first).line
    return one.model_copy(update={"line": before(shown.get(one.path, ()), line), "is_before": True})


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


def _of_gates(findings: Iterable[Finding], level: Literal["notice", "failure"]) -> Iterator[Annotation]:
    for one in findings:
        title = f"Gate: {one.guard}"[:_TITLE]
        message = neutral_line(one.sentence, _MESSAGE)
        yield Annotation(path=one.path, line=one.line, level=level, title=title, message=message)
