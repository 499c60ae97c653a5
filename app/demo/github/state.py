"""The hub: everything there is on this GitHub, and the few things that tests and the demo do to it directly.

Whatever changes something also tells the webhooks. Deliveries are tasks on the running loop: call these methods on the
loop that the server runs on, and `await hub.settled()` to wait for the answers. Before the server runs they may be
called anywhere; what happened then is delivered when it starts.
"""

import random
import shutil
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from app.demo.github import payloads
from app.demo.github.accounts import Accounts
from app.demo.github.actions import Actions, Script
from app.demo.github.branches import Branches
from app.demo.github.checks import Checks
from app.demo.github.departures import Departures
from app.demo.github.faults import Faults
from app.demo.github.ground import Ground, utc_now
from app.demo.github.hooks import Hooks
from app.demo.github.issues import Issues
from app.demo.github.objects import (
    ROLES,
    App,
    CheckRun,
    Comment,
    CommitStatus,
    Delivery,
    Installation,
    Issue,
    Pull,
    Reason,
    Repository,
    Review,
    ReviewComment,
    Role,
    User,
    WorkflowRun,
)
from app.demo.github.pulls import Pulls
from app.demo.github.refusal import not_found
from app.demo.github.reviews import Remark, Reviews, Verdict
from app.demo.github.seed import clone, hook, start
from app.demo.github.sign_ins import SignIns
from app.demo.github.statuses import Said, Statuses

DELIVERY_TIMEOUT_S = 10.0
"""github.com waits that long for an answer to a webhook (docs.github.com, "Best practices for using webhooks")."""


