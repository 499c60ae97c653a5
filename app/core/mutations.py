"""Small mistakes put into Python code: one place each, everything around it as it was."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_SWAPS: Final[dict[type[ast.AST], type[ast.AST]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


@dataclass(frozen=True)
class Mutation:
    """A module with one mistake in it."""

    function: str
    """Where it is, as `function` or `Class.method`."""
    line: int
    text: str
    """The whole module."""


def mutations(source: str) -> Iterator[Mutation]:
    """Every mistake that is known here and fits somewhere in a function, in the order of the code."""
    tree = ast.parse(source)
    lines = source.encode().splitlines(keepends=True)
    for name, function in _functions(tree, ""):
        for node in _inside(function):
            for changed in _changed(node):
                yield Mutation(name, node.lineno, _replaced(lines, node, ast.unparse(changed)))


def returns(source: str) -> Iterator[Mutation]:
    """Each `return` of a function that answers with something, with nothing instead."""
    tree = ast.parse(source)
    lines = source.encode().splitlines(keepends=True)
    for name, function in _functions(tree, ""):
        for node in ast.walk(function):
            value = node.value if isinstance(node, ast.Return) else None
            is_nothing = isinstance(value, ast.Constant) and value.value is None
            if value is not None and not is_nothing and value.lineno == value.end_lineno:
                yield Mutation(name, value.lineno, _replaced(lines, value, "None"))


def _functions(tree: ast.AST, within: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("__"):
            yield f"{within}{node.name}", node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{within}{node.name}.")


def _inside(function: ast.FunctionDef) -> Iterator[ast.expr]:
    """Expressions of the body that stand on one line: no defaults or decorators, which run when it is imported."""
    rest: list[ast.AST] = list(reversed(function.body))
    while rest:
        node = rest.pop()
        if isinstance(node, ast.JoinedStr):  # where its parts stand is not told right before Python 3.12
            continue
        if isinstance(node, ast.expr) and node.lineno == node.end_lineno:
            yield node
        rest += reversed(list(ast.iter_child_nodes(node)))


def _changed(node: ast.expr) -> Iterator[ast.expr]:
    """What somebody might have written instead."""
    match node:
        case ast.Compare(ops=[one]) if type(one) in _SWAPS:
            changed = copy.deepcopy(node)
            changed.ops = [_SWAPS[type(one)]()]  # type: ignore[list-item]  # an operator for an operator
            yield changed
        case ast.BinOp(op=one) | ast.BoolOp(op=one) if type(one) in _SWAPS:
            other = copy.deepcopy(node)
            other.op = _SWAPS[type(one)]()  # type: ignore[assignment]  # the same
            yield other
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)


def _replaced(lines: list[bytes], node: ast.expr, text: str) -> str:
    """The module with `text` in the place of a node. Columns of `ast` count bytes."""
    number = node.lineno - 1
    line = lines[number]
    changed = line[: node.col_offset] + text.encode() + line[node.end_col_offset :]
    return b"".join([*lines[:number], changed, *lines[number + 1 :]]).decode()


def without(source: str, names: frozenset[str]) -> str:
    """A module of tests without the test functions of these names, wherever they stand; the rest as it was."""
    lines = source.splitlines(keepends=True)
    gone: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in names:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            gone |= set(range(first, (node.end_lineno or node.lineno) + 1))
    return "".join(line for number, line in enumerate(lines, 1) if number not in gone)
