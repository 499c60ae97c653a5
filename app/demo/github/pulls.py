"""Pull requests: a conversation about a branch."""

import re
from dataclasses import dataclass

from app.demo.github import payloads
from app.demo.github.ground import Ground
from app.demo.github.hooks import Hooks
from app.demo.github.issues import Issues
from app.demo.github.objects import App, Pull, Repository, Side, User
from app.demo.github.plumbing import EMPTY_TREE, NOTHING, Git
from app.demo.github.refusal import Refusal, invalid
from app.demo.github.reviews import outdate

_CLOSES = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):? #(\d{1,9})\b", re.IGNORECASE)
"""Keywords of docs.github.com, "Linking a pull request to an issue"."""


@dataclass(frozen=True)
class Figures:
    """What the difference from the merge base to the head amounts to."""

    commits: int
    additions: int
    deletions: int
    changed_files: int


class Pulls:
    """Opens pull requests and lets them follow their branches."""

    def __init__(self, ground: Ground, hooks: Hooks, issues: Issues) -> None:
        self._ground = ground
        self._hooks = hooks
        self._issues = issues

    async def open(
        self,
        repository: Repository,
        by: User,
        *,
        title: str,
        body: str | None,
        head: str,
        base: str,
        draft: bool,
        app: App | None = None,
    ) -> Pull:
        """Open a pull request; `head` is `branch` or `owner:branch` of the same repository. Raises Refusal."""
        owner, _, branch = head.rpartition(":")
        git = Git(repository.path)
        head_sha = await git.sha(f"refs/heads/{branch}")
        base_sha = await git.sha(f"refs/heads/{base}")
        if owner not in {"", repository.owner.login} or head_sha is None:
            raise invalid("PullRequest", "head", "invalid")
        if base_sha is None:
            raise invalid("PullRequest", "base", "invalid")
        figures = await self.figures(repository, base_sha, head_sha)
        there = any(
            pull.issue.state == "open" and pull.head.branch == branch and pull.base.branch == base
            for pull in repository.pulls
        )
        label = f"{repository.owner.login}:{branch}"
        if there:
            raise _custom(f"A pull request already exists for {label}.")
        if not figures.commits:
            raise _custom(f"No commits between {base} and {branch}")
        issue = self._issues.new(repository, by, title, body, app=app)
        pull = Pull(
            id=self._ground.new_id(),
            issue=issue,
            head=Side(repository, branch, head_sha),
            base=Side(repository, base, base_sha),
            draft=draft,
        )
        self._count(pull, figures)
        issue.pull = pull
        self._hooks.emit(
            "pull_request",
            lambda: payloads.issue(self._ground.url, "opened", issue, by),
            repository=repository,
        )
        return pull

    async def follow(self, pull: Pull, by: User, sha: str) -> None:
        """The head moved: `synchronize`; or it is gone: closed."""
        if sha == NOTHING:
            self._issues.close(pull.issue, by)
            return
        figures = await self.figures(pull.base.repository, pull.base.sha, sha)
        before, pull.head.sha = pull.head.sha, sha
        self._count(pull, figures)
        await outdate(pull)
        pull.issue.updated_at = self._ground.now()
        self._hooks.emit(
            "pull_request",
            lambda: payloads.synchronize(self._ground.url, pull, by, before),
            repository=pull.base.repository,
        )

    def set_draft(self, pull: Pull, by: User, *, draft: bool) -> None:
        """`converted_to_draft`, or `ready_for_review`, unless it is so already."""
        if pull.draft is draft:
            return
        pull.draft, pull.issue.updated_at = draft, self._ground.now()
        action = "converted_to_draft" if draft else "ready_for_review"
        self._hooks.emit(
            "pull_request",
            lambda: payloads.issue(self._ground.url, action, pull.issue, by),
            repository=pull.base.repository,
        )

    async def rebase(self, pull: Pull, base: str) -> None:
        """Change the branch that it wants to go to. Raises Refusal."""
        sha = await Git(pull.base.repository.path).sha(f"refs/heads/{base}")
        if sha is None:
            raise invalid("PullRequest", "base", "invalid")
        figures = await self.figures(pull.base.repository, sha, pull.head.sha)
        pull.base.branch, pull.base.sha = base, sha
        self._count(pull, figures)

    async def figures(self, repository: Repository, base: str, head: str) -> Figures:
        """Count what `head` has that `base` lacks."""
        git = Git(repository.path)
        ahead, _ = await git.ahead_behind(base, head)
        files = await git.files(await git.merge_base(base, head) or EMPTY_TREE, head)
        return Figures(ahead, sum(one.additions for one in files), sum(one.deletions for one in files), len(files))

    def merged(self, pull: Pull, by: User, sha: str) -> None:
        """It became part of its base by the commit `sha`; issues that its text says it closes are closed."""
        pull.merged_at, pull.merged_by, pull.merge_commit_sha = self._ground.now(), by, sha
        self._issues.close(pull.issue, by)
        repository = pull.base.repository
        if pull.base.branch == repository.default_branch:
            for number in _CLOSES.findall(pull.issue.body or ""):
                issue = repository.issues.get(int(number))
                if issue and issue.pull is None:
                    self._issues.close(issue, by)

    def _count(self, pull: Pull, figures: Figures) -> None:
        pull.commits, pull.changed_files = figures.commits, figures.changed_files
        pull.additions, pull.deletions = figures.additions, figures.deletions


def _custom(message: str) -> Refusal:
    """422 with a sentence and no field, as pull requests have it."""
    return Refusal(422, "Validation Failed", errors=[{"resource": "PullRequest", "code": "custom", "message": message}])
