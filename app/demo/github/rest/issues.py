"""Issues, their comments and labels."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from app.demo.github.auth import Call, Needs
from app.demo.github.objects import ROLES, Comment, Issue, Reason
from app.demo.github.refusal import Refusal, invalid, not_found
from app.demo.github.rest.wire import Sent, page, sent
from app.demo.github.shapes import issues as shapes

router = APIRouter(prefix="/repos/{owner}/{name}")
BOTH = ("issues", "pull_requests")
Reads = Annotated[Call, Depends(Needs(*BOTH))]
Speaks = Annotated[Call, Depends(Needs(*BOTH, level="write"))]
Locks = Annotated[Call, Depends(Needs(*BOTH, level="write", person="write"))]
Sorts = Annotated[Call, Depends(Needs(*BOTH, level="write", person="triage"))]
_ORDERS: Final[Mapping[str, Callable[[Issue], tuple[datetime, int]]]] = {
    "created": lambda one: (one.created_at, one.number),
    "updated": lambda one: (one.updated_at, one.number),
}
_MAY_SORT = Needs(*BOTH, level="write", person="triage")


class NewIssue(Sent):
    """An issue to be opened."""

    title: str | int
    body: str | None = None
    labels: list[str] | None = None
    assignee: str | None = None
    assignees: list[str] | None = None
    milestone: None = None


class IssueChange(Sent):
    """What is to be different about an issue."""

    title: str | int | None = None
    body: str | None = None
    state: Literal["open", "closed"] | None = None
    state_reason: Literal["completed", "not_planned", "duplicate", "reopened"] | None = None
    labels: list[str] | None = None
    assignees: list[str] | None = None
    milestone: None = None


class Lock(Sent):
    """Why nobody shall speak."""

    lock_reason: Reason | None = None


class Words(Sent):
    """A comment."""

    body: str


class Labels(Sent):
    """Names of labels."""

    labels: list[str]


# -- Issues ----------------------------------------------------------------------------------------------------------
@router.get("/issues")
async def list_issues(request: Request, call: Reads) -> JSONResponse:
    """Issues and pull requests, newest first or by `sort=updated`; `state`, `labels`, `creator`, `since` narrow."""
    query = request.query_params
    since = _moment(query.get("since", "1970-01-01T00:00:00Z"))
    state = query.get("state", "open")
    wanted = {name.lower() for name in query.get("labels", "").split(",") if name}
    found = [
        issue
        for issue in sorted(call.repository.issues.values(), key=_ORDERS[query.get("sort", "created")], reverse=True)
        if since <= issue.updated_at
        and state in {"all", issue.state}
        and wanted <= {label.name.lower() for label in issue.labels}
        and query.get("creator", issue.user.login) == issue.user.login
    ]
    if query.get("direction") == "asc":
        found.reverse()
    shown, headers = page(request, found)
    return JSONResponse([shapes.issue(call.hub.url, one) for one in shown], headers=headers)


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        raise Refusal(422, "This double of GitHub reads times such as 2026-01-02T03:04:05Z.") from None


@router.post("/issues")
async def create_issue(
    call: Annotated[Call, Depends(Needs("issues", level="write"))], body: Annotated[NewIssue, Depends(sent(NewIssue))]
) -> JSONResponse:
    """Open an issue. As on GitHub, labels of people who may not label are dropped without a word."""
    may_sort = call.caller.token or ROLES.index(call.caller.role(call.repository)) >= ROLES.index("triage")
    issue = call.hub.issues.open(
        call.repository,
        call.caller.user,
        str(body.title),
        body.body,
        labels=(body.labels or []) if may_sort else [],
        app=call.caller.app,
    )
    if may_sort:
        _assign(call, issue, [*(body.assignees or []), *([body.assignee] if body.assignee else [])])
    return JSONResponse(shapes.issue(call.hub.url, issue), status_code=201)


@router.get("/issues/{number}")
async def get_issue(number: int, call: Reads) -> JSONResponse:
    """One issue or pull request; one that was transferred is redirected here, and only here."""
    arrived = call.repository.gone.get(number)
    if arrived and call.caller.sees(arrived.repository):
        there = f"{call.hub.url}/api/v3/repositories/{arrived.repository.id}/issues/{arrived.number}"
        raise Refusal(301, "Moved Permanently", headers={"Location": there})
    return JSONResponse(shapes.issue(call.hub.url, issue_of(call, number)))


@router.put("/issues/{number}/lock")
async def lock_issue(number: int, call: Locks, body: Annotated[Lock, Depends(sent(Lock))]) -> Response:
    """Let only people who may write speak."""
    call.hub.issues.lock(issue_of(call, number), call.caller.user, body.lock_reason)
    return Response(status_code=204)


@router.delete("/issues/{number}/lock")
async def unlock_issue(number: int, call: Locks) -> Response:
    """Let everybody speak."""
    call.hub.issues.unlock(issue_of(call, number), call.caller.user)
    return Response(status_code=204)


@router.get("/issues/{number}/events")
async def list_events(request: Request, number: int, call: Reads) -> JSONResponse:
    """What happened to the issue, oldest first."""
    issue = issue_of(call, number)
    shown, headers = page(request, issue.events)
    return JSONResponse([shapes.event(call.hub.url, issue, one) for one in shown], headers=headers)


@router.patch("/issues/{number}")
async def change_issue(
    number: int, call: Speaks, body: Annotated[IssueChange, Depends(sent(IssueChange))]
) -> JSONResponse:
    """Change an issue: its author or whoever may triage."""
    issue, by = issue_of(call, number), call.caller.user
    if issue.user is not by:
        _MAY_SORT.check(call.caller, call.repository)
    title = None if body.title is None else str(body.title)
    call.hub.issues.edit(issue, by, title=title, body=body.body)
    if body.labels is not None:
        call.hub.issues.set_labels(issue, by, body.labels)
    if body.assignees is not None:
        issue.assignees.clear()
        _assign(call, issue, body.assignees)
    if body.state:
        call.hub.issues.set_state(issue, by, body.state, body.state_reason)
    return JSONResponse(shapes.issue(call.hub.url, issue))


def issue_of(call: Call, number: int) -> Issue:
    """The issue with this number, as far as the caller's token reaches. Raises Refusal (404, 403)."""
    if number in call.repository.gone:
        raise _left(call, number)
    issue = call.repository.issues.get(number)
    if issue is None:
        raise not_found()
    if issue.pull is None:  # `pull_requests` alone is enough for pull requests only
        Needs("issues").check(call.caller, call.repository)
    return issue


