"""Reactions on issues, comments and review comments: the same few endpoints three times."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from app.demo.github.auth import Call, Needs
from app.demo.github.issues import Reacted
from app.demo.github.refusal import not_found
from app.demo.github.rest.issues import BOTH, comment_of, issue_of
from app.demo.github.rest.reviews import remark_of
from app.demo.github.rest.wire import Sent, page, sent
from app.demo.github.shapes import issues as shapes

router = APIRouter(prefix="/repos/{owner}/{name}")
Reads = Annotated[Call, Depends(Needs(*BOTH))]
Reacts = Annotated[Call, Depends(Needs(*BOTH, level="write"))]
ReadsPulls = Annotated[Call, Depends(Needs("pull_requests"))]
ReactsToPulls = Annotated[Call, Depends(Needs("pull_requests", level="write"))]


class Emoji(Sent):
    """A reaction to be put on."""

    content: str


@router.get("/issues/{number}/reactions")
async def list_of_issue(request: Request, number: int, call: Reads) -> JSONResponse:
    """Reactions of an issue."""
    return _listed(request, call, issue_of(call, number))


@router.post("/issues/{number}/reactions")
async def add_to_issue(number: int, call: Reacts, body: Annotated[Emoji, Depends(sent(Emoji))]) -> JSONResponse:
    """React to an issue."""
    return _added(call, issue_of(call, number), body.content)


@router.delete("/issues/{number}/reactions/{reaction_id}")
async def remove_from_issue(number: int, reaction_id: int, call: Reacts) -> Response:
    """Take one's reaction off an issue."""
    return _removed(call, issue_of(call, number), reaction_id)


@router.get("/issues/comments/{comment_id}/reactions")
async def list_of_comment(request: Request, comment_id: int, call: Reads) -> JSONResponse:
    """Reactions of a comment."""
    return _listed(request, call, comment_of(call, comment_id))


@router.post("/issues/comments/{comment_id}/reactions")
async def add_to_comment(comment_id: int, call: Reacts, body: Annotated[Emoji, Depends(sent(Emoji))]) -> JSONResponse:
    """React to a comment."""
    return _added(call, comment_of(call, comment_id), body.content)


@router.delete("/issues/comments/{comment_id}/reactions/{reaction_id}")
async def remove_from_comment(comment_id: int, reaction_id: int, call: Reacts) -> Response:
    """Take one's reaction off a comment."""
    return _removed(call, comment_of(call, comment_id), reaction_id)


@router.get("/pulls/comments/{comment_id}/reactions")
async def list_of_remark(request: Request, comment_id: int, call: ReadsPulls) -> JSONResponse:
    """Reactions of a review comment."""
    return _listed(request, call, remark_of(call, comment_id))


@router.post("/pulls/comments/{comment_id}/reactions")
async def add_to_remark(
    comment_id: int, call: ReactsToPulls, body: Annotated[Emoji, Depends(sent(Emoji))]
) -> JSONResponse:
    """React to a review comment."""
    return _added(call, remark_of(call, comment_id), body.content)


@router.delete("/pulls/comments/{comment_id}/reactions/{reaction_id}")
async def remove_from_remark(comment_id: int, reaction_id: int, call: ReactsToPulls) -> Response:
    """Take one's reaction off a review comment."""
    return _removed(call, remark_of(call, comment_id), reaction_id)


def _listed(request: Request, call: Call, thing: Reacted) -> JSONResponse:
    wanted = request.query_params.get("content")
    shown, headers = page(request, [one for one in thing.reactions if wanted in {None, one.content}])
    return JSONResponse([shapes.reaction(call.hub.url, one) for one in shown], headers=headers)


def _added(call: Call, thing: Reacted, content: str) -> JSONResponse:
    """201 for a new one, 200 for one that was there."""
    reaction, is_new = call.hub.issues.react(thing, call.caller.user, content)
    return JSONResponse(shapes.reaction(call.hub.url, reaction), status_code=201 if is_new else 200)


def _removed(call: Call, thing: Reacted, reaction_id: int) -> Response:
    for reaction in thing.reactions:
        if reaction.id == reaction_id and reaction.user is call.caller.user:
            thing.reactions.remove(reaction)
            return Response(status_code=204)
    raise not_found()
