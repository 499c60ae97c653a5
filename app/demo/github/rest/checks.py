"""Check runs and check suites, with the limits of GitHub's OpenAPI description (checks/create, checks/update)."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from app.demo.github.auth import Call, Needs
from app.demo.github.checks import Change
from app.demo.github.objects import App, CheckRun
from app.demo.github.refusal import Refusal, not_found
from app.demo.github.rest.repositories import commit_named
from app.demo.github.rest.wire import Sent, page, sent
from app.demo.github.shapes import checks

router = APIRouter(prefix="/repos/{owner}/{name}")
Reads = Annotated[Call, Depends(Needs("checks"))]
Writes = Annotated[Call, Depends(Needs("checks", level="write"))]
Long = Annotated[str, Field(max_length=65_535)]


class Annotation(Sent):
    """A remark on lines of a file."""

    path: str
    start_line: int
    end_line: int
    annotation_level: Literal["notice", "warning", "failure"]
    message: Annotated[str, Field(max_length=65_536)]
    start_column: int | None = None
    end_column: int | None = None
    title: Annotated[str, Field(max_length=255)] | None = None
    raw_details: Annotated[str, Field(max_length=65_536)] | None = None


class Image(Sent):
    """A picture below the output."""

    alt: str
    image_url: str
    caption: str | None = None


class Output(Sent):
    """What people read."""

    title: str
    summary: Long
    text: Long | None = None
    annotations: Annotated[list[Annotation], Field(max_length=50, default_factory=list)]
    images: list[Image] = Field(default_factory=list)


class LaterOutput(Output):
    """The same in an update, where the title may stay as it is."""

    title: str | None = None  # type: ignore[assignment]


class Action(Sent):
    """A button."""

    label: Annotated[str, Field(max_length=20)]
    description: Annotated[str, Field(max_length=40)]
    identifier: Annotated[str, Field(max_length=20)]


Conclusion = Literal["action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"]
Actions = Annotated[list[Action], Field(max_length=3)]


class CheckChange(Sent):
    """What is to be different about a check run. There is no `head_sha`: a run stays on its commit."""

    name: str | None = None
    details_url: str | None = None
    external_id: str | None = None
    status: Literal["queued", "in_progress", "completed"] | None = None
    started_at: datetime | None = None
    conclusion: Conclusion | None = None
    completed_at: datetime | None = None
    output: LaterOutput | None = None
    actions: Actions | None = None

    def change(self) -> Change:
        """The same in the hub's words."""
        return Change(
            name=self.name,
            status=self.status,
            conclusion=self.conclusion,
            started_at=self.started_at,
            completed_at=self.completed_at,
            external_id=self.external_id,
            details_url=self.details_url,
            title=self.output.title if self.output else None,
            summary=self.output.summary if self.output else None,
            text=self.output.text if self.output else None,
            annotations=[one.model_dump(exclude_none=True) for one in self.output.annotations] if self.output else [],
            actions=None if self.actions is None else [one.model_dump() for one in self.actions],
        )


class NewCheck(CheckChange):
    """A check run to be made."""

    name: str
    head_sha: str
    output: Output | None = None  # type: ignore[assignment]


@router.post("/check-runs")
async def create_run(call: Writes, body: Annotated[NewCheck, Depends(sent(NewCheck))]) -> JSONResponse:
    """Make a check run."""
    run = await call.hub.checks.create(call.repository, _app(call), body.head_sha, body.name, body.change())
    return JSONResponse(checks.run(call.hub.url, run), status_code=201)


@router.patch("/check-runs/{run_id}")
async def change_run(
    run_id: int, call: Writes, body: Annotated[CheckChange, Depends(sent(CheckChange))]
) -> JSONResponse:
    """Change a check run of one's own."""
    run = call.hub.checks.by_id(call.repository, run_id)
    if run.suite.app is not _app(call):
        raise Refusal(403, "Invalid app_id `{}` - check run can only be modified by the GitHub App that created it.")
    call.hub.checks.update(run, body.change())
    return JSONResponse(checks.run(call.hub.url, run))


