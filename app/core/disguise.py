"""Texts in which a secret is not written as it is: in pieces, in escapes, or encoded."""

import base64
import binascii
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

_GLUE: Final = re.compile(
    r"""(?P<quote>['"`])[ \t]*(?:\\?\r?\n[ \t]*)?"""
    r"""(?:(?:\+|\.\.?|&|<>|,)[ \t]*(?:\\?\r?\n[ \t]*)?)?[rbfuRBFU]{0,2}(?P=quote)"""
    r"""|\\\r?\n[ \t]*"""
)
"""What stands between the pieces of one text: quotation marks with at most an operator, or a line that goes on."""
_ESCAPED: Final = re.compile(r"(?:\\x[0-9A-Fa-f]{2}|\\u00[0-9A-Fa-f]{2}|\\u\{[0-9A-Fa-f]{2}\}){8,}")
_CODE: Final = re.compile(r"[0-9A-Fa-f]{2}(?=\\|\}|$)")
_BASE64: Final = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{28,4000}={0,2}(?![A-Za-z0-9+/_=-])")
_HEX: Final = re.compile(r"(?<![A-Za-z0-9])(?:[0-9A-Fa-f]{2}){20,2000}(?![A-Za-z0-9])")
_PLAIN: Final = re.compile(r"[\x20-\x7e\s]+")
Told = tuple[str, int]
"""A text, and where in the other it begins."""


def glued(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text with its pieces together; and for each piece where it begins in it, and in the text."""
    kept, begins = list[str](), list[int]()
    at = 0
    for glue in _GLUE.finditer(text):
        kept.append(text[at : glue.start()])
        begins.append(at)
        at = glue.end()
    kept.append(text[at:])
    begins.append(at)
    starts = accumulate((len(piece) for piece in kept[:-1]), initial=0)
    return "".join(kept), list(zip(starts, begins, strict=True))


def decoded(text: str) -> Iterator[Told]:
    """What is written in escapes, in base64 or in hexadecimal digits, as far as it is plain text."""
    for match in _ESCAPED.finditer(text):
        yield "".join(chr(int(code, 16)) for code in _CODE.findall(match[0])), match.start()
    for match in _HEX.finditer(text):
        yield from _as_text(bytes.fromhex(match[0]), match.start())
    for match in _BASE64.finditer(text):
        word = match[0].rstrip("=").replace("-", "+").replace("_", "/")
        try:
            yield from _as_text(base64.b64decode(word + "=" * (-len(word) % 4)), match.start())
        except (binascii.Error, ValueError):
            continue


def _as_text(data: bytes, at: int) -> Iterator[Told]:
    said = data.decode("ascii", "replace")
    if _PLAIN.fullmatch(said):
        yield said, at
