"""The card of what a minion finds in its box: system, versions, commands, and how the tests ended before any change."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from app.core.evidence import Evidence, Where
from app.core.hidden import one_line
from app.core.sandbox import Sandbox

_TIMEOUT_S: Final = 20.0
_VERSION: Final = re.compile(r"\d+(?:\.\d+){1,3}")
_STRANGE: Final = re.compile(r"[^\w .()/+-]")
_PROGRAMS: Final[Mapping[str, tuple[str, str]]] = {
    ".venv/bin/python": ("Python in .venv", ".venv/bin/python --version"),
    "python3": ("Python", "python3 --version"),
    "node": ("Node.js", "node --version"),
    "go": ("Go", "go version"),
    "rustc": ("Rust", "rustc --version"),
    "ruby": ("Ruby", "ruby --version"),
    "java": ("Java", "java -version"),
    "gcc": ("GCC", "gcc -dumpfullversion"),
    "git": ("git", "git --version"),
}
"""What is asked for its version, by the program; each answers within milliseconds."""
_LONGEST: Final = 200


async def environment(evidence: Sequence[Evidence], sandbox: Sandbox) -> str:
    """The card, a line for each fact. Of what programs say of themselves only version numbers are taken over."""
    result = await sandbox.run(_command(), timeout_s=_TIMEOUT_S)
    said = [line.partition("\t") for line in result.output.splitlines()] if result.ok else []
    system = [_STRANGE.sub("", one_line(text))[:80] for name, _, text in said if name == "system"]
    versions = [
        f"{_PROGRAMS[name][0]} {number[0]}"
        for name, _, text in said
        if name in _PROGRAMS and (number := _VERSION.search(text))
    ]
    lines = [*filter(None, system), *([", ".join(versions)] if versions else []), *map(_ran, _kept(evidence))]
    return "\n".join(f"- {line}" for line in [*lines, "No network, no secrets, no terminal"])


def _command() -> str:
    asked = [
        f"command -v {program} >/dev/null && printf '{program}\\t%s\\n' \"$({ask} 2>&1 | head -n 1)\""
        for program, (_, ask) in _PROGRAMS.items()
    ]
    system = 'printf \'system\\t%s\\n\' "$(. /etc/os-release 2>/dev/null; echo "${PRETTY_NAME:-} $(uname -sm)")"'
    return "; ".join([system, *asked, "true"])


def _kept(evidence: Sequence[Evidence]) -> list[Evidence]:
    return [each for each in evidence if each.where in {Where.SET_UP, Where.BEFORE}]


def _ran(each: Evidence) -> str:
    when = "Set-up" if each.where is Where.SET_UP else "Before any change"
    command = one_line(each.command)
    ended = "timed out" if each.timed_out else f"exit code {each.exit_code}"
    return f"{when}: `{command[:_LONGEST]}{'…' if len(command) > _LONGEST else ''}`, {ended}, {each.seconds:.0f} s"
