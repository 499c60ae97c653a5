"""Settings of tests, coverage, linters and type checkers that become less strict.

Files that can be read as data are compared as data, before and after; those that are programs line by line.
"""

import configparser
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from app.core.commented_json import parse
from app.core.guards import Finding, Weight
from app.core.patch import Change, Patch
from app.guards.commands import LESS, less
from app.guards.guard import Guard, Subject
from app.guards.strictness import SILENCE, is_script, loosened, script

NAME: Final = "loosened settings"
_ALLOW: Final = "if the issue asks for it, a person can allow it by `allow: settings`"

_FILES: Final = re.compile(
    r"(?:^|/)(?:pyproject\.toml|pytest\.(?:ini|toml)|\.pytest\.ini|tox\.(?:ini|toml)|setup\.cfg|\.coveragerc|\.?mypy\.ini|\.flake8"
    r"|\.?ruff\.toml|\.pylintrc|pylintrc|pyrightconfig\.json|\.bandit|package\.json|jest\.config\.json|\.mocharc\.(?:json|ya?ml)"
    r"|\.c8rc(?:\.json)?|\.nycrc(?:\.json)?|\.eslintrc(?:\.json|\.ya?ml)?|biome\.jsonc?|tsconfig[\w.-]*\.json|\.?codecov\.ya?ml"
    r"|\.golangci\.(?:ya?ml|toml|json)|Cargo\.toml|\.cargo/config(?:\.toml)?|\.config/nextest\.toml|\.?clippy\.toml|\.rubocop\.ya?ml|sonar-project\.properties|deny\.toml)$"
)
_PROGRAMS: Final = re.compile(
    r"(?:^|/)(?:jest|vitest|vite|karma|cypress|playwright|eslint|babel|ava|wdio)\.(?:config|conf|workspace)\.[cm]?[jt]s$"
    r"|(?:^|/)(?:\.eslintrc\.[cm]?js|\.mocharc\.[cm]?js|noxfile\.py|build\.gradle(?:\.kts)?|pom\.xml|Makefile)$"
)
_RELEVANT: Final = re.compile(
    r"^(?:tool\.(?:pytest|coverage|mypy|ruff|pylint|pyright|flake8|bandit|tox|black|isort|ty|basedpyright|diff_cover)"
    r"|pytest|tool:pytest|tox|testenv|mypy|flake8|coverage|run|report|pylint|scripts|jest|vitest|nyc|c8|mocha|eslintConfig|ava"
    r"|lib|bin|test|bench|example|package\.auto\w*|(?:workspace\.)?lints)\b"
)
"""Parts of files that also hold other things: `pyproject.toml`, `setup.cfg`, `tox.ini`, `package.json`."""
_RUNS: Final = re.compile(
    r"(?:^|/)(?:GNUmakefile|[Mm]akefile|[Jj]ustfile|Taskfile\.ya?ml|noxfile\.py|Rakefile|[^/]*\.(?:sh|bash|mk))$"
)
"""Files that run tests, linters and type checkers."""
_STOPS: Final = re.compile(r"^\s*set\s+-\w*e\w*\b|^\s*set\s+-o\s+errexit")
_IGNORES: Final = re.compile(
    r"(?:^|/)\.(?:eslint|stylelint|semgrep|trivy|gitleaks|pylint|markdownlint|biome|coverage)ignore$|(?:^|/)\.secrets\.baseline$"
)
"""Lists of what a tool does not look at."""
_SHADOWS: Final[Mapping[str, re.Pattern[str]]] = {
    **dict.fromkeys(("pytest.ini", ".pytest.ini", "pytest.toml"), re.compile(r"(?:tool\.pytest|tool:pytest|pytest)\b")),
    **dict.fromkeys(("mypy.ini", ".mypy.ini"), re.compile(r"(?:tool\.)?mypy\b")),
    ".coveragerc": re.compile(r"(?:tool\.|)coverage\b"),
    **dict.fromkeys(("ruff.toml", ".ruff.toml"), re.compile(r"tool\.ruff\b")),
    ".flake8": re.compile(r"flake8\b"),
    "pyrightconfig.json": re.compile(r"tool\.pyright\b"),
}
"""Files that a tool takes instead of others that hold settings of it, and how those begin there."""
_OTHERS: Final = ("pyproject.toml", "setup.cfg", "tox.ini")
_SHARED: Final = frozenset(["pyproject.toml", "setup.cfg", "tox.ini", "package.json", "Cargo.toml"])
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
        elif _IGNORES.search(path):
            yield from _ignored(subject, path)
        if file.change is Change.ADDED and (other := _in_the_place_of(subject, path)):
            yield _finding(
                path, 0, f"What `{other}` says is not looked at any more, now that this is there. Take it out"
            )
        if _RUNS.search(path) and file.change is Change.MODIFIED:
            yield from _run(subject, path)


