"""Commit statuses: the older way to say that a commit is good."""

from dataclasses import dataclass

from app.demo.github import payloads
from app.demo.github.ground import Ground
from app.demo.github.hooks import Hooks
from app.demo.github.objects import CommitStatus, Repository, User
from app.demo.github.plumbing import Git
from app.demo.github.refusal import Refusal


@dataclass(frozen=True)
class Said:
    """What is to be said about a commit."""

    state: str
    context: str = "default"
    description: str | None = None
    target_url: str | None = None


class Statuses:
    """What is said about commits, by whoever may."""

    def __init__(self, ground: Ground, hooks: Hooks) -> None:
        self._ground = ground
        self._hooks = hooks

    async def create(self, repository: Repository, by: User, sha: str, said: Said) -> CommitStatus:
        """Say something: `status`. Raises Refusal."""
        git = Git(repository.path)
        if await git.sha(sha) != sha:
            raise Refusal(422, f"No commit found for SHA: {sha}")
        commit, heads = await git.commit(sha), await git.refs("refs/heads/")
        branches = {name.removeprefix("refs/heads/"): sha for name, at in heads.items() if at == sha}
        one = CommitStatus(
            id=self._ground.new_id(),
            sha=sha,
            state=said.state,
            context=said.context,
            description=said.description,
            target_url=said.target_url,
            creator=by,
            created_at=self._ground.now(),
        )
        repository.statuses.append(one)
        self._hooks.emit(
            "status",
            lambda: payloads.status(self._ground.url, repository, one, commit, branches),
            repository=repository,
        )
        return one


def of(repository: Repository, sha: str) -> list[CommitStatus]:
    """Everything that was said about a commit, newest first."""
    return [one for one in reversed(repository.statuses) if one.sha == sha]


def latest(repository: Repository, sha: str) -> list[CommitStatus]:
    """What counts: the newest of each context."""
    return list({one.context: one for one in repository.statuses if one.sha == sha}.values())
