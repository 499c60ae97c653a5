"""Pull requests."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from app.demo.github.auth import Call, Needs
from app.demo.github.objects import Pull
from app.demo.github.plumbing import Git
from app.demo.github.refusal import Refusal, not_found
from app.demo.github.rest.wire import Sent, page, sent
from app.demo.github.shapes import commits, pulls

router = APIRouter(prefix="/repos/{owner}/{name}")
Reads = Annotated[Call, Depends(Needs("pull_requests"))]
Writes = Annotated[Call, Depends(Needs("pull_requests", level="write"))]


class NewPull(Sent):
    """A pull request to be opened."""

    title: str
    head: str
    base: str
    body: str | None = None
    draft: bool = False
    maintainer_can_modify: bool = False
    head_repo: str | None = None


class PullChange(Sent):
    """What is to be different about a pull request."""

    title: str | None = None
    body: str | None = None
    state: Literal["open", "closed"] | None = None
    base: str | None = None
    maintainer_can_modify: bool | None = None


class Merge(Sent):
    """How to merge; other ways than by a merge commit are refused."""

    sha: str | None = None
    merge_method: Literal["merge"] = "merge"


@router.get("/pulls")
async def list_pulls(request: Request, call: Reads) -> JSONResponse:
    """Pull requests, newest first or by `sort=updated`; `state`, `head=owner:branch` and `base` narrow."""
    query = request.query_params
    state, head, base = query.get("state", "open"), query.get("head"), query.get("base")
    found = [
        pull
        for pull in reversed(call.repository.pulls)
        if state in {"all", pull.issue.state}
        # GitHub ignores a head without an owner; so does this, because relying on it finds everything.
        and (not head or ":" not in head or head == pull.head.label)
        and base in {None, pull.base.branch}
    ]
    if query.get("sort") == "updated":
        found.sort(key=lambda pull: (pull.issue.updated_at, pull.issue.number), reverse=True)
    if query.get("direction") == "asc":
        found.reverse()
    shown, headers = page(request, found)
    return JSONResponse([pulls.simple(call.hub.url, one) for one in shown], headers=headers)


@router.post("/pulls")
async def create_pull(call: Writes, body: Annotated[NewPull, Depends(sent(NewPull))]) -> JSONResponse:
    """Open a pull request."""
    pull = await call.hub.pulls.open(
        call.repository,
        call.caller.user,
        title=body.title,
        body=body.body,
        head=body.head,
        base=body.base,
        draft=body.draft,
        app=call.caller.app,
    )
    pull.maintainer_can_modify = body.maintainer_can_modify
    return JSONResponse(pulls.pull(call.hub.url, pull), status_code=201)


@router.get("/pulls/{number}")
async def get_pull(request: Request, number: int, call: Reads) -> Response:
    """One pull request, or its difference for the media types `diff` and `patch`."""
    pull = pull_of(call, number)
    accept = request.headers.get("accept", "")
    git = Git(call.repository.path)
    if "diff" in accept:
        fork = await git.merge_base(pull.base.sha, pull.head.sha)
        return PlainTextResponse(await git.diff(fork or pull.base.sha, pull.head.sha))
    if "patch" in accept:
        return PlainTextResponse(await git.text("format-patch", "--stdout", f"{pull.base.sha}..{pull.head.sha}"))
    return JSONResponse(pulls.pull(call.hub.url, pull))


@router.patch("/pulls/{number}")
async def change_pull(
    number: int, call: Writes, body: Annotated[PullChange, Depends(sent(PullChange))]
) -> JSONResponse:
    """Change a pull request: its author or whoever may write."""
    pull, by = pull_of(call, number), call.caller.user
    if pull.issue.user is not by:
        Needs("pull_requests", level="write", person="write").check(call.caller, call.repository)
    if body.base and body.base != pull.base.branch:
        await call.hub.pulls.rebase(pull, body.base)
    call.hub.issues.edit(pull.issue, by, title=body.title, body=body.body)
    if body.state:
        call.hub.issues.set_state(pull.issue, by, body.state)
    return JSONResponse(pulls.pull(call.hub.url, pull))


@router.get("/pulls/{number}/files")
async def list_files(request: Request, number: int, call: Reads) -> JSONResponse:
    """The files that a pull request changes."""
    pull, git = pull_of(call, number), Git(call.repository.path)
    fork = await git.merge_base(pull.base.sha, pull.head.sha)
    shown, headers = page(request, await git.files(fork or pull.base.sha, pull.head.sha))
    listed = [commits.file(call.hub.url, call.repository, one, pull.head.sha) for one in shown]
    return JSONResponse(listed, headers=headers)


@router.get("/pulls/{number}/commits")
async def list_commits(request: Request, number: int, call: Reads) -> JSONResponse:
    """The commits of a pull request, oldest first."""
    pull, git = pull_of(call, number), Git(call.repository.path)
    shown, headers = page(request, (await git.log(pull.head.sha, f"^{pull.base.sha}"))[::-1])
    return JSONResponse([commits.commit(call.hub.url, call.repository, one) for one in shown], headers=headers)


@router.put("/pulls/{number}/merge")
async def merge_pull(
    number: int,
    call: Annotated[Call, Depends(Needs("contents", level="write", person="write"))],
    body: Annotated[Merge, Depends(sent(Merge))],
) -> JSONResponse:
    """Merge, by a merge commit."""
    pull = pull_of(call, number)
    if body.sha not in {None, pull.head.sha}:
        raise Refusal(409, "Head branch was modified. Review and try the merge again.")
    sha = await call.hub.branches.merge(pull, call.caller.user)
    return JSONResponse({"sha": sha, "merged": True, "message": "Pull Request successfully merged"})


def pull_of(call: Call, number: int) -> Pull:
    """The pull request with this number. Raises Refusal (404)."""
    issue = call.repository.issues.get(number)
    if issue is None or issue.pull is None:
        raise not_found()
    return issue.pull
