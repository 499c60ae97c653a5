"""Functions and classes that came, where the code got nothing else and nothing of the change uses them."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from app.core.comments import bare
from app.core.kinds import is_document, is_source, is_test, language
from app.core.patch import Change
from app.guards.guard import Subject

_HEADS: Final = {
    "python": re.compile(r"(?:async )?(?:def|(?P<class>class)) (?P<name>\w+)"),
    "javascript": re.compile(
        r"(?:export (?:default )?)?"
        r"(?:(?:async )?function\*? ?|(?P<class>class) |const (?=\w+ = (?:async )?(?:\(|function)))(?P<name>\w+)"
    ),
    "go": re.compile(r"func (?P<name>\w+)\("),
    "rust": re.compile(r"(?:pub(?:\([^)]*\))? )?(?:const |async |unsafe )*fn (?P<name>\w+)"),
}
"""A definition that stands by itself, at the beginning of its line: what is inside another is part of that."""
_ALONG: Final = re.compile(r"[\s})\];]|import\b|from\b|use\b|(?:const|let|var) .*\brequire\(|#|//|/?\*|$")
"""Lines that a definition brings with it: what it holds, its end, imports, comments."""
_BY_ITSELF: Final = re.compile(r"#\[|#!|//go:")
"""What looks like a comment and makes something of what stands below it."""
_CALLED_BY_NAME: Final = re.compile(
    r"_*(?:main|init|setup|set_up|teardown|register|load|run|handler?|default)\d*|__\w+__|pytest_\w+"
    r"|(?:on|do|visit|handle|test|upgrade|downgrade)_\w+",
    re.IGNORECASE,
)
"""Names that frameworks, and not the code, ask for."""
_PART: Final = re.compile(r"[A-Z]?[a-z]{3,}|[A-Z]{3,}")
_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True)
class Definition:
    """One definition that came."""

    name: str
    path: str
    line: int
    is_function: bool
    in_new_file: bool

    @property
    def parts(self) -> Sequence[str]:
        """The words that its name is made of, in small letters: without those that say nothing."""
        return [part.lower() for part in _PART.findall(self.name)]


def unused(subject: Subject) -> Sequence[Definition]:
    """All that came to the code, if that is definitions which nothing uses, and what was there is as it was; else none.

    Of a language in which definitions are not told from other lines, anything may use anything.
    """
    found: list[Definition] = []
    words: Counter[str] = Counter()
    for file in subject.patch.files:
        if is_test(file.path) or is_document(file.path):
            continue
        came = _came(subject, file.path, in_new_file=file.change is Change.ADDED) if is_source(file.path) else None
        if came is None or file.change is Change.DELETED:
            return ()
        found += came
        words.update(word for line in bare(file.path, subject.after(file.path)) for word in _WORD.findall(line))
    is_used = any(words[one.name] > 1 or _CALLED_BY_NAME.fullmatch(one.name) for one in found)
    return () if is_used else found


def _came(subject: Subject, path: str, *, in_new_file: bool) -> list[Definition] | None:
    """The definitions that came to a file; None if anything else is different there."""
    head = _HEADS.get(language(path))
    if head is None or path not in subject.diffs or any(line.text.strip() for line in subject.removed(path)):
        return None
    found: list[Definition] = []
    for run in _runs(subject, path):
        is_begun = False
        for number, text in run:
            if begins := head.match(text):
                is_begun = True
                found.append(Definition(begins["name"], path, number, not begins.groupdict().get("class"), in_new_file))
            elif _BY_ITSELF.match(text) or not _ALONG.match(text) or (text[:1].isspace() and not is_begun):
                return None
    return found


def _runs(subject: Subject, path: str) -> Iterator[list[tuple[int, str]]]:
    """Lines that came and are more than blanks, by those that stand together."""
    run: list[tuple[int, str]] = []
    last = 0
    for line in subject.added(path):
        if line.number != last + 1 and run:
            yield run
            run = []
        last = line.number
        if line.text.strip():
            run.append((line.number, line.text))
    if run:
        yield run
