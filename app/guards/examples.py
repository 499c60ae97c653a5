"""The examples of an issue, and code that asks for just such an example: `if intervals == [(1, 10), (2, 3)]`."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from app.core.task import Task
from app.guards.suites import check_in

_SPAN: Final = re.compile(r"`([^`\n]{2,300})`|^(?: {4}|\t)(.{2,300})$", re.MULTILINE)
_CALL: Final = re.compile(r"\w\((.{1,250})\)")
_LITERAL: Final = re.compile(
    r"(?P<quote>['\"`])(?P<text>(?:\\.|(?!(?P=quote))[^\\\n]){0,200})(?P=quote)|(?<![\w.])-?\d[\d_.]*"
)
_EQUALS: Final = re.compile(r"={2,3}\s*(?=[^\s=])|\.equals\(\s*|\bcase\s+")
_FREE: Final = re.compile(r"(?=.{5})(?:.*\S\s+\S|.*\d[^\W\d]+\d|.*[^\W\d]\d+[^\W\d])")
"""A text of at least five characters that is no keyword: it has several words, or numbers among letters."""
_MOST_TEXT: Final = 20_000
"""Characters of an issue that are read."""
_PAIRS: Final = {"[": "]", "(": ")", "{": "}"}

Literals = frozenset[str]
"""Texts, without their quotation marks, and numbers as they are written."""


@dataclass(frozen=True)
class Examples:
    """What the issue and the tests give to the code that they are about."""

    of_issue: frozenset[Literals]
    """What each call in the issue is given."""
    of_tests: frozenset[Literals]
    """What stands on each line of a test that checks two things or more."""
    text: str
    """Issue and tests, packed."""

    @classmethod
    def of(cls, task: Task | None, tests: Iterable[str]) -> "Examples":
        """Those of an issue and of the lines of tests."""
        said = f"{task.title}\n\n{task.body}"[:_MOST_TEXT] if task is not None else ""
        lines = list(tests)
        calls = (match[1] for span, line in _SPAN.findall(said) for match in _CALL.finditer(span or line))
        checks = (literals(line) for line in lines if check_in(line) is not None)
        return cls(
            of_issue=frozenset(map(literals, calls)) - {frozenset()},
            of_tests=frozenset(check for check in checks if len(check) > 1),
            text=packed("\n".join([said, *lines])),
        )

    def special_case(self, line: str) -> str:
        """The case that a line of code singles out, if it is one of these; empty if it is none."""
        sides = list(compared(line))
        for side in sides:
            if side[0] in _PAIRS and len(_LITERAL.findall(side)) > 1 and packed(side) in self.text:
                return side
        wanted = [literals(side) for side in sides if side[0] not in _PAIRS]
        both = frozenset[str]().union(*wanted)
        answer = literals(line.partition("return")[2] or line.rpartition("?")[2])
        if len(wanted) > 1 and (
            both in self.of_issue or any(both | answer <= each for each in self.of_tests if answer)
        ):
            return " and ".join(sorted(both))
        return next((text for text in sorted(both) if _FREE.match(text) and {text} in self.of_issue), "")


def literals(text: str) -> Literals:
    """Texts and numbers in a piece of code."""
    return frozenset(match[0] if match["text"] is None else match["text"] for match in _LITERAL.finditer(text))


def packed(text: str) -> str:
    """Code without blanks, and with one kind of quotation marks."""
    return "".join(text.split()).replace("'", '"').replace("`", '"').replace("&", "").replace("vec!", "")


def compared(line: str) -> Iterator[str]:
    """What a line of code compares something with, as far as it is a literal: lists and the like whole."""
    for match in _EQUALS.finditer(line):
        rest = line[match.end() :].removeprefix("&").removeprefix("vec!")
        if rest[:1] in _PAIRS and (inside := _bracketed(rest)):
            yield inside
        elif literal := _LITERAL.match(rest):
            yield literal[0]


def _bracketed(text: str) -> str:
    """From a bracket to the one that closes it; empty if there is none, or something in it is no literal."""
    depth, plain = 0, _LITERAL.sub(lambda found: "_" * len(found[0]), text)
    for at, character in enumerate(plain):
        depth += (character in _PAIRS) - (character in _PAIRS.values())
        if not depth:
            return text[: at + 1] if re.fullmatch(r"[\[\](){},:;\s_]*", plain[: at + 1]) else ""
    return ""
