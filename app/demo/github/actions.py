"""GitHub Actions, as far as others see them: workflows that a push starts, their jobs, logs and verdicts.

Nothing is really run. What a push comes to is told by a script: a function that looks at what was pushed and names the
workflows, each with its jobs. A workflow ends by itself as soon as the push is told, unless it is held back for
somebody who ends it later.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.demo.github import payloads
from app.demo.github.accounts import Accounts
from app.demo.github.checks import Change, Checks
from app.demo.github.ground import Ground
from app.demo.github.hooks import Hooks
from app.demo.github.objects import App, CheckRun, CheckSuite, Repository, User, WorkflowRun
from app.demo.github.plumbing import Git
from app.demo.github.shapes import checks as shapes
from app.demo.github.shapes.commits import simple_commit

SKIPS = ("[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]")
"""In the message of the newest commit of a push (docs.github.com, "Skipping workflow runs")."""


@dataclass(frozen=True)
class Job:
    """What one job comes to."""

    name: str
    conclusion: str = "success"
    log: str = ""
    title: str | None = None
    summary: str | None = None
    annotations: tuple[Mapping[str, Any], ...] = ()
    """As check runs take them: path, start_line, end_line, annotation_level, message."""


@dataclass(frozen=True)
class Workflow:
    """What one workflow comes to."""

    name: str
    jobs: tuple[Job, ...]
    is_held: bool = False
    """Whether its jobs stay `queued` until somebody calls `finish`."""
    is_bare: bool = False
    """Whether its jobs are not even there until then, as when there is no runner yet, or an earlier one is needed."""


@dataclass(frozen=True)
class Push:
    """What was pushed, for a script to look at."""

    repository: Repository
    branch: str
    sha: str
    message: str

    async def read(self, path: str) -> str:
        """A file of the pushed commit; empty if there is none."""
        git = Git(self.repository.path)
        entries = await git.tree(self.sha, path)
        return (await git.run("cat-file", "blob", entries[0].sha)).decode(errors="replace") if entries else ""


Script = Callable[[Push], Awaitable[Sequence[Workflow]]]


class Actions:
    """Runs scripts on pushes, and tells what came of them."""

    def __init__(self, ground: Ground, hooks: Hooks, checks: Checks, accounts: Accounts) -> None:
        self._ground = ground
        self._hooks = hooks
        self._checks = checks
        self._accounts = accounts
        self._scripts: dict[int, Script] = {}
        self._plans: dict[int, Workflow] = {}
        """By the id of the workflow run."""
        self._app: App | None = None

    @property
    def app(self) -> App:
        """The App that the check runs of jobs belong to. It is installed everywhere, and listens to nothing."""
        if self._app is None:
            self._app = self._accounts.register(
                "GitHub Actions",
                owner=self._accounts.add("github", is_organization=True),
                public_key_pem="",
                webhook_url="",
                webhook_secret="",
                permissions={"actions": "write", "checks": "write", "contents": "read"},
                events=[],
                app_id=None,
            )
        return self._app

    def on_push(self, repository: Repository, script: Script) -> None:
        """From now on, let pushes to the repository start what `script` says."""
        self._scripts[repository.id] = script

    async def pushed(self, repository: Repository, by: User, branch: str, sha: str) -> None:
        """A branch of the repository moved to `sha`."""
        script = self._scripts.get(repository.id)
        commit = await Git(repository.path).commit(sha)
        if script is None or any(word in commit.message for word in SKIPS):
            return
        for workflow in await script(Push(repository, branch, sha, commit.message)):
            run = await self.start(repository, by, branch, sha, workflow)
            if not workflow.is_held and not workflow.is_bare:
                await self.finish(run)

    async def start(self, repository: Repository, by: User, branch: str, sha: str, workflow: Workflow) -> WorkflowRun:
        """A workflow is about to run: `workflow_run.requested`, `check_run.created` for each job that is there."""
        commit, now = simple_commit(await Git(repository.path).commit(sha)), self._ground.now()
        suite = CheckSuite(self._ground.new_id(), self.app, repository, sha, branch, None, commit, now, now)
        number = 1 + sum(one.name == workflow.name for one in repository.workflow_runs)
        run = WorkflowRun(
            self._ground.new_id(), workflow.name, number, suite, by, "queued", None, created_at=now, updated_at=now
        )
        repository.suites.append(suite)
        repository.workflow_runs.append(run)
        self._plans[run.id] = workflow
        self._tell(run, "requested")
        if not workflow.is_bare:
            await self._add_jobs(run)
        return run

    async def finish(self, run: WorkflowRun, jobs: Sequence[Job] = ()) -> None:
        """All jobs end, as was planned or as `jobs` says now: `check_run`, `check_suite`, `workflow_run.completed`."""
        planned = {job.name: job for job in (*self._plans[run.id].jobs, *jobs)}
        newest = {check.name: check for check in run.suite.runs}
        if not newest:
            newest = {check.name: check for check in await self._add_jobs(run)}
        for name, check in newest.items():
            self._end(check, planned[name])
        run.status, run.conclusion = shapes.verdict(run.suite)
        run.updated_at = self._ground.now()
        self._tell(run, "completed")

    async def rerun(self, run: WorkflowRun) -> None:
        """Somebody pressed "Re-run all jobs": new check runs in the same suite, which is under way again."""
        run.attempt, run.status, run.conclusion = run.attempt + 1, "queued", None
        run.updated_at = self._ground.now()
        self._tell(run, "requested")
        await self._add_jobs(run)

    async def _add_jobs(self, run: WorkflowRun) -> list[CheckRun]:
        repository, sha = run.suite.repository, run.suite.head_sha
        names = [job.name for job in self._plans[run.id].jobs]
        return [await self._checks.create(repository, self.app, sha, name, Change(), suite=run.suite) for name in names]

    def _end(self, check: CheckRun, job: Job) -> None:
        check.log = job.log
        change = Change(
            conclusion=job.conclusion,
            title=job.title,
            summary=job.summary,
            annotations=[dict(one) for one in job.annotations],
        )
        self._checks.update(check, change)

    def _tell(self, run: WorkflowRun, action: str) -> None:
        self._hooks.emit(
            "workflow_run",
            lambda: payloads.workflow_run(self._ground.url, action, run),
            repository=run.suite.repository,
        )
