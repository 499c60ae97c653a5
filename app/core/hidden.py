"""Text that a reader on GitHub does not see, and that a model must not see either."""

import re
from typing import Final

from app.core.visible import visible

_VARIATION: Final = re.compile("[\ufe00-\ufe0f]")
"""Variation selectors: a whole message can be written in them behind one visible letter."""


def strip_hidden(text: str) -> str:
    """Answer with `text` without HTML comments and without characters that draw nothing or turn the reading direction.

    HTML comments go in code blocks, too: only a renderer could tell those apart. A comment that is never closed hides
    everything behind it, so everything behind it goes.
    """
    return visible(_VARIATION.sub("", _without_comments(text)))


def one_line(text: str) -> str:
    """Answer with the visible part of `text` on one line, with single spaces."""
    return " ".join(strip_hidden(text).split())


def _without_comments(text: str) -> str:
    kept: list[str] = []
    at = 0
    while (start := text.find("<!--", at)) >= 0:
        kept.append(text[at:start])
        # From the first dash on: `<!-->` is a whole comment for a browser.
        end = text.find("-->", start + 2)
        if end < 0:
            return "".join(kept)
        at = end + len("-->")
    kept.append(text[at:])
    return "".join(kept)
