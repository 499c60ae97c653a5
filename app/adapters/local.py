"""A repository on this machine instead of GitHub: `minions run` leaves a branch and a report, and asks nobody."""

import asyncio
import os
from collections.abc import Sequence
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Final

from app.core.errors import NotFound, RepositoryError
from app.core.forge import Check, FailedCheck, Head, Permission, Pull, PullRequest, Reaction, Remote, Verdict
from app.core.links import Said
from app.core.task import Place, Remark

_ENVIRONMENT: Final = {
    "PATH": os.defpath,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    # Or a repository that says that it is a partial clone has git fetch what is missing, by a program that it names.
    "GIT_ALLOW_PROTOCOL": "none",
    "LC_ALL": "C",
}


class LocalForge:
    """`Forge` on one git repository of this machine. There is no issue: the task came from the command line."""

    def __init__(self, repository: Path, report: Path) -> None:
        """`report` is the file that says what was done: what would be the text of a pull request."""
        self._repository = repository
        self._report = report
        self._is_final = False

    async def permission(self, login: str) -> Permission:
        """Whoever can start this command can write the repository."""
        return Permission.ADMIN if login else Permission.NONE

    async def default_head(self) -> Head:
        """The branch that is checked out. Raises RepositoryError if there is none, or no commit."""
        branch = await self._git("symbolic-ref", "--short", "HEAD")
        sha = await self._git("rev-parse", "--verify", "HEAD^{commit}")
        if not sha:
            raise RepositoryError(f"{self._repository} is no git repository with a commit in it.")
        return Head(branch=branch or "HEAD", sha=sha)

    async def issue_is_open(self, number: int) -> bool:
        """The task of the command line is open as long as the command runs."""
        return number == 0

    async def remote(self, *, write: bool) -> Remote:
        """The repository itself, for reading and for writing alike."""
        return Remote(url=str(self._repository))

    async def react(self, number: int, place: Place | None, reaction: Reaction) -> None:
        """Nobody waits for a reaction."""

    async def find_or_create_branch(self, branch: str, *, base_sha: str, message: str) -> str:
        """Nothing hangs on the branch here, so it is made when there is a change to put on it."""
        return ""

    async def restart_branch(self, branch: str, *, base_sha: str, message: str) -> str:
        """Nothing waits for reviews here."""
        return ""

    async def branch_sha(self, branch: str) -> str:
        """Where `branch` stands; empty if it does not exist."""
        return await self._git("rev-parse", "--verify", f"refs/heads/{branch}^{{commit}}")

    async def delete_branch(self, branch: str, *, expected_sha: str) -> bool:
        """Nobody can ask for that here."""
        return False

    async def pull(self, number: int) -> Pull:
        """A local repository has no pull requests."""
        raise NotFound("A repository of this machine has no pull requests.")

    async def close_pull(self, number: int) -> None:
        """A local repository has no pull requests."""

    async def remarks(self, number: int, *, since: datetime) -> Sequence[Remark]:
        """Nobody reviews here."""
        return ()

    async def reply(self, place: Place, marker: str, text: str) -> None:
        """Nobody reviews here."""

    async def talk(self, number: int, place: Place | None) -> Said:
        """A local repository has no issues."""
        raise NotFound("A repository of this machine has no issues.")

    async def file(self, path: str, ref: str) -> bytes:
        """A link to GitHub leads nowhere here."""
        raise NotFound("A repository of this machine has no pages.")

    async def free_branch(self) -> str:
        """The first of `minions/task-1`, `minions/task-2`, … that does not exist: an earlier run may have left some."""
        taken = (await self._git("for-each-ref", "--format=%(refname:short)", "refs/heads/minions/")).split()
        return next(name for number in count(1) if (name := f"minions/task-{number}") not in taken)

    async def put_check(self, sha: str, check: Check, *, check_id: int | None) -> int:
        """A local repository has no check runs."""
        return 0

    async def put_comment(self, number: int, marker: str, text: str, *, comment_id: int | None) -> int:
        """The report says where the run stands, until it is replaced by what was done."""
        if not self._is_final:
            self._write(text)
        return 1

    async def find_or_create_pull_request(
        self, *, branch: str, base: str, marker: str, title: str, body: str
    ) -> PullRequest:
        """Write the report. Nothing replaces it any more."""
        self._is_final = True
        self._write(f"# {title}\n\nBranch `{branch}`, to be merged into `{base}`.\n\n{body}")
        return PullRequest(number=1, url=self._report.as_uri())

    async def verdict(self, sha: str) -> Verdict:
        """Nobody checks commits here."""
        return Verdict(state="never")

    async def failures(self, sha: str) -> Sequence[FailedCheck]:
        """Nobody checks, so nothing fails."""
        return ()

    def _write(self, text: str) -> None:
        self._report.parent.mkdir(parents=True, exist_ok=True)
        self._report.write_text(text + "\n", encoding="utf-8")

    async def _git(self, *words: str) -> str:
        """What a read-only git command says; empty if it fails."""
        command = ["git", "-c", "core.fsmonitor=false", "-C", str(self._repository), *words]
        process = await asyncio.create_subprocess_exec(
            *command,
            env=_ENVIRONMENT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        out, _ = await process.communicate()
        return out.decode().strip() if process.returncode == 0 else ""
