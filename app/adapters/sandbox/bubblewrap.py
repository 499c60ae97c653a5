"""The box, by bubblewrap."""

import asyncio
import fcntl
import logging
import os
import shutil
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.adapters.sandbox import machine, seccomp
from app.adapters.sandbox.egress import Egress, egress
from app.adapters.sandbox.leftovers import end_leftovers
from app.adapters.sandbox.output import OUTPUT_BYTES
from app.adapters.sandbox.process import Ended, run_box
from app.adapters.sandbox.registries import REGISTRIES
from app.adapters.sandbox.root import BUNDLE, CACHE, EGRESS, ENVIRONMENT, OFFLINE, REPO, Root, bundle, online
from app.adapters.sandbox.users import GROUP, Users, give, let_through
from app.core.errors import SandboxError
from app.core.world import CommandResult

_log = logging.getLogger(__name__)

GIB: Final = 1024**3
"""Bytes."""
COMMAND_BYTES: Final = 100_000
"""Linux takes 131,072 bytes in one argument (MAX_ARG_STRLEN); the way into the box adds a little."""


@dataclass(frozen=True)
class Limits:
    """What one command may use. Hard limits of the kernel: nothing inside can raise them."""

    memory_bytes: int = 8 * GIB
    """Address space of each process; node and Go reserve much more than they use."""
    processes: int = 512
    open_files: int = 4_096
    file_bytes: int = 2 * GIB
    """One file."""

    def arguments(self) -> list[str]:
        """For `prlimit`; a limit of this server's own that is lower stays."""
        return [
            f"--nproc={self.processes}",
            f"--nofile={self.open_files}",
            f"--fsize={self.file_bytes}",
            f"--as={self.memory_bytes}",
            "--core=1",  # byte: with 0 a machine whose dumps go to a program still starts it, as root, for every crash
        ]


@dataclass(frozen=True)
class Mounts:
    """What a box sees besides its root, as host folder by place inside."""

    writable: Mapping[str, Path]
    """Given to the user of the box."""
    readable: Mapping[str, Path] = field(default_factory=dict)


