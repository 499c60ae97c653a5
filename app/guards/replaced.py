"""Tests that put something else in the place of the very code that they check."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from app.core.guards import Finding, Weight
from app.core.kinds import is_source, is_test, language
from app.core.patch import Change
from app.guards.guard import Guard, Subject
from app.guards.suites import Test, cases_in, check_in

NAME: Final = "replaced code"
_ALLOW: Final = "if the issue asks for it, a person can allow it by `allow: tests`"

_PATCHED: Final = re.compile(
    r"\b(?:mock\.)?patch(?:\.object)?\(\s*(?:\w[\w.]*\s*,\s*)?['\"](?:[\w.]+\.)?(?P<patched>\w+)['\"]"
    r"|\bmonkeypatch\.setattr\(\s*(?:[\w.]+\s*,\s*)?['\"](?:[\w.]+\.)?(?P<set>\w+)['\"]"
    r"|^\s*(?:[a-z_]\w*\.)+(?P<assigned>[a-z]\w*)\s*=\s*(?:lambda\b|(?:mock\.)?(?:Magic|Async)?Mock\()"
)
_IN_MODULES: Final = re.compile(r"\bsys\.modules\[\s*['\"](?P<module>[\w.]+)['\"]\s*\]\s*=")
_MOCKED: Final = re.compile(r"\b(?:vi|jest)\.(?:mock|doMock|setMock)\(\s*['\"`](?P<path>\.{1,2}/[^'\"`]+)['\"`]")


def look(subject: Subject) -> Iterator[Finding]:
    """Findings for added lines of tests."""
    changed = {PurePosixPath(file.path).stem for file in subject.texts() if is_source(file.path)}
    for file in subject.texts():
        path = file.path
        if file.change is Change.DELETED or not is_test(path):
            continue
        if language(path) == "python":
            yield from _python(subject, path, changed)
        elif language(path) == "javascript":
            yield from _javascript(subject, path, changed)


def _finding(path: str, line: int, what: str) -> Finding:
    sentence = f"This puts something else in the place of {what}, which is checked here. Check the code itself"
    return Finding(guard=NAME, sentence=f"{sentence}; {_ALLOW}.", path=path, line=line, weight=Weight.MEND)


def _python(subject: Subject, path: str, changed: set[str]) -> Iterator[Finding]:
    tests = cases_in(path, subject.after(path))
    everywhere = frozenset(name for test in tests for name in _checked(test))
    for line in subject.added_anew(path):
        if (found := _IN_MODULES.search(line.text)) and found["module"].rpartition(".")[2] in changed:
            yield _finding(path, line.number, f"the module `{found['module'][:60]}`")
        elif found := _PATCHED.search(line.text):
            name = found["patched"] or found["set"] or found["assigned"]
            test = next((one for one in tests if _holds(one, line.number)), None)
            if name in (everywhere if test is None else _checked(test)):
                yield _finding(path, line.number, f"`{name[:60]}`")
            elif not tests and changed & set(re.findall(r"\w+", line.text)):  # what every test begins with
                told = _finding(path, line.number, f"`{name[:60]}` of a changed file for every test")
                yield told.model_copy(update={"weight": Weight.REMARK})


def _holds(test: Test, line: int) -> bool:
    return test.line - test.above.count("\n") <= line <= test.line + test.body.rstrip().count("\n")


_CALLED: Final = re.compile(r"(?<![\w.])(?:[a-z_]\w*\.)?([a-z]\w*)\(")
_OF_CHECKS: Final = re.compile(r"assert\w*|raises|approx|len|str|int|list|dict|set|sorted|repr|bool|isinstance|getattr")


def _checked(test: Test) -> frozenset[str]:
    """Names of functions that are called right inside of a test's checks."""
    checks = (line for line in test.body.split("\n") if check_in(line) is not None and "assert_called" not in line)
    return frozenset(name for line in checks for name in _CALLED.findall(line) if not _OF_CHECKS.fullmatch(name))


def _javascript(subject: Subject, path: str, changed: set[str]) -> Iterator[Finding]:
    own = re.sub(r"\.(?:test|spec|cy|e2e)$", "", PurePosixPath(path).stem)
    for line in subject.added_anew(path):
        if found := _MOCKED.search(line.text):
            stem = re.sub(r"\.[cm]?[jt]sx?$", "", found["path"].rpartition("/")[2])
            if stem == own and (stem in changed or not changed):
                yield _finding(path, line.number, f"`{found['path'][:60]}`")


GUARD: Final = Guard(NAME, look, allowance="tests")
