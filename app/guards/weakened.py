"""Tests that go, are skipped, or check less than before."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from app.core.guards import Finding, Weight
from app.core.kinds import is_snapshot, is_test, language
from app.core.patch import Change
from app.guards import swallowed
from app.guards.compared import compared
from app.guards.guard import Guard, Subject
from app.guards.suites import NOTHING, cases_in, check_in, defined

NAME: Final = "weakened tests"
_ALLOW: Final = "if the issue asks for it, a person can allow it by `allow: tests`"

_SKIPS: Final = {
    "python": re.compile(
        r"\bmark\.(?:skip|skipif|xfail)\b|\bpytest\.(?:skip|xfail|importorskip|exit)\(|@(?:unittest\.)?(?:skip|skipIf|skipUnless"
        r"|expectedFailure)\b|\bself\.skipTest\(|\bSkipTest\b|__test__\s*=\s*False|\bcollect_ignore\w*\s*="
        r"|^\s*from (?:pytest|unittest)\b.*\bimport\b.*\b(?:skip\w*|xfail|importorskip|expectedFailure)\b"
        r"|__unittest_skip__"
        r"|\bgetattr\(\s*(?:pytest\.)?mark\b|^\s*del test_?\w|^test_?\w*\s*=\s*None\b|\bglobals\(\)\.(?:pop|clear)\("
    ),
    "javascript": re.compile(
        r"\b(?:it|test|describe|context|suite|bench)(?:\.\w+)*\.(?:only|skip|skipIf|todo|fixme|failing|fails)\b"
        r"|\b(?:it|test|describe)(?:\[\s*['\"](?:skip|only|todo)['\"]\s*\]|\.runIf\()"
        r"|\b(?:xit|xtest|xdescribe|xcontext|fit|fdescribe|ftest)\s*\(|\{\s*(?:skip|only|todo)\s*:\s*(?!false)"
        r"|\b(?:this|t|ctx|context|task)\.(?:skip|todo)\(|\{[^}]*\b(?:skip|only|todo)\b[^}]*\}\s*=\s*(?:it|test|describe)\b"
        r"|^\s*(?:const|let|var|function) (?:it|test|describe)\b(?!.*(?:require\(|\.extend\(|import\())"
    ),
    "go": re.compile(r"\bt\.Skip(?:Now|f)?\(|\btesting\.Short\(\)|^//go:build ignore"),
    "rust": re.compile(r"#\[ignore\b|#\[cfg\((?:any\(\)|FALSE)\)\]|#\[cfg_attr\([^)]*ignore"),
    "java": re.compile(r"@(?:Ignore|Disabled\w*)\b|\bassume(?:True|False|That)\("),
    "ruby": re.compile(r"\b(?:xit|xdescribe|xcontext|fit|fdescribe)\b|^\s*(?:skip|pending)\b|:focus\b|focus: true"),
    "csharp": re.compile(r"\[(?:Ignore|Explicit)\b|\bSkip\s*=\s*\""),
    "php": re.compile(r"markTest(?:Skipped|Incomplete)\("),
    "swift": re.compile(r"XCTSkip"),
    "elixir": re.compile(r"@(?:tag|moduletag) :?skip"),
    "dart": re.compile(r"\bskip:\s*(?!false)"),
    "shell": re.compile(r"^\s*skip\b"),
}
_ELSEWHERE_ONLY: Final = re.compile(r"^//go:build\b|^// \+build\b|#\[cfg\((?:not\(test\)|all\((?=.*\btest\b))")
"""Under which conditions a file, or a part of it, is built at all: tests that were always run may now be never."""
_DEAD: Final = re.compile(
    r"^\s*(?:if|while)\s*\(?\s*(?:False|false|0|None|null|undefined)\s*\)?\s*[:{]"
    r"|^\s*(?:if|while)\b.*(?:&&\s*false|\band\s+False)\b"
    r"|\bmark\.parametrize\([^\n]*,\s*(?:\[\s*\]|\(\s*\))\s*[,)]|\.each\(\s*\[\s*\]\s*\)"
)
"""What is never reached: a branch that is never taken, a table without cases."""
_REPLACED: Final = re.compile(r"\.(?:assert\w*|fail)\s*=(?![=>])|\b(?:assert|expect|chai)\.\w+\s*=(?![=>])")
_RETURNS: Final = re.compile(r"^\s*return\b[^=({]*;?\s*$")
_COMMENTED: Final = re.compile(
    r"^\s*(?:#|//|/\*)\s*(?:(?:async )?def test_?\w*\(|(?:it|test|describe)\(['\"`]|func Test\w+\()"
)
_RUNNER: Final = re.compile(
    r"(?:^|/)(?:GNUmakefile|[Mm]akefile|justfile|Taskfile\.ya?ml|noxfile\.py|tox\.ini|Rakefile|[^/]*\.(?:sh|bash|mk))$"
)
"""Files that run tests, and are no tests."""
_HOOKS: Final = re.compile(
    r"\bdef (pytest_(?:collection\w*|collectstart|ignore_collect|runtest\w+|pyfunc_call|sessionfinish|report_teststatus"
    r"|make_parametrize_id|make_collect_report|collect_file|pycollect_\w+|itemcollected|deselected|exception_interact"
    r"|cmdline_\w+|load_initial_conftests))\b"
    r"|\bexitstatus\s*=|\.add_marker\(|\bTestReport\b|\bconfig\.option\.\w+\s*=(?!=)|\bdefinition\.obj\s*="
)
"""By which a `conftest.py`, or a plugin among the tests, decides what is run and what counts as passed."""
_START_UP: Final = re.compile(r"(?:^|/)(?:sitecustomize|usercustomize)\.py$|\.pth$")


def look(subject: Subject) -> Iterator[Finding]:
    """Findings for each file, then for tests that are nowhere any more."""
    for file in subject.texts():
        path = file.path
        if is_snapshot(path):
            yield from _snapshot(subject, path, file.change)
        elif is_test(path) or path.endswith(".rs"):
            yield from _skipped(subject, path)
            yield from _hollow(subject, path)
            yield from _hidden(subject, path)
            yield from _cut_short(subject, path)
        if is_test(path) or path.endswith(".rs") or _RUNNER.search(path):
            yield from _swallowed(subject, path)
        if is_test(path) and path.endswith(".py"):
            yield from _hooks(subject, path)
        if _START_UP.search(path) and file.change is Change.ADDED:
            yield _finding(path, 0, "Python runs this file at every start, tests included. Take it out")
    for told in compared(subject):
        yield _finding(told.path, told.line, told.sentence, is_before=told.is_before)


def _finding(path: str, line: int, sentence: str, *, is_before: bool = False) -> Finding:
    said = f"{sentence}; {_ALLOW}."
    return Finding(guard=NAME, sentence=said, path=path, line=line, is_before=is_before, weight=Weight.MEND)


def _snapshot(subject: Subject, path: str, change: Change) -> Iterator[Finding]:
    removed = subject.removed(path)
    if change is not Change.ADDED and removed:
        sentence = "A snapshot that tests compare with was edited. Give it its old contents and mend the code"
        yield _finding(path, removed[0].number, sentence, is_before=True)


def _skipped(subject: Subject, path: str) -> Iterator[Finding]:
    pattern = _SKIPS.get(language(path))
    for line in subject.added_anew(path):
        if pattern is not None and (found := pattern.search(line.text)):
            yield _finding(path, line.number, f"`{found[0].strip()}` keeps tests from being run. Take it out")
        elif _COMMENTED.search(line.text):
            yield _finding(path, line.number, "A test is in a comment, so it is not run. Bring it back")
        elif _ELSEWHERE_ONLY.search(line.text) and cases_in(path, subject.before(path)) and _was_always(subject, path):
            yield _finding(path, line.number, f"By `{line.text.strip()[:80]}` tests are not always built. Take it out")


def _was_always(subject: Subject, path: str) -> bool:
    """Whether nothing of the kind stood there before, or went with this change: in Rust the tests' own `cfg(test)`."""
    if path.endswith(".rs"):
        return any("#[cfg(test)]" in line.text for line in subject.removed(path))
    return not any(_ELSEWHERE_ONLY.search(line) for line in subject.before(path).split("\n"))


