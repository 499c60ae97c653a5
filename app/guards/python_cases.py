"""Python code that singles out what a test gives, and answers what it wants: read as a program, not line by line.

It sees literals: compared in whatever order, over several lines, one condition inside another, `in` a list, as a
`case`, by the name of a constant, or as keys of a dict. It does not see what is computed: a hash of the input, a text
that is put together, data in another file. Examples that only the issue gives are looked for line by line, by
`answers` itself.
"""

import ast
import re
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

MOST_CHARACTERS: Final = 200_000
"""Of one file: a longer one takes more than a second to read, and is written by a program."""
_FREE: Final = re.compile(r"(?=.{5})(?:.*\S\s+\S|.*\d[^\W\d]+\d|.*[^\W\d]\d+[^\W\d])")
"""A text that is no keyword: several words, or numbers among letters."""
_SMALL: Final = 10
"""Numbers below it are everywhere."""
_alone: Final = threading.Lock()
_TABLE: Final = (ast.List, ast.Tuple)

Values = frozenset[str]
"""Literals as Python writes them."""
Names = Mapping[str, str]
"""Names that stand for one literal."""


@dataclass(frozen=True)
class Pair:
    """What a check gives to the code, and what it wants of it."""

    given: Values
    wanted: str


@dataclass(frozen=True)
class Special:
    """A place of the code that knows a check."""

    line: int
    given: str
    wanted: str
    is_sure: bool
    """Whether the answer can hardly be anything but computed; else it may be a table's affair."""


def pairs(tests: Iterable[str]) -> frozenset[Pair]:
    """What the checks of some files of tests give and want, as far as both are literals."""
    return frozenset(pair for text in tests for node in ast.walk(_parsed(text)) for pair in _pairs_in(node))


def special_cases(text: str, lines: frozenset[int], known: frozenset[Pair]) -> Iterator[Special]:
    """Places of the code on these lines that give what a check wants where it gets what that check gives."""
    tree = _parsed(text)
    if known:
        yield from _Reader(lines, known, _constants(tree)).read(tree)


def _parsed(text: str) -> ast.Module:
    """Nothing where it is no Python, or too much of it. One at a time: two are an error (CPython gh-106905)."""
    nothing = ast.Module(body=[], type_ignores=[])
    if len(text) > MOST_CHARACTERS:
        return nothing
    with _alone, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):
            return nothing


def _literal(node: ast.AST | None, names: Names | None = None) -> str:
    """The literal that it is, as Python writes it; empty if it is none."""
    if isinstance(node, ast.Name) and names:
        return names.get(node.id, "")
    if not isinstance(node, ast.expr):
        return ""
    try:
        return repr(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return ""


def _pairs_in(node: ast.AST) -> Iterator[Pair]:
    if isinstance(node, ast.Call) and len(node.args) > 1 and _called(node).lower().startswith("assert"):
        yield from _pair(node.args[0], node.args[1])
    elif isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare) and len(node.test.ops) == 1:
        yield from _pair(node.test.left, node.test.comparators[0])
    elif isinstance(node, ast.For) and isinstance(node.iter, _TABLE):
        yield from _rows(node.iter.elts)
    elif isinstance(node, ast.Call) and _called(node) == "parametrize" and len(node.args) > 1:
        yield from _rows(node.args[1].elts if isinstance(node.args[1], _TABLE) else ())


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _pair(one: ast.expr, other: ast.expr) -> Iterator[Pair]:
    for side, answer in ((one, other), (other, one)):
        wanted = _literal(answer)
        for call in ast.walk(side) if wanted else ():
            if isinstance(call, ast.Call):
                given = [_literal(each) for each in (*call.args, *(word.value for word in call.keywords))]
                if given and all(given):
                    yield Pair(frozenset(given), wanted)


def _rows(rows: Sequence[ast.expr]) -> Iterator[Pair]:
    """Each row of a table of cases gives all but its last column."""
    for row in rows:
        if isinstance(row, _TABLE) and len(row.elts) > 1:
            values = [_literal(each) for each in row.elts]
            if all(values):
                yield Pair(frozenset(values[:-1]), values[-1])


