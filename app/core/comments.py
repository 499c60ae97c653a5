"""What is left of a file without its comments: what a program reads, as far as patterns tell it.

Patterns, and no parsers: the text was written by strangers, and is in a dozen languages. Where they are wrong, they are
wrong about the text before a change and after it alike.
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from app.core.kinds import is_document, language

_DOCSTRING: Final = re.compile(
    r"^[ \t]*[rRuU]?(?P<quotes>\"\"\"|''')(?:\\.|(?!(?P=quotes))[^\\])*(?P=quotes)[ \t]*$"
    r"|^[ \t]*\"(?:\\.|[^\"\\\n])*\"[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
"""A text that is a statement of its own."""
_TEXT: Final = r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
_HASH: Final = re.compile(
    rf"(?P<text>\"\"\"(?:\\.|(?!\"\"\")[^\\])*\"\"\"|'''(?:\\.|(?!''')[^\\])*'''|{_TEXT})|(?:^|(?<=\s))\#[^\n]*",
    re.MULTILINE | re.DOTALL,
)
_SLASHES: Final = re.compile(
    rf"(?P<text>`(?:\\.|[^`\\])*`|{_TEXT})|(?:^|(?<=[\s;{{}}(),]))//[^\n]*|/\*.*?(?:\*/|\Z)", re.MULTILINE | re.DOTALL
)
_COMMENTS: Final = {
    "hash": _HASH,
    "slashes": _SLASHES,
    "dashes": re.compile(rf"(?P<text>{_TEXT})|--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL),
    "tags": re.compile(r"(?P<text>(?!))|<!--.*?(?:-->|\Z)", re.DOTALL),
}
_ENDS: Final = {
    **dict.fromkeys([".toml", ".yaml", ".yml", ".ini", ".cfg", ".conf", ".txt", ".in", ".env", ".mk", ".r"], "hash"),
    **dict.fromkeys([".jsonc", ".json5", ".css", ".scss", ".less", ".proto", ".gradle", ".mod"], "slashes"),
    **dict.fromkeys([".sql", ".lua", ".hs"], "dashes"),
    **dict.fromkeys([".html", ".xml", ".svg"], "tags"),
}
"""Files that are no source code of a language by the end of their name."""
_HASHED: Final = frozenset(["python", "ruby", "shell", "elixir"])
_NAMED: Final = frozenset(["Makefile", "Dockerfile", "Gemfile", "Rakefile", "justfile", "Procfile", ".gitignore"])
_MEANT: Final = re.compile(
    r"\A(?:#!|#.*\bcoding[:=]|#\s*(?:type:|frozen_string_literal|syntax=|cython:|distutils:)"
    r"|//go:|//\s*\+build|///\s*<|/[/*].*(?:@jsx|@flow|@license|sourceMappingURL)|<!--\s*\[if)"
)
"""Comments that programs read."""


def bare(path: str, text: str) -> Sequence[str]:
    """The lines of a file that are more than blanks and comments, without what is comment in them.

    Of documentation all lines that are not blank: people read them.
    """
    if language(path) == "python":
        text = _DOCSTRING.sub("", text)
    if pattern := _pattern(path):
        text = pattern.sub(lambda found: found[0] if found["text"] or _MEANT.match(found[0]) else "", text)
    keeps_indents = not pattern or pattern is _HASH
    lines = (line.rstrip() if keeps_indents else " ".join(line.split()) for line in text.split("\n"))
    return [line for line in lines if line]


def _pattern(path: str) -> re.Pattern[str] | None:
    name = PurePosixPath(path)
    if (kind := language(path)) and path.rpartition(".")[2] not in {"vue", "svelte"}:
        return _COMMENTS["hash" if kind in _HASHED else "slashes"]
    if name.name in _NAMED:
        return _COMMENTS["hash"]
    return None if is_document(path) else _COMMENTS.get(_ENDS.get(name.suffix.lower(), ""))
