"""A work tree in a folder, and a sandbox that runs real commands in it."""

import asyncio
import os
import signal
from ast import literal_eval
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from shutil import rmtree

from app.core.patch import Patch
from app.core.sandbox import CommandResult
from app.core.workspace import Touched


@dataclass
class FolderWorkspace:
    """Files of a folder; the base commit is what `base` says."""

    root: Path
    base: dict[str, bytes] = field(default_factory=dict)

    async def check_out(self, sha: str, *, patch: bytes = b"", set_up: Sequence[str] = ()) -> None:  # noqa: ARG002 - the Protocol
        raise AssertionError("a minion does not check out")

    async def show(self, path: str) -> bytes | None:
        return self.base.get(path)

    async def show_all(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        return {path: self.base[path] for path in paths if path in self.base}

    async def listed(self) -> Sequence[str]:
        return sorted(self.base)

    async def blobs(self, paths: Sequence[str]) -> Mapping[str, str]:
        return {path: sha256(self.base[path]).hexdigest() for path in paths if path in self.base}

    async def links(self) -> Mapping[str, str]:
        return {}

    async def past(self, paths: Sequence[str], *, most: int) -> Sequence[Touched]:  # noqa: ARG002 - the Protocol
        raise AssertionError("a minion asks git by itself")

    async def read(self, path: str) -> bytes:
        return self._inside(path).read_bytes()

    async def write(self, path: str, data: bytes) -> None:
        file = self._inside(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    async def restore(self, paths: Sequence[str], *, patch: bytes = b"") -> None:  # noqa: ARG002 - the Protocol
        raise AssertionError(f"a minion restores nothing: {paths}")

    async def paths(self, folder: str = "") -> Sequence[str]:
        return sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in self._inside(folder).iterdir())

    async def patch(self) -> Patch:
        """Not a patch, but as telling: every file and what is in it."""
        files = sorted(path for path in self.root.rglob("*") if path.is_file())
        return Patch(data=repr([(str(path.relative_to(self.root)), path.read_bytes()) for path in files]).encode())

    def bring_to(self, data: bytes) -> None:
        """Make the tree of which `patch` told this."""
        rmtree(self.root)
        self.root.mkdir()
        for name, content in literal_eval(data.decode()):
            file = self._inside(name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

    async def publish(self, patch: Patch, *, branch: str, message: str, expected_sha: str, parent_sha: str = "") -> str:  # noqa: ARG002 - the Protocol
        raise AssertionError("a minion does not publish")

    async def conflicts(self, commit: str, other: str) -> Sequence[str]:
        raise AssertionError(f"a minion merges nothing: {commit}, {other}")

    async def remove(self) -> None:
        raise AssertionError("a minion does not remove its tree")

    def _inside(self, path: str) -> Path:
        file = (self.root / path).resolve()
        if not file.is_relative_to(self.root.resolve()):
            raise PermissionError(f"{path} leads out of the repository: give a path relative to its root")
        return file


@dataclass
class FolderSandbox:
    """Runs commands by bash in a folder: no box, but real commands. Remembers what it ran."""

    root: Path
    commands: list[str] = field(default_factory=list)

    async def run(self, command: str, *, timeout_s: float = 600, stdin: bytes = b"") -> CommandResult:
        self.commands.append(command)
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            command,
            cwd=self.root,
            stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(timeout_s):
                output, _ = await process.communicate(stdin or None)
        except (TimeoutError, asyncio.CancelledError) as error:
            with suppress(ProcessLookupError):  # it may have ended by itself just now
                os.killpg(process.pid, signal.SIGKILL)
            await process.communicate()
            if isinstance(error, asyncio.CancelledError):
                raise
            return CommandResult(command=command, exit_code=124, output="", seconds=timeout_s, timed_out=True)
        code = process.returncode or 0
        text = output.decode("utf-8", "replace")
        return CommandResult(command=command, exit_code=code if code >= 0 else 128 - code, output=text, seconds=0.0)

    async def set_up(
        self,
        commands: Sequence[str],  # noqa: ARG002 - the Protocol
        *,
        timeout_s: float = 1_200,  # noqa: ARG002 - the Protocol
    ) -> Sequence[CommandResult]:
        raise AssertionError("a minion does not set up")
