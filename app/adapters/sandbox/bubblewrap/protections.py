"""What a box keeps in and keeps out on this machine: tried in a box each time a server starts, not read off versions.

Without the necessary ones no run is worked on. The others are wanted: `minions doctor` tells what is missing.
"""

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.adapters.sandbox.ended import Ended
from app.adapters.sandbox.root import ENVIRONMENT, SCRATCH_BYTES
from app.core.errors import SandboxError

Run = Callable[[str], Awaitable[Ended]]
"""Runs a shell command in a box."""

TIGHT_BYTES: Final = 64 * 1024**2
"""Of memory, for the box in which too much of it is wanted: a shell and two small programs need a tenth."""
TIGHT_PROCESSES: Final = 20

GROUPS_ADVICE: Final = (
    "start the server as root, or by systemd with Delegate=yes, or with: "
    "systemd-run --user --scope -p Delegate=yes minions serve (in a container: let /sys/fs/cgroup be writable)"
)


@dataclass(frozen=True)
class Protection:
    """One thing that a box promises, and whether it does so here."""

    name: str
    holds: bool
    why: str
    """What could happen without it."""
    advice: str
    """What to do where it does not hold."""
    is_necessary: bool = True

    @property
    def sentence(self) -> str:
        """For somebody who has to mend it."""
        return f"Boxes on this machine lack {self.name}: without it, {self.why}. To mend it: {self.advice}."


_KERNEL: Final = (
    "use the distribution's own kernel and bubblewrap 0.8 or newer, and no container that forbids namespaces"
)
_FILTER: Final = "apt-get install --reinstall libseccomp2 bubblewrap, and use a kernel with CONFIG_SECCOMP_FILTER"
_NECESSARY: Final = (
    ("a user that is not root outside", "user", "what breaks out is root on this machine", "tell its developers"),
    ("an environment of their own", "environment", "secrets of the server can be read", _KERNEL),
    ("a network of their own, without a way out", "network", "code of strangers reaches this network", _KERNEL),
    ("a root of their own, without files of this machine", "files", "secrets on this machine can be read", _KERNEL),
    ("a root that cannot be written", "root", "programs of this machine can be changed", _KERNEL),
    (
        "sight of nothing but their own processes",
        "processes",
        "programs of this machine can be watched and stopped",
        _KERNEL,
    ),
    ("an empty set of capabilities", "capabilities", "the kernel does for it what only root may ask", _KERNEL),
    ("a bar to new privileges", "privileges", "set-user-id programs make it root", _KERNEL),
    ("a filter of system calls", "seccomp", "all of the kernel can be attacked", _FILTER),
    ("a bar to user namespaces inside", "nested", "it becomes root over large parts of the kernel", _KERNEL),
    ("a bar to sockets of the hypervisor (vsock)", "vsock", "it talks past the network namespace", _FILTER),
    ("a bar to keyrings of this machine", "keyring", "keys of the server can be read", _FILTER),
    ("scratch room of a fixed size", "scratch", "it fills this machine's memory", _KERNEL),
    ("an end for everything that was started in them", "end", "programs go on after their run", _KERNEL),
)
"""Name, fact, why, and what to do."""

_UNTRIED: Final = frozenset({"vsock", "keyring"})
"""What takes a Python in the box to try."""

_CALLS: Final = """
import ctypes, errno, os, socket
try:
    socket.socket(40, socket.SOCK_STREAM)
except OSError as error:
    print("vsock", error.errno in (errno.EPERM, errno.EAFNOSUPPORT))
number = {"x86_64": 250, "aarch64": 219}.get(os.uname().machine)
libc = ctypes.CDLL(None, use_errno=True)
if number is None or libc.syscall(number, 0, -3, 0, 0, 0) < 0 and ctypes.get_errno() in (errno.EPERM, errno.ENOSYS):
    print("keyring", True)
"""
"""Says what is refused: a socket of AF_VSOCK (40), and the id of the session's keyring (keyctl)."""


