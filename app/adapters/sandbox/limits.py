"""What one command may use of the machine."""

import resource
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

GIB: Final = 1024**3
"""Bytes."""


def _own(number: int) -> int:
    """What this process may set a limit to at most; RLIM_INFINITY for anything."""
    return resource.getrlimit(number)[1]


@dataclass(frozen=True)
class Limits:
    """What one command may use. Hard limits of the kernel: nothing inside can raise them."""

    memory_bytes: int = 4 * GIB
    """Of all its processes together, with what it writes to /tmp, and without swap: a TypeScript or Rust build of a
    large repository takes 2 to 3 GiB. Held by a control group; without one only the next number holds."""
    address_space_bytes: int = 8 * GIB
    """Of each process; node and Go reserve much more than they use. Never less than the memory."""
    cpus: float = 4.0
    """Processors' worth of time: test suites and compilers gain little beyond, and a few runs share a machine."""
    processes: int = 512
    """And threads. Held by a control group, or by the user's own limit."""
    open_files: int = 4_096
    file_bytes: int = 2 * GIB
    """One file."""

    def arguments(self, *, is_grouped: bool = False, own: Callable[[int], int] = _own) -> list[str]:
        """For `prlimit`; a limit of this server's own that is lower stays, as nobody but the system may raise it.

        `own` tells it, by the number of the resource. Where a control group counts the processes of the box, the user's
        own limit is far above: it counts everything of a server that is an ordinary user, and nothing tells when it is
        reached.
        """
        wanted = {
            "nproc": (resource.RLIMIT_NPROC, self.processes * (8 if is_grouped else 1)),
            "nofile": (resource.RLIMIT_NOFILE, self.open_files),
            "fsize": (resource.RLIMIT_FSIZE, self.file_bytes),
            "as": (resource.RLIMIT_AS, max(self.address_space_bytes, self.memory_bytes)),
            # A byte: with 0 a machine whose dumps go to a program still starts it, as root, for every crash.
            "core": (resource.RLIMIT_CORE, 1),
        }
        most = {name: own(number) for name, (number, _) in wanted.items()}
        return [
            f"--{name}={value if most[name] == resource.RLIM_INFINITY else min(value, most[name])}"
            for name, (_, value) in wanted.items()
        ]