def _left(call: Call, number: int) -> Refusal:
    """What GitHub says of a former issue: 410 if it was deleted, 404 if it went where the caller cannot see it."""
    arrived = call.repository.gone[number]
    if arrived is None:
        return Refusal(410, "This issue was deleted")
    return not_found()


def _assign(call: Call, issue: Issue, logins: list[str]) -> None:
    for login in logins:
        user = call.hub.accounts.users.get(login.lower())
        if user is None:
            raise invalid("Issue", "assignees", "invalid")
        if user not in issue.assignees:
            issue.assignees.append(user)


# -- Comments --------------------------------------------------------------------------------------------------------
@router.get("/issues/{number}/comments")
async def list_comments(request: Request, number: int, call: Reads) -> JSONResponse:
    """Comments, oldest first."""
    shown, headers = page(request, issue_of(call, number).comments)
    return JSONResponse([shapes.comment(call.hub.url, one) for one in shown], headers=headers)


@router.post("/issues/{number}/comments")
async def create_comment(number: int, call: Speaks, body: Annotated[Words, Depends(sent(Words))]) -> JSONResponse:
    """Comment."""
    issue = issue_of(call, number)
    comment = call.hub.issues.comment(issue, call.caller.user, body.body, app=call.caller.app)
    return JSONResponse(shapes.comment(call.hub.url, comment), status_code=201)


@router.get("/issues/comments/{comment_id}")
async def get_comment(comment_id: int, call: Reads) -> JSONResponse:
    """One comment."""
    return JSONResponse(shapes.comment(call.hub.url, comment_of(call, comment_id)))


@router.patch("/issues/comments/{comment_id}")
async def change_comment(comment_id: int, call: Speaks, body: Annotated[Words, Depends(sent(Words))]) -> JSONResponse:
    """Edit a comment: its author, or whoever may write."""
    comment = _own_comment(call, comment_id)
    call.hub.issues.edit_comment(comment, call.caller.user, body.body)
    return JSONResponse(shapes.comment(call.hub.url, comment))


@router.delete("/issues/comments/{comment_id}")
async def delete_comment(comment_id: int, call: Speaks) -> Response:
    """Delete a comment: its author, or whoever may write."""
    call.hub.issues.delete_comment(_own_comment(call, comment_id), call.caller.user)
    return Response(status_code=204)


def comment_of(call: Call, comment_id: int) -> Comment:
    """The comment with this id, as far as the caller's token reaches. Raises Refusal (404, 403)."""
    comment = call.hub.issues.comment_by_id(call.repository, comment_id)
    issue_of(call, comment.issue.number)
    return comment


def _own_comment(call: Call, comment_id: int) -> Comment:
    comment = comment_of(call, comment_id)
    if comment.user is not call.caller.user:
        Needs(*BOTH, level="write", person="write").check(call.caller, call.repository)
    return comment


# -- Labels ----------------------------------------------------------------------------------------------------------
@router.get("/issues/{number}/labels")
async def list_labels(request: Request, number: int, call: Reads) -> JSONResponse:
    """The labels of an issue."""
    shown, headers = page(request, issue_of(call, number).labels)
    return JSONResponse(_labels(call, shown), headers=headers)


@router.post("/issues/{number}/labels")
async def add_labels(number: int, call: Sorts, body: Annotated[Labels, Depends(sent(Labels))]) -> JSONResponse:
    """Put labels on; those that do not exist yet are made."""
    issue = issue_of(call, number)
    call.hub.issues.add_labels(issue, call.caller.user, body.labels)
    return JSONResponse(_labels(call, issue.labels))


@router.delete("/issues/{number}/labels/{label}")
async def remove_label(number: int, label: str, call: Sorts) -> JSONResponse:
    """Take a label off."""
    issue = issue_of(call, number)
    call.hub.issues.remove_label(issue, call.caller.user, label)
    return JSONResponse(_labels(call, issue.labels))


def _labels(call: Call, labels: Any) -> list[dict[str, Any]]:
    return [shapes.label(call.hub.url, call.repository, one) for one in labels]
