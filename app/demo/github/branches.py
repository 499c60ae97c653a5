"""Refs move, by REST or by a push: what follows from that is told from here."""

from collections.abc import Mapping, Sequence

from app.demo.github import payloads
from app.demo.github.actions import Actions
from app.demo.github.checks import Checks
from app.demo.github.ground import Ground
from app.demo.github.hooks import Hooks
from app.demo.github.objects import App, Installation, Pull, Repository, User
from app.demo.github.plumbing import NOTHING, Git, GitFailed, Signature
from app.demo.github.pulls import Pulls
from app.demo.github.refusal import Refusal
from app.demo.github.shapes.commits import simple_commit

TOLD_COMMITS = 2_048
"""Most commits in one `push` event (docs.github.com, webhook "push")."""


class Branches:
    """Creates, moves and deletes refs, and tells of every move once."""

    def __init__(
        self,
        ground: Ground,
        hooks: Hooks,
        pulls: Pulls,
        checks: Checks,
        *,
        actions: Actions,
        installations: Sequence[Installation],
    ) -> None:
        self._ground = ground
        self._hooks = hooks
        self._pulls = pulls
        self._checks = checks
        self._actions = actions
        self._installations = installations

    async def create(self, repository: Repository, by: User, ref: str, sha: str) -> None:
        """Make a ref. Raises Refusal."""
        git = Git(repository.path)
        if not ref.startswith("refs/") or ref.count("/") < 2 or not await git.is_name(ref):
            raise Refusal(422, f"{ref} is not a valid ref name.")
        async with repository.lock:
            before = await git.refs()
            if not before:
                raise Refusal(409, "Git Repository is empty.")
            if ref in before:
                raise Refusal(422, "Reference already exists")
            if await git.sha(sha) != sha:
                raise Refusal(422, "Object does not exist")
            await self._move(git, ref, sha, NOTHING)
            await self.moved(repository, by, before)

    async def update(self, repository: Repository, by: User, ref: str, sha: str, *, force: bool) -> None:
        """Move a ref; without `force` only forwards. Raises Refusal."""
        git = Git(repository.path)
        async with repository.lock:
            before = await git.refs()
            if ref not in before:
                raise Refusal(422, "Reference does not exist")
            if await git.sha(sha) != sha:
                raise Refusal(422, "Object does not exist")
            if not force and await git.merge_base(before[ref], sha) != before[ref]:
                raise Refusal(422, "Update is not a fast forward")
            _refuse_protected(repository, ref)
            await self._move(git, ref, sha, before[ref])
            await self.moved(repository, by, before)

    async def delete(self, repository: Repository, by: User, ref: str) -> None:
        """Remove a ref. Raises Refusal."""
        git = Git(repository.path)
        async with repository.lock:
            before = await git.refs()
            if ref not in before:
                raise Refusal(422, "Reference does not exist")
            if ref == f"refs/heads/{repository.default_branch}":
                raise Refusal(422, "Cannot delete the default branch")
            _refuse_protected(repository, ref)
            await self._move(git, ref, NOTHING, before[ref])
            await self.moved(repository, by, before)

    async def merge(self, pull: Pull, by: User) -> str:
        """Merge a pull request by a merge commit and answer with its sha. Raises Refusal (405) if it cannot be."""
        repository, git = pull.base.repository, Git(pull.base.repository.path)
        if pull.issue.state == "closed" or pull.draft:
            raise Refusal(405, "Pull Request is still a draft" if pull.draft else "Pull Request is not mergeable")
        async with repository.lock:
            before = await git.refs()
            base = f"refs/heads/{pull.base.branch}"
            _refuse_protected(repository, base)
            try:
                tree = await git.text("merge-tree", "--write-tree", before[base], pull.head.sha)
            except GitFailed as failed:
                raise Refusal(405, "Pull Request is not mergeable") from failed
            who = Signature(
                by.login, f"{by.id}+{by.login}@users.noreply.example.invalid", self._ground.now().isoformat()
            )
            title = f"Merge pull request #{pull.issue.number} from {repository.owner.login}/{pull.head.branch}"
            sha = await git.new_commit(tree, [before[base], pull.head.sha], f"{title}\n\n{pull.issue.title}", who, who)
            await self._move(git, base, sha, before[base])
            self._pulls.merged(pull, by, sha)
            await self.moved(repository, by, before)
        return sha

    async def moved(self, repository: Repository, by: User, before: Mapping[str, str]) -> None:
        """Tell of every ref that stands elsewhere than `before`. The caller holds the repository's lock."""
        after = await Git(repository.path).refs()
        for ref in sorted(set(before) | set(after)):
            old, new = before.get(ref, NOTHING), after.get(ref, NOTHING)
            if old != new and ref.startswith(("refs/heads/", "refs/tags/")):
                await self._tell(repository, by, ref, old, new)

    async def _move(self, git: Git, ref: str, new: str, old: str) -> None:
        try:
            await git.move(ref, new, old)
        except GitFailed as failed:
            raise Refusal(422, f"Reference cannot be updated: {failed}") from failed

    async def _tell(self, repository: Repository, by: User, ref: str, old: str, new: str) -> None:
        repository.pushed_at = repository.updated_at = self._ground.now()
        git, url = Git(repository.path), self._ground
        commits = await self._commits(git, repository, old, new)
        forced = NOTHING not in {old, new} and await git.merge_base(old, new) != old
        if old == NOTHING:
            self._hooks.emit("create", lambda: payloads.create(url.url, repository, by, ref), repository=repository)
        if new == NOTHING:
            self._hooks.emit("delete", lambda: payloads.delete(url.url, repository, by, ref), repository=repository)
        self._hooks.emit(
            "push",
            lambda: payloads.push(
                url.url, repository, by, ref=ref, before=old, after=new, forced=forced, commits=commits
            ),
            repository=repository,
        )
        if not ref.startswith("refs/heads/"):
            return
        branch = ref.removeprefix("refs/heads/")
        if new != NOTHING:
            for app in self._checkers(repository):
                await self._checks.request(
                    repository, app, new, branch=branch, before=None if old == NOTHING else old, by=by
                )
        for pull in _from(repository, branch):
            await self._pulls.follow(pull, by, new)
        if new != NOTHING:
            await self._actions.pushed(repository, by, branch, new)

    async def _commits(self, git: Git, repository: Repository, old: str, new: str) -> list[dict[str, object]]:
        """The commits that a push brought, oldest first."""
        if new == NOTHING:
            return []
        known = old if old != NOTHING else await git.sha(repository.default_branch)
        hidden = [f"^{known}"] if known else []
        return [simple_commit(one) for one in reversed(await git.log(f"--max-count={TOLD_COMMITS}", new, *hidden))]

    def _checkers(self, repository: Repository) -> list[App]:
        """Apps that get a suite for every push here."""
        here = (there for there in self._installations if repository in there.repositories and not there.suspended_at)
        return [there.app for there in here if there.permissions.get("checks") == "write"]


def _from(repository: Repository, branch: str) -> list[Pull]:
    """Open pull requests that this branch is the head of."""
    return [pull for pull in repository.pulls if pull.issue.state == "open" and pull.head.branch == branch]


def _refuse_protected(repository: Repository, ref: str) -> None:
    if ref.removeprefix("refs/heads/") in repository.protected:
        raise Refusal(422, "Cannot update this protected ref.")
