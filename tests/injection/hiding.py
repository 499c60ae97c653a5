"""Ways to write words so that people do not see them, and a reader who finds them all the same."""

import re
from typing import Final

_TAGS: Final = 0xE0000
_SELECTORS: Final = (0xFE00, 0xE0100 - 16)
_BITS: Final = ("\u200b", "\u200c")
_UNSEEN: Final = re.compile("[\u200b-\u200f\u2060-\u2064\ufeff\u00ad\u202a-\u202e\u2066-\u2069]")


def in_tags(text: str) -> str:
    """As tag characters, which draw nothing."""
    return "".join(chr(_TAGS + ord(letter)) for letter in text)


def in_selectors(text: str) -> str:
    """As variation selectors behind a smiley, a byte each."""
    return "\U0001f600" + "".join(chr(_SELECTORS[byte >= 16] + byte) for byte in text.encode())


def in_bits(text: str) -> str:
    """As two kinds of zero-width characters."""
    return "".join(_BITS[bit == "1"] for byte in text.encode() for bit in f"{byte:08b}")


def backwards(text: str) -> str:
    """Back to front, behind a character that turns the reading direction: people read it as it was."""
    return f"\u202e{text[::-1]}\u202c"


def with_gaps(text: str) -> str:
    """With characters of no width in between, so that no filter for the words finds them."""
    return "\u200d".join(text)


def found(text: str) -> str:
    """The text, and everything that is hidden in it."""
    parts = [text, _UNSEEN.sub("", text)]
    parts.append("".join(chr(ord(letter) - _TAGS) for letter in text if _TAGS < ord(letter) < _TAGS + 0x80))
    values = [ord(letter) - _SELECTORS[ord(letter) >= _TAGS] for letter in text if _is_selector(letter)]
    parts.append(bytes(values).decode("utf-8", "replace"))
    bits = "".join(str(_BITS.index(letter)) for letter in text if letter in _BITS)
    parts.append(bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)).decode("utf-8", "replace"))
    if "\u202e" in text:
        parts.append(text[::-1])
    return "\n".join(parts)


def _is_selector(letter: str) -> bool:
    return 0xFE00 <= ord(letter) <= 0xFE0F or 0xE0100 <= ord(letter) <= 0xE01EF
