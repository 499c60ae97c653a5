"""Workflow runs and jobs as GitHub shows them."""

from typing import Any

from app.demo.github.ground import node_id, stamp, stamp_or_none
from app.demo.github.objects import CheckRun, WorkflowRun
from app.demo.github.shapes import pulls
from app.demo.github.shapes.accounts import user
from app.demo.github.shapes.checks import pulls_of
from app.demo.github.shapes.repositories import minimal

Json = dict[str, Any]


def _path(one: WorkflowRun) -> str:
    return f".github/workflows/{one.name.lower()}.yml"


def _workflow_id(one: WorkflowRun) -> int:
    """The same for each run of a workflow in a repository."""
    return next(there.id for there in one.suite.repository.workflow_runs if there.name == one.name)


def run(url: str, one: WorkflowRun) -> Json:
    """GitHub's `workflow-run`."""
    suite = one.suite
    repository = suite.repository
    api = f"{url}/api/v3/repos/{repository.full_name}/actions"
    place = f"{api}/runs/{one.id}"
    return {
        "id": one.id,
        "name": one.name,
        "node_id": node_id("WorkflowRun", one.id),
        "check_suite_id": suite.id,
        "check_suite_node_id": node_id("CheckSuite", suite.id),
        "head_branch": suite.head_branch,
        "head_sha": suite.head_sha,
        "path": _path(one),
        "display_title": suite.head_commit["message"].partition("\n")[0],
        "run_number": one.number,
        "run_attempt": one.attempt,
        "event": "push",
        "status": one.status,
        "conclusion": one.conclusion,
        "workflow_id": _workflow_id(one),
        "url": place,
        "html_url": f"{url}/{repository.full_name}/actions/runs/{one.id}",
        "pull_requests": [pulls.minimal(url, pull) for pull in pulls_of(suite)],
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.updated_at),
        "run_started_at": stamp(one.created_at),
        "actor": user(url, one.by),
        "triggering_actor": user(url, one.by),
        "referenced_workflows": [],
        "jobs_url": f"{place}/jobs",
        "logs_url": f"{place}/logs",
        "check_suite_url": f"{url}/api/v3/repos/{repository.full_name}/check-suites/{suite.id}",
        "artifacts_url": f"{place}/artifacts",
        "cancel_url": f"{place}/cancel",
        "rerun_url": f"{place}/rerun",
        "previous_attempt_url": None,
        "workflow_url": f"{api}/workflows/{_workflow_id(one)}",
        "head_commit": suite.head_commit,
        "repository": minimal(url, repository),
        "head_repository": minimal(url, repository),
    }


def workflow(url: str, one: WorkflowRun) -> Json:
    """GitHub's `workflow`."""
    repository, number = one.suite.repository, _workflow_id(one)
    page = f"{url}/{repository.full_name}/actions/workflows/{one.name.lower()}.yml"
    return {
        "id": number,
        "node_id": node_id("Workflow", number),
        "name": one.name,
        "path": _path(one),
        "state": "active",
        "created_at": stamp(repository.created_at),
        "updated_at": stamp(repository.created_at),
        "url": f"{url}/api/v3/repos/{repository.full_name}/actions/workflows/{number}",
        "html_url": page,
        "badge_url": f"{page}/badge.svg",
    }


def job(url: str, one: WorkflowRun, check: CheckRun) -> Json:
    """GitHub's `job`: the check run as Actions show it, with the same id."""
    repository = one.suite.repository
    api = f"{url}/api/v3/repos/{repository.full_name}"
    return {
        "id": check.id,
        "run_id": one.id,
        "run_url": f"{api}/actions/runs/{one.id}",
        "node_id": node_id("CheckRun", check.id),
        "head_sha": one.suite.head_sha,
        "url": f"{api}/actions/jobs/{check.id}",
        "html_url": f"{url}/{repository.full_name}/runs/{check.id}",
        "status": check.status,
        "conclusion": check.conclusion,
        "created_at": stamp(one.created_at),
        "started_at": stamp(check.started_at or one.created_at),
        "completed_at": stamp_or_none(check.completed_at),
        "name": check.name,
        "check_run_url": f"{api}/check-runs/{check.id}",
        "labels": ["ubuntu-latest"],
        "runner_id": None,
        "runner_name": None,
        "runner_group_id": None,
        "runner_group_name": None,
        "workflow_name": one.name,
        "head_branch": one.suite.head_branch,
        "steps": [],
    }
