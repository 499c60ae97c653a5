"""What is to be updated, read from the words of an issue as people and bots write them."""

import re
from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel

MOST: Final = 10
"""Packages in one run: who wants more of them at once gets a change that nobody can review."""
_MOST_TEXT: Final = 20_000
"""Characters of a text that are looked at."""

NAME: Final = re.compile(r"(?:@[A-Za-z0-9~][\w.~-]{0,100}/)?[A-Za-z0-9~][\w.~/-]{0,200}", re.ASCII)
"""Of any ecosystem: `requests`, `@types/node`, `github.com/stretchr/testify`. It holds nothing that a shell expands."""
VERSION: Final = re.compile(r"v?[0-9][0-9A-Za-z.+!_-]{0,60}", re.ASCII)

_VERSION: Final = r"[`\"']?(?:[=~^<>! ]{1,3})?(?P<NAME>v?[0-9][0-9A-Za-z.+!_-]{0,60})[`\"']?"
_WISH: Final = re.compile(
    r"\b(?:updat|upgrad|bump|rais)(?:e|es|ing|s)?\b[ \t]+"
    r"(?:(?:the|our|a|dependency|dependencies|package|requirement|library|module|crate)[ \t]+){0,3}"
    r"[`\[\"']{0,2}(?P<name>(?:@[A-Za-z0-9~][\w.~-]{0,100}/)?[A-Za-z0-9~][\w.~/-]{0,200})[`\"']?(?:\]\([^)\s]{0,300}\))?`?"
    r"(?:[ \t]+(?:requirement|package|dependency|library))?"
    rf"(?:[ \t]+from[ \t]+{_VERSION.replace('NAME', 'before')})?"
    rf"(?:[ \t]+to[ \t]+(?:version[ \t]+)?{_VERSION.replace('NAME', 'version')})?",
    re.IGNORECASE | re.ASCII,
)
"""`Bump requests from 2.28.1 to 2.31.0`, `Update dependency left-pad to v2`, `Updates [express](https://…) to 5`."""
_FILLING: Final = frozenset({"the", "our", "all", "to", "from", "it", "them", "dependencies", "packages", "versions"})


class Wish(BaseModel, frozen=True):
    """A package that is to be updated."""

    name: str
    version: str = ""
    """Without a `v` before it; empty if the newest is wanted."""
    before: str = ""
    """Where the words say that it stands."""


def wishes(*texts: str) -> tuple[Wish, ...]:
    """What the texts ask for, each package once; the first text that names a package says which version.

    A name may turn out to be no package at all ("update the README"): who asks looks it up.
    """
    found: dict[str, Wish] = {}
    for text in texts:
        for wish in _in(text[:_MOST_TEXT]):
            known = found.get(wish.name.lower())
            if known is None or (wish.version and not known.version):
                found[wish.name.lower()] = wish
    return tuple(found.values())[: MOST * 3]


def _in(text: str) -> Iterator[Wish]:
    for match in _WISH.finditer(text):
        name = match["name"].rstrip("./-")
        if name.lower() not in _FILLING:
            yield Wish(name=name, version=_plain(match["version"]), before=_plain(match["before"]))


def _plain(version: str | None) -> str:
    """Without the full stop of the sentence and without a `v`."""
    return (version or "").rstrip(".-_+").removeprefix("v").removeprefix("V")
