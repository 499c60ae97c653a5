"""Settings of tests, coverage, linters and type checkers that become less strict.

Files that can be read as data are compared as data, before and after; those that are programs line by line.
"""

import configparser
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import yaml

from app.core.commented_json import parse
from app.core.guards import Finding, Weight
from app.core.patch import Change
from app.guards.guard import Guard, Subject

NAME: Final = "loosened settings"
_ALLOW: Final = "if the issue asks for it, a person can allow it by `allow: settings`"

_FILES: Final = re.compile(
    r"(?:^|/)(?:pyproject\.toml|pytest\.(?:ini|toml)|\.pytest\.ini|tox\.(?:ini|toml)|setup\.cfg|\.coveragerc|\.?mypy\.ini|\.flake8"
    r"|\.?ruff\.toml|\.pylintrc|pylintrc|pyrightconfig\.json|\.bandit|package\.json|jest\.config\.json|\.mocharc\.(?:json|ya?ml)"
    r"|\.c8rc(?:\.json)?|\.nycrc(?:\.json)?|\.eslintrc(?:\.json|\.ya?ml)?|biome\.jsonc?|tsconfig[\w.-]*\.json|\.?codecov\.ya?ml"
    r"|\.golangci\.ya?ml|\.?clippy\.toml|\.rubocop\.ya?ml|sonar-project\.properties|deny\.toml)$"
)
_PROGRAMS: Final = re.compile(
    r"(?:^|/)(?:jest|vitest|vite|karma|cypress|playwright|eslint|babel|ava|wdio)\.(?:config|conf|workspace)\.[cm]?[jt]s$"
    r"|(?:^|/)(?:\.eslintrc\.[cm]?js|\.mocharc\.[cm]?js|noxfile\.py|build\.gradle(?:\.kts)?|pom\.xml|Makefile)$"
)
_THRESHOLD: Final = re.compile(
    r"(?:^|[._-])(?:fail[_-]?under|(?:cov[_-])?fail[_-]under|threshold|thresholds?|coverageThreshold|branches|functions|lines"
    r"|statements|min(?:imum)?[_-]?(?:coverage|score)|target|min_coverage|maxdiff)$",
    re.IGNORECASE,
)
_STRICT: Final = re.compile(
    r"(?:^|\.)(?:strict\w*|no[A-Z]\w+|check[_-]?untyped[_-]?defs|disallow_\w+|warn_\w+|xfail_strict|always[_-]?strict|checkJs"
    r"|branch|enable[A-Z]?\w*|forbid\w*|enabled|extra_checks|show_missing)$"
)
_SILENCE: Final = re.compile(
    r"(?:^|\.)(?:ignore\w*|\w*[_-]ignores?|extend-ignore|exclude\w*|extend-exclude|omit|disable\w*|skip\w*|deselect|norecursedirs"
    r"|\w*IgnorePatterns|collect_ignore\w*|filterwarnings|exclude_lines|exclude_also|per-file-ignores"
    r"|modulePathIgnorePatterns|unfixable|ignore_errors|ignore_missing_imports|follow_imports)(?=\.|$)",
    re.IGNORECASE,
)
_CHOICE: Final = re.compile(
    r"(?:^|\.)(?:select|extend-select|enable|testpaths|python_files|testMatch|linters\.enable|source)$"
)
_SCRIPT: Final = re.compile(
    r"(?:^|\.)scripts\.(?:pre|post)?(?:test|lint|check|type|tsc|coverage|cov|ci|verify|validate|audit)[\w:.-]*$"
)
_OPTIONS: Final = re.compile(r"(?:^|\.)(?:addopts|args|commands|command)$")
_LESS: Final = re.compile(
    r"--deselect|--ignore(?:-glob)?\b|(?:^|\s)-k[\s=]|(?:^|\s)-m[\s=]*['\"]?not\b|-p[\s=]*no:|--no-cov\b|--passWithNoTests|\|\|\s*(?:true|:)"
    r"|--testPathIgnorePatterns|--exit-zero|--no-strict|--maxfail=0|\bexit 0\b|--skip\b"
)
"""Options with which a runner runs less, or says less of what failed."""
_RELEVANT: Final = re.compile(
    r"^(?:tool\.(?:pytest|coverage|mypy|ruff|pylint|pyright|flake8|bandit|tox|black|isort|ty|basedpyright|diff_cover)"
    r"|pytest|tool:pytest|testenv|mypy|flake8|coverage|run|report|pylint|scripts|jest|vitest|nyc|c8|mocha|eslintConfig|ava)\b"
)
"""Parts of files that also hold other things: `pyproject.toml`, `setup.cfg`, `tox.ini`, `package.json`."""
_SHARED: Final = frozenset(["pyproject.toml", "setup.cfg", "tox.ini", "package.json"])
_OFF: Final = frozenset(["off", "0", "false", "none", "no", "disabled", "basic", "silent", "skip"])
_MOST: Final = 200_000
"""Characters of a file that is read as data."""
_MOST_DOTS: Final = 200
"""In one line of TOML: tomllib takes their square."""

