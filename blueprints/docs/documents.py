"""What can be told of a document without a reader: where its links lead, whether examples are of their language."""

import ast
import json
import posixpath
import re
import threading
import tomllib
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.core.kinds import is_document, is_source

MOST_CHARACTERS: Final = 500_000
"""Of a document that is looked at: a longer one was written by a program."""
_NAVIGATION: Final = frozenset(["mkdocs.yml", "mkdocs.yaml", "book.toml", "_quarto.yml", ".nojekyll", "_sidebar.md"])
"""Files by which generators of documentation know which pages there are."""
_RST: Final = re.compile(r"^\s*\.\. (?:image|figure|include|literalinclude):: (\S+)", re.MULTILINE)
_alone: Final = threading.Lock()
"""Warnings are silenced for all threads together."""
_MARKDOWN: Final = frozenset([".md", ".markdown", ".mdx"])


def belongs(path: str) -> bool:
    """Whether a file may change where documentation is asked for."""
    is_page = is_document(path) and not is_source(path)
    return is_page or PurePosixPath(path).name in _NAVIGATION


@dataclass(frozen=True)
class Place:
    """Something in a document."""

    line: int
    text: str
    """The target of a link, or the text of an example."""
    language: str = ""
    """Of an example, as the fence says it."""


def links(path: str, text: str) -> Iterator[Place]:
    """Links of a document to files of its repository, as they stand there, with the first line of their paragraph."""
    if PurePosixPath(path).suffix == ".rst":
        for match in _RST.finditer(text):
            yield Place(text.count("\n", 0, match.start(1)) + 1, match[1])
        return
    for token in _tokens(path, text):
        for child in token.children or ():
            target = child.attrGet("href" if child.type == "link_open" else "src")
            if child.type in {"link_open", "image"} and isinstance(target, str) and _is_of_files(target):
                yield Place((token.map or [0])[0] + 1, target)


def _is_of_files(target: str) -> bool:
    try:
        parts = urlsplit(target)
    except ValueError:  # brackets that are no address
        return False
    return bool(parts.path) and not parts.scheme and not parts.netloc


def places(files: Iterable[str]) -> frozenset[str]:
    """These files, and the folders that hold them."""
    found = set(files)
    for path in files:
        while (path := posixpath.dirname(path)) not in found and path:
            found.add(path)
    return frozenset(found)


def leads_nowhere(path: str, target: str, known: AbstractSet[str]) -> bool:
    """Whether a link of the document `path` leads to no file or folder of those that are `known`.

    What leads out of the repository is not looked at: `../../issues` is a page of GitHub's.
    """
    wanted = unquote(urlsplit(target).path)
    folder = "" if wanted.startswith("/") else posixpath.dirname(path)
    found = posixpath.normpath(posixpath.join(folder, wanted.lstrip("/")))
    if found == "." or found.startswith(".."):
        return False
    # Generators of documentation link to a page by its address, which has no ending.
    pages = (found, f"{found}.md", f"{found}.rst", f"{found.removesuffix('.html')}.md")
    return known.isdisjoint(pages)


def examples(path: str, text: str) -> Iterator[Place]:
    """Fenced examples of a document, with their first line."""
    for token in _tokens(path, text):
        if token.type == "fence" and (words := token.info.replace("{", " ").replace(",", " ").split()):
            yield Place((token.map or [0])[0] + 2, token.content, words[0].strip("}").lower())


def _tokens(path: str, text: str) -> Sequence[Token]:
    is_markdown = PurePosixPath(path).suffix in _MARKDOWN and len(text) <= MOST_CHARACTERS
    return MarkdownIt("commonmark", {"maxNesting": 50}).enable("table").parse(text) if is_markdown else ()


def mistake(example: Place) -> str:
    """Why an example is not of its language, in a few words; empty if it is, or that cannot be told."""
    check = _checks().get(example.language)
    if check is None or len(example.text) > MOST_CHARACTERS or ">>> " in example.text:
        return ""
    try:
        with _alone, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check(example.text)
    except (SyntaxError, ValueError, yaml.YAMLError) as error:
        return str(error).replace("\n", " ")[:200]
    except (RecursionError, MemoryError):
        return "it is nested too deeply"
    return ""


@cache
def _checks() -> dict[str, Callable[[str], object]]:
    checks: dict[str, Callable[[str], object]] = dict.fromkeys(["python", "py", "python3"], _compile)
    return checks | {"json": json.loads, "toml": tomllib.loads, "yaml": _events, "yml": _events}


def _compile(text: str) -> object:
    return compile(text, "example", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def _events(text: str) -> object:
    return [None for _ in yaml.parse(text, yaml.SafeLoader)]


def has_sessions(text: str) -> bool:
    """Whether a document shows sessions of Python that can be run again."""
    return re.search(r"^\s*>>> ", text, re.MULTILINE) is not None
