"""How runners of JavaScript list their tests, and which runner a script of `package.json` starts.

Jest and Mocha have no list of their own; Jest is told to run none of its tests, Mocha to run dry. Node's own runner can
do neither: its tests are run, and those that were not skipped are read from what it tells.
"""

import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from app.core.collection import Listing
from app.core.visible import visible

_NPM: Final = re.compile(
    r"(?:npm|pnpm|yarn|bun)(?: --?[\w=-]+)*(?: (?:run|run-script))?(?: --?[\w=-]+)* (?P<script>[\w:.-]+)"
    r"(?: --?[\w=-]+)*"
)
_SHORT: Final = {"t": "test", "tst": "test"}
_PART: Final = re.compile(r"[^;&|<>`$()\n]*")
"""One command of a script, without more of a shell's help than quotation marks."""
_BEFORE: Final = re.compile(r"(?:(?:npx|cross-env|env)\s+(?:--?[\w-]+\s+)*|[A-Z_][A-Z0-9_]*=\S*\s+)*")
_BIN: Final = 'PATH="$PWD/node_modules/.bin:$PATH"'
_LEFT_OUT: Final = re.compile(
    r"(?:--coverage(?:[.=]\S*)?|--watch(?:All)?(?:=\S*)?|-w|--run|--reporters?[= ]\S+|-R \S+"
    r"|--test-reporter(?:-destination)?=\S+|--test-(?:only|force-exit)|--json|--silent|--verbose|--bail(?:=\S*)?|-b|--ci)(?=\s|$)"
)
"""Options that change what is printed, or what is measured, and not what is run."""
_MOST_DEPTH: Final = 3
"""Scripts that start scripts."""


def npm_listing(command: str, package: str) -> Listing | None:
    """How to list what `command` would run, where it starts a script of the `package.json` with this text."""
    parts = _parts(command, _scripts(package), _MOST_DEPTH)
    if parts is None:
        return None
    found = [(at, how) for at, part in enumerate(parts) if (how := _runner(part)) is not None]
    if len(found) != 1:
        return None
    at, how = found[0]
    # What stands before it may build what is tested; what it prints is nobody's business here.
    before = "".join(f"{{ {part}; }} >/dev/null 2>&1 && " for part in parts[:at])
    return Listing(f"export {_BIN}; {before}{how.command} 2>/dev/null", how.read)


def _scripts(package: str) -> dict[str, str]:
    try:
        said: Any = json.loads(package)
        scripts = said["scripts"]
        return {str(name): text for name, text in scripts.items() if isinstance(text, str)}
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return {}


def _parts(command: str, scripts: dict[str, str], depth: int) -> list[str] | None:
    """The commands that are run one after the other; None if that cannot be told."""
    parts: list[str] = []
    for part in map(str.strip, command.split("&&")):
        if not part or not _PART.fullmatch(part) or not depth:
            return None
        script = _NPM.fullmatch(part)
        name = _SHORT.get(script["script"], script["script"]) if script else ""
        if name not in scripts:
            parts.append(part)
            continue
        for each in (f"pre{name}", name):
            inside = _parts(scripts[each], scripts, depth - 1) if each in scripts else []
            if inside is None:
                return None
            parts += inside
    return parts


def _runner(part: str) -> Listing | None:
    """How the runner that a command starts lists its tests; None if it is none that is known."""
    start = _BEFORE.match(part)
    before, rest = part[: start.end() if start else 0], part[start.end() if start else 0 :]
    kept = " ".join(_LEFT_OUT.sub("", rest).split())
    name, _, arguments = kept.partition(" ")
    match name.rpartition("/")[2]:
        case "node" if re.search(r"(?:^| )--test(?= |$)", arguments):
            return Listing(f"{before}{name} --test-reporter=tap {arguments}".rstrip(), _tap)
        case "jest":
            return Listing(f"{before}{kept} --json --testNamePattern={shlex.quote('(?!)')}", _jest)
        case "mocha" | "_mocha":
            return Listing(f"{before}{kept} --dry-run --reporter json", _mocha)
        case "vitest":
            words = [word for word in arguments.split(" ") if word not in {"run", "watch", "dev", ""}]
            return Listing(f"{before}{' '.join([name, 'list', *words])}", _vitest)
        case _:
            return None


# -- What they print -------------------------------------------------------------------------------------------------
def _numbered(names: Sequence[str]) -> frozenset[str]:
    """Tests of one name are told apart: there may be several, and none of them may go."""
    seen: Counter[str] = Counter()
    found: list[str] = []
    for name in names:
        seen[name] += 1
        found.append(f"{name} ({seen[name]})" if seen[name] > 1 else name)
    return frozenset(found)


def _document(output: str) -> Any:
    """The first JSON object that begins on a line of its own; None if there is none."""
    decoder = json.JSONDecoder()
    for begin in re.finditer(r"^\{", output, re.MULTILINE):
        try:
            return decoder.raw_decode(output, begin.start())[0]
        except (ValueError, RecursionError):
            continue
    return None


def _jest(output: str) -> frozenset[str]:
    try:
        files = _document(output)["testResults"]
        names = [str(test["fullName"]) for file in files for test in file["assertionResults"]]
    except (KeyError, TypeError):
        return frozenset()
    return _numbered([visible(name) for name in names])


def _mocha(output: str) -> frozenset[str]:
    try:
        names = [str(test["fullTitle"]) for test in _document(output)["tests"]]
    except (KeyError, TypeError):
        return frozenset()
    return _numbered([visible(name) for name in names])


def _vitest(output: str) -> frozenset[str]:
    return _numbered([line.strip() for line in visible(output).split("\n") if " > " in line])


_POINT: Final = re.compile(r"(?P<indent> *)(?:not )?ok \d+(?: - (?P<name>.*?))?(?P<left_out> # (?:SKIP|TODO)\b.*)?")


def _tap(output: str) -> frozenset[str]:
    """Tests without tests below them. A file counts as none, though some versions of Node tell it as one."""
    return _numbered(list(_leaves(output)))


def _leaves(output: str) -> Iterator[str]:
    last = -1
    for line in visible(output).split("\n"):
        point = _POINT.fullmatch(line.rstrip())
        if point is None:
            continue
        depth = len(point["indent"])
        # What stands below a test is told before it, and further in.
        if depth >= last and not point["left_out"] and not _is_file(point["name"] or ""):
            yield (point["name"] or "").strip()
        last = depth


def _is_file(name: str) -> bool:
    return "/" in name and re.search(r"\.[cm]?[jt]sx?$", name) is not None
