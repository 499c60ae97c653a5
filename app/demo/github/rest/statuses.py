"""Commit statuses, with the limits of GitHub's OpenAPI description (repos/create-commit-status)."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from app.demo.github import statuses as said
from app.demo.github.auth import Call, Needs
from app.demo.github.rest.repositories import commit_named
from app.demo.github.rest.wire import Sent, page, sent
from app.demo.github.shapes import statuses

router = APIRouter(prefix="/repos/{owner}/{name}")
Reads = Annotated[Call, Depends(Needs("statuses"))]
Writes = Annotated[Call, Depends(Needs("statuses", level="write", person="write"))]


class NewStatus(Sent):
    """What is to be said about a commit."""

    state: Literal["error", "failure", "pending", "success"]
    target_url: str | None = None
    description: str | None = None
    context: str = "default"


@router.post("/statuses/{sha}")
async def create(sha: str, call: Writes, body: Annotated[NewStatus, Depends(sent(NewStatus))]) -> JSONResponse:
    """Say something about a commit."""
    wanted = said.Said(body.state, body.context, body.description, body.target_url)
    one = await call.hub.statuses.create(call.repository, call.caller.user, sha, wanted)
    return JSONResponse(statuses.full(call.hub.url, call.repository, one), status_code=201)


@router.get("/statuses/{ref:path}")
@router.get("/commits/{ref:path}/statuses")
async def list_statuses(request: Request, ref: str, call: Reads) -> JSONResponse:
    """Everything that was said about a commit, newest first."""
    commit = await commit_named(call, ref)
    shown, headers = page(request, said.of(call.repository, commit.sha))
    return JSONResponse([statuses.full(call.hub.url, call.repository, one) for one in shown], headers=headers)


@router.get("/commits/{ref:path}/status")
async def get_combined(request: Request, ref: str, call: Reads) -> JSONResponse:
    """The newest of each context, and what they say together."""
    commit = await commit_named(call, ref)
    found = said.latest(call.repository, commit.sha)
    shown, headers = page(request, found)
    body = statuses.combined(call.hub.url, call.repository, commit.sha, shown, len(found))
    return JSONResponse(body, headers=headers)
