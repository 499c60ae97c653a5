"""The box, by bubblewrap."""

import asyncio
import fcntl
import logging
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from app.adapters.sandbox import machine, protections, seccomp
from app.adapters.sandbox.cgroups import Group, Groups, find
from app.adapters.sandbox.egress import Egress, egress
from app.adapters.sandbox.leftovers import end_leftovers
from app.adapters.sandbox.offline import explained
from app.adapters.sandbox.output import OUTPUT_BYTES
from app.adapters.sandbox.process import Ended, run_box
from app.adapters.sandbox.protections import Protection
from app.adapters.sandbox.registries import Reach
from app.adapters.sandbox.reserve import RESERVE_BYTES, Reserve
from app.adapters.sandbox.root import BUNDLE, CACHE, EGRESS, ENVIRONMENT, OFFLINE, REPO, Root, fingerprint, online
from app.adapters.sandbox.users import GROUP, Users, give, let_through
from app.core.errors import SandboxError
from app.core.world import CommandResult

_log = logging.getLogger(__name__)

GIB: Final = 1024**3
"""Bytes."""
COMMAND_BYTES: Final = 100_000
"""Linux takes 131,072 bytes in one argument (MAX_ARG_STRLEN); the way into the box adds a little."""

Show = Callable[[str], Awaitable[bytes | None]]
"""A file of the base commit by its path, as `Workspace.show` gives it; None if there is none."""


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

    def arguments(self, *, is_grouped: bool = False) -> list[str]:
        """For `prlimit`; a limit of this server's own that is lower stays.

        Where a control group counts the processes of the box, the user's own limit is far above: it counts everything
        of a server that is an ordinary user, and nothing tells when it is reached.
        """
        return [
            f"--nproc={self.processes * (8 if is_grouped else 1)}",
            f"--nofile={self.open_files}",
            f"--fsize={self.file_bytes}",
            f"--as={max(self.address_space_bytes, self.memory_bytes)}",
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

    `reach` is what install commands may reach; the public registries where it is not said.
    No command starts, or goes on, with less than `reserve_bytes` of free disk.
    """

    def __init__(
        self,
        home: Path,
        *,
        reach: Reach | None = None,
        limits: Limits | None = None,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        self._home = home.resolve()
        self.reach = reach or Reach()
        self._limits = limits or Limits()
        self._users = Users(self._home / "box" / "users")
        self._root = Root(self._home / "box")
        self._reserve = Reserve(self._home, reserve_bytes)
        self._made: tuple[bytes, list[str], Groups] | None = None
        self.protections: Sequence[Protection] = ()
        """What was found by the last `check`."""

    def open(self, tree: Path, *, cache: Path | None = None, show: Show | None = None) -> "Box":  # noqa: ARG002
        """The box of a work tree. `cache` is a folder that lasts as long as the tree; without it installs are lost.

        `show` gives files of the base commit, for boxes that depend on what they say; these do not.
        """
        mounts = {REPO: tree.resolve()} | ({CACHE: cache.resolve()} if cache else {})
        return Box(self, Mounts(mounts))

    async def programs(self, show: Show | None = None) -> str:  # noqa: ARG002
        """A word for the programs that commands find, another one when they change; `show` is as for `open`."""
        return await asyncio.to_thread(fingerprint)

    async def kind(self) -> str:
        """What these boxes are made by, for people."""
        return "bubblewrap"

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
            groups = (await self._parts())[2]
            if swept := await asyncio.to_thread(groups.sweep):
                _log.warning("Ended %s control groups that a killed server left.", swept)
            self.protections = await self._tried(tree, groups)
        except SandboxError as error:
            return [machine.advice(str(error))]
        finally:
            os.close(lock)
        return [one.sentence for one in self.protections if one.is_necessary and not one.holds]

    async def _tried(self, tree: Path, groups: Groups) -> list[Protection]:
        tight = replace(self._limits, memory_bytes=protections.TIGHT_BYTES, processes=protections.TIGHT_PROCESSES)

        async def run(command: str, limits: Limits) -> Ended:
            words = ["/bin/bash", "-c", command]
            return await self.execute(words, Mounts({REPO: tree}), environment=ENVIRONMENT, timeout_s=20, limits=limits)

        rows = await protections.tried(
            partial(run, limits=self._limits), partial(run, limits=tight), partial(end_leftovers, tree), tree
        )
        return [*rows, protections.rationed(groups.place.lacking)]

    async def execute(
        self,
        command: Sequence[str],
        mounts: Mounts,
        *,
        environment: Mapping[str, str],
        timeout_s: float,
        stdin: bytes = b"",
        keep: int = OUTPUT_BYTES,
        limits: Limits | None = None,
    ) -> Ended:
        """Run one program in a box with these mounts, in /repo. Raises SandboxError if the box cannot be built."""
        limits = limits or self._limits
        filter_, root, groups = await self._parts()
        self._reserve.check()
        with self._users.lend(mounts.writable[REPO]) as user:
            if user is not None:
                for folder in mounts.writable.values():
                    await asyncio.to_thread(give, folder, user)

            def arguments(seccomp_fd: int, status_fd: int) -> list[str]:
                return [
                    *(group.enter() if group else []),
                    *_outside(user, limits, is_grouped=group is not None and group.counts_processes),
                    *root,
                    *_mounted(mounts),
                    *(part for name, value in environment.items() for part in ("--setenv", name, value)),
                    *("--seccomp", str(seccomp_fd), "--json-status-fd", str(status_fd), "--"),
                    *command,
                ]

            group = _group(groups, limits)
            try:
                return await run_box(
                    arguments,
                    filter_=filter_,
                    stdin=stdin,
                    keep=keep,
                    timeout_s=timeout_s,
                    group=group,
                    reserve=self._reserve,
                )
            finally:
                if group:
                    await group.close()

    @asynccontextmanager
    async def registries(self, tree: Path) -> AsyncIterator[Egress]:
        """A proxy to the allowed registries, for as long as the box of `tree` installs something."""
        await self._parts()
        with self._users.lend(tree) as user:
            async with egress(self._home / "box" / "egress", self.reach, user) as proxy:
                yield proxy

    async def end_leftovers(self, tree: Path) -> None:
        """Kill what a killed server left running in the box of `tree`; nobody else may be at work in it."""
        if ended := await asyncio.to_thread(end_leftovers, tree):
            _log.warning("Ended %s processes that were left in the box of %s.", ended, tree)

    async def _parts(self) -> tuple[bytes, list[str], Groups]:
        """The filter, the root and the place of control groups, made once for each process that opens boxes."""
        if self._made is None:
            self._made = await asyncio.to_thread(self._make)
        return self._made

    def _make(self) -> tuple[bytes, list[str], Groups]:
        self._home.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            self._home.chmod(self._home.stat().st_mode & 0o7777 | 0o011)
        let_through(self._home / "box")
        self._root.prepare()
        return seccomp.profile(), self._root.arguments(), Groups(find())


class Executor(Protocol):
    """What a `Box` runs its commands by."""

    @property
    def reach(self) -> Reach:
        """What install commands may reach."""
        ...

    async def execute(
        self,
        command: Sequence[str],
        mounts: Mounts,
        *,
        environment: Mapping[str, str],
        timeout_s: float,
        stdin: bytes = b"",
    ) -> Ended:
        """As `BubblewrapBoxes.execute`."""
        ...

    def registries(self, tree: Path) -> AbstractAsyncContextManager[Egress]:
        """As `BubblewrapBoxes.registries`."""
        ...


class Box:
    """The box of one work tree: `Sandbox` of `app.core.world`."""

    def __init__(self, boxes: Executor, mounts: Mounts) -> None:
        self._boxes = boxes
        self._mounts = mounts

    async def run(self, command: str, *, timeout_s: float = 600, stdin: bytes = b"") -> CommandResult:
        """As `Sandbox.run` says. A command that no shell can be given is answered with exit code 126."""
        result = await self._run(command, self._mounts, ENVIRONMENT | OFFLINE, timeout_s=timeout_s, stdin=stdin)
        return result.model_copy(update={"output": explained(result.exit_code, result.output)})

    async def set_up(self, commands: Sequence[str], *, timeout_s: float = 1_200) -> Sequence[CommandResult]:
        """As `Sandbox.set_up` says; `timeout_s` is for all of them. Each result says what was reached and refused."""
        if not commands:
            return []
        if not shutil.which("socat"):
            raise SandboxError("socat is missing, which install commands need: apt-get install socat")
        results: list[CommandResult] = []
        end = time.monotonic() + timeout_s
        async with self._boxes.registries(self._mounts.writable[REPO]) as proxy:
            trusted = {BUNDLE: proxy.authorities} if proxy.authorities else {}
            mounts = Mounts(self._mounts.writable, {EGRESS: proxy.folder} | trusted)
            environment = ENVIRONMENT | online() | dict(self._boxes.reach.environment)
            for command in commands:
                left_s = max(end - time.monotonic(), 0)
                result = await self._run(command, mounts, environment, timeout_s=left_s, before=FORWARD)
                said = await proxy.said()
                output = "\n".join([*([result.output.rstrip("\n")] if result.output else []), *said, ""])
                results.append(result.model_copy(update={"output": output, "connections": tuple(said)}))
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


def _group(groups: Groups, limits: Limits) -> Group | None:
    """The control group of a command; None where there can be none."""
    if not groups.place.folders:
        return None
    return groups.make(memory_bytes=limits.memory_bytes, processes=limits.processes, cpus=limits.cpus)


def _outside(user: int | None, limits: Limits, *, is_grouped: bool) -> list[str]:
    """What stands before the root: another user, limits, bwrap and its namespaces. Raises SandboxError."""
    programs = {name: shutil.which(name) for name in ("setpriv", "prlimit", "bwrap")}
    if lacking := [name for name, path in programs.items() if path is None]:
        raise SandboxError(f"{', '.join(lacking)} is missing: apt-get install bubblewrap util-linux")
    drop = [f"--reuid={user}", f"--regid={GROUP}", "--clear-groups", "--"]
    return [
        *([str(programs["setpriv"]), *drop] if user is not None else []),
        *(str(programs["prlimit"]), *limits.arguments(is_grouped=is_grouped), "--"),
        *(str(programs["bwrap"]), "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent"),
        *("--new-session", "--hostname", "minion", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"),
    ]


def _mounted(mounts: Mounts) -> list[str]:
    arguments: list[str] = []
    for option, places in (("--bind", mounts.writable), ("--ro-bind", mounts.readable)):
        for place, folder in places.items():
            arguments += [option, str(folder), place]
    return [*arguments, "--remount-ro", "/", "--chdir", REPO]