_REFERENCE: Final = re.compile(r"(?m)(?:^|[:\-\[,{])[ \t]*[&*]\w")

Flat = dict[str, Any]


def look(subject: Subject) -> Iterator[Finding]:
    """A finding for each setting that became less strict."""
    for file in subject.texts():
        path = file.path
        if _FILES.search(path):
            if file.change is Change.DELETED:
                yield _finding(path, 0, "This file says how strict tests and linters are. Bring it back")
            else:
                yield from _compared(subject, path)
        elif _PROGRAMS.search(path) and file.change is not Change.ADDED:
            yield from _line_by_line(subject, path)


def _finding(path: str, line: int, sentence: str, *, is_before: bool = False) -> Finding:
    said = f"{sentence}; {_ALLOW}."
    return Finding(guard=NAME, sentence=said, path=path, line=line, is_before=is_before, weight=Weight.MEND)


def _compared(subject: Subject, path: str) -> Iterator[Finding]:
    before, after = _read(path, subject.before(path)), _read(path, subject.after(path))
    if before is None or after is None:
        yield from _line_by_line(subject, path)
        return
    for key in sorted(before.keys() | after.keys()):
        if said := _loosened(key, before.get(key), after.get(key)):
            line, is_before = _line_of(subject, path, key)
            yield _finding(path, line, said, is_before=is_before)


def _loosened(key: str, old: Any, new: Any) -> str:  # noqa: PLR0911 - a table of rules
    """What is less strict about a setting that was `old` and is `new` (None: not said); empty if nothing is."""
    shown = f"`{key[:100]}`"
    if old == new:
        return ""
    if _SCRIPT.search(key):
        return (
            ""
            if old is None or _goes_on(str(old), new)
            else f"The script {shown} was changed. Give it back its command"
        )
    if _THRESHOLD.search(key) and (was := _number(old)) is not None:
        now = _number(new)
        return (
            f"{shown} was {old} and is {'not said any more' if now is None else new}. Give it back"
            if (now or 0) < was
            else ""
        )
    if _OPTIONS.search(key):
        fewer = set(_LESS.findall(_text(new))) - set(_LESS.findall(_text(old)))
        return f"{shown} has `{min(fewer).strip()}` now, with which less is run. Take it out" if fewer else ""
    if _SILENCE.search(key):
        came = [each for each in _items(new) if each not in _items(old) and each.partition(":")[0] != "error"]
        return (
            f"{shown} now has {_named(came)}. Take it out, and mend what it hides" if came and not _is_off(new) else ""
        )
    if _CHOICE.search(key) and old is not None:
        gone = [each for each in _items(old) if each not in _items(new)]
        return f"{shown} has lost {_named(gone)}. Bring it back" if gone and new is not None else ""
    if (_STRICT.search(key) and _is_on(old) and not _is_on(new)) or (_is_level(old) and _is_off(new)):
        return f"{shown} was {_text(old)[:50]} and is {_text(new)[:50] or 'not said any more'}. Give it back"
    return ""


