"""What is less strict about one setting of tests, coverage, a linter or a type checker."""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from app.guards.commands import LESS, STRICT, goes_on, less

_THRESHOLD: Final = re.compile(
    r"(?:^|[._-])(?:fail[_-]?under|(?:cov[_-])?fail[_-]under|threshold|thresholds?|coverageThreshold|branches|functions|lines"
    r"|statements|min(?:imum)?[_-]?(?:coverage|score)|target|min_coverage|maxdiff)$",
    re.IGNORECASE,
)
_STRICT: Final = re.compile(
    r"(?:^|\.)(?:strict\w*|no[A-Z]\w+|check[_-]?untyped[_-]?defs|disallow_\w+|warn_\w+|xfail_strict|always[_-]?strict|checkJs"
    r"|branch|enable[A-Z]?\w*|forbid\w*|enabled|extra_checks|show_missing)$"
)
SILENCE: Final = re.compile(
    r"(?:^|\.)(?:ignore[\w-]*|\w*[_-]ignores?|extend-ignore|exclude[\w-]*|extend-exclude|omit|disable[\w-]*|skip[\w-]*|deselect"
    r"|norecursedirs|default-filter|testNamePattern|f?grep"
    r"|\w*IgnorePatterns|collect_ignore\w*|filterwarnings|exclude_lines|exclude_also|per-file-ignores"
    r"|modulePathIgnorePatterns|unfixable|ignore_errors|ignore_missing_imports|follow_imports)(?=\.|$)",
    re.IGNORECASE,
)
_CHOICE: Final = re.compile(
    r"(?:^|\.)(?:select|extend-select|enable|testpaths|python_(?:files|classes|functions)|testMatch|testRegex|linters\.enable|source"
    r"|spec|include|files|packages|envlist|env_list|roots|extends|plugins)$"
)
_SCRIPT: Final = re.compile(
    r"(?:^|\.)scripts\.(?:pre|post)?(?:test|lint|check|type|tsc|coverage|cov|ci|verify|validate|audit)[\w:.-]*$"
)
_OPTIONS: Final = re.compile(r"(?:^|\.)(?:addopts|args|rustflags)$")
_COMMANDS: Final = re.compile(r"(?:^|\.)commands?$")
_UNDER: Final = re.compile(r"--(?:cov-)?fail-under[= ](\d+(?:\.\d+)?)")
_OFF: Final = frozenset(["off", "0", "false", "none", "no", "disabled", "basic", "silent", "skip"])


_LIMIT: Final = re.compile(
    r"(?:^|\.)(?:max[-_](?:complexity|line[-_]length|doc[-_]length|(?:positional[-_])?arg(?:ument)?s|branches|returns|statements|locals"
    r"|attributes|public[-_]methods|bool[-_]expr|nested[-_]blocks|parents|warnings)|line[-_]length|[\w-]+-complexity-threshold)$"
)
"""Numbers that are stricter where they are smaller."""
_BUILT: Final = re.compile(r"(?:^|\.)(?:lib\.(?:doc)?test|autotests)$")
_RULE: Final = re.compile(r"(?:^|\.)(?:rules|lints)\.")
_LEVELS: Final = {
    **dict.fromkeys(("off", "0", "allow", "ignore"), 0),
    **dict.fromkeys(("warn", "warning", "1", "info"), 1),
    **dict.fromkeys(("error", "2", "deny"), 2),
    "forbid": 3,
}
_DEFAULTS: Final = {"python_files": "test", "python_functions": "test", "python_classes": "Test"}
"""What pytest looks for by itself, which is left out where something else is said."""
_LET_OFF: Final = re.compile(r"(?:disallow|warn|check|strict|no_implicit)\w*")


def loosened(key: str, old: Any, new: Any, *, is_there: bool = True) -> str:
    """What is less strict about a setting that was `old` and is `new` (None: not said); empty if nothing is.

    `is_there` says whether anything was set there before.
    """
    if old == new:
        return ""
    return _by_kind(key, old, new) or (_newly(key, new) if old is None and is_there else "")


def _newly(key: str, new: Any) -> str:
    """The same of a setting that was not said: its default is stricter."""
    shown = f"`{key[:100]}`"
    if (_STRICT.search(key) and new is False) or (_RULE.search(key) and _level(new) == 0):
        return f"{shown} is {_text(new)[:50]} now. Take it out"
    default = _DEFAULTS.get(key.rpartition(".")[2])
    if default and not any(default in each for each in _items(new)):
        return f"{shown} leaves out what is called `{default}…`. Take it out"
    return ""


def _level(value: Any) -> int | None:
    """How much a rule of a linter weighs; None if this is no rule's level."""
    first = value[0] if isinstance(value, list) and value else value
    return None if isinstance(first, bool) else _LEVELS.get(str(first).strip().lower())