def _constants(tree: ast.Module) -> Names:
    """Names that are given one literal, once."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            found[name] = "" if name in found else _literal(node.value)
    return {name: value for name, value in found.items() if value}


@dataclass
class _Reader:
    """Walks through the code, and knows in each place what was compared on the way there."""

    lines: frozenset[int]
    known: frozenset[Pair]
    names: Names
    by_answer: dict[str, list[Pair]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for pair in self.known:
            self.by_answer.setdefault(pair.wanted, []).append(pair)

    def read(self, tree: ast.AST) -> Iterator[Special]:
        """With a stack of its own: code of others may be nested as deep as it likes."""
        waiting: list[tuple[ast.AST, Values]] = [(tree, frozenset())]
        while waiting:
            node, asked = waiting.pop()
            yield from self._here(node, asked)
            waiting += self._below(node, asked)

    def _here(self, node: ast.AST, asked: Values) -> Iterator[Special]:
        if isinstance(node, ast.Return | ast.Assign):
            yield from self._known(node, asked, _literal(node.value, self.names))
        elif isinstance(node, ast.IfExp):
            yield from self._known(node, asked | self._compared(node.test), _literal(node.body, self.names))
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                yield from self._known(value, _keys(key), _literal(value, self.names))

    def _below(self, node: ast.AST, asked: Values) -> Iterator[tuple[ast.AST, Values]]:
        if isinstance(node, ast.If):
            inside = asked | self._compared(node.test)
            yield node.test, asked
            yield from ((each, inside) for each in node.body)
            yield from ((each, asked) for each in node.orelse)
        elif isinstance(node, ast.match_case):
            wanted = (each.value for each in ast.walk(node.pattern) if isinstance(each, ast.MatchValue))
            inside = asked.union(*map(_keys, wanted))
            yield from ((each, inside) for each in node.body)
        else:
            nested = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            yield from ((each, frozenset() if nested else asked) for each in ast.iter_child_nodes(node))

    def _compared(self, test: ast.expr) -> Values:
        """Literals that something is compared with; those in a bracket one by one, too."""
        found: set[str] = set()
        for node in ast.walk(test):
            if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.Is | ast.In) for op in node.ops):
                for side in (node.left, *node.comparators):
                    found |= {_literal(side, self.names)} | _keys(side)
                    if isinstance(side, ast.List | ast.Tuple | ast.Set):
                        found |= {_literal(each) for each in side.elts}
        return frozenset(found - {""})

    def _known(self, node: ast.AST, asked: Values, answer: str) -> Iterator[Special]:
        line = getattr(node, "lineno", 0)
        if not asked or not answer or line not in self.lines:
            return
        for pair in self.by_answer.get(answer, ()):
            if pair.given <= asked and _tells(pair):
                given = ", ".join(sorted(pair.given))
                yield Special(line, given, answer, is_sure=_is_computed(pair))
                return


def _keys(node: ast.AST | None) -> Values:
    """A literal, and the one that is written in it: `str(given) == "[3, 1, 2]"`."""
    value = _literal(node)
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value[:1] in {"[", "(", "{"}:
        try:
            return frozenset({value, repr(ast.literal_eval(node.value))})
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            return frozenset({value})
    return frozenset({value} - {""})


def _tells(pair: Pair) -> bool:
    """Whether it says something that both stand together: nothing for an empty text is what any code may do."""
    return any(_is_free(one) or (_size(one) >= _SMALL) for one in pair.given) or (
        len(pair.given) > 1 and _size(pair.wanted) > 1
    )


def _is_computed(pair: Pair) -> bool:
    """A name for a code, such as "not found" for 404, is a table's affair, and so is yes or no."""
    if pair.wanted in {"True", "False", "None"}:
        return any(one[0] in "[({" and _is_free(one) for one in pair.given)
    are_numbers = _size(pair.wanted) >= 0 and all(_size(one) >= 0 for one in pair.given)
    return are_numbers or any(_is_free(one) or one.strip("'\"") in pair.wanted for one in pair.given)


def _is_free(value: str) -> bool:
    """Whether a literal is nobody's keyword: several words, or a bracket with several things in it."""
    if value[:1] in {"[", "(", "{"}:
        return "," in value and len(value) > len("(1,)")
    return value[:1] in {"'", '"'} and _FREE.match(value[1:-1]) is not None


def _size(value: str) -> float:
    """Of a number, without its sign; -1 for anything else."""
    return abs(float(value)) if re.fullmatch(r"-?\d{1,30}(?:\.\d{1,30})?", value) else -1.0
