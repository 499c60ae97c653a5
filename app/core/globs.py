"""Globs for paths, as people know them from `.gitignore`."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

_PARTS: Final = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|[^*?/]+|/")


def matches(path: str, globs: Iterable[str]) -> str:
    """The first of `globs` that `path` falls under; empty if none.

    `*` and `?` stop at `/`, `**` does not. A glob with a `/` before its end starts at the root, one without may match
    at any depth; a folder stands for all that is in it. Case does not count: some file systems do not tell it apart.
    """
    folded = path.casefold()
    return next((glob for glob in globs if _falls_under(folded, *_parsed(glob))), "")


@lru_cache(maxsize=1_000)
def _parsed(glob: str) -> tuple[bool, tuple[str, ...]]:
    """Whether the glob starts at the root, and its parts, where stars in a row count once."""
    trimmed = glob.strip().removeprefix("./").rstrip("/").casefold()
    parts: list[str] = []
    for part in _PARTS.findall(trimmed.removeprefix("/")):
        if parts[-1:] != [part] or "*" not in part:
            parts.append(part)
    return "/" in trimmed, tuple(parts)


def _falls_under(path: str, is_anchored: bool, parts: Iterable[str]) -> bool:  # noqa: FBT001 - as it was parsed
    """Follows all ways of reading the path at once. A regular expression would try them one by one, for years."""
    at = {0} if is_anchored else _after_slashes(path, 0)
    for part in parts:
        at = _beyond(path, part, at)
        if not at:
            return False
    return any(place == len(path) or path[place] == "/" for place in at)


def _beyond(path: str, part: str, at: set[int]) -> set[int]:
    """Where one can stand after a part of the glob, from any of the places before it."""
    match part:
        case "**/":
            return at | _after_slashes(path, min(at))
        case "**":
            return set(range(min(at), len(path) + 1))
        case "/**":
            slashes = [place for place in at if path.startswith("/", place)]
            return set(range(min(slashes) + 1, len(path) + 1)) if slashes else set()
        case "*":
            return _within_names(path, at)
        case "?":
            return {place + 1 for place in at if place < len(path) and path[place] != "/"}
        case _:
            return {place + len(part) for place in at if path.startswith(part, place)}


def _within_names(path: str, at: set[int]) -> set[int]:
    reached: set[int] = set()
    done = 0
    for place in sorted(at):
        if place >= done:
            slash = path.find("/", place)
            done = (len(path) if slash < 0 else slash) + 1
            reached.update(range(place, done))
    return reached


def _after_slashes(path: str, start: int) -> set[int]:
    return {start} | {place + 1 for place in range(start, len(path)) if path[place] == "/"}
