"""The repository's own template for pull requests: our sections go under its headings where they fit."""

import re
from collections.abc import Mapping
from typing import Final

from app.core.hidden import strip_hidden

_MOST: Final = 10_000
"""Characters of a template that are used."""
_HEADING: Final = re.compile(r" {0,3}#{1,6}\s+(\S.*)")
_FENCE: Final = re.compile(r" {0,3}(```|~~~)")

_FITS: Final[Mapping[str, re.Pattern[str]]] = {
    "evidence": re.compile(r"\b(test(s|ed|ing)?|check(s|ed)?|verif\w*|proof|evidence|qa)\b", re.IGNORECASE),
    "risks": re.compile(r"\b(risks?|limitations?|caveats?|breaking|follow.?ups?)\b", re.IGNORECASE),
    "asked": re.compile(r"\b(why|motivation|context|background|problem|related|issue)\b", re.IGNORECASE),
    "done": re.compile(r"\b(what|changes?|summary|description|proposed|overview|details)\b", re.IGNORECASE),
}
"""Which of our sections fits under a heading that has such a word; the first that fits is taken."""


def filled(template: str, sections: Mapping[str, str]) -> tuple[str, frozenset[str]]:
    """The template with our `sections` under its empty headings, each once; and the names of those that found a place.

    What the template leaves open (a fence, a `<details>`) is closed, so that nothing after it is swallowed.
    """
    lines = strip_hidden(template).strip()[:_MOST].split("\n")
    if lines == [""]:
        return "", frozenset()
    made: list[str] = []
    used: set[str] = set()
    fence = ""
    for number, line in enumerate(lines):
        made.append(line)
        if mark := _FENCE.match(line):
            fence = "" if fence == mark[1] else fence or mark[1]
        heading = _HEADING.match(line)
        if fence or not heading or not _is_empty(lines[number + 1 :]):
            continue
        name = next((name for name, words in _FITS.items() if sections.get(name) and words.search(heading[1])), "")
        if name and name not in used:
            used.add(name)
            made += ["", sections[name]]
    text = "\n".join(made)
    details = text.lower().count("<details") - text.lower().count("</details")
    return text + (f"\n{fence}" if fence else "") + "\n</details>" * max(details, 0), frozenset(used)


def _is_empty(rest: list[str]) -> bool:
    """Whether nothing stands between a heading and the next one."""
    following = next((line for line in rest if line.strip()), "# the end")
    return _HEADING.match(following) is not None
