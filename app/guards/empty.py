"""A change that changes nothing is no change."""

from collections.abc import Iterator
from typing import Final

from app.core.guards import Finding
from app.guards.guard import Guard, Subject

NAME: Final = "empty change"


def look(subject: Subject) -> Iterator[Finding]:
    """One finding if there is nothing to propose."""
    if subject.patch.is_empty:
        yield Finding(
            guard=NAME, sentence="Nothing is changed, so there is nothing to propose. Change what was asked for."
        )


GUARD: Final = Guard(NAME, look)
