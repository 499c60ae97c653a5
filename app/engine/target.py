"""What a run works on that was asked for on a pull request: where it begins, where it goes, and what reviewers said.

On a pull request of ours it adds commits to its branch. On somebody else's it makes a branch on top of theirs, and a
pull request into it: nobody's branch is pushed to but ours.
"""

from typing import Final

from app.core import wording
from app.core.forge import Forge, Head, Pull
from app.core.run import Run, Trail
from app.core.task import Remark

_MOST_REMARKS: Final = 50
"""Of the newest; a review with more is a matter for a conversation between people."""


def trail_of(run: Run, pull: Pull, default: Head) -> Trail:
    """Where the run begins and goes. Rules for it are those that were merged into the default branch."""
    if pull.is_ours:
        return Trail(
            branch=pull.head.branch,
            base_branch=pull.base,
            base_sha=pull.head.sha,
            rules_sha=default.sha,
            head_sha=pull.head.sha,
            pull_request_number=pull.number,
            pull_request_url=pull.url,
        )
    return Trail(
        branch=wording.branch_name(pull.number, run.id),
        base_branch=pull.head.branch,
        base_sha=pull.head.sha,
        rules_sha=default.sha,
    )


async def remarks(run: Run, pull: Pull, forge: Forge) -> tuple[Remark, ...]:
    """What people with write permission said in reviews since the branch moved last, up to the moment of asking.

    With the line at which the command itself stood, if it stood at one.
    """
    may: dict[str, bool] = {}
    found = list(run.task.remarks)
    for remark in await forge.remarks(pull.number, since=pull.moved_at):
        author = remark.author
        if author.is_bot or remark.at > run.task.asked_at or any(_same(remark, one) for one in found):
            continue
        if author.login not in may:
            may[author.login] = (await forge.permission(author.login)).may_write
        if may[author.login]:
            found.append(remark)
    return tuple(sorted(found, key=lambda one: one.at)[-_MOST_REMARKS:])


def _same(one: Remark, other: Remark) -> bool:
    return (one.author.id, one.path, one.body) == (other.author.id, other.path, other.body)
