"""Changes of blanks only, in many places: they hide from a reviewer what is different."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from app.core.diff import Line
from app.core.guards import Finding, Weight
from app.core.patch import Change
from app.guards.guard import Guard, Subject

NAME: Final = "blanks"
_FEWEST: Final = 20
"""Lines: fewer are seen through at a glance."""
_SHARE: Final = 0.3
"""Of the lines of a change."""


def look(subject: Subject) -> Iterator[Finding]:
    """At most one remark: how many lines differ in blanks and line ends only, and where most of them are."""
    idle: Counter[str] = Counter()
    for file in subject.texts():
        if file.change is Change.MODIFIED:
            idle[file.path] = _only_blanks(subject.removed(file.path), subject.added(file.path))
    lines, changed = sum(idle.values()), max(subject.patch.added, subject.patch.deleted)
    if lines < _FEWEST or lines < changed * _SHARE:
        return
    path = max(idle, key=lambda each: idle[each])
    sentence = (
        f"{lines:,} of {changed:,} changed lines differ in blanks or line ends only, most of them in this "
        f"file. Look at the change without blanks (`?w=1` behind its address) to see the rest."
    )
    yield Finding(guard=NAME, sentence=sentence, path=path, weight=Weight.REMARK)


def _only_blanks(removed: Sequence[Line], added: Sequence[Line]) -> int:
    """How many lines went that came with other blanks; what merely moved is none of them."""
    gone, came = (Counter(line.text for line in lines) for lines in (removed, added))
    old, new = (Counter("".join(text.split()) for text in each.elements()) for each in (gone - came, came - gone))
    return sum(number for text, number in (old & new).items() if text)


GUARD: Final = Guard(NAME, look)