def _hollow(subject: Subject, path: str) -> Iterator[Finding]:
    for line in subject.added_anew(path):
        check = check_in(line.text)
        if check is not None and check.strength == NOTHING:
            yield _finding(path, line.number, "This is true whatever the code does. Check what the code does")
        elif _DEAD.search(line.text):
            yield _finding(path, line.number, "What stands behind this is never run. Take it out")
        elif _REPLACED.search(line.text):
            yield _finding(path, line.number, "This puts something else in the place of a check. Take it out")


def _hidden(subject: Subject, path: str) -> Iterator[Finding]:
    """A test or a class of tests that is defined once more: Python forgets the first, and its name stays."""
    if language(path) != "python":
        return
    before = Counter(name for name, _ in defined(subject.before(path)))
    seen: Counter[tuple[str, ...]] = Counter()
    for name, line in defined(subject.after(path)):
        seen[name] += 1
        holds_tests = name[-1].startswith("test") or name[-1][0].isupper()
        if seen[name] > max(before[name], 1) and holds_tests:
            sentence = f"`{name[-1][:100]}` is defined twice, and only this one is run. Give it another name"
            yield _finding(path, line, sentence)


def _cut_short(subject: Subject, path: str) -> Iterator[Finding]:
    """A test that ends before it checks: a `return` that came, at the level of the test, with checks behind it."""
    came = {line.number for line in subject.added_anew(path) if _RETURNS.search(line.text)}
    for test in cases_in(path, subject.after(path)) if came else ():
        lines = test.body.split("\n")
        level = next((_indent(line) for line in lines[1:] if line.strip()), 0)
        # What comes behind its end is no longer this test, where bodies are told by where the next one begins.
        end = next(
            (at for at, line in enumerate(lines) if at > 1 and line.strip() and _indent(line) < level), len(lines)
        )
        lines = lines[:end]
        for at, line in enumerate(lines):
            is_end = test.line + at in came and (_indent(line) == level or _is_conditional(path, lines[:at], line))
            if is_end and any(check_in(below) for below in lines[at + 1 :]):
                yield _finding(path, test.line + at, "The test ends here, before it checks. Take it out")


