"""How to have a test runner list its tests without running them, and how to read the list."""

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from app.core.visible import visible

_PLAIN: Final = re.compile(r"[^;&|<>`$()\n]*")
"""One command without a shell's help, so that options can be put behind it."""
_PYTEST: Final = re.compile(r"(?:^|[\s/])(?:pytest|py\.test)(?=\s|$)")
_UNITTEST: Final = re.compile(
    r"^(?P<before>(?:\w+=\S+ )*\S*python[0-9.]* (?:-[bBW]\S* )*)-m unittest(?P<rest>(?: .*)?)$"
)
_GO: Final = re.compile(r"^go test(?P<rest>(?: .*)?)$")
_CARGO: Final = re.compile(r"^cargo test(?P<rest>(?: [^-].*| --(?:offline|workspace|all|locked))*)$")
_LISTER: Final = """\
import sys, unittest
def names(suite):
    for one in suite:
        if isinstance(one, unittest.TestSuite): yield from names(one)
        else: yield one.id()
class Lister:
    def run(self, suite):
        for name in names(suite): print("test:", name)
        return unittest.TestResult()
unittest.main(module=None, argv=["python -m unittest", *sys.argv[1:]], testRunner=Lister(), exit=False)
"""
"""Takes the arguments of `python -m unittest`."""
_QUIET: Final = frozenset(["-q", "--quiet", "-qq", "-v", "-vv", "--verbose", "-x", "--exitfirst"])


@dataclass(frozen=True)
class Listing:
    """A command that lists tests, and what it prints."""

    command: str
    read: Callable[[str], frozenset[str]]
    """The names of the tests from its output."""


def listing(command: str) -> Listing | None:
    """How to list what the test command `command` would run; None if that is not known of this one."""
    if not _PLAIN.fullmatch(command):
        return None
    words = command.split()
    if _PYTEST.search(command):
        kept = [word for word in words if word not in _QUIET]
        return Listing(f"{' '.join(kept)} --collect-only -q -p no:cacheprovider", _pytest)
    if (found := _UNITTEST.match(command)) is not None:
        rest = found["rest"].strip()
        return Listing(f"{found['before']}-c {shlex.quote(_LISTER)} {rest or 'discover'}".rstrip(), _unittest)
    if (found := _GO.match(command)) is not None:
        return Listing(f"go test -list .{found['rest']}", _go)
    if _CARGO.match(command):
        return Listing(f"{command} -- --list", _cargo)
    return None


def stands_alone(path: str) -> bool:
    """Whether a file of tests can be given to pytest: it holds tests, not what others need."""
    return re.fullmatch(r"(?:.*/)?(?:test_[^/]*|[^/]*_test)\.py", path) is not None


def narrowed(command: str, files: Sequence[str]) -> str:
    """The same for these files of tests only, which stand alone; empty if it is not known how, or there are none."""
    _, runner, rest = command.partition("pytest")
    if not files or not _PLAIN.fullmatch(command) or not runner or not _PYTEST.search(command):
        return ""
    # A word that is no option may be a file, or belong to the option before it.
    return f"{command} {shlex.join(files)}" if all(word.startswith("-") for word in rest.split()) else ""


def _found(pattern: str, output: str) -> frozenset[str]:
    return frozenset(re.findall(pattern, visible(output), re.MULTILINE))


def _pytest(output: str) -> frozenset[str]:
    return _found(r"^(\S[^\n]*?::[^\n]+?)[ \t]*$", output)


def _unittest(output: str) -> frozenset[str]:
    # What cannot be imported is listed as a test of this name.
    return frozenset(name for name in _found(r"^test: (\S+)$", output) if "_FailedTest" not in name)


def _go(output: str) -> frozenset[str]:
    return _found(r"^((?:Test|Example|Fuzz)\w*)$", output)


def _cargo(output: str) -> frozenset[str]:
    return _found(r"^(\S+): test$", output)
