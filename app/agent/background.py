"""Commands that go on while the minion does something else, until its node ends.

Each has a box of its own, like every command, and ends with that box: there is no other way to be sure that nothing of
it is left. So it shares the tree and the folder for logs with other commands, but neither processes nor a network.
"""

import asyncio
import shlex
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from secrets import token_hex
from typing import Final

from app.core.errors import SandboxError
from app.core.sandbox import CommandResult, Sandbox

_LOGS: Final = PurePosixPath("/cache")
"""The folder that all boxes of one tree see and that is no part of the tree."""
STARTED: Final = "[started in the background; "
"""How the answer to such a call begins, by which a resumed loop knows that there was one."""
RESTARTED: Final = "[restart] "
"""How the words begin by which a minion is told that what it had started is gone."""
_LAST_WORD_S: Final = 10.0
MOST: Final = 8
"""At once; more is a mistake."""
MOST_BYTES: Final = 100_000
"""Of a command with its quotes: what boxes take, because the kernel takes 128 KiB (MAX_ARG_STRLEN)."""


@dataclass
class Background:
    """The commands of one loop that are under way."""

    logs: PurePosixPath = _LOGS
    _tasks: dict[str, asyncio.Task[CommandResult]] = field(default_factory=dict)

    @property
    def running(self) -> int:
        """How many have not ended."""
        return sum(not task.done() for task in self._tasks.values())

    def start(self, sandbox: Sandbox, command: str, timeout_s: float) -> str:
        """Start a command, which is killed after `timeout_s`; answer with the path of its log inside the boxes.

        Raises ValueError if it is too long.
        """
        log = str(self.logs / f"background-{token_hex(4)}.log")
        quoted = shlex.quote(log)
        script = f'bash -c {shlex.quote(command)} >{quoted} 2>&1; echo "[exit code $?]" >>{quoted}'
        if len(script.encode()) > MOST_BYTES:
            raise ValueError("the command is too long to go on in the background: write a script and run that")
        self._tasks[log] = asyncio.create_task(_run(sandbox, script, quoted, timeout_s))
        return log

    async def end(self) -> None:
        """Kill what is still running; nothing of it is left afterwards."""
        for task in self._tasks.values():
            task.cancel()
        ended = await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()
        for error in ended:
            if isinstance(error, BaseException) and not isinstance(error, asyncio.CancelledError | SandboxError):
                raise error


async def _run(sandbox: Sandbox, script: str, log: str, timeout_s: float) -> CommandResult:
    """What is killed with its box cannot say so itself."""
    result = await sandbox.run(script, timeout_s=timeout_s)
    if result.timed_out:
        await sandbox.run(f"echo '[killed after {timeout_s:.0f} s]' >>{log}", timeout_s=_LAST_WORD_S)
    return result
