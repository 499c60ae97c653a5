"""Git on the host: never in a work tree, never with a configuration, hook or helper that a repository brought."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.core.errors import RepositoryError

SETTINGS: Final = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    "core.quotePath": "true",
    "credential.helper": "",
    "protocol.allow": "never",
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
    "gc.auto": "0",  # objects that a run still needs are not ours to lose; pruning is the sweep's
    "maintenance.auto": "false",
    "http.lowSpeedLimit": "1000",  # bytes a second, for this long: a connection that is as good as dead
    "http.lowSpeedTime": "60",
}
SURROUNDINGS: Final = (
    *("PATH", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY"),
    *("GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"),
)
"""Taken over from the server: how this machine reaches the outside."""


BRIEF: Final = frozenset({"cat-file", "for-each-ref", "ls-tree", "rev-parse", "update-ref"})
"""Commands that end by themselves, and at once. The others are bound to the life of the server: one that was killed
leaves no fetch behind. That takes one program more, which is a millisecond."""


@dataclass(frozen=True)
class Said:
    """What a git command answered."""

    exit_code: int
    out: bytes
    err: str

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.exit_code == 0

    @property
    def text(self) -> str:
        """Its answer where that is a line of text."""
        return self.out.decode(errors="surrogateescape").strip()


class Git:
    """Git in one bare repository of ours. `environment` is added to each command's, for example a private index.

    `memory_bytes` is what one process may have of its own, where what it reads is a stranger's; 0 for no limit.
    """

    def __init__(self, git_dir: Path, environment: Mapping[str, str] | None = None, *, memory_bytes: int = 0) -> None:
        self.git_dir = git_dir
        self._limits = ("prlimit", f"--data={memory_bytes}", "--core=0", "--") if memory_bytes else ()
        self.environment: Mapping[str, str] = dict(environment or {})

    async def ask(
        self,
        *arguments: str,
        stdin: bytes = b"",
        settings: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        timeout_s: float = 120,
    ) -> Said:
        """Run a command and answer with what it said, whether it succeeded or not.

        Raises RepositoryError when the time is up. Secrets go in `settings`, which travel by environment and are in no
        argument list and no file.
        """
        process = await asyncio.create_subprocess_exec(
            *self._limits,
            *(() if arguments[0] in BRIEF else ("setpriv", "--pdeathsig", "KILL")),
            "git",
            *arguments,
            stdin=PIPE if stdin else DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            cwd="/",
            env=self._surroundings(settings or {}) | dict(self.environment) | dict(environment or {}),
            umask=0o022,  # boxes read the mirror's objects
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(timeout_s):
                out, err = await process.communicate(stdin or None)
        except TimeoutError:
            raise RepositoryError(f"git {arguments[0]} did not end within {timeout_s:.0f} seconds") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # with its helpers for http
                await process.communicate()
        return Said(process.returncode or 0, out, err.decode(errors="replace").strip())

    async def tell(
        self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None, timeout_s: float = 120
    ) -> Said:
        """Run a command that has to succeed. Raises RepositoryError with git's own words if it does not."""
        said = await self.ask(*arguments, stdin=stdin, environment=environment, timeout_s=timeout_s)
        if not said.ok:
            raise RepositoryError(f"git {arguments[0]} failed: {said.err[-2000:]}")
        return said

    def _surroundings(self, settings: Mapping[str, str]) -> dict[str, str]:
        pairs = list((SETTINGS | dict(settings)).items())
        return {
            **{name: os.environ[name] for name in SURROUNDINGS if name in os.environ},
            "HOME": "/nonexistent",
            "LC_ALL": "C",
            "GIT_DIR": str(self.git_dir),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_CONFIG_COUNT": str(len(pairs)),
            **{f"GIT_CONFIG_KEY_{number}": key for number, (key, _) in enumerate(pairs)},
            **{f"GIT_CONFIG_VALUE_{number}": value for number, (_, value) in enumerate(pairs)},
        }