@router.get("/check-runs/{run_id}")
async def get_run(run_id: int, call: Reads) -> JSONResponse:
    """One check run."""
    return JSONResponse(checks.run(call.hub.url, call.hub.checks.by_id(call.repository, run_id)))


@router.get("/check-runs/{run_id}/annotations")
async def list_annotations(request: Request, run_id: int, call: Reads) -> JSONResponse:
    """Remarks of a check run."""
    run = call.hub.checks.by_id(call.repository, run_id)
    shown, headers = page(request, run.annotations)
    return JSONResponse([checks.annotation(call.hub.url, run, one) for one in shown], headers=headers)


@router.post("/check-runs/{run_id}/rerequest")
async def rerequest_run(
    run_id: int, call: Annotated[Call, Depends(Needs("checks", level="write", person="write"))]
) -> Response:
    """Ask the App to run again."""
    call.hub.checks.rerequest(call.hub.checks.by_id(call.repository, run_id), call.caller.user)
    return JSONResponse({}, status_code=201)


@router.get("/commits/{ref:path}/check-runs")
async def list_runs_of_commit(request: Request, ref: str, call: Reads) -> JSONResponse:
    """Check runs on a commit; `check_name`, `status`, `app_id` and `filter=latest|all` narrow."""
    commit = await commit_named(call, ref)
    app_id = request.query_params.get("app_id", "")
    suites = [one for one in call.repository.suites if one.head_sha == commit.sha and app_id in {"", str(one.app.id)}]
    return _runs(request, call, [suite.runs for suite in suites])


@router.get("/check-suites/{suite_id}/check-runs")
async def list_runs_of_suite(request: Request, suite_id: int, call: Reads) -> JSONResponse:
    """Check runs of a suite."""
    return _runs(request, call, [one.runs for one in call.repository.suites if one.id == suite_id])


@router.get("/check-suites/{suite_id}")
async def get_suite(suite_id: int, call: Reads) -> JSONResponse:
    """One check suite."""
    for one in call.repository.suites:
        if one.id == suite_id:
            return JSONResponse(checks.suite(call.hub.url, one))
    raise not_found()


@router.post("/check-suites/{suite_id}/rerequest")
async def rerequest_suite(
    suite_id: int, call: Annotated[Call, Depends(Needs("checks", level="write", person="write"))]
) -> Response:
    """Ask the App to run everything again."""
    for one in call.repository.suites:
        if one.id == suite_id:
            call.hub.checks.rerequest_suite(one, call.caller.user)
            return JSONResponse({}, status_code=201)
    raise not_found()


@router.get("/commits/{ref:path}/check-suites")
async def list_suites(request: Request, ref: str, call: Reads) -> JSONResponse:
    """Check suites on a commit."""
    commit = await commit_named(call, ref)
    found = [one for one in call.repository.suites if one.head_sha == commit.sha]
    shown, headers = page(request, found)
    listed = [checks.suite(call.hub.url, one) for one in shown]
    return JSONResponse({"total_count": len(found), "check_suites": listed}, headers=headers)


def _runs(request: Request, call: Call, suites: list[list[CheckRun]]) -> JSONResponse:
    """Runs of some suites, newest first; by default the newest of each name in each suite."""
    query = request.query_params
    found = []
    for runs in suites:
        chosen = runs if query.get("filter") == "all" else list({run.name: run for run in runs}.values())
        found += [
            run
            for run in chosen
            if query.get("check_name") in {None, run.name} and query.get("status") in {None, run.status}
        ]
    found.sort(key=lambda run: run.id, reverse=True)
    shown, headers = page(request, found)
    body = {"total_count": len(found), "check_runs": [checks.run(call.hub.url, run) for run in shown]}
    return JSONResponse(body, headers=headers)


def _app(call: Call) -> App:
    if call.caller.app is None:
        raise Refusal(403, "You must authenticate via a GitHub App.")
    return call.caller.app
