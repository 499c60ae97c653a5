"""Where commands of one workspace run, and what they did."""

from collections.abc import Sequence
from typing import Final, Protocol

from pydantic import BaseModel

TREE: Final = "/repo"
"""Where commands see the work tree."""


def in_tree(path: str) -> str:
    """A path as it is from the root of the tree; another than it was only if it was said as commands see it."""
    return "." if path.rstrip("/") == TREE else path.removeprefix(f"{TREE}/")


class CommandResult(BaseModel, frozen=True):
    """What a command in the box did."""

    command: str
    exit_code: int
    """As the shell gives it; 124 when the time was up, 128 + signal when it was killed."""
    output: str
    """Standard output and error, in order, undecodable bytes replaced; head and tail if there was too much."""
    seconds: float
    timed_out: bool = False
    left_out_bytes: int = 0
    """How much output stood between the head and the tail."""
    connections: tuple[str, ...] = ()
    """What an install command reached, and what was refused to it: a sentence each, also at the end of the output."""

    @property
    def ok(self) -> bool:
        """Whether the command succeeded."""
        return self.exit_code == 0


class Sandbox(Protocol):
    """Where commands of one workspace run. The tree is the working directory; there is no network and no secret.

    Several may run at the same time. They share the tree, and the folder `/cache`, which lasts as long as the tree and
    is no part of it; each has processes and a network of its own.
    """

    async def run(self, command: str, *, timeout_s: float = 600, stdin: bytes = b"") -> CommandResult:
        """Run `command` with `bash -c` and wait for it; everything that it started is dead afterwards.

        Raises SandboxError if the box cannot be built. A failing command is a result, not an error.
        """
        ...

    async def set_up(self, commands: Sequence[str], *, timeout_s: float = 1_200) -> Sequence[CommandResult]:
        """Run the repository's install commands, with network to package registries only; stop at the first failure."""
        ...
