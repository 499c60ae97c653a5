"""What makes a failing test look like one that passed: by itself on its line, or around a check."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from app.guards.suites import check_in

_ALONE: Final = re.compile(
    r"\|\|\s*(?:true|:|exit 0)(?=\s|$|[\"';)])|--passWithNoTests|^\s*set \+e\b|\bos\._exit\(|\bsys\.exit\(\s*0?\s*\)"
    r"|except\s+AssertionError\b|except\s*:\s*$|suppress\((?:AssertionError|Exception|BaseException)\)"
    r"|except\s*\([^)]*\b(?:AssertionError|BaseException)\b|\bos\.Exit\(\s*0\s*\)"
    r"|\bprocess\.exit\(\s*0?\s*\)|\bpython[0-9.]*\s+(?:-\w+\s+)*-OO?\b|\bPYTHONOPTIMIZE\b"
    r"|--(?:deselect|ignore|ignore-glob)[= ]|catch\s*(?:\([^)]*\))?\s*\{\s*\}|\.catch\(\s*\([^)]*\)\s*=>\s*\{\s*\}\s*\)"
    r"|\bdefer func\(\) \{\s*(?:_\s*=\s*)?recover\(\)\s*\}\(\)|^\s*(?:_\s*=\s*)?recover\(\)\s*;?\s*$"
    r"|^\s*let _ = .*\bcatch_unwind\(|\bmark\.flaky\b|^\s*@flaky\b|\bretryTimes\(\s*[1-9]"
    r"|\btry\s*\{.*\b(?:expect|assert)\b.*\}\s*catch\b[^{]*\{(?!.*\b(?:expect|assert|throw|fail)\b)"
)
_MADE: Final = re.compile(
    r"^\.IGNORE\b|^\s*(?:override\s+)?MAKEFLAGS\b.*=\s*(?:.*\s)?(?:-?[a-zA-Z]*[ink](?=\s|$)|--(?:ignore-errors|keep-going))"
    r"|^\s*SHELL\s*:?=\s*(?!.*\b(?:ba|z|da|k)?sh\b).*|;\s*(?:true|exit 0)\s*[\"']?\s*$|\bsuccess_codes\s*="
    r"|^\s*ignore_(?:outcome|errors)\s*=\s*(?:true|True)"
)
"""The same in files that run tests."""
_TRY: Final = re.compile(r"^(?P<indent>\s*)(?:\}\s*)?try\b\s*[:{]")
_CAUGHT: Final = re.compile(
    r"^\s*except\s+(?:\w+\.)?(?:Base)?Exception\b.*:|^\s*\}?\s*catch\b\s*(?:\([^)]*\))?\s*\{|^\s*rescue\s+(?:Std|Exc)\w*"
)
_ANSWERED: Final = re.compile(r"\braise\b|\bthrow\b|\bfail\w*\(|\bdone\(\w|\breject\(|\bt\.(?:Error|Fatal)")


def alone(text: str, *, runs_tests: bool) -> str:
    """What of a line swallows failures; empty if nothing does."""
    found = _ALONE.search(text) or (_MADE.search(text) if runs_tests else None)
    return found[0].strip() if found else ""


def around(text: str, came: frozenset[int]) -> Iterator[int]:
    """Lines, of those that came, at which a failed check is caught and nothing comes of it."""
    lines = text.split("\n")
    for number in sorted(came):
        if number <= len(lines) and _CAUGHT.search(lines[number - 1]) and _is_idle(lines, number - 1):
            yield number


_MOST: Final = 60
"""Lines of a `try` that are looked at, and of what it does when it fails."""


def _is_idle(lines: Sequence[str], at: int) -> bool:
    level = _indent(lines[at])
    tried = list[str]()
    for line in reversed(lines[max(at - _MOST, 0) : at]):
        begins = _TRY.search(line)
        if begins and _indent(line) <= level:
            break
        tried.append(line)
    else:
        return False
    handled = list[str]()
    for line in lines[at + 1 : at + 1 + _MOST]:
        if line.strip() and _indent(line) <= level:
            break
        handled.append(line)
    checks = any(check_in(line) is not None and not _ANSWERED.search(line) for line in tried)
    return checks and not any(_ANSWERED.search(line) or check_in(line) is not None for line in handled)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