class BubblewrapBoxes:
    """Opens boxes. `home` is a folder of ours, which every box's user can pass through; it is made if it is missing.

    `allowed_hosts` are the registries that install commands may reach, by exact name, on port 443.
    """

    def __init__(self, home: Path, *, allowed_hosts: Sequence[str] = REGISTRIES, limits: Limits | None = None) -> None:
        self._home = home.resolve()
        self._hosts = tuple(allowed_hosts)
        self._limits = limits or Limits()
        self._users = Users(self._home / "box" / "users")
        self._root = Root(self._home / "box")
        self._made: tuple[bytes, list[str]] | None = None

    def open(self, tree: Path, *, cache: Path | None = None) -> "Box":
        """The box of a work tree. `cache` is a folder that lasts as long as the tree; without it installs are lost."""
        mounts = {REPO: tree.resolve()} | ({CACHE: cache.resolve()} if cache else {})
        return Box(self, Mounts(mounts))

    async def check(self) -> list[str]:
        """Sentences on what is missing on this machine and what to do about it; empty if boxes work."""
        if missing := machine.missing(self._home):
            return missing
        tree = self._home / "box" / "check"
        tree.mkdir(parents=True, exist_ok=True)
        lock = os.open(tree.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            # One server at a time: what is in the box then was left by one that was killed here.
            await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
            await self.end_leftovers(tree)
            await self.open(tree).run("true", timeout_s=20)
        except SandboxError as error:
            return [machine.advice(str(error))]
        finally:
            os.close(lock)
        return []

    async def execute(
        self,
        command: Sequence[str],
        mounts: Mounts,
        *,
        environment: Mapping[str, str],
        timeout_s: float,
        stdin: bytes = b"",
        keep: int = OUTPUT_BYTES,
    ) -> Ended:
        """Run one program in a box with these mounts, in /repo. Raises SandboxError if the box cannot be built."""
        filter_, root = await self._parts()
        with self._users.lend(mounts.writable[REPO]) as user:
            if user is not None:
                for folder in mounts.writable.values():
                    await asyncio.to_thread(give, folder, user)

            def arguments(seccomp_fd: int, status_fd: int) -> list[str]:
                return [
                    *_outside(user, self._limits),
                    *root,
                    *_mounted(mounts),
                    *(part for name, value in environment.items() for part in ("--setenv", name, value)),
                    *("--seccomp", str(seccomp_fd), "--json-status-fd", str(status_fd), "--"),
                    *command,
                ]

            return await run_box(arguments, filter_=filter_, stdin=stdin, keep=keep, timeout_s=timeout_s)

    @asynccontextmanager
    async def registries(self, tree: Path) -> AsyncIterator[Egress]:
        """A proxy to the allowed registries, for as long as the box of `tree` installs something."""
        await self._parts()
        with self._users.lend(tree) as user:
            async with egress(self._home / "box" / "egress", self._hosts, user) as proxy:
                yield proxy

    async def end_leftovers(self, tree: Path) -> None:
        """Kill what a killed server left running in the box of `tree`; nobody else may be at work in it."""
        if ended := await asyncio.to_thread(end_leftovers, tree):
            _log.warning("Ended %s processes that were left in the box of %s.", ended, tree)

    async def _parts(self) -> tuple[bytes, list[str]]:
        """The filter and the root, made once for each process that opens boxes."""
        if self._made is None:
            self._made = await asyncio.to_thread(self._make)
        return self._made

    def _make(self) -> tuple[bytes, list[str]]:
        self._home.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            self._home.chmod(self._home.stat().st_mode & 0o7777 | 0o011)
        let_through(self._home / "box")
        self._root.prepare()
        return seccomp.profile(), self._root.arguments()


class Box:
    """The box of one work tree: `Sandbox` of `app.core.world`."""

    def __init__(self, boxes: BubblewrapBoxes, mounts: Mounts) -> None:
        self._boxes = boxes
        self._mounts = mounts

    async def run(self, command: str, *, timeout_s: float = 600, stdin: bytes = b"") -> CommandResult:
        """As `Sandbox.run` says. A command that no shell can be given is answered with exit code 126."""
        return await self._run(command, self._mounts, ENVIRONMENT | OFFLINE, timeout_s=timeout_s, stdin=stdin)

    async def set_up(self, commands: Sequence[str], *, timeout_s: float = 1_200) -> Sequence[CommandResult]:
        """As `Sandbox.set_up` says; `timeout_s` is for all of them. Each result names the hosts that were asked for."""
        if not commands:
            return []
        if not shutil.which("socat"):
            raise SandboxError("socat is missing, which install commands need: apt-get install socat")
        results: list[CommandResult] = []
        end = time.monotonic() + timeout_s
        async with self._boxes.registries(self._mounts.writable[REPO]) as proxy:
            trusted = bundle()
            readable = {EGRESS: proxy.folder} | ({BUNDLE: trusted} if trusted else {})
            mounts = Mounts(self._mounts.writable, readable)
            for command in commands:
                left_s = max(end - time.monotonic(), 0)
                result = await self._run(command, mounts, ENVIRONMENT | online(), timeout_s=left_s, before=FORWARD)
                output = "\n".join([*([result.output.rstrip("\n")] if result.output else []), *proxy.said(), ""])
                results.append(result.model_copy(update={"output": output}))
                if not result.ok:
                    break
        return results

    async def _run(
        self,
        command: str,
        mounts: Mounts,
        environment: Mapping[str, str],
        *,
        timeout_s: float,
        stdin: bytes = b"",
        before: Sequence[str] = (),
    ) -> CommandResult:
        if objection := _objection(command):
            return CommandResult(command=command, exit_code=126, output=objection, seconds=0)
        ended = await self._boxes.execute(
            [*before, "/bin/bash", "-c", command], mounts, environment=environment, timeout_s=timeout_s, stdin=stdin
        )
        return CommandResult(
            command=command,
            exit_code=ended.exit_code,
            output=ended.text,
            seconds=ended.seconds,
            timed_out=ended.timed_out,
            left_out_bytes=ended.left_out_bytes,
        )


_FORWARD: Final = (
    f"socat TCP-LISTEN:3128,bind=127.0.0.1,fork,reuseaddr UNIX-CONNECT:{EGRESS}/socket </dev/null >/dev/null 2>&1 & "
    # Bash's own sockets tell when somebody listens; socat has no other way to say so.
    "for ((i = 0; i < 200; i++)); do (: </dev/tcp/127.0.0.1/3128) 2>/dev/null && break; sleep 0.02; done; "
    'exec "$@"'
)
FORWARD: Final = ("/bin/bash", "-c", _FORWARD, "forward")
"""Inside: from the port that tools are told to the socket of the proxy, then the command itself."""


def _objection(command: str) -> str:
    """Why a shell cannot be given this command; empty if it can."""
    try:
        size = len(os.fsencode(command))
    except UnicodeEncodeError:
        return "The command holds characters that are not text. Nothing was run."
    if "\0" in command:
        return "The command holds a NUL character. Nothing was run."
    if size > COMMAND_BYTES:
        return f"The command has {size} bytes, more than the {COMMAND_BYTES} that fit. Write a script and run that."
    return ""


def _outside(user: int | None, limits: Limits) -> list[str]:
    """What stands before the root: another user, limits, bwrap and its namespaces. Raises SandboxError."""
    programs = {name: shutil.which(name) for name in ("setpriv", "prlimit", "bwrap")}
    if lacking := [name for name, path in programs.items() if path is None]:
        raise SandboxError(f"{', '.join(lacking)} is missing: apt-get install bubblewrap util-linux")
    drop = [f"--reuid={user}", f"--regid={GROUP}", "--clear-groups", "--"]
    return [
        *([str(programs["setpriv"]), *drop] if user is not None else []),
        *(str(programs["prlimit"]), *limits.arguments(), "--"),
        *(str(programs["bwrap"]), "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent"),
        *("--new-session", "--hostname", "minion", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"),
    ]


def _mounted(mounts: Mounts) -> list[str]:
    arguments: list[str] = []
    for option, places in (("--bind", mounts.writable), ("--ro-bind", mounts.readable)):
        for place, folder in places.items():
            arguments += [option, str(folder), place]
    return [*arguments, "--remount-ro", "/", "--chdir", REPO]
