"""Arguments of tool calls as models write them: mostly JSON, sometimes nearly."""

import ast
import json
import math
import re
from contextlib import suppress
from typing import Final

_FENCE: Final = re.compile(r"\A\s*```[a-z]*\n(.*?)\n?```\s*\Z", re.DOTALL)
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]|,(?=\s*[\]}])', re.DOTALL)
"""A string, a bracket, or a comma with nothing behind it."""
_MOST_REPAIRED: Final = 200_000
"""Characters. What is longer is asked for again."""


def parsed(text: str, *, may_be_cut: bool = False) -> object:
    """What the text means; the text itself if it means nothing.

    Repaired are: line breaks in strings, a fence around it, commas too many, Python's way to write it; and an end that
    is missing, but only if `may_be_cut`, which must be said of nothing that changes anything.
    """
    with suppress(ValueError, RecursionError):
        return _loaded(text)
    if len(text) > _MOST_REPAIRED:
        return text
    fenced = _FENCE.match(text)
    bare = _without_commas(fenced[1] if fenced else text)
    for attempt in (bare, *([_closed(bare)] if may_be_cut else [])):
        with suppress(ValueError, RecursionError):
            return _loaded(attempt, strict=False)
    with suppress(ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        value = _loaded(json.dumps(ast.literal_eval(bare.strip())))
        return value if isinstance(value, dict) else text
    return text


def is_object(text: object) -> bool:
    """Whether it is an object in JSON as everybody reads it: without Infinity and NaN, which only Python knows."""
    with suppress(ValueError, RecursionError):
        return isinstance(text, str) and isinstance(value := _loaded(text), dict) and json.loads(text) == value
    return False


def _loaded(text: str, *, strict: bool = True) -> object:
    """The value, with nothing in the place of numbers that JSON does not know."""
    return json.loads(text, strict=strict, parse_constant=lambda _: None, parse_float=_finite)


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _without_commas(text: str) -> str:
    return _TOKEN.sub(lambda token: "" if token[0] == "," else token[0], text)


def _closed(text: str) -> str:
    """The text with the string, the lists and the objects closed that are open at its end."""
    rest = _TOKEN.sub(lambda token: token[0] if token[0] in "[]{}" else "", text)
    open_ones: list[str] = []
    for character in rest:
        if character in "[{":
            open_ones.append("]" if character == "[" else "}")
        elif character in "]}" and open_ones:
            open_ones.pop()
        elif character == '"':  # the one that has no end: everything behind it is in the string
            return text.rstrip("\\") + '"' + "".join(reversed(open_ones))
    return text.rstrip().rstrip(",") + "".join(reversed(open_ones))
