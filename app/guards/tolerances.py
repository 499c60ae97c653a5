"""How near a test wants a number to be, and how much it wants of an error: what it may be content with."""

import math
import re
from typing import Final

_NUMBER: Final = r"(-?\d[\d_]{0,20}(?:\.\d{0,20})?(?:[eE][+-]?\d{1,3})?)"
_ABSOLUTE: Final = re.compile(
    rf"\b(?:abs|delta|atol|abs_tol|tol|tolerance|eps|epsilon)\s*[=:]\s*{_NUMBER}"
    rf"|\b(?:InDelta|InEpsilon)f?\(.{{1,200}},\s*{_NUMBER}\s*[,)]|\bbe_within\(\s*{_NUMBER}|\bepsilon\s*=\s*{_NUMBER}"
)
_RELATIVE: Final = re.compile(rf"\b(?:rel|rtol|rel_tol|max_relative)\s*=\s*{_NUMBER}")
_DIGITS: Final = re.compile(
    rf"\bplaces\s*=\s*{_NUMBER}|\.toBeCloseTo\([^()]{{1,200}},\s*{_NUMBER}\s*\)|\bdecimal\s*=\s*{_NUMBER}"
)
_MUCH: Final = 10.0
"""Times that a tolerance may grow before it says less; what is a half, or 1, is no tolerance at all."""
_RAISES: Final = re.compile(r"[rR]aises\w*\(|\.toThrow\w*\(|\bassert\.(?:throws|rejects)\(|should_panic")
_SAYS_WHICH: Final = re.compile(
    r"\bmatch\s*=\s*(?!r?(['\"])(?:\.[*+]|)\1)|[rR]aisesRegex\w*\(|\.toThrow\w*\(\s*[^\s)]|\bassert\.(?:throws|rejects)\(.*,\s*[/{]"
    r"|should_panic\(\s*expected"
)


def is_looser(before: str, after: str) -> bool:
    """Whether a test that said `before` lets more numbers pass, or more errors, now that it says `after`."""
    return (
        _grew(_absolute(before), _absolute(after), enough=1.0)
        or _grew(_largest(_RELATIVE, before), _largest(_RELATIVE, after), enough=0.5)
        or _asks_less_of_errors(before, after)
    )


def _grew(before: float, after: float, *, enough: float) -> bool:
    return after > before * _MUCH if before else after >= enough


def _absolute(text: str) -> float:
    digits = [_float(found) for match in _DIGITS.findall(text) for found in match if found]
    return max([_largest(_ABSOLUTE, text), *(0.5 * math.pow(10.0, -max(min(places, 300), -300)) for places in digits)])


def _largest(pattern: re.Pattern[str], text: str) -> float:
    found = [match if isinstance(match, str) else next(filter(None, match), "") for match in pattern.findall(text)]
    return max((_float(each) for each in found), default=0.0)


def _float(text: str) -> float:
    return float(text.replace("_", ""))


def _asks_less_of_errors(before: str, after: str) -> bool:
    """As many errors are wanted, and of fewer of them it is said which."""
    count = len(_RAISES.findall(after))
    return count >= len(_RAISES.findall(before)) > 0 and len(_SAYS_WHICH.findall(after)) < len(
        _SAYS_WHICH.findall(before)
    )