def _goes_on(old: str, new: Any) -> bool:
    """Whether a command is the old one with something harmless behind or before it."""
    return (
        isinstance(new, str)
        and old in new
        and not _LESS.search(new.replace(old, "", 1))
        and "||" not in new.replace(old, "", 1)
    )


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


# -- Files as data ---------------------------------------------------------------------------------------------------
def _read(path: str, text: str) -> Flat | None:
    """The settings of a file by their dotted names; None if it cannot be read."""
    name = path.rpartition("/")[2]
    if len(text) > _MOST:
        return None
    try:
        flat = _flat(_parsed(name, text))
    except (ValueError, RecursionError, configparser.Error, yaml.YAMLError, AttributeError, TypeError):
        return None
    return {key: value for key, value in flat.items() if name not in _SHARED or _RELEVANT.search(key)}


def _parsed(name: str, text: str) -> Any:
    if not text.strip():
        return {}
    if name.endswith(".toml"):
        if any(line.count(".") > _MOST_DOTS for line in text.split("\n")):
            raise ValueError("too many dots")
        return tomllib.loads(text)
    if name.endswith((".json", ".jsonc")) or (name.startswith(".") and text.lstrip().startswith("{")):
        return parse(text)
    if name.endswith((".yml", ".yaml")) or name == ".eslintrc":
        if _REFERENCE.search(text):
            raise ValueError("references can make much of little")
        return yaml.safe_load(text)
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names as they are written
    parser.read_string(text if text.lstrip().startswith(("[", "#", ";")) else f"[root]\n{text}")
    return {section: dict(parser[section]) for section in parser.sections()}


def _flat(value: Any, above: str = "") -> Flat:
    if not isinstance(value, Mapping):
        return {above: value}
    found: Flat = {}
    for key, inside in value.items():
        found |= _flat(inside, f"{above}.{key}" if above else str(key))
    return found


def _line_of(subject: Subject, path: str, key: str) -> tuple[int, bool]:
    """Where the change of a setting is, as near as its name tells; and whether that is a line that went."""
    last = key.rpartition(".")[2]
    came, went = subject.added(path), subject.removed(path)
    lines = [*((line, False) for line in came), *((line, True) for line in went)]
    line, is_before = next((one for one in lines if last in one[0].text), lines[0] if lines else (None, False))
    return (line.number if line else 0), is_before


# -- Files that are programs -----------------------------------------------------------------------------------------
_ASSIGNED: Final = re.compile(
    r"['\"]?([\w.-]+)['\"]?\s*[:=>]\s*['\"<>]*\s*(-?[0-9.]+|true|false|True|False|['\"]?\w+['\"]?)"
)


def _line_by_line(subject: Subject, path: str) -> Iterator[Finding]:
    """Settings whose lines went or changed; a name that is there twice may be taken for another."""
    old = {found[1]: found[2] for line in subject.removed(path) for found in _ASSIGNED.finditer(line.text)}
    new = {found[1]: (found[2], line.number) for line in subject.added(path) for found in _ASSIGNED.finditer(line.text)}
    for key, was in old.items():
        now, line = new.get(key, (None, 0))
        if not _SILENCE.search(key) and (said := _loosened(key, was, now)):
            yield _finding(path, line, said)
    for added in subject.added_anew(path):
        if found := _LESS.search(added.text) or _SILENCED.search(added.text):
            yield _finding(
                path, added.number, f"`{found[0].strip()[:60]}` makes tests or linters look at less. Take it out"
            )


_SILENCED: Final = re.compile(
    r"\w*IgnorePatterns\b|['\"]off['\"]|:\s*0\s*,?\s*$|\bexclude\s*:|\bignores\s*:|coverageThreshold\s*:\s*\{\s*\}"
)

GUARD: Final = Guard(NAME, look, allowance="settings")
