"""Workflow runs, jobs and their logs, which lie at another address."""

import secrets
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from app.demo.github.auth import Call, Needs, hub_of
from app.demo.github.objects import CheckRun, WorkflowRun
from app.demo.github.refusal import Refusal, not_found
from app.demo.github.rest.wire import page
from app.demo.github.shapes import actions

router = APIRouter(prefix="/repos/{owner}/{name}/actions")
blobs = APIRouter(prefix="/blobs")
Reads = Annotated[Call, Depends(Needs("actions"))]


@router.get("/runs")
async def list_runs(request: Request, call: Reads) -> JSONResponse:
    """Workflow runs, newest first; `head_sha`, `branch`, `status` and `event` narrow."""
    query = request.query_params
    found = [
        one
        for one in reversed(call.repository.workflow_runs)
        if query.get("head_sha") in {None, one.suite.head_sha}
        and query.get("branch") in {None, one.suite.head_branch}
        and query.get("status") in {None, one.status, one.conclusion}
        and query.get("event") in {None, "push"}
    ]
    shown, headers = page(request, found)
    listed = [actions.run(call.hub.url, one) for one in shown]
    return JSONResponse({"total_count": len(found), "workflow_runs": listed}, headers=headers)


@router.get("/runs/{run_id}")
async def get_run(run_id: int, call: Reads) -> JSONResponse:
    """One workflow run."""
    for one in call.repository.workflow_runs:
        if one.id == run_id:
            return JSONResponse(actions.run(call.hub.url, one))
    raise not_found()


@router.get("/jobs/{job_id}")
async def get_job(job_id: int, call: Reads) -> JSONResponse:
    """One job."""
    return JSONResponse(actions.job(call.hub.url, *_job(call, job_id)))


@router.get("/jobs/{job_id}/logs")
async def get_log(job_id: int, call: Reads) -> Response:
    """Where the log can be downloaded, for a minute; not before the job has ended."""
    _, check = _job(call, job_id)
    if check.status != "completed" or check.log is None:
        raise not_found()
    signature = secrets.token_urlsafe(24)
    place = f"{call.hub.blob_url}/blobs/{call.repository.id}/{job_id}?sig={quote(signature)}"
    return Response(status_code=302, headers={"Location": place})


@blobs.get("/{repository_id}/{job_id}")
async def download(request: Request, repository_id: int, job_id: int) -> Response:
    """The log. Whoever comes with another credential than the address is turned away, as Azure does."""
    hub = hub_of(request)
    if "authorization" in request.headers or not request.query_params.get("sig"):
        raise Refusal(403, "Server failed to authenticate the request.")
    if str(request.base_url).rstrip("/") != hub.blob_url:
        raise not_found()
    for suite in hub.repositories[repository_id].suites:
        for check in suite.runs:
            if check.id == job_id and check.log is not None:
                return PlainTextResponse(check.log)
    raise not_found()


def _job(call: Call, job_id: int) -> tuple[WorkflowRun, CheckRun]:
    """The job with this id, in its workflow run. Raises Refusal (404)."""
    for one in call.repository.workflow_runs:
        for check in one.suite.runs:
            if check.id == job_id:
                return one, check
    raise not_found()
