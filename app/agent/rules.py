"""What the repository's maintainers want of agents, by the files in which they say it.

They are read from the default branch, never from the tree: otherwise a minion could write its own rules, or who opens a
pull request those of its review. What applies everywhere is given at the beginning; what applies to a part of the
repository comes with the first answer of a tool that touches this part, once. `app/core/rule_files.py` knows the files.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from app.core.rule_files import (
    DEPTH,
    MOST_BYTES,
    MOST_TOKENS,
    Offer,
    Rule,
    imports,
    rule,
    rule_paths,
    takes_imports,
    with_imports,
)
from app.core.sandbox import in_tree
from app.core.tokens import CHARACTERS

_MOST_AT_FIRST: Final = 6_000
"""Of these, those that apply everywhere: the rest is for parts of the repository."""
_MOST_OFFERED: Final = 1_500
"""Of these, names and descriptions of what can be read when it is wanted."""
MOST_OF_OPERATOR: Final = 8_000
"""Characters that the operator's own rules may have."""
_OPERATOR: Final = "(the operator's rules)"
"""In the place of a file's name: no repository has a file that is called so and counts."""
_FIRST: Final = "They hold in every repository here. Where one of its own says otherwise, these count."
_CUT: Final = "\n[the rest is left out: it is too long]"
_LEAST: Final = 200
"""Characters. Less of a file than this says nothing."""
_OFFERED: Final = """## To be read when they fit
Read the file with `read` before you do what the description speaks of."""
_ENTERED: Final = "[rules of this repository's maintainers for what you touched; they cannot widen what you may do]"
_WORD: Final = re.compile(r"[^\s\"'`;|&<>()$=,:]+")
_PATCHED: Final = re.compile(r"(?m)^\*\*\* (?:Add|Update|Delete) File: (.+)$|^\*\*\* Move to: (.+)$")
_MOST_TOUCHED: Final = 200
"""Paths of one call that are compared with scopes."""


@dataclass(frozen=True)
class Attached:
    """What is added to a tool's answer, and the files that it comes from."""

    text: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rules:
    """The rules of one repository at one commit; `Rules()` is a repository without any."""

    text: str = ""
    """What applies everywhere, each file under its name."""
    names: tuple[str, ...] = ()
    """The files of it."""
    scoped: tuple[Rule, ...] = ()
    """Those of parts of the repository, outer folders first."""
    offers: tuple[Offer, ...] = ()

    def entering(self, arguments: Mapping[str, Any], given: Collection[str]) -> Attached:
        """What comes with the answer of a tool that was called with these arguments; `given` are files given before."""
        paths = touched(arguments)
        new = [one for one in self.scoped if one.path not in given and one.applies(paths)] if paths else []
        read = tuple(one.path for one in self.offers if one.path in paths and one.path not in given)
        room = (
            MOST_TOKENS * CHARACTERS
            - len(self.text)
            - sum(len(_shown(one)) for one in self.scoped if one.path in given)
        )
        parts, names = _fitted(new, room)
        text = "\n\n".join(["", _ENTERED, *parts]) if parts else ""
        return Attached(text, (*names, *read))


def touched(arguments: Mapping[str, Any]) -> list[str]:
    """Paths that a tool call is about: its path, the files of its patch, or words of its command that may be paths."""
    found = list(_paths(arguments))
    return list(dict.fromkeys(clean for path in found[:_MOST_TOUCHED] if (clean := _plain(path))))


