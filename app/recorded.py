"""The pull request of a run that ended, as it stood when the run began: by what is in its record."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from app.adapters.local import LocalForge
from app.core.errors import NotFound
from app.core.forge import FailedCheck, Head, Pull, Verdict
from app.core.run import Run
from app.core.task import Remark, Task

_RED: Final = "red"
"""What a node answers that found checks to be mended."""
_NAMELESS: Final = FailedCheck(name="(a check that the record does not name)")


class RecordedForge(LocalForge):
    """`Forge` on a copy of a repository, with the one pull request that a run was about.

    It is taken for somebody else's, whoever opened it: what the run makes goes to a branch of its own.
    """

    def __init__(self, repository: Path, report: Path, run: Run) -> None:
        super().__init__(repository, report)
        self._run = run
        self._state: Mapping[str, Any] = run.state

    async def issue_is_open(self, number: int) -> bool:
        """It was, when the run began."""
        return number == self._run.task.number

    async def pull(self, number: int) -> Pull:
        """Where it stood then. Raises NotFound for any other."""
        task, trail = self._run.task, self._run.trail
        if number != task.number:
            raise NotFound("The record is about another pull request.")
        return Pull(
            number=number,
            url="",
            head=Head(branch=trail.base_branch, sha=trail.base_sha),
            base="",
            is_open=True,
            is_merged=False,
            is_ours=False,
            is_from_fork=False,
            moved_at=task.asked_at,
        )

    async def remarks(self, number: int, *, since: datetime) -> Sequence[Remark]:  # noqa: ARG002
        """What its reviewers had said."""
        return Task.model_validate(self._state["task"]).remarks if "task" in self._state else ()

    async def verdict(self, sha: str) -> Verdict:
        """As the run found the commit that it began on; nobody checks any other."""
        was_red = self._run.visits[0].outcome == _RED
        if sha != self._run.trail.base_sha or not was_red:
            return Verdict(state="never")
        return Verdict(state="red", red=tuple(one.name for one in await self.failures(sha)))

    async def failures(self, sha: str) -> Sequence[FailedCheck]:
        """What was known of them last: a model that only repeats what it said does not look at it."""
        if sha != self._run.trail.base_sha:
            return ()
        return [FailedCheck.model_validate(one) for one in self._state.get("failing", ())] or [_NAMELESS]