_NOTHING_RETURNED: Final = re.compile(r"\s*return(?:\s+None)?\s*(?:#.*)?")
_INSIDE: Final = re.compile(r"\s*(?:async )?def |.*\blambda\b")


def _is_conditional(path: str, above: Sequence[str], line: str) -> bool:
    """Whether a Python test ends here under a condition, rather than a function inside of it."""
    if language(path) != "python" or not _NOTHING_RETURNED.fullmatch(line):
        return False
    level = _indent(line)
    for each in reversed(above[1:]):
        if each.strip() and _indent(each) < level:
            if _INSIDE.match(each):
                return False
            level = _indent(each)
    return True


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _swallowed(subject: Subject, path: str) -> Iterator[Finding]:
    runs_tests = _RUNNER.search(path) is not None
    came = list(subject.added_anew(path))
    for line in came:
        if found := swallowed.alone(line.text, runs_tests=runs_tests):
            yield _finding(path, line.number, f"`{found}` makes a failing test look as if it passed. Take it out")
    if is_test(path):
        for number in swallowed.around(subject.after(path), frozenset(line.number for line in came)):
            yield _finding(path, number, "A check that fails is caught here, and nothing comes of it. Let it fail")


def _hooks(subject: Subject, path: str) -> Iterator[Finding]:
    for line in subject.added_anew(path):
        if found := _HOOKS.search(line.text):
            what = (found[1] or found[0]).strip()
            yield _finding(
                path, line.number, f"`{what}` decides which tests are run and what counts as passed. Take it out"
            )


GUARD: Final = Guard(NAME, look, allowance="tests")
