"""Leave of a text what a person can see: no terminal codes, no control, zero-width or direction characters."""

import re
from typing import Final

_TERMINAL: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b]{0,4000}(?:\x07|\x1b\\)?"  # OSC and friends: titles, links
    r"|\x1b[ -/]*[0-~]?"
)
_LINE_END: Final = re.compile("\r\n|\r(?!\n)|[\x0b\x0c\x85\u2028\u2029]")
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f"  # C0 (but tab and newline), delete, C1
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # soft hyphen, joiners, fillers, Arabic letter mark
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"  # zero width, direction, tags of old
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"  # musical format, tags: whole sentences can hide in them
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def visible(text: str) -> str:
    """The text with line feeds as line ends, without what cannot be seen; lone surrogates become U+FFFD. Idempotent."""
    text = _TERMINAL.sub("", text)
    text = _LINE_END.sub("\n", text)
    return _SURROGATE.sub("\ufffd", _UNSEEN.sub("", text))
