"""Check suites and check runs: who may write what, and what follows from what."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.demo.github import payloads
from app.demo.github.ground import Ground
from app.demo.github.hooks import Hooks
from app.demo.github.objects import App, CheckRun, CheckSuite, Repository, User
from app.demo.github.plumbing import Git
from app.demo.github.refusal import Refusal, invalid, not_found
from app.demo.github.shapes.checks import verdict
from app.demo.github.shapes.commits import simple_commit


@dataclass(frozen=True)
class Change:
    """What is to be different about a check run. None leaves a field as it is."""

    name: str | None = None
    status: str | None = None
    conclusion: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    external_id: str | None = None
    details_url: str | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[dict[str, Any]] = field(default_factory=list)
    actions: list[dict[str, str]] | None = None


class Checks:
    """The verdicts of Apps on commits."""

    def __init__(self, ground: Ground, hooks: Hooks) -> None:
        self._ground = ground
        self._hooks = hooks

    async def request(
        self, repository: Repository, app: App, sha: str, *, branch: str, before: str | None, by: User
    ) -> None:
        """A push came: make the App's suite for it and ask for checks."""
        suite = await self.suite(repository, app, sha, branch=branch, before=before)
        self._hooks.emit(
            "check_suite",
            lambda: payloads.check_suite(self._ground.url, "requested", suite, by),
            repository=repository,
            only=app,
        )

    async def suite(
        self, repository: Repository, app: App, sha: str, *, branch: str | None = None, before: str | None = None
    ) -> CheckSuite:
        """The App's suite on a commit, found or made."""
        git = Git(repository.path)
        commit = simple_commit(await git.commit(sha))
        heads = await git.refs("refs/heads/")
        branch = branch or next((name.removeprefix("refs/heads/") for name, at in heads.items() if at == sha), None)
        for there in repository.suites:  # looked for after the last await, so that two callers make one
            if there.app is app and there.head_sha == sha:
                return there
        now = self._ground.now()
        made = CheckSuite(self._ground.new_id(), app, repository, sha, branch, before, commit, now, now)
        repository.suites.append(made)
        return made

    async def create(
        self, repository: Repository, app: App, sha: str, name: str, change: Change, *, suite: CheckSuite | None = None
    ) -> CheckRun:
        """A new check run, in the App's suite or in the one that is given; two calls make two. Raises Refusal."""
        if await Git(repository.path).sha(sha) != sha:
            raise invalid("CheckRun", "head_sha", "custom", f"No commit found for SHA: {sha}")
        run = CheckRun(
            id=self._ground.new_id(),
            suite=suite or await self.suite(repository, app, sha),
            name=name,
            status="queued",
            conclusion=None,
            started_at=change.started_at or self._ground.now(),
            completed_at=None,
            external_id="",
            details_url=None,
        )
        self._apply(run, change)
        run.suite.runs.append(run)
        self._tell(run, "created", app.bot)
        if run.status == "completed":
            self._tell_completed(run)
        return run

    def update(self, run: CheckRun, change: Change) -> None:
        """Change a check run. Raises Refusal."""
        before = run.status
        self._apply(run, change)
        if run.status == "completed" and before != "completed":
            self._tell_completed(run)

    def rerequest(self, run: CheckRun, by: User) -> None:
        """Somebody pressed "Re-run". Only the App that owns the run hears of it, and the run stays as it is."""
        run.suite.is_asked_again = True
        self._tell(run, "rerequested", by, only=run.suite.app)

    def rerequest_suite(self, suite: CheckSuite, by: User) -> None:
        """Somebody pressed "Re-run all checks": `check_suite.rerequested`, for the App whose suite it is."""
        suite.is_asked_again = True
        self._hooks.emit(
            "check_suite",
            lambda: payloads.check_suite(self._ground.url, "rerequested", suite, by),
            repository=suite.repository,
            only=suite.app,
        )

    def press(self, run: CheckRun, by: User, identifier: str) -> None:
        """Somebody pressed one of the App's own buttons. Raises Refusal if there is no such button."""
        if run.status != "completed" or identifier not in {action["identifier"] for action in run.actions}:
            raise not_found()
        self._tell(run, "requested_action", by, only=run.suite.app, identifier=identifier)

    def by_id(self, repository: Repository, run_id: int) -> CheckRun:
        """The check run with this id. Raises Refusal (404)."""
        for suite in repository.suites:
            for run in suite.runs:
                if run.id == run_id:
                    return run
        raise not_found()

    def _apply(self, run: CheckRun, change: Change) -> None:
        """Check first, then change, so that a refused request changes nothing."""
        if change.status == "completed" and not change.conclusion and not run.conclusion:
            raise Refusal(422, "Invalid request.\n\nMissing required key: conclusion. A completed check run needs one.")
        if change.completed_at and not (change.conclusion or run.conclusion):
            raise Refusal(422, "Invalid request.\n\nMissing required key: conclusion. `completed_at` needs one.")
        for name in ("name", "external_id", "details_url", "started_at", "title", "summary", "text"):
            value = getattr(change, name)
            if value is not None:
                setattr(run, name, value)
        if change.conclusion:
            run.status, run.conclusion = "completed", change.conclusion
            run.completed_at = change.completed_at or self._ground.now()
        elif change.status and change.status != "completed":
            run.status, run.conclusion, run.completed_at = change.status, None, None
        if change.actions is not None:
            run.actions = change.actions
        run.annotations += change.annotations
        run.suite.updated_at, run.suite.is_asked_again = self._ground.now(), False

    def _tell_completed(self, run: CheckRun) -> None:
        """The run has ended; the suite, too, if that was the last one of those that are there."""
        suite, by = run.suite, run.suite.app.bot
        self._tell(run, "completed", by)
        if verdict(suite)[0] == "completed":
            self._hooks.emit(
                "check_suite",
                lambda: payloads.check_suite(self._ground.url, "completed", suite, by),
                repository=suite.repository,
            )

    def _tell(self, run: CheckRun, action: str, by: User, *, only: App | None = None, identifier: str = "") -> None:
        self._hooks.emit(
            "check_run",
            lambda: payloads.check_run(self._ground.url, action, run, by, identifier=identifier),
            repository=run.suite.repository,
            only=only,
        )