async def tried(run: Run, run_tightly: Run, left: Callable[[], int], tree: Path) -> list[Protection]:
    """Try all of it in boxes of `tree`; `run_tightly` gives TIGHT_BYTES and TIGHT_PROCESSES.

    `left` tells how many processes of these boxes are still there. Raises SandboxError if no box can be built.
    """
    probe = tree / "probe"
    await asyncio.to_thread(probe.unlink, missing_ok=True)
    ended = await run(_script(tree))
    facts = dict(line.split(" ", 1) for line in ended.text.splitlines() if " " in line)
    user = probe.lstat().st_uid if probe.exists() else 0
    facts |= {"user": str(user != 0), "environment": str(_is_own(facts)), "end": str(left() == 0)}
    untried = set() if facts.get("python") == "True" else _UNTRIED
    necessary = [
        Protection(name, facts.get(fact) == "True", why, advice)
        for name, fact, why, advice in _NECESSARY
        if fact not in untried
    ]
    python = Protection(
        *("a Python to try the rest with", not untried),
        *("some protections were not tried", "apt-get install python3"),
        is_necessary=False,
    )
    return [*necessary, *([] if python.holds else [python]), *await _limits(run_tightly)]


async def _limits(run: Run) -> Sequence[Protection]:
    memory, crowd = await asyncio.gather(
        _remark(run, f"dd if=/dev/zero of=/dev/null bs={TIGHT_BYTES * 3 // 2} count=1"),
        _remark(run, f"timeout 5 sh -c 'for i in $(seq {TIGHT_PROCESSES * 2}); do sleep 5 & done'"),
    )
    return [
        Protection(
            *("a limit of memory for all processes together", "memory" in memory),
            *("one command can take all memory, because each of its processes has a limit of its own", GROUPS_ADVICE),
            is_necessary=False,
        ),
        Protection(
            *("a limit of processes of their own", "processes" in crowd),
            *("runs take processes from each other", GROUPS_ADVICE),
            is_necessary=False,
        ),
    ]


async def _remark(run: Run, command: str) -> str:
    """What a tight box says that it had too much of; nothing if it does not even start.

    Boxes work, as was seen before. So this one is counted together with all else that the server's user runs, which is
    more than so few: the limit is there, and is not the box's own.
    """
    try:
        return (await run(command)).remark
    except SandboxError:
        return ""


def rationed(lacking: Sequence[str]) -> Protection:
    """Whether a box gets no more processors' time than its share; `lacking` are controllers that are not there."""
    return Protection(
        *("a limit of processor time", "cpu" not in lacking, "one command can slow down all others", GROUPS_ADVICE),
        is_necessary=False,
    )


def _is_own(facts: Mapping[str, str]) -> bool:
    """Whether a command sees the variables that it is given and nothing else, and its first process none."""
    names = set(facts.get("names", "unknown").split(","))
    return facts.get("first") == "True" and names <= {*ENVIRONMENT, "PWD", "OLDPWD", "SHLVL", "_"}


def _script(tree: Path) -> str:
    """Says what is the case in the box, a line each; it leaves a process behind that wants to live on."""
    host = shlex.quote(str(tree))
    status = "/proc/self/status"
    return f"""
is() {{ local name=$1; shift; if "$@"; then echo "$name True"; else echo "$name False"; fi; }} 2>/dev/null
refused() {{ ! ( "$@" ) >/dev/null 2>&1; }}
writes() {{ echo x > "$1"; }}
touch /repo/probe
echo "names $(compgen -e | paste -sd,)"
is first [ -z "$(tr -d '\\0' < /proc/1/environ)" ]
is network [ "$(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ')" = lo ]
is files [ ! -e /etc/shadow -a ! -e /root -a ! -e {host} -a "$(ls -A /home)" = minion ]
refused writes /minions && refused writes /etc/minions && refused writes /usr/minions && refused writes /dev/minions
is root [ $? = 0 ]
is processes [ "$(ls /proc | grep -c '^[0-9]*$')" -lt 10 ]
is capabilities [ -z "$(grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb):' {status} | grep -v '0000000000000000$')" ]
is privileges grep -qE '^NoNewPrivs:\\s1$' {status}
is seccomp grep -qE '^Seccomp:\\s2$' {status}
is nested refused unshare --user --map-root-user true
room() {{ [ $(($(stat -f -c '%b * %S' "$1"))) -le {SCRATCH_BYTES} ]; }}
room /tmp && room /dev/shm && room ~
is scratch [ $? = 0 ]
is python python3 -c {shlex.quote(_CALLS)}
setsid sleep 300 </dev/null >/dev/null 2>&1 &
exit 0
"""
