"""Text that a reader on GitHub does not see, and that a model must not see either."""

import unicodedata

_INVISIBLE_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""Letters and marks that draw nothing: the combining grapheme joiner and the fillers of Hangul and Khmer."""


def strip_hidden(text: str) -> str:
    """Answer with `text` without HTML comments and without characters that draw nothing or turn the reading direction.

    Line ends become line feeds. HTML comments go in code blocks, too: only a renderer could tell those apart.
    A comment that is never closed hides everything behind it, so everything behind it goes.
    """
    return "".join(_shown(_without_comments(_plain_lines(text))))


def one_line(text: str) -> str:
    """Answer with the visible part of `text` on one line, with single spaces."""
    return " ".join(strip_hidden(text).split())


def _plain_lines(text: str) -> str:
    for line_end in ("\r\n", "\r", "\u2028", "\u2029"):
        text = text.replace(line_end, "\n")
    return text


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


def _shown(text: str) -> list[str]:
    return [character for character in text if character in "\n\t" or not _is_hidden(character)]


def _is_hidden(character: str) -> bool:
    # Cc: control; Cf: zero-width, direction, soft hyphen, tags; Cs: half a character.
    if unicodedata.category(character) in {"Cc", "Cf", "Cs"} or character in _INVISIBLE_LETTERS:
        return True
    # Variation selectors: a whole message can be written in them behind one visible letter.
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