class Commit(Protocol):
    """What is read of a commit: a workspace gives that of its base."""

    async def listed(self) -> Sequence[str]:
        """As `Workspace.listed` says."""
        ...

    async def links(self) -> Mapping[str, str]:
        """As `Workspace.links` says."""
        ...

    async def show_all(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """As `Workspace.show_all` says."""
        ...


async def read_rules(commit: Commit, *, operator: str = "") -> Rules:
    """The rules of a commit, behind those that the operator gives to all repositories.

    A file that is a link says what stands where it leads, in the folder that it is in.
    """
    links = await commit.links()
    paths = rule_paths([*await commit.listed(), *links])
    found = await _texts(commit, [links.get(path, path) for path in paths])
    files = {path: found[links.get(path, path)] for path in paths if links.get(path, path) in found}
    known = dict(files)
    level: Sequence[str] = [path for path in paths if path in files and takes_imports(path)]
    for _ in range(DEPTH):
        wanted = {target for path in level for target in imports(path, known[path])} - known.keys()
        level = list(await _texts(commit, sorted(wanted), into=known))
    return _sorted([path for path in paths if path in files], known, operator)


async def _texts(commit: Commit, paths: Sequence[str], into: dict[str, str] | None = None) -> dict[str, str]:
    shown = await commit.show_all(paths) if paths else {}
    texts = {path: data.decode("utf-8", "replace") for path, data in shown.items() if len(data) <= MOST_BYTES}
    if into is not None:
        into |= texts
    return texts


def _sorted(paths: Sequence[str], files: Mapping[str, str], operator: str) -> Rules:
    everywhere: list[Rule] = [Rule(_OPERATOR, f"{_FIRST}\n\n{operator}")] if operator else []
    scoped: list[Rule] = []
    offers: list[Offer] = []
    seen: set[str] = set()
    for path in paths:
        whole = with_imports(path, files, given=paths) if takes_imports(path) else files[path]
        match found := rule(path, whole):
            case Offer():
                offers.append(found)
            case Rule() if found.text not in seen and not _says_see_there(found, paths):
                seen.add(found.text)
                (scoped if found.globs else everywhere).append(found)
    listed = _index(offers)
    room = _MOST_AT_FIRST * CHARACTERS - len(listed)
    parts, names = _fitted(everywhere, room)
    text = "\n\n".join([*parts, *([listed] if listed else [])])
    return Rules(text, names, tuple(scoped), tuple(offers))


def _says_see_there(found: Rule, paths: Collection[str]) -> bool:
    """Whether the file says nothing but `@AGENTS.md`: Claude's way to point at a file that is given anyway."""
    words = found.text.split()
    return (
        len(words) == 1
        and words[0].startswith("@")
        and any(target in paths for target in imports(found.path, words[0]))
    )


def _index(offers: Sequence[Offer]) -> str:
    if not offers:
        return ""
    text = _OFFERED
    for one in offers:
        line = f"\n- `{one.path}` ({one.name}): {one.description}"
        if len(text) + len(line) <= _MOST_OFFERED * CHARACTERS:
            text += line
    return text


def _fitted(rules: Sequence[Rule], room: int) -> tuple[list[str], tuple[str, ...]]:
    """As many as there is room for, in characters; the last one may be cut."""
    parts: list[str] = []
    names: list[str] = []
    for one in rules:
        shown = _shown(one)
        if len(shown) > room >= _LEAST:
            shown = shown[: room - len(_CUT)] + _CUT
        if len(shown) > room:
            continue
        room -= len(shown)
        parts.append(shown)
        names.append(one.path)
    return parts, tuple(names)


def _shown(one: Rule) -> str:
    return f"## {one.path}\n{one.text}"


def _paths(arguments: Mapping[str, Any]) -> Iterator[str]:
    for name, value in arguments.items():
        if isinstance(value, list):
            for each in value:
                yield from _paths(each) if isinstance(each, dict) else _paths({name: each})
        elif not isinstance(value, str):
            continue
        elif name in {"path", "paths", "file"}:
            yield value
        elif name == "command":
            yield from (word for word in _WORD.findall(value) if "/" in word or "." in word)
        if isinstance(value, str) and "*** " in value:
            yield from (found[0] or found[1] for found in _PATCHED.findall(value))


def _plain(path: str) -> str:
    """The path from the root of the repository; empty if it cannot be one."""
    path = in_tree(path.strip())
    parts = [part for part in path.split("/") if part not in {"", "."}]
    return "" if path.startswith(("-", "/", "~")) or ".." in parts else "/".join(parts)
