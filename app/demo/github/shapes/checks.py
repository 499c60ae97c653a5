"""Check runs and check suites as GitHub shows them."""

from typing import Any

from app.demo.github.ground import node_id, stamp, stamp_or_none
from app.demo.github.objects import CheckRun, CheckSuite, Pull
from app.demo.github.shapes import pulls
from app.demo.github.shapes.accounts import app
from app.demo.github.shapes.repositories import minimal

Json = dict[str, Any]


def pulls_of(suite: CheckSuite) -> list[Pull]:
    """Open pull requests from the suite's branch; GitHub matches by branch, so their head may be another commit."""
    return [
        pull
        for pull in suite.repository.pulls
        if pull.issue.state == "open" and suite.head_branch and pull.head.branch == suite.head_branch
    ]


def run(url: str, one: CheckRun) -> Json:
    """GitHub's `check-run`."""
    suite = one.suite
    api = f"{url}/api/v3/repos/{suite.repository.full_name}/check-runs/{one.id}"
    page = f"{url}/{suite.repository.full_name}/runs/{one.id}"
    return {
        "id": one.id,
        "node_id": node_id("CheckRun", one.id),
        "name": one.name,
        "head_sha": suite.head_sha,
        "external_id": one.external_id,
        "url": api,
        "html_url": page,
        "details_url": one.details_url or page,
        "status": one.status,
        "conclusion": one.conclusion,
        "started_at": stamp_or_none(one.started_at),
        "completed_at": stamp_or_none(one.completed_at),
        "output": {
            "title": one.title,
            "summary": one.summary,
            "text": one.text,
            "annotations_count": len(one.annotations),
            "annotations_url": f"{api}/annotations",
        },
        "check_suite": {"id": suite.id},
        "app": app(url, suite.app),
        "pull_requests": [pulls.minimal(url, pull) for pull in pulls_of(suite)],
    }


def verdict(suite: CheckSuite) -> tuple[str, str | None]:
    """Status and conclusion of a suite, from the newest run of each name."""
    newest = {one.name: one for one in suite.runs}.values()
    if not newest or suite.is_asked_again:
        return "queued", None
    if any(one.status != "completed" for one in newest):
        return ("in_progress" if any(one.status != "queued" for one in newest) else "queued"), None
    order = ("failure", "timed_out", "cancelled", "action_required", "success", "neutral", "skipped")
    found = {one.conclusion for one in newest}
    return "completed", next((word for word in order if word in found), None)


def suite(url: str, one: CheckSuite) -> Json:
    """GitHub's `check-suite`."""
    api = f"{url}/api/v3/repos/{one.repository.full_name}/check-suites/{one.id}"
    status, conclusion = verdict(one)
    return {
        "id": one.id,
        "node_id": node_id("CheckSuite", one.id),
        "head_branch": one.head_branch,
        "head_sha": one.head_sha,
        "status": status,
        "conclusion": conclusion,
        "url": api,
        "before": one.before,
        "after": one.head_sha,
        "pull_requests": [pulls.minimal(url, pull) for pull in pulls_of(one)],
        "app": app(url, one.app),
        "repository": minimal(url, one.repository),
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.updated_at),
        "head_commit": one.head_commit,
        "latest_check_runs_count": len({there.name for there in one.runs}),
        "check_runs_url": f"{api}/check-runs",
        "rerequestable": True,
        "runs_rerequestable": True,
    }


def annotation(url: str, one: CheckRun, entry: Json) -> Json:
    """GitHub's `check-annotation`."""
    optional = ("start_column", "end_column", "title", "raw_details")
    place = f"{url}/{one.suite.repository.full_name}/blob/{one.suite.head_sha}/{entry['path']}"
    return dict.fromkeys(optional) | entry | {"blob_href": place}