def _in_tables(key: str, old: Any, new: Any) -> str:
    """What is let off in tables of a list, such as mypy's `overrides`."""
    came = [each for each in new if isinstance(each, dict) and each not in (old if isinstance(old, list) else [])]
    for each in came:
        for name, value in each.items():
            is_off = value is False and (_LET_OFF.fullmatch(name) or name == "test")
            if is_off or (name == "ignore_errors" and value) or name == "disable_error_code" or value == "skip":
                return f"`{key[:100]}` now has `{name[:60]} = {_text(value)[:60]}`. Take it out, and mend what it hides"
    return ""


def is_script(key: str) -> bool:
    """Whether a key of a `package.json` is that of a script which tests, checks or lints."""
    return _SCRIPT.search(key) is not None


def script(key: str, old: Any, new: Any) -> str:
    """What is less about a script that was there and runs tests or linters; empty if nothing is."""
    is_kept = old is None or (isinstance(new, str) and goes_on(str(old), new))
    return "" if is_kept else f"The script `{key[:100]}` was changed. Give it back its command"


def _by_kind(key: str, old: Any, new: Any) -> str:
    if is_script(key):
        return script(key, old, new)
    if isinstance(new, list) and any(isinstance(each, dict) for each in new):
        return _in_tables(key, old, new)
    if _BUILT.search(key) and new is False:
        return f"By `{key[:100]}` tests are not built. Take it out"
    if _LIMIT.search(key) and (was := _number(old)) is not None:
        now = _number(new)
        return f"`{key[:100]}` was {old} and is {new}. Give it back" if now is not None and now > was else ""
    return _by_value(key, old, new)


def _by_value(key: str, old: Any, new: Any) -> str:  # noqa: PLR0911 - a table of rules
    shown = f"`{key[:100]}`"
    if _THRESHOLD.search(key) and (was := _number(old)) is not None:
        now = _number(new)
        return (
            f"{shown} was {old} and is {'not said any more' if now is None else new}. Give it back"
            if (now or 0) < was
            else ""
        )
    if _OPTIONS.search(key):
        return _options(shown, f" {_text(old)}", f" {_text(new)}")
    if _COMMANDS.search(key):
        said = next(less(_lines(old), _lines(new)), "")
        return f"By {shown} {said}. Give it back" if said else ""
    if SILENCE.search(key):
        came = [each for each in _items(new) if each not in _items(old) and each.partition(":")[0] != "error"]
        return (
            f"{shown} now has {_named(came)}. Take it out, and mend what it hides" if came and not _is_off(new) else ""
        )
    if _CHOICE.search(key) and old is not None:
        gone = [each for each in _items(old) if each not in _items(new)]
        return f"{shown} has lost {_named(gone)}. Bring it back" if gone and new is not None else ""
    was, now = _level(old), _level(new)
    is_lower = bool(was) and (now < was if now is not None and was else new is None and bool(_RULE.search(key)))
    if (_STRICT.search(key) and _is_on(old) and not _is_on(new)) or (_is_level(old) and _is_off(new)) or is_lower:
        return f"{shown} was {_text(old)[:50]} and is {_text(new)[:50] or 'not said any more'}. Give it back"
    return ""


def _options(shown: str, old: str, new: str) -> str:
    """What options became less: some came with which less is run, or some went with which it is stricter."""
    if fewer := set(LESS.findall(new)) - set(LESS.findall(old)):
        return f"{shown} has `{min(fewer).strip()}` now, with which less is run. Take it out"
    if gone := set(STRICT.findall(old)) - set(STRICT.findall(new)):
        return f"{shown} has lost `{min(gone).strip()}`. Bring it back"
    was, now = (max((float(each) for each in _UNDER.findall(text)), default=0.0) for text in (old, new))
    return f"{shown} wanted {was:g} per cent and wants {now:g}. Give it back" if now < was else ""


def _lines(value: Any) -> list[str]:
    return [_text(each) for each in value] if isinstance(value, list) else str(value or "").split("\n")


def _named(items: Sequence[str]) -> str:
    return ", ".join(f"`{item[:60]}`" for item in items[:5])


def _text(value: Any) -> str:
    return "" if value is None else " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _items(value: Any) -> list[str]:
    if isinstance(value, list):
        return [json.dumps(each, default=str) if isinstance(each, dict) else str(each) for each in value]
    return [] if value is None else [part for part in re.split(r"[\s,]+", str(value)) if part]


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    found = re.fullmatch(r"\s*(-?[0-9]{1,9}(?:\.[0-9]{1,9})?)\s*%?\s*", str(value)) if value is not None else None
    return float(found[1]) if found else None


def _is_on(value: Any) -> bool:
    return value is True or str(value).strip().lower() in {"true", "1", "yes", "on", "error", "strict"}


def _is_level(value: Any) -> bool:
    """A rule of a linter that is on: `error`, or a list that begins so."""
    first = value[0] if isinstance(value, list) and value else value
    return str(first).strip().lower() in {"error", "warn", "2", "strict"} and not isinstance(first, bool)


def _is_off(value: Any) -> bool:
    first = value[0] if isinstance(value, list) and value else value
    return first is not None and str(first).strip().lower() in _OFF
