"""The box, by bubblewrap."""

import asyncio
import fcntl
import logging
import os
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Final

from app.adapters.sandbox.box import Box, Mounts, Show
from app.adapters.sandbox.bubblewrap import machine, protections, seccomp
from app.adapters.sandbox.bubblewrap.cgroups import Group, Groups, find
from app.adapters.sandbox.bubblewrap.process import run_box
from app.adapters.sandbox.bubblewrap.protections import Protection
from app.adapters.sandbox.egress.proxy import Egress, egress
from app.adapters.sandbox.egress.registries import Reach
from app.adapters.sandbox.ended import Ended
from app.adapters.sandbox.leftovers import end_leftovers
from app.adapters.sandbox.limits import Limits
from app.adapters.sandbox.output import OUTPUT_BYTES
from app.adapters.sandbox.reserve import RESERVE_BYTES, Reserve
from app.adapters.sandbox.root import CACHE, ENVIRONMENT, REPO, Root, fingerprint
from app.adapters.sandbox.users import GROUP, Users, give, let_through
from app.core.errors import SandboxError

_log = logging.getLogger(__name__)
_PROGRAMS: Final = ("chroot", "prlimit", "bwrap")


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
        try:
            tree.mkdir(parents=True, exist_ok=True)
            lock = os.open(tree.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            return [str(_unwritable(self._home, error))]
        try:
            # One server at a time: what is in the box then was left by one that was killed here.
            await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
            await self.end_leftovers(tree)
            if ended := await self.end_ownerless():
                _log.warning("Ended %s.", ", ".join(ended))
            self.protections = await self._tried(tree, (await self._parts())[2])
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

            def arguments(seccomp_fd: int, status_fd: int, block_fd: int) -> list[str]:
                return [
                    *_outside(user, limits, is_grouped=group is not None and group.counts_processes),
                    *root,
                    *_mounted(mounts),
                    *(part for name, value in environment.items() for part in ("--setenv", name, value)),
                    *("--seccomp", str(seccomp_fd), "--json-status-fd", str(status_fd)),
                    *("--block-fd", str(block_fd), "--"),
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

    async def end_ownerless(self) -> Sequence[str]:
        """End what is still at work for servers that are gone; answer with what it was, each in some words."""
        groups = (await self._parts())[2]
        return ["a control group of a killed server"] * await asyncio.to_thread(groups.sweep)

    async def _parts(self) -> tuple[bytes, list[str], Groups]:
        """The filter, the root and the place of control groups, made once for each process that opens boxes."""
        if self._made is None:
            self._made = await asyncio.to_thread(self._make)
        return self._made

    def _make(self) -> tuple[bytes, list[str], Groups]:
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0:
                self._home.chmod(self._home.stat().st_mode & 0o7777 | 0o011)
            let_through(self._home / "box")
            self._root.prepare()
        except OSError as error:
            raise _unwritable(self._home, error) from error
        return seccomp.profile(), self._root.arguments(), Groups(find())


def _unwritable(home: Path, error: OSError) -> SandboxError:
    return SandboxError(f"What boxes need cannot be written to {home}: {error.strerror}.")


def _group(groups: Groups, limits: Limits) -> Group | None:
    """The control group of a command; None where there can be none."""
    if not groups.place.folders:
        return None
    return groups.make(memory_bytes=limits.memory_bytes, processes=limits.processes, cpus=limits.cpus)


def _outside(user: int | None, limits: Limits, *, is_grouped: bool) -> list[str]:
    """What stands before the root: another user, limits, bwrap and its namespaces. Raises SandboxError."""
    chroot, prlimit, bwrap = _programs()
    # Another user by the plainest program there is: setpriv takes a millisecond more. The root stays what it is.
    drop = [chroot, f"--userspec={user}:{GROUP}", "--groups=", "/"]
    return [
        *(drop if user is not None else []),
        *(prlimit, *limits.arguments(is_grouped=is_grouped), "--"),
        *(bwrap, "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent"),
        *("--new-session", "--hostname", "minion", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"),
    ]


@cache
def _programs() -> Sequence[str]:
    """Where chroot, prlimit and bwrap are. Raises SandboxError."""
    found = {name: shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") for name in _PROGRAMS}
    if lacking := [name for name, path in found.items() if path is None]:
        raise SandboxError(f"{', '.join(lacking)} is missing: apt-get install bubblewrap coreutils util-linux")
    return [str(path) for path in found.values()]


def _mounted(mounts: Mounts) -> list[str]:
    arguments: list[str] = []
    for option, places in (("--bind", mounts.writable), ("--ro-bind", mounts.readable)):
        for place, folder in places.items():
            arguments += [option, str(folder), place]
    return [*arguments, "--remount-ro", "/", "--chdir", REPO]
