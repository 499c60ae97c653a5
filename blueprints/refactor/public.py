"""Names by which others use a module, and how they are called: what a refactoring may not change."""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Final

from app.core.kinds import is_source, language

_INSIDE: Final = re.compile(r"(?:^|/)(?:_[a-z]\w*|internal|private)(?:/|\.\w+$)")
"""Paths of what is private by convention."""
_LINES: Final = {
    "javascript": re.compile(
        r"^export (?:default )?(?:async )?(?:function\*?|class|const|let|interface|type|enum) (\w+)"
        r"|^(?:module\.)?exports\.(\w+)\s*=",
        re.MULTILINE,
    ),
    "go": re.compile(r"^func (?:\([^)]*\) )?([A-Z]\w*)\(|^(?:type|var|const) ([A-Z]\w*)", re.MULTILINE),
    "rust": re.compile(
        r"^\s*pub (?:async |unsafe |const )*(?:fn|struct|enum|trait|mod|type|static) (\w+)", re.MULTILINE
    ),
    "java": re.compile(
        r"^\s*public (?:static |final |abstract )*(?:class|interface|enum|record|[\w<>\[\]]+) (\w+)\s*[({]",
        re.MULTILINE,
    ),
}
"""Where a pattern tells it, without parameters: these languages' compilers see who calls them otherwise."""

_CLASS: Final = "class"
_IMPORT: Final = "import"


def public(path: str, text: str) -> Mapping[str, str] | None:
    """Each public name of a source file with its parameters, which are empty where it has none, or they cannot be told.

    Classes have their bases, and what is imported says so: who uses a module finds it there, but nobody means it to.

    None if nothing can be told of this file: another language, or it cannot be parsed.
    """
    if not is_source(path) or _INSIDE.search(f"/{path}"):
        return None
    if language(path) == "python":
        try:
            return dict(_names(ast.parse(text).body, ""))
        except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):  # the last one: CPython gh-106905
            return None
    pattern = _LINES.get(language(path))
    if pattern is None:
        return None
    return {next(filter(None, match.groups())): "" for match in pattern.finditer(text)}


def _names(body: list[ast.stmt], within: str) -> Iterator[tuple[str, str]]:
    for node in body:
        for name, told in _named(node):
            if not name.startswith("_") or name == "__init__":
                yield f"{within}{name}", told
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _names(node.body, f"{within}{node.name}.")
        elif isinstance(node, ast.If | ast.Try):  # other platforms, types only, a module that may be missing
            handlers = [line for one in getattr(node, "handlers", ()) for line in one.body]
            yield from _names([*node.body, *handlers, *node.orelse], within)


def _named(node: ast.stmt) -> Iterator[tuple[str, str]]:
    """What a statement makes available, imports included: a name that moved may still be found here."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            is_async = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
            yield node.name, f"{is_async}({_parameters(node.args)})"
        case ast.ClassDef():
            yield node.name, f"{_CLASS}({', '.join(map(ast.unparse, node.bases))})"
        case ast.Assign():
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, ""
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name, ""
        case ast.ImportFrom() | ast.Import():
            for alias in node.names:
                yield (alias.asname or alias.name).partition(".")[0], _IMPORT


def _parameters(given: ast.arguments) -> str:
    """As they stand there, without types: those may become better."""
    bare = ast.parse("lambda: 0", mode="eval").body
    if not isinstance(bare, ast.Lambda):
        raise TypeError("no lambda")
    for one in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg):
        if one is not None:
            one.annotation = None
    bare.args = given
    return ast.unparse(bare).removeprefix("lambda").rpartition(":")[0].strip()


def changes(before: Mapping[str, str], after: Mapping[str, str], said: str) -> Iterator[str]:
    """What others would miss, a sentence each. What the text `said` names may change: it was asked for."""
    words = frozenset(re.findall(r"\w+", said))
    for name, told in before.items():
        is_named = bool(words & set(name.split(".")))
        now = after.get(name)
        if told == _IMPORT:
            continue
        if now is None:
            of = after.get(name.rpartition(".")[0], "")
            is_of_a_base = of.startswith(f"{_CLASS}(") and of != f"{_CLASS}()"  # it may be found there now
            if not is_named and not is_of_a_base:
                yield f"`{name}` is gone"
        elif _are_others(told, now) and not (is_named and _parameters_named(told, now, words)):
            yield f"`{name}{told}` is called otherwise now: `{name}{now}`"


def _are_others(told: str, now: str) -> bool:
    """Whether two functions take something else."""
    return told != now and all(one.endswith(")") and not one.startswith(_CLASS) for one in (told, now))


def _parameters_named(told: str, now: str, words: frozenset[str]) -> bool:
    """Whether the parameters are named that came, or, where none did, those that went."""
    old, new = set(re.findall(r"\w+", told)), set(re.findall(r"\w+", now))
    return bool(old ^ new) and (new - old or old - new) <= words
