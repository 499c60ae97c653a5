"""Run chosen tests alone, by the repository's own test command: which ones a text names, and how to run just those."""

import re
import shlex
from collections.abc import Collection, Sequence
from typing import Final

from app.core.collection import narrowed

_WORD: Final = re.compile(r"[\w./:\[\]-]{1,300}", re.ASCII)
_MOST_WORDS: Final = 5_000
_UNITTEST: Final = re.compile(
    r"^(?P<before>(?:\w+=\S+ )*)(?P<python>\S*python[0-9.]*(?: -[bBW]\S*)*) -m unittest(?P<rest>(?: .*)?)$"
)
_START: Final = re.compile(r"(?:^| )(?:-s|--start-directory)[= ](\S+)")
_TOP: Final = re.compile(r"(?:^| )(?:-t|--top-level-directory)[= ]")
_GO: Final = re.compile(r"^go test(?P<rest>(?: [^;&|<>`$()\n]*)?)$")
_CARGO: Final = re.compile(r"^cargo test(?P<rest>(?: --?[\w-]+)*)$")


def named(text: str, tests: Collection[str]) -> tuple[str, ...]:
    """Which of `tests`, as a runner lists them, a text names: wholly, or by the last part of the name.

    A test with parameters is named by itself, too. What names more than one test by its last part names all of them.
    """
    words = {word.strip(".:") for word in _WORD.findall(text)[:_MOST_WORDS]}
    whole = [test for test in sorted(tests) if _bare(test) in words or test in words]
    if whole:
        return tuple(whole)
    return tuple(test for test in sorted(tests) if _last(test) in words)


def _bare(test: str) -> str:
    """Without parameters."""
    return test.partition("[")[0]


def _last(test: str) -> str:
    return re.split(r"::|\.", _bare(test))[-1]


def alone(command: str, tests: Sequence[str]) -> str:
    """The test command for these tests only, as `collection.listing` names them; empty if it is not known how."""
    if not tests:
        return ""
    if "pytest" in command:
        return narrowed(command, tests)
    if found := _UNITTEST.match(command):
        start = _START.search(found["rest"])
        folder = start[1].strip("'\"") if start and not _TOP.search(found["rest"]) else ""
        path = f"PYTHONPATH={shlex.quote(folder)}${{PYTHONPATH:+:$PYTHONPATH}} " if folder not in {"", "."} else ""
        given = f"export {found['before'].strip()}; " if found["before"] else ""
        return f"{given}{path}{found['python']} -m unittest {shlex.join(tests)}"
    if found := _GO.match(command):
        chosen = "|".join(map(re.escape, tests))
        return f"go test{found['rest'] or ' ./...'} -count=1 -run {shlex.quote(f'^({chosen})$')}"
    if found := _CARGO.match(command):
        return f"cargo test{found['rest']} -- --exact {shlex.join(tests)}"
    return ""


def uncached(command: str) -> str:
    """The command such that the runner does not answer from memory: go does, when nothing has changed."""
    found = _GO.match(command)
    return f"go test{found['rest']} -count=1" if found and "-count" not in command else command
