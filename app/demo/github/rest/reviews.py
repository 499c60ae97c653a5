"""Reviews of pull requests and their comments on lines."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from app.demo.github.auth import Call, Needs
from app.demo.github.objects import ReviewComment
from app.demo.github.refusal import Refusal
from app.demo.github.rest.issues import Words
from app.demo.github.rest.pulls import Reads, Writes, pull_of
from app.demo.github.rest.wire import Sent, page, sent
from app.demo.github.reviews import Remark, Side, Verdict
from app.demo.github.shapes import reviews as shapes

router = APIRouter(prefix="/repos/{owner}/{name}")
_MAY_WRITE = Needs("pull_requests", level="write", person="write")


class Line(Sent):
    """A remark within a review. `position`, which GitHub gives up, is not known here."""

    path: str
    body: str
    line: int
    side: Side = "RIGHT"
    start_line: int | None = None
    start_side: Side | None = None

    def remark(self) -> Remark:
        """The same in the hub's words."""
        return Remark(self.path, self.line, self.body, self.side, self.start_line)


class NewReview(Sent):
    """A review; one without `event` would be pending, which nothing is here."""

    event: Verdict
    body: str | None = None
    commit_id: str | None = None
    comments: list[Line] | None = None


class NewComment(Sent):
    """A remark on a line by itself, or an answer to one."""

    body: str
    commit_id: str | None = None
    path: str | None = None
    line: int | None = None
    side: Side = "RIGHT"
    start_line: int | None = None
    start_side: Side | None = None
    in_reply_to: int | None = None
    subject_type: Literal["line"] | None = None


class Dismissal(Sent):
    """Why a review does not count any more."""

    message: str
    event: Literal["DISMISS"] | None = None


# -- Reviews ---------------------------------------------------------------------------------------------------------
@router.get("/pulls/{number}/reviews")
async def list_reviews(request: Request, number: int, call: Reads) -> JSONResponse:
    """Reviews, oldest first."""
    shown, headers = page(request, pull_of(call, number).reviews)
    return JSONResponse([shapes.review(call.hub.url, one) for one in shown], headers=headers)


@router.post("/pulls/{number}/reviews")
async def create_review(
    number: int, call: Writes, body: Annotated[NewReview, Depends(sent(NewReview))]
) -> JSONResponse:
    """Review."""
    remarks = [one.remark() for one in body.comments or ()]
    pull = pull_of(call, number)
    review = await call.hub.reviews.submit(
        pull, call.caller.user, body.event, body.body or "", remarks, sha=body.commit_id
    )
    return JSONResponse(shapes.review(call.hub.url, review))


@router.get("/pulls/{number}/reviews/{review_id}")
async def get_review(number: int, review_id: int, call: Reads) -> JSONResponse:
    """One review."""
    return JSONResponse(shapes.review(call.hub.url, call.hub.reviews.by_id(pull_of(call, number), review_id)))


@router.put("/pulls/{number}/reviews/{review_id}/dismissals")
async def dismiss_review(
    number: int,
    review_id: int,
    call: Annotated[Call, Depends(_MAY_WRITE)],
    _body: Annotated[Dismissal, Depends(sent(Dismissal))],
) -> JSONResponse:
    """Let a verdict count no more."""
    review = call.hub.reviews.by_id(pull_of(call, number), review_id)
    call.hub.reviews.dismiss(review, call.caller.user)
    return JSONResponse(shapes.review(call.hub.url, review))


@router.get("/pulls/{number}/reviews/{review_id}/comments")
async def list_of_review(request: Request, number: int, review_id: int, call: Reads) -> JSONResponse:
    """Remarks that came with a review."""
    pull = pull_of(call, number)
    review = call.hub.reviews.by_id(pull, review_id)
    return _listed(request, call, [one for one in pull.remarks if one.review is review])


# -- Comments on lines -----------------------------------------------------------------------------------------------
@router.get("/pulls/{number}/comments")
async def list_of_pull(request: Request, number: int, call: Reads) -> JSONResponse:
    """Remarks on lines, oldest first."""
    return _listed(request, call, pull_of(call, number).remarks)


@router.post("/pulls/{number}/comments")
async def create_comment(
    number: int, call: Writes, body: Annotated[NewComment, Depends(sent(NewComment))]
) -> JSONResponse:
    """Remark on a line, or answer with `in_reply_to`, which lets GitHub ignore everything but the words."""
    pull, hub, by = pull_of(call, number), call.hub, call.caller.user
    if body.in_reply_to is not None:
        made = hub.reviews.reply(remark_of(call, body.in_reply_to), by, body.body)
        return JSONResponse(shapes.comment(hub.url, made), status_code=201)
    if body.commit_id is None or body.path is None or body.line is None:
        raise Refusal(422, 'Invalid request.\n\n"commit_id", "path" and "line" are needed.')
    remark = Remark(body.path, body.line, body.body, body.side, body.start_line)
    review = await hub.reviews.submit(pull, by, "COMMENT", "", [remark], sha=body.commit_id)
    made = next(one for one in pull.remarks if one.review is review)
    return JSONResponse(shapes.comment(hub.url, made), status_code=201)


@router.post("/pulls/{number}/comments/{comment_id}/replies")
async def create_reply(
    number: int, comment_id: int, call: Writes, body: Annotated[Words, Depends(sent(Words))]
) -> JSONResponse:
    """Answer a remark."""
    pull_of(call, number)
    made = call.hub.reviews.reply(remark_of(call, comment_id), call.caller.user, body.body)
    return JSONResponse(shapes.comment(call.hub.url, made), status_code=201)


@router.get("/pulls/comments/{comment_id}")
async def get_comment(comment_id: int, call: Reads) -> JSONResponse:
    """One remark."""
    return JSONResponse(shapes.comment(call.hub.url, remark_of(call, comment_id)))


@router.patch("/pulls/comments/{comment_id}")
async def change_comment(comment_id: int, call: Writes, body: Annotated[Words, Depends(sent(Words))]) -> JSONResponse:
    """Change a remark: its author, or whoever may write."""
    comment = _own(call, comment_id)
    call.hub.reviews.edit(comment, call.caller.user, body.body)
    return JSONResponse(shapes.comment(call.hub.url, comment))


@router.delete("/pulls/comments/{comment_id}")
async def delete_comment(comment_id: int, call: Writes) -> Response:
    """Take a remark back: its author, or whoever may write."""
    call.hub.reviews.delete(_own(call, comment_id), call.caller.user)
    return Response(status_code=204)


def remark_of(call: Call, comment_id: int) -> ReviewComment:
    """The review comment with this id. Raises Refusal (404)."""
    return call.hub.reviews.comment_by_id(call.repository, comment_id)


def _own(call: Call, comment_id: int) -> ReviewComment:
    comment = remark_of(call, comment_id)
    if comment.user is not call.caller.user:
        _MAY_WRITE.check(call.caller, call.repository)
    return comment


def _listed(request: Request, call: Call, comments: list[ReviewComment]) -> JSONResponse:
    shown, headers = page(request, comments)
    return JSONResponse([shapes.comment(call.hub.url, one) for one in shown], headers=headers)