class Hub:
    """One GitHub. `root` is where the bare repositories lie; `now` can be replaced to let tokens expire.

    `chance` decides where rules of `faults` leave something to it.
    """

    def __init__(
        self,
        root: Path,
        *,
        now: Callable[[], datetime] = utc_now,
        webhook_timeout_s: float = DELIVERY_TIMEOUT_S,
        chance: random.Random | None = None,
    ) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.ground = Ground(root, now)
        self.accounts = Accounts(self.ground)
        self.sign_ins = SignIns(self.ground)
        self.faults = Faults(chance)
        self.hooks = Hooks(self.ground, self.accounts.installations, self.faults, timeout_s=webhook_timeout_s)
        self.issues = Issues(self.ground, self.hooks)
        self.departures = Departures(self.ground, self.hooks, self.issues)
        self.reviews = Reviews(self.ground, self.hooks)
        self.pulls = Pulls(self.ground, self.hooks, self.issues)
        self.checks = Checks(self.ground, self.hooks)
        self.statuses = Statuses(self.ground, self.hooks)
        self.actions = Actions(self.ground, self.hooks, self.checks, self.accounts)
        self.branches = Branches(
            self.ground,
            self.hooks,
            self.pulls,
            self.checks,
            actions=self.actions,
            installations=self.accounts.installations,
        )
        self.repositories: dict[int, Repository] = {}
        self.redirects: dict[str, Repository] = {}
        """Former full names, lower case: GitHub redirects them."""
        self.rate_limit = 5_000
        """Requests an hour for each credential (docs.github.com, "Rate limits for the REST API")."""

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT` while the server runs, else empty."""
        return self.ground.url

    @url.setter
    def url(self, value: str) -> None:
        self.ground.url = value

    @property
    def blob_url(self) -> str:
        """Another origin than `url`, where logs are downloaded from; empty unless the server runs."""
        return self.ground.blob_url

    @property
    def deliveries(self) -> list[Delivery]:
        """Every attempt to deliver a webhook, oldest first."""
        return self.hooks.deliveries

    async def settled(self) -> None:
        """Wait until every webhook delivery has been answered or has failed."""
        await self.hooks.settled()

    # -- Accounts and repositories -------------------------------------------------------------------------------
    def add_user(self, login: str, *, is_bot: bool = False) -> User:
        """Add a person (or a bot that is no App). Raises ValueError."""
        return self.accounts.add(login, is_bot=is_bot)

    def user(self, login: str) -> User:
        """The account with this login. Raises KeyError."""
        return self.accounts.user(login)

    def add_repository(
        self, full_name: str, *, source: Path | None = None, private: bool = False, default_branch: str = "main"
    ) -> Repository:
        """Add a repository; an owner that does not exist becomes an organisation.

        `source` is a folder whose files become the first commit, or a git repository that is cloned with all its
        branches; without it the repository is empty. Raises ValueError.
        """
        owner_login, _, name = full_name.partition("/")
        if full_name.lower() in {there.full_name.lower() for there in self.repositories.values()}:
            raise ValueError(f"there is a repository {full_name!r} already")
        if not name or "/" in name or name.startswith("."):
            raise ValueError(f"{full_name!r} is no owner/name")
        owner = self.accounts.users.get(owner_login.lower()) or self.accounts.add(owner_login, is_organization=True)
        now, number = self.ground.now(), self.ground.new_id()
        path = self.ground.root / f"{number}.git"
        if source and ((source / ".git").exists() or (source / "HEAD").is_file()):
            clone(path, source, default_branch)
        else:
            start(path, source, default_branch, now)
        hook(path)
        repository = Repository(number, owner, name, path, private, default_branch, now, now, now)
        self.repositories[number] = repository
        return repository

    def repository(self, full_name: str) -> Repository:
        """The repository of this name, in whatever case. Raises Refusal (404)."""
        for repository in self.repositories.values():
            if repository.full_name.lower() == full_name.lower():
                return repository
        raise not_found()

    def rename_repository(self, full_name: str, name: str) -> Repository:
        """Give a repository another name under the same owner; the former one is redirected."""
        repository = self.repository(full_name)
        self.redirects[full_name.lower()] = repository
        repository.name = name
        return repository

    def delete_repository(self, full_name: str) -> None:
        """Remove a repository and its files."""
        repository = self.repository(full_name)
        for installation in self.accounts.installations:
            if repository in installation.repositories:
                installation.repositories.remove(repository)
        del self.repositories[repository.id]
        shutil.rmtree(repository.path)

    def add_collaborator(self, full_name: str, login: str, permission: Role) -> None:
        """Say what somebody may do: "read", "triage", "write", "maintain", "admin", or "none" to take it away."""
        if permission not in ROLES:
            raise ValueError(f"{permission!r} is no role: {', '.join(ROLES)}")
        collaborators = self.repository(full_name).collaborators
        if permission == "none":
            collaborators.pop(self.user(login).login.lower(), None)
        else:
            collaborators[self.user(login).login.lower()] = permission

    def protect_branch(self, full_name: str, branch: str) -> None:
        """From now on the branch refuses every push."""
        self.repository(full_name).protected.add(branch)

    # -- Apps ----------------------------------------------------------------------------------------------------
    def register_app(
        self,
        name: str,
        *,
        public_key_pem: str,
        webhook_url: str,
        webhook_secret: str,
        permissions: dict[str, str],
        events: list[str],
        app_id: int | None = None,
        owner: str | None = None,
    ) -> App:
        """Register an App: `ping`. It belongs to `owner`, or to an organisation of its own name. Raises ValueError."""
        login = owner or f"{name.lower().replace(' ', '-')}-makers"
        app = self.accounts.register(
            name,
            owner=self.accounts.users.get(login.lower()) or self.accounts.add(login, is_organization=True),
            public_key_pem=public_key_pem,
            webhook_url=webhook_url,
            webhook_secret=webhook_secret,
            permissions=permissions,
            events=events,
            app_id=app_id,
        )
        self.hooks.tell(app, "ping", lambda: payloads.ping(self.url, app))
        return app

    def install(self, app: App, full_names: list[str], *, by: str | None = None) -> Installation:
        """Install an App on repositories of one owner: `installation.created`. Raises ValueError."""
        repositories = [self.repository(full_name) for full_name in full_names]
        owners = {repository.owner for repository in repositories}
        if len(owners) != 1:
            raise ValueError("an installation has repositories of exactly one owner")
        installation = self.accounts.install(app, owners.pop(), repositories)
        self._tell_installation("created", installation, by)
        return installation

    def uninstall(self, installation: Installation, *, by: str | None = None) -> None:
        """Remove an installation: `installation.deleted`; its tokens die."""
        self.accounts.remove(installation)
        self._tell_installation("deleted", installation, by)

    def suspend(self, installation: Installation, *, by: str | None = None) -> None:
        """Suspend an installation: `installation.suspend`; its API and events are blocked."""
        sender = self._sender(installation, by)
        installation.suspended_at, installation.suspended_by = self.ground.now(), sender
        self._tell_installation("suspend", installation, by)

    def unsuspend(self, installation: Installation, *, by: str | None = None) -> None:
        """End the suspension: `installation.unsuspend`."""
        installation.suspended_at = installation.suspended_by = None
        self._tell_installation("unsuspend", installation, by)

    def take_permission(self, installation: Installation, name: str) -> None:
        """The installation does not have this permission any more, and neither do the tokens that it gave out."""
        installation.permissions.pop(name)

    def select_repositories(
        self, installation: Installation, *, add: Sequence[str] = (), remove: Sequence[str] = (), by: str | None = None
    ) -> None:
        """Change which repositories an installation has: `installation_repositories`."""
        added = [self.repository(name) for name in add]
        removed = [self.repository(name) for name in remove]
        kept = [there for there in installation.repositories if there not in removed]
        installation.repositories = kept + [one for one in added if one not in kept]
        sender = self._sender(installation, by)
        for more, less in ((added, []), ([], removed)):
            if more or less:
                self.hooks.tell(
                    installation.app,
                    "installation_repositories",
                    lambda more=more, less=less: payloads.installation_repositories(  # type: ignore[misc]
                        self.url, installation, sender, more, less
                    ),
                    installation,
                )

    def _tell_installation(self, action: str, installation: Installation, by: str | None) -> None:
        sender = self._sender(installation, by)
        self.hooks.tell(
            installation.app,
            "installation",
            lambda: payloads.installation(self.url, action, installation, sender),
            installation,
        )

    def _sender(self, installation: Installation, by: str | None) -> User:
        return self.user(by) if by else installation.account

    # -- The conversation ----------------------------------------------------------------------------------------
    def issue(self, full_name: str, number: int) -> Issue:
        """The issue or pull request with this number. Raises Refusal (404)."""
        issue = self.repository(full_name).issues.get(number)
        if issue is None:
            raise not_found()
        return issue

    def pull(self, full_name: str, number: int) -> Pull:
        """The pull request with this number. Raises Refusal (404)."""
        pull = self.issue(full_name, number).pull
        if pull is None:
            raise not_found()
        return pull

    def open_issue(self, full_name: str, *, by: str, title: str, body: str = "", labels: Sequence[str] = ()) -> Issue:
        """Open an issue: `issues.opened`, and `issues.labeled` for each label. Raises Refusal."""
        return self.issues.open(self.repository(full_name), self.user(by), title, body, labels=labels)

    def close_issue(self, full_name: str, number: int, *, by: str) -> None:
        """Close an issue or pull request."""
        self.issues.close(self.issue(full_name, number), self.user(by))

    def reopen_issue(self, full_name: str, number: int, *, by: str) -> None:
        """Open it again."""
        self.issues.reopen(self.issue(full_name, number), self.user(by))

    def edit_issue(
        self, full_name: str, number: int, *, by: str, title: str | None = None, body: str | None = None
    ) -> None:
        """Change its words: `edited`."""
        self.issues.edit(self.issue(full_name, number), self.user(by), title=title, body=body)

    def lock_issue(self, full_name: str, number: int, *, by: str, reason: Reason | None = None) -> None:
        """Let only people who may write speak there: `locked`."""
        self.issues.lock(self.issue(full_name, number), self.user(by), reason)

    def unlock_issue(self, full_name: str, number: int, *, by: str) -> None:
        """Let everybody speak there again: `unlocked`."""
        self.issues.unlock(self.issue(full_name, number), self.user(by))

    def delete_issue(self, full_name: str, number: int, *, by: str) -> None:
        """Delete an issue: `deleted`; whoever asks for it gets 410. Raises Refusal."""
        self.departures.delete(self.issue(full_name, number), self.user(by))

    def transfer_issue(self, full_name: str, number: int, target: str, *, by: str) -> Issue:
        """Move an issue to another repository of the same owner: `transferred`, `opened` there. Raises Refusal."""
        return self.departures.transfer(self.issue(full_name, number), self.user(by), self.repository(target))

    def make_discussion(self, full_name: str, number: int, *, by: str) -> None:
        """Convert an issue to a discussion: `closed` and `locked`. Raises Refusal."""
        self.departures.make_discussion(self.issue(full_name, number), self.user(by))

    def add_label(self, full_name: str, number: int, label: str, *, by: str) -> None:
        """Put a label on: `labeled`, unless it is on already."""
        self.issues.add_labels(self.issue(full_name, number), self.user(by), [label])

    def remove_label(self, full_name: str, number: int, label: str, *, by: str) -> None:
        """Take a label off: `unlabeled`."""
        self.issues.remove_label(self.issue(full_name, number), self.user(by), label)

    def add_comment(self, full_name: str, number: int, body: str, *, by: str) -> Comment:
        """Comment: `issue_comment.created`. Raises Refusal."""
        return self.issues.comment(self.issue(full_name, number), self.user(by), body)

    def edit_comment(self, comment: Comment, body: str, *, by: str) -> None:
        """Change a comment: `issue_comment.edited`."""
        self.issues.edit_comment(comment, self.user(by), body)

    def delete_comment(self, comment: Comment, *, by: str) -> None:
        """Delete a comment: `issue_comment.deleted`."""
        self.issues.delete_comment(comment, self.user(by))

    # -- Pull requests -------------------------------------------------------------------------------------------
    async def review_pull(
        self,
        full_name: str,
        number: int,
        *,
        by: str,
        verdict: Verdict = "COMMENT",
        body: str = "",
        remarks: Sequence[Remark] = (),
    ) -> Review:
        """Review: `pull_request_review.submitted`, `pull_request_review_comment.created` a remark. Raises Refusal."""
        return await self.reviews.submit(self.pull(full_name, number), self.user(by), verdict, body, remarks)

    def reply(self, comment: ReviewComment, body: str, *, by: str) -> ReviewComment:
        """Answer a review comment. Raises Refusal."""
        return self.reviews.reply(comment, self.user(by), body)

    def set_draft(self, full_name: str, number: int, *, by: str, draft: bool) -> None:
        """Make a draft of a pull request, or ask for reviews: `converted_to_draft`, `ready_for_review`."""
        self.pulls.set_draft(self.pull(full_name, number), self.user(by), draft=draft)

    async def delete_branch(self, full_name: str, branch: str, *, by: str) -> None:
        """Delete a branch: `delete`, `push`; its pull requests are closed. Raises Refusal."""
        await self.branches.delete(self.repository(full_name), self.user(by), f"refs/heads/{branch}")

    async def merge_pull(self, full_name: str, number: int, *, by: str) -> str:
        """Merge a pull request: `push`, `pull_request.closed`. Answers with the merge commit. Raises Refusal."""
        return await self.branches.merge(self.pull(full_name, number), self.user(by))

    def check_runs(self, full_name: str, sha: str | None = None) -> list[CheckRun]:
        """Check runs of a repository (on one commit, if `sha` is given), oldest first."""
        suites = [one for one in self.repository(full_name).suites if sha in {None, one.head_sha}]
        return sorted((run for suite in suites for run in suite.runs), key=lambda run: run.id)

    # -- CI ------------------------------------------------------------------------------------------------------
    def run_on_push(self, full_name: str, script: Script) -> None:
        """Let pushes to a repository start the workflows that `script` names."""
        self.actions.on_push(self.repository(full_name), script)

    def workflow_runs(self, full_name: str, sha: str | None = None) -> list[WorkflowRun]:
        """Workflow runs of a repository (on one commit, if `sha` is given), oldest first."""
        return [one for one in self.repository(full_name).workflow_runs if sha in {None, one.suite.head_sha}]

    async def add_status(
        self, full_name: str, sha: str, state: str, *, by: str, context: str = "default", description: str = ""
    ) -> CommitStatus:
        """Say something about a commit: `status`. Raises Refusal."""
        said = Said(state, context, description, f"https://ci.example.invalid/{context}")
        return await self.statuses.create(self.repository(full_name), self.user(by), sha, said)
