"""Tests that go, are skipped, or check less than before."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final

from app.core.guards import Finding, Weight
from app.core.kinds import is_snapshot, is_test, language
from app.core.patch import Change
from app.guards.guard import Guard, Subject
from app.guards.suites import NOTHING, Check, Test, cases_in, check_in, defined

NAME: Final = "weakened tests"
_ALLOW: Final = "if the issue asks for it, a person can allow it by `allow: tests`"
_ALIKE: Final = 0.6
"""Of two tests' text: what a test keeps that gets another name or place."""
_MOST_WORDS: Final = 300
"""Of a test that is compared with others."""
_MOST_OTHERS: Final = 50
"""New tests that a lost one is compared with; who changes more of them at once is told so."""

_SKIPS: Final = {
    "python": re.compile(
        r"\bmark\.(?:skip|skipif|xfail)\b|\bpytest\.(?:skip|xfail|importorskip|exit)\(|@(?:unittest\.)?(?:skip|skipIf|skipUnless"
        r"|expectedFailure)\b|\bself\.skipTest\(|\bSkipTest\b|__test__\s*=\s*False|\bcollect_ignore\w*\s*="
    ),
    "javascript": re.compile(
        r"\b(?:it|test|describe|context|suite|bench)(?:\.\w+)*\.(?:only|skip|skipIf|todo|fixme|failing|fails)\b"
        r"|\b(?:it|test|describe)(?:\[\s*['\"](?:skip|only|todo)['\"]\s*\]|\.runIf\(\s*(?:false|0)\b)"
        r"|\b(?:xit|xtest|xdescribe|xcontext|fit|fdescribe|ftest)\s*\(|\bthis\.skip\(|\{\s*(?:skip|only|todo)\s*:\s*(?!false)"
    ),
    "go": re.compile(r"\bt\.Skip(?:Now|f)?\(|^//go:build ignore"),
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
_SWALLOWED: Final = re.compile(
    r"\|\|\s*(?:true|:|exit 0)(?=\s|$|[\"';)])|--passWithNoTests|^\s*set \+e\b|\bos\._exit\(|\bsys\.exit\(\s*0?\s*\)"
    r"|except\s+AssertionError\b|except\s*:\s*$|suppress\((?:AssertionError|Exception|BaseException)\)"
    r"|\bprocess\.exit\(\s*0?\s*\)|\bpython[0-9.]*\s+(?:-\w+\s+)*-OO?\b|\bPYTHONOPTIMIZE\b"
    r"|--(?:deselect|ignore|ignore-glob)[= ]|catch\s*(?:\([^)]*\))?\s*\{\s*\}"
)
"""What makes a failing test look like one that passed."""
_DEAD: Final = re.compile(
    r"^\s*(?:if|while)\s*\(?\s*(?:False|false|0|None|null|undefined)\s*\)?\s*[:{]"
    r"|\bmark\.parametrize\([^\n]*,\s*(?:\[\s*\]|\(\s*\))\s*[,)]|\.each\(\s*\[\s*\]\s*\)"
)
"""What is never reached: a branch that is never taken, a table without cases."""
_REPLACED: Final = re.compile(r"\.(?:assert\w*|fail)\s*=(?![=>])|\b(?:assert|expect|chai)\.\w+\s*=(?![=>])")
_RETURNS: Final = re.compile(r"^\s*return\b[^=({]*;?\s*$")
_COMMENTED: Final = re.compile(
    r"^\s*(?:#|//|/\*)\s*(?:(?:async )?def test_?\w*\(|(?:it|test|describe)\(['\"`]|func Test\w+\()"
)
_RUNNER: Final = re.compile(
    r"(?:^|/)(?:Makefile|justfile|Taskfile\.ya?ml|noxfile\.py|tox\.ini|Rakefile|[^/]*\.(?:sh|bash|mk))$"
)
"""Files that run tests, and are no tests."""
_HOOKS: Final = re.compile(
    r"\bdef (pytest_(?:collection_modifyitems|ignore_collect|runtest_\w+|pyfunc_call|sessionfinish|report_teststatus"
    r"|make_parametrize_id|collect_file|pycollect_\w+|itemcollected|deselected|exception_interact))\b"
    r"|\bexitstatus\s*=|\.add_marker\(|\bTestReport\b"
)
"""By which a `conftest.py` decides what is run and what counts as passed."""
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
        if is_test(path) or _RUNNER.search(path):
            yield from _swallowed(subject, path)
        if path.rpartition("/")[2] == "conftest.py":
            yield from _hooks(subject, path)
        if _START_UP.search(path) and file.change is Change.ADDED:
            yield _finding(path, 0, "Python runs this file at every start, tests included. Take it out")
    yield from _compared(subject)


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
            is_end = test.line + at in came and _indent(line) == level
            if is_end and any(check_in(below) for below in lines[at + 1 :]):
                yield _finding(path, test.line + at, "The test ends here, before it checks. Take it out")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _swallowed(subject: Subject, path: str) -> Iterator[Finding]:
    for line in subject.added_anew(path):
        if found := _SWALLOWED.search(line.text):
            yield _finding(
                path, line.number, f"`{found[0].strip()}` makes a failing test look as if it passed. Take it out"
            )


def _hooks(subject: Subject, path: str) -> Iterator[Finding]:
    for line in subject.added_anew(path):
        if found := _HOOKS.search(line.text):
            what = (found[1] or found[0]).strip()
            yield _finding(
                path, line.number, f"`{what}` decides which tests are run and what counts as passed. Take it out"
            )


# -- Before and after ------------------------------------------------------------------------------------------------
def _compared(subject: Subject) -> Iterator[Finding]:
    """Each test with itself as it was: by its name in its file, else by what it says, wherever it is now."""
    before: list[tuple[str, Test]] = []
    after: list[tuple[str, Test]] = []
    for file in subject.texts():
        if is_test(file.path) or file.path.endswith(".rs"):
            before += [(file.path, test) for test in cases_in(file.path, subject.before(file.path))]
            if file.change is not Change.DELETED:
                after += [(file.path, test) for test in cases_in(file.path, subject.after(file.path))]
    pairs, lost, gained = _by_name(before, after)
    for path, test in lost:
        at = _most_alike(test, gained)
        if at is None:
            yield _finding(path, test.line, f"The test `{test.name[:100]}` is gone. Bring it back", is_before=True)
        else:
            pairs.append((path, test, gained.pop(at)[1]))
    for path, old, new in pairs:
        if _PANICS in new.body and _PANICS not in old.body:
            yield _finding(path, new.line, f"The test `{old.name[:100]}` wants a panic now. Let it check what it did")
        elif _is_weaker(old.checks, new.checks):
            sentence = f"The test `{old.name[:100]}` checks less than before. Let it check what it did"
            yield _finding(path, new.line, sentence)


_PANICS: Final = "#[should_panic"
Placed = list[tuple[str, Test]]


def _by_name(before: Placed, after: Placed) -> tuple[list[tuple[str, Test, Test]], Placed, Placed]:
    """Tests of one name in one file; then those of one name anywhere; those that were, and those that came."""
    pairs: list[tuple[str, Test, Test]] = []
    lost, left = before, list(after)
    for same_file in (True, False):
        still = []
        for path, test in lost:
            at = next(
                (n for n, (to, new) in enumerate(left) if new.name == test.name and (to == path or not same_file)), None
            )
            if at is None:
                still.append((path, test))
            else:
                pairs.append((left[at][0], test, left.pop(at)[1]))
        lost = still
    return pairs, lost, left


def _most_alike(test: Test, others: Placed) -> int | None:
    if len(others) > _MOST_OTHERS:
        return None
    ratios = [SequenceMatcher(None, _words(test), _words(other), autojunk=False).ratio() for _, other in others]
    best = max(range(len(ratios)), key=ratios.__getitem__, default=None)
    return best if best is not None and ratios[best] >= _ALIKE else None


def _words(test: Test) -> list[str]:
    return re.findall(r"\w+", test.body)[:_MOST_WORDS]  # brackets and dots are alike in all short tests


def _is_weaker(before: Sequence[Check], after: Sequence[Check]) -> bool:
    """Whether checks went and nothing of their weight came. Several may become one that says as much."""
    old, new = Counter(before), Counter(after)
    lost, gained = list((old - new).elements()), list((new - old).elements())
    if not lost or all(check.strength == NOTHING for check in lost):
        return False
    strengths = [check.strength for check in gained]
    if max(strengths, default=NOTHING) < max(check.strength for check in lost):
        return True
    return sum(strengths) * 2 < sum(check.strength for check in lost)


GUARD: Final = Guard(NAME, look, allowance="tests")
