"""One row of the abuse table: what is tried, and what has to come of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.core.sandbox import CommandResult

Exit = Callable[[CommandResult], bool]

PRELUDE: Final = """
import ctypes, errno, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

def call(number, *arguments):
    found = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    if found < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return found

def attempt(name, function, *arguments):
    try:
        found = function(*arguments)
    except OSError as error:
        print("refused", name, errno.errorcode.get(error.errno, type(error).__name__), flush=True)
    else:
        print("ESCAPED", name, repr(found)[:200], flush=True)
"""
"""For programs in the box: `attempt` says `refused NAME ERRNO`, or `ESCAPED NAME` where something was allowed."""


def anyhow(result: CommandResult) -> bool:
    """However it ended, it did so by itself."""
    return not result.timed_out


def well(result: CommandResult) -> bool:
    """Exit code 0."""
    return result.ok


def badly(result: CommandResult) -> bool:
    """Another exit code, or a signal."""
    return not result.ok and not result.timed_out


def at_its_limit(result: CommandResult) -> bool:
    """By a limit of any kind, the time among them."""
    return not result.ok


def out_of_time(result: CommandResult) -> bool:
    """Ended from outside, because the time was up."""
    return result.timed_out


def in_time(result: CommandResult) -> bool:
    """Whether it came to its end or was ended: both are fine, as long as nothing else happens."""
    return result.exit_code is not None


def nothing_else(tree: Path) -> list[str]:  # noqa: ARG001 # as every look at the tree
    """There is nothing to see in the tree."""
    return []


@dataclass(frozen=True)
class Case:
    """An attempt. Its output never says ESCAPED, and says what shows that the attempt was really made."""

    name: str
    script: str
    """For bash. `@WORD@` stands for what `Surroundings.words` calls WORD."""
    says: str = ""
    """A regular expression that is found in the output."""
    ends: Exit = anyhow
    timeout_s: float = 30
    afterwards: Callable[[Path], list[str]] = nothing_else
    """A look at the tree from the host, through our own tools: sentences on what is wrong."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """`says` of another sandbox, by its name, where it refuses in other words."""
    only_on: str = ""
    """The processor whose numbers it uses; empty for every one."""
    must_not_say: str = "ESCAPED"
    is_crowd: bool = False
    """Whether it takes as many processes as there may be: boxes of one ordinary user may have to share them."""
    needs_group: bool = False
    """Whether only a limit on the memory of the whole box ends it, which takes a control group."""
    hole: str = ""
    """Why it succeeds today, where it does; empty for everything that is held off."""

    def words_of(self, sandbox: str) -> str:
        """What the output has to say on this sandbox."""
        return self.elsewhere.get(sandbox, self.says)


def python(program: str) -> str:
    """A script that runs this Python program, and ends as it does.

    Not by standard input: where a program is killed, bash prints the command, and ESCAPED stands in it.
    """
    return f"read -r -d '' program <<'END_OF_PROGRAM'\n{PRELUDE}\n{program}\nEND_OF_PROGRAM\npython3 -c \"$program\"\n"
