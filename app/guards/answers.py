"""Code that knows the tests: it gives their very answers, or behaves differently while it is tested."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from app.core.guards import Finding, Weight
from app.core.kinds import is_source, is_test, language
from app.core.patch import Change, Patch
from app.guards.examples import Examples
from app.guards.guard import Guard, Subject
from app.guards.python_cases import Pair, pairs, special_cases
from app.guards.suites import check_in
from app.guards.watched import watches

NAME: Final = "answers"
_ALLOW: Final = "if the issue asks for it, a person can allow it by `allow: answers`"

_LITERAL: Final = re.compile(
    r"(?P<quote>['\"`])(?P<text>(?:(?!(?P=quote))[^\\\n]){2,200})(?P=quote)|(?<![\w.])-?\d{2,30}(?:\.\d+)?(?![\w.])"
)
"""A text of two characters or more, or a number of two digits or more: smaller ones are everywhere."""
_BRANCH: Final = re.compile(
    r"^\s*(?:el(?:se )?)?(?:if|when|case)\b|^\s*(?:\}\s*else\s+if)\b|\?.*:|\bif\b.*\belse\b|=>|={2,3} ?['\"\d]"
    r"|^\s*['\"\d].*:\s|\{.*:.*\}\s*(?:\.get\(|\[)"
)
_CONDITION: Final = re.compile(r"\b(?:if|elif|unless|when|case|while)\b|\?|&&|\|\|")
_ANSWER: Final = re.compile(r"\breturn\b|=>|\?.*:|\bif\b.*\belse\b|->|^\s*['\"(\d].*:\s|\{.*:.*\}")
_EQUAL_TO_ALL: Final = re.compile(r"def __(?:eq|ne)__\(.*\).*:\s*(?:return (?:True|False))?\s*$")


def look(subject: Subject) -> Iterator[Finding]:
    """Findings for added lines of the code, never of the tests."""
    cases, examples = _cases(subject), Examples.of(subject.task, _tests(subject))
    checks = pairs(dict.fromkeys(_files_of_tests(subject, end=".py")))
    for file in subject.texts():
        path = file.path
        if file.change is Change.DELETED or not is_source(path):
            continue
        yield from _watching(subject, path)
        known = list(_known(subject, path, cases))
        yield from known
        if not any(each.weight is Weight.MEND for each in known):
            alone = list(_singled_out(subject, path, examples))
            more = [] if alone else list(_as_a_program(subject, path, checks))
            yield from alone or (each for each in more if not known or each.weight is Weight.MEND)


def _finding(path: str, line: int, sentence: str) -> Finding:
    return Finding(guard=NAME, sentence=f"{sentence}; {_ALLOW}.", path=path, line=line, weight=Weight.MEND)


def _watching(subject: Subject, path: str) -> Iterator[Finding]:
    lines = list(subject.added_anew(path))
    for number, line in enumerate(lines):
        if watches(language(path), line.text):
            yield _finding(
                path, line.number, "The code finds out whether it is tested. Let it do the same in either case"
            )
        following = lines[number + 1].text.strip() if number + 1 < len(lines) else ""
        if _EQUAL_TO_ALL.search(line.text) and "return True" in f"{line.text} {following}":
            yield _finding(
                path, line.number, "This is equal to everything, so every comparison passes. Compare what it holds"
            )


Cases = Mapping[str, frozenset[str]]


def _cases(subject: Subject) -> Cases:
    """Literals that stand together in a check of the tests, by each of them."""
    found: dict[str, set[str]] = {}
    for text in filter(check_in, _tests(subject)):
        literals = _literals(text)
        for literal in literals:
            found.setdefault(literal, set()).update(literals - {literal})
    return {literal: frozenset(others) for literal, others in found.items()}


def _tests(subject: Subject) -> Iterator[str]:
    """The lines of the tests that are changed, and of those beside changed code."""
    for whole in _files_of_tests(subject):
        yield from (text for text in whole.split("\n") if len(text) <= _MOST_LINE)


def _files_of_tests(subject: Subject, *, end: str = "") -> Iterator[str]:
    """The same, file by file, of those whose names end so."""
    for file in subject.texts():
        paths = [file.path] if is_test(file.path) else _its_tests(file.path)
        if file.change is not Change.DELETED:
            yield from (subject.after(path) for path in paths if path.endswith(end))


_MOST_LINE: Final = 400
"""Characters; a check with more is a table, where everything stands beside everything."""


def _literals(text: str) -> set[str]:
    return {match["text"] or match[0] for match in _LITERAL.finditer(text)}


def _known(subject: Subject, path: str, cases: Cases) -> Iterator[Finding]:
    """A condition on what a test gives, with what this test wants as the answer beside it or below it."""
    lines = list(subject.added_anew(path))
    for number, line in enumerate(lines):
        if not _BRANCH.search(line.text):
            continue
        below = lines[number + 1] if number + 1 < len(lines) and lines[number + 1].number == line.number + 1 else None
        given = _literals(line.text)
        answers = _literals(below.text) if below and _ANSWER.search(below.text) else set()
        if _ANSWER.search(line.text):
            answers |= given
        for one in sorted(given):
            if both := sorted((cases.get(one, frozenset()) & answers) - {one}):
                shown = f"`{one[:60]}` gives `{both[0][:60]}` here, as a test wants it. Write what holds for every case"
                finding = _finding(path, line.number, shown)
                is_plain = any(_is_computed(one, other) for other in both) or len(given & cases.keys()) > 2
                yield finding if is_plain else finding.model_copy(update={"weight": Weight.REMARK})
                return


def _singled_out(subject: Subject, path: str, examples: Examples) -> Iterator[Finding]:
    """A condition on the very case of a test, or of the issue, whatever is done about it."""
    for line in subject.added_anew(path):
        if len(line.text) > _MOST_LINE or not _CONDITION.search(line.text):
            continue
        if case := examples.special_case(line.text):
            shown = f"`{case[:100]}` is a case of the issue or its tests, and the code singles it out"
            yield _finding(path, line.number, f"{shown}. Write what holds for every case")
            return


def _as_a_program(subject: Subject, path: str, checks: frozenset[Pair]) -> Iterator[Finding]:
    """What only shows when Python is read as Python, such as a condition over several lines, or inside another."""
    if not path.endswith(".py"):
        return
    lines = frozenset(line.number for line in subject.added_anew(path))
    for case in special_cases(subject.after(path), lines, checks):
        shown = f"`{case.given[:60]}` gives `{case.wanted[:60]}` here, as a test wants it"
        finding = _finding(path, case.line, f"{shown}. Write what holds for every case")
        yield finding if case.is_sure else finding.model_copy(update={"weight": Weight.REMARK})
        return


def _is_computed(given: str, answer: str) -> bool:
    """Whether an answer can hardly be anything but computed: it holds what is given, or both are numbers.

    A name for a code, such as "not found" for 404, is a table's affair, and reviewers are only told of it.
    """
    return given in answer or (given.lstrip("-")[:1].isdigit() and answer.lstrip("-")[:1].isdigit())


def _its_tests(path: str) -> list[str]:
    """Where the tests of a source file mostly are."""
    folder, slash, name = path.rpartition("/")
    stem, _, end = name.rpartition(".")
    beside = f"{folder}{slash}"
    if end == "py":
        return [f"{where}test_{stem}.py" for where in ("tests/", "test/", "tests/unit/", "", beside, f"{beside}tests/")]
    if end == "go":
        return [f"{beside}{stem}_test.go"]
    return [f"{beside}{inside}{stem}.{kind}.{end}" for inside in ("", "__tests__/") for kind in ("test", "spec")]


def _wants(patch: Patch) -> Iterator[str]:
    for file in patch.files:
        if is_source(file.path):
            yield from _its_tests(file.path)


GUARD: Final = Guard(NAME, look, allowance="answers", wants=_wants)
