"""The pull request that an evaluation task is about, opened on a loopback GitHub: with red checks, or reviewed."""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.demo.github.actions import Job, Push, Script, Workflow
from app.demo.github.objects import Pull
from app.demo.github.plumbing import NOTHING, Git
from app.demo.github.reviews import Remark
from app.demo.stage import Stage
from app.evaluation.exercise import Exercise, Proposal

BRANCH = "theirs"


async def opened(stage: Stage, repository: str, task: Exercise, *, by: str) -> Pull:
    """Open it in a repository that holds what the task's default branch does; its reviewers may write there."""
    assert task.proposal is not None
    hub, known, author = stage.hub, stage.hub.repository(repository), stage.hub.user(by)
    git = Git(known.path)
    before = await git.refs()
    sha = await asyncio.to_thread(committed, git, task.files, before["refs/heads/main"])
    await git.move(f"refs/heads/{BRANCH}", sha, NOTHING)
    hub.run_on_push(repository, checks_of(task.proposal))
    await hub.branches.moved(known, author, before)
    pull = await hub.pulls.open(known, author, head=BRANCH, base="main", title=task.title, body=task.body, draft=False)
    await _review(stage, pull, repository, task.proposal)
    await hub.settled()
    return pull


def committed(git: Git, files: Mapping[str, str], parent: str) -> str:
    """A commit that holds these files and nothing else."""
    with tempfile.TemporaryDirectory(prefix="minions-proposal-") as folder:
        for name, text in files.items():
            path = Path(folder) / "tree" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        who = {f"GIT_{role}_{key}": "ann@example.test" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
        place = {"GIT_WORK_TREE": f"{folder}/tree", "GIT_INDEX_FILE": f"{folder}/index"}
        git.call("-c", "core.bare=false", "add", "--all", "--force", ".", env=who | place)
        tree = git.call("write-tree", env=who | place).decode().strip()
        return git.call("commit-tree", tree, "-p", parent, "-m", "Mine", env=who).decode().strip()


def checks_of(proposal: Proposal) -> Script:
    """What is red at its branch, and green at every other."""

    async def script(push: Push) -> Sequence[Workflow]:
        red = "failure" if push.branch == BRANCH else "success"
        jobs = tuple(Job(one.name, red, log=one.log, summary=one.summary or None) for one in proposal.red)
        return [Workflow("CI", jobs)] if jobs else []

    return script


async def _review(stage: Stage, pull: Pull, repository: str, proposal: Proposal) -> None:
    logins = {login: f"{login}-{repository.partition('/')[0]}" for login in {one.login for one in proposal.remarks}}
    for login in logins.values():
        stage.hub.add_user(login)
        stage.hub.add_collaborator(repository, login, "write")
    for one in proposal.remarks:
        at_a_line = [Remark(one.path, one.line, one.body)] if one.line else []
        body = "" if at_a_line else one.body
        by = logins[one.login]
        await stage.hub.review_pull(repository, pull.issue.number, by=by, body=body, remarks=at_a_line)
