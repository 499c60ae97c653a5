"""What became of a command."""

from dataclasses import dataclass
from typing import Final

TIMED_OUT: Final = 124
"""The exit code of `timeout` from coreutils."""
KILLED: Final = 137
"""128 + SIGKILL, as a shell says it."""


@dataclass(frozen=True)
class Ended:
    """What became of a box."""

    exit_code: int
    head: bytes
    tail: bytes
    left_out_bytes: int
    seconds: float
    timed_out: bool
    remark: str = ""
    """Which limit it ran into, if we know of one: a sentence."""

    @property
    def text(self) -> str:
        """The output for people, with a line where something is missing, and the remark as its last line."""
        if self.left_out_bytes:
            gap = f"\n[… {self.left_out_bytes} bytes left out …]\n"
            said = self.head.decode(errors="replace") + gap + self.tail.decode(errors="replace")
        else:
            said = (self.head + self.tail).decode(errors="replace")
        if not self.remark:
            return said
        return f"{said}{'' if not said or said.endswith(chr(10)) else chr(10)}{self.remark}\n"
