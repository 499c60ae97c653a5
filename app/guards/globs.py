"""Globs for paths, as people know them from `.gitignore`."""

import re
from collections.abc import Iterable


def matches(path: str, globs: Iterable[str]) -> str:
    """The first of `globs` that `path` falls under; empty if none.

    `*` and `?` stop at `/`, `**` does not. A glob with a `/` before its end starts at the root, one without may match
    at any depth; a folder stands for all that is in it. Case does not count: some file systems do not tell it apart.
    """
    return next((glob for glob in globs if _regex(glob).fullmatch(path)), "")


def _regex(glob: str) -> re.Pattern[str]:
    trimmed = glob.strip().removeprefix("./").rstrip("/")
    is_anchored = "/" in trimmed
    trimmed = trimmed.removeprefix("/")
    pattern = ""
    for part in re.findall(r"\*\*/|/\*\*$|\*\*|\*|\?|[^*?/]+|/", trimmed):
        pattern += _PARTS.get(part) or re.escape(part)
    start = "" if is_anchored else "(?:.*/)?"
    return re.compile(f"{start}{pattern}(?:/.*)?", re.IGNORECASE | re.DOTALL)


_PARTS = {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