def _finding(path: str, line: int, sentence: str, *, is_before: bool = False) -> Finding:
    said = f"{sentence}; {_ALLOW}."
    return Finding(guard=NAME, sentence=said, path=path, line=line, is_before=is_before, weight=Weight.MEND)


_STARTED: Final = re.compile(r"\b(?:(?:p?npm|yarn|bun)(?: run)?|run-[sp]|npm-run-all)((?: [\w:.-]+)+)")


def _started(before: Flat) -> frozenset[str]:
    """Scripts of a `package.json` that those for tests and linters start, by their keys."""
    found = set[str]()
    for key, said in before.items():
        if is_script(key):
            names = (name for match in _STARTED.findall(str(said)) for name in match.split())
            found.update(f"scripts.{name}" for name in names if f"scripts.{name}" in before)
    return frozenset(each for each in found if not is_script(each))


def _ignored(subject: Subject, path: str) -> Iterator[Finding]:
    for line in subject.added_anew(path):
        if line.text.strip() and not line.text.lstrip().startswith(("#", "!")):
            yield _finding(path, line.number, f"`{line.text.strip()[:60]}` is not looked at any more. Take it out")
            return


def _in_the_place_of(subject: Subject, path: str) -> str:
    """The file whose settings a new one takes the place of; empty if it takes none."""
    if path in {"GNUmakefile", "makefile"}:
        return next((other for other in ("makefile", "Makefile") if other != path and subject.before(other)), "")
    name = path.rpartition("/")[2]
    begins = _SHADOWS.get(name)
    if begins is None or ("/" in path and "ruff" not in name):
        return ""
    return next((other for other in _OTHERS if any(map(begins.match, _read(other, subject.before(other)) or ()))), "")


def _wants(patch: Patch) -> Iterator[str]:
    for file in patch.files:
        if file.change is Change.ADDED and file.path.rpartition("/")[2] in _SHADOWS:
            yield from _OTHERS
        if file.change is Change.ADDED and file.path in {"GNUmakefile", "makefile"}:
            yield from ("makefile", "Makefile")


def _run(subject: Subject, path: str) -> Iterator[Finding]:
    """Commands that a file ran, and now does not, or with less."""
    before, after = (text.split("\n") for text in (subject.before(path), subject.after(path)))
    gone = subject.removed(path)
    for said in less(before, after):
        line = next((each for each in gone if each.text.strip()[:40] and each.text.strip()[:40] in said), None)
        yield _finding(path, line.number if line else 0, f"{said}. Give it back", is_before=line is not None)
    if any(map(_STOPS.search, before)) and not any(map(_STOPS.search, after)):
        yield _finding(path, 0, "By `set -e` this stopped where something failed. Bring it back")


def _compared(subject: Subject, path: str) -> Iterator[Finding]:
    before, after = _read(path, subject.before(path)), _read(path, subject.after(path))
    if before is None or after is None:
        yield from _line_by_line(subject, path)
        return
    started = _started(before)
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key), after.get(key)
        said = script(key, was, now) if key in started else loosened(key, was, now, is_there=bool(before))
        if said:
            line, is_before = _line_of(subject, path, key)
            yield _finding(path, line, said, is_before=is_before)


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
        if not SILENCE.search(key) and (said := loosened(key, was, now)):
            yield _finding(path, line, said)
    for added in subject.added_anew(path):
        if found := LESS.search(added.text) or _SILENCED.search(added.text):
            yield _finding(
                path, added.number, f"`{found[0].strip()[:60]}` makes tests or linters look at less. Take it out"
            )


_SILENCED: Final = re.compile(
    r"\w*IgnorePatterns\b|['\"]off['\"]|:\s*0\s*,?\s*$|\bexclude\s*:|\bignores\s*:|coverageThreshold\s*:\s*\{\s*\}"
    r"|\b(?:passWithNoTests|dangerouslyIgnoreUnhandledErrors|allowOnly)\s*:\s*true|\btestNamePattern\s*:|\bgrep(?:Invert)?\s*:"
)

GUARD: Final = Guard(NAME, look, allowance="settings", wants=_wants)
