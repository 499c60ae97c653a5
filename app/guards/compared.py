"""Each test as it was beside the one that it became: whether it is still there, and checks as much."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from app.core.kinds import is_test
from app.core.patch import Change
from app.guards.guard import Subject
from app.guards.suites import NOTHING, Check, Test, cases_in
from app.guards.tolerances import is_looser

_ALIKE: Final = 0.6
"""Of two tests' text: what a test keeps that gets another name or place."""
_MOST_WORDS: Final = 300
"""Of a test that is compared with others."""
_MOST_OTHERS: Final = 50
"""New tests that a lost one is compared with; who changes more of them at once is told so."""


@dataclass(frozen=True)
class Told:
    """What is less about one test."""

    path: str
    line: int
    sentence: str
    is_before: bool = False
    """Whether the line is one of the file as it was."""


def compared(subject: Subject) -> Iterator[Told]:
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
            yield Told(path, test.line, f"The test `{test.name[:100]}` is gone. Bring it back", is_before=True)
        else:
            pairs.append((path, test, gained.pop(at)[1]))
    for path, old, new in pairs:
        if _PANICS in new.body and _PANICS not in old.body:
            yield Told(path, new.line, f"The test `{old.name[:100]}` wants a panic now. Let it check what it did")
        elif _is_weaker(old.checks, new.checks) or is_looser(old.text, new.text) or _has_fewer_rows(old.text, new.text):
            sentence = f"The test `{old.name[:100]}` checks less than before. Let it check what it did"
            yield Told(path, new.line, sentence)


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


_ROW: Final = re.compile(r"\s*[\[({].*[\])}],?\s*")
_TABLE: Final = re.compile(r"\b(?:parametrize|each|rstest|case|values)\b")


def _has_fewer_rows(before: str, after: str) -> bool:
    """Whether all that happened to a test is that cases went from its table: rows, or what stands in its line."""
    old, new = Counter(before.split("\n")), Counter(after.split("\n"))
    lost, gained = list((old - new).elements()), list((new - old).elements())
    if not gained:
        return any(_ROW.fullmatch(line) for line in lost)
    if len(lost) != 1 or len(gained) != 1 or not _TABLE.search(lost[0]):
        return False
    words = iter(re.findall(r"\w+", lost[0]))
    kept = re.findall(r"\w+", gained[0])
    return len(kept) < len(re.findall(r"\w+", lost[0])) and all(word in words for word in kept)
