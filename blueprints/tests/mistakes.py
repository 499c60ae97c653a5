"""Which small mistakes are put into which code, to see whether tests notice."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from app.core.kinds import is_source, language
from app.core.mutations import Mutation, mutations, returns
from app.core.neutral import code

_SWAPS: Final = (
    ("===", "!=="),
    ("!==", "==="),
    ("==", "!="),
    ("!=", "=="),
    ("<=", "<"),
    (">=", ">"),
    ("<", "<="),
    (">", ">="),
    ("&&", "||"),
    ("||", "&&"),
    ("+", "-"),
    ("-", "+"),
    ("*", "/"),
    ("true", "false"),
    ("false", "true"),
)
"""What somebody might have written instead, in languages that share these words."""
_TOKEN: Final = re.compile(r"(?<=[\w)\]] )(===|!==|==|!=|<=|>=|<|>|&&|\|\||\+|-|\*)(?= [\w(\[!'\"-])|\b(true|false)\b")
"""Operators between blanks, as formatters set them: what is a generic, a pointer or a sign has none on one side."""
_DIGITS: Final = re.compile(r"(?<![\w.\"'])(\d{1,6})(?![\w.\"'])")
_QUIET: Final = re.compile(r"^\s*(?://|#|\*|/\*|import\b|package\b|use\b|from\b|require\b)")
"""Lines of comments and imports."""
_TEXT: Final = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`|//.*$""")
_INLINE_TESTS: Final = "#[cfg(test)]"
"""From here on, a file of Rust holds tests."""


@dataclass(frozen=True)
class Mistake:
    """A source file with one small mistake in it."""

    path: str
    line: int
    before: str
    """The line as it is."""
    after: str
    text: str
    """The whole file."""

    @property
    def told(self) -> str:
        """In one line: where, and what stands there instead."""
        return f"{code(f'{self.path}:{self.line}')} {code(self.before[:120])} → {code(self.after[:120])}"


def targets(said: str, tests: str, files: Sequence[str]) -> list[str]:
    """Source files that the issue names by path or name, else those that the tests import; as they stand in `files`."""
    sources = [path for path in files if is_source(path)]
    named = [path for path in sources if _says(said, path)]
    named = named or [path for path in sources if _says(said, path.rpartition("/")[2])]
    words = set(re.findall(r"[\w./-]+", tests))
    ends = {word.strip("./").replace("/", ".") for word in words}

    def is_imported(path: str) -> bool:
        stem = posixpath.splitext(path)[0].removeprefix("src/").removesuffix("/__init__").replace("/", ".")
        return any(stem == end or stem.endswith(f".{end}") for end in ends if end)

    return named or [path for path in sources if is_imported(path)]


def _says(said: str, path: str) -> bool:
    return re.search(rf"(?<![\w./-]){re.escape(path)}(?![\w/-])", said) is not None


def mistakes(path: str, text: str, said: str) -> list[Mistake]:
    """Every mistake that is known for this file; only in functions that the text `said` names, if it names some."""
    text = text.partition(_INLINE_TESTS)[0] if path.endswith(".rs") else text
    lines = text.splitlines()
    if language(path) != "python":
        return [*_swapped(path, text)]
    try:
        found = sorted([*mutations(text), *returns(text)], key=lambda one: one.line)
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):  # the last one: CPython gh-106905
        return []
    words = frozenset(re.findall(r"\w+", said))
    meant = [one for one in found if one.function.rpartition(".")[2] in words] or found
    return [_mistake(path, lines, one) for one in meant]


def _mistake(path: str, lines: Sequence[str], mutation: Mutation) -> Mistake:
    after = mutation.text.splitlines()[mutation.line - 1].strip()
    return Mistake(path, mutation.line, lines[mutation.line - 1].strip(), after, mutation.text)


def _swapped(path: str, text: str) -> Iterator[Mistake]:
    lines = text.splitlines(keepends=True)
    other = dict(_SWAPS)
    for number, line in enumerate(lines):
        if _QUIET.match(line):
            continue
        bare = _TEXT.sub(lambda match: "\0" * len(match[0]), line.rstrip("\n"))
        places = [(match.start(), match.end(), other[match[0]]) for match in _TOKEN.finditer(bare)]
        places += [(match.start(), match.end(), str(int(match[0]) + 1)) for match in _DIGITS.finditer(bare)]
        for start, end, instead in sorted(places):
            changed = f"{line[:start]}{instead}{line[end:]}"
            whole = "".join([*lines[:number], changed, *lines[number + 1 :]])
            yield Mistake(path, number + 1, line.strip(), changed.strip(), whole)


def spread(found: Sequence[Mistake], most: int) -> list[Mistake]:
    """At most so many, evenly from all of them: the same for the same code."""
    if len(found) <= most:
        return list(found)
    return [found[number * len(found) // most] for number in range(most)]


def only_tests_changed(path: str, before: str, after: str) -> bool:
    """Whether of a file that holds code and its tests, as in Rust, only the tests are other than before."""
    return path.endswith(".rs") and before.partition(_INLINE_TESTS)[0] == after.partition(_INLINE_TESTS)[0]


def named(found: Sequence[Mistake], most: int = 10) -> str:
    """Some of them in words."""
    more = [f"and {len(found) - most} more"] if len(found) > most else []
    return "; ".join([*(one.told for one in found[:most]), *more])
