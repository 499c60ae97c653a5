"""A pull request of an evaluation task: in a repository of this machine, with checks that are red or with remarks."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from app.adapters.local import LocalForge
from app.core.errors import NotFound
from app.core.forge import FailedCheck, Head, Pull, Verdict
from app.core.store import Draft
from app.core.task import Person, Remark
from app.evaluation.exercise import Proposal

BRANCH: Final = "proposal"
"""That the pull request comes from; it is checked out."""
_BASE: Final = "main"
_NUMBER: Final = 1


class ProposedForge(LocalForge):
    """`Forge` on a repository in which somebody has opened one pull request. What is pushed is checked by nobody."""

    def __init__(self, repository: Path, report: Path, proposal: Proposal, now: datetime) -> None:
        """`now` is when its reviewers said what they said."""
        super().__init__(repository, report)
        self._proposal = proposal
        self._now = now

    async def issue_is_open(self, number: int) -> bool:
        """The pull request is open as long as it is worked on."""
        return number == _NUMBER

    async def pull(self, number: int) -> Pull:
        """Somebody's, so what mends it is proposed to them: nobody's branch is pushed to. Raises NotFound."""
        if number != _NUMBER:
            raise NotFound("There is one pull request, and this is another.")
        return Pull(
            number=_NUMBER,
            url="",
            head=Head(branch=BRANCH, sha=await self.branch_sha(BRANCH)),
            base=_BASE,
            is_open=True,
            is_merged=False,
            is_ours=False,
            is_from_fork=False,
            moved_at=datetime.min.replace(tzinfo=UTC),
        )

    async def remarks(self, number: int, *, since: datetime) -> Sequence[Remark]:
        """What the task has its reviewers say, those at lines each in a thread of its own."""
        logins = list(dict.fromkeys(one.login for one in self._proposal.remarks))
        return [
            Remark(
                author=Person(id=1 + logins.index(one.login), login=one.login),
                body=one.body,
                path=one.path,
                line=one.line,
                hunk=one.hunk,
                comment_id=at if one.path else None,
                at=self._now,
            )
            for at, one in enumerate(self._proposal.remarks, 1)
        ]

    async def verdict(self, sha: str) -> Verdict:
        """What the task says of the pull request's commit."""
        if sha != await self.branch_sha(BRANCH):
            return Verdict(state="never")
        red = tuple(one.name for one in self._proposal.red)
        return Verdict(state="red" if red else "green", red=red)

    async def failures(self, sha: str) -> Sequence[FailedCheck]:
        """What the task says of the pull request's commit."""
        return self._proposal.red if sha == await self.branch_sha(BRANCH) else ()


def on_pull_request(draft: Draft) -> Draft:
    """The same work, asked for on the pull request."""
    task = draft.task.model_copy(update={"number": _NUMBER, "is_pull_request": True})
    return draft.model_copy(update={"task": task})
