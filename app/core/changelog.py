"""The part of a change log that tells of the versions between two."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from packaging.version import InvalidVersion, Version

_NUMBER: Final = r"\[?v?(?P<version>\d+(?:\.\d+){0,3}(?:[-.+]?[A-Za-z][\w.+-]*)?)\]?"
_HEADING: Final = re.compile(
    rf"^(?P<mark>#{{1,6}}[ \t]+|\*\*)?[ \t]*(?:[A-Za-z][\w.-]*[ \t]+)?(?:version|release)?[ \t:]*{_NUMBER}(?![\w/])"
    r"(?P<rest>[^\n]{0,80})$",
    re.IGNORECASE | re.ASCII,
)
"""`## [2.0.0] - 2026-01-02`, `Version 2.0`, `v2.0.0 / 2026-01-02`, `requests 2.0 (released …)`."""
_UNDERLINE: Final = re.compile(r"^([=~^+*\"'-])\1{2,}[ \t]*$")
_DATED: Final = re.compile(
    r"^[ \t]*(?:[-/:,(\u2013\u2014]?[ \t]*(?:released?|unreleased|\d{4}|\d{1,2}[ ./-])[^\n]*)?$", re.IGNORECASE
)
"""What may stand behind a version that is a heading without a mark: nothing, or a date."""
_DATE: Final = re.compile(
    r"[ \t*#]*(?:(?:un)?released?\b[ \t:]*(?:on[ \t]+)?|date[ \t:]+)?\d{4}-\d{2}-\d{2}", re.IGNORECASE
)
"""A line of its own that tells when, and no version."""
_MOST: Final = 2_000_000
"""Characters that are looked at: change logs of thirty years have about a million."""


def between(text: str, before: str, after: str) -> str:
    """The sections of versions above `before` up to `after`, as they stand; empty if there are none.

    Without `before` only that of `after`.
    """
    high, low = _version(after), _version(before)
    if high is None:
        return ""
    lines = text[:_MOST].replace("\r\n", "\n").split("\n")
    heads = [*_heads(lines), (len(lines), None)]
    parts = []
    for (begin, version), (end, _) in pairwise(heads):
        if version is not None and (low < version <= high if low is not None else version == high):
            parts.append("\n".join(lines[begin:end]).strip())
    return "\n\n".join(parts)


def _heads(lines: list[str]) -> Iterator[tuple[int, Version | None]]:
    for number, line in enumerate(lines):
        if len(line) > 200 or _DATE.match(line) or not (found := _HEADING.match(line)):
            continue
        is_underlined = number + 1 < len(lines) and _UNDERLINE.match(lines[number + 1]) is not None
        if (found["mark"] or is_underlined or _DATED.match(found["rest"])) and (version := _version(found["version"])):
            yield number, version


def _version(text: str) -> Version | None:
    """Semantic versions are read as Python's, which differ in nothing that orders releases."""
    try:
        return Version(text)
    except InvalidVersion:
        found = re.match(r"v?\d+(?:\.\d+)*", text)
        return Version(found[0]) if found else None
