"""The box of one work tree, whatever runs its commands: `Sandbox` of `app.core.sandbox`."""

import os
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from app.adapters.sandbox.egress.proxy import Egress
from app.adapters.sandbox.egress.registries import Reach
from app.adapters.sandbox.ended import Ended
from app.adapters.sandbox.offline import explained
from app.adapters.sandbox.root import BUNDLE, EGRESS, ENVIRONMENT, OFFLINE, REPO, online
from app.core.errors import SandboxError
from app.core.sandbox import CommandResult

COMMAND_BYTES: Final = 100_000
"""Linux takes 131,072 bytes in one argument (MAX_ARG_STRLEN); the way into the box adds a little."""

Show = Callable[[str], Awaitable[bytes | None]]
"""A file of the base commit by its path, as `Workspace.show` gives it; None if there is none."""


@dataclass(frozen=True)
class Mounts:
    """What a box sees besides its root, as host folder by place inside."""

    writable: Mapping[str, Path]
    """Given to the user of the box."""
    readable: Mapping[str, Path] = field(default_factory=dict)


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
    """The box of one work tree: `Sandbox` of `app.core.sandbox`."""

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
