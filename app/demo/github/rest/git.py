"""The Git Data API: refs, commits, trees and blobs as objects."""

import base64
import binascii
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from app.demo.github.auth import Call, Needs
from app.demo.github.objects import Repository
from app.demo.github.plumbing import Git, GitFailed, Signature
from app.demo.github.refusal import Refusal, not_found
from app.demo.github.rest.wire import Sent, page, sent
from app.demo.github.shapes import commits

router = APIRouter(prefix="/repos/{owner}/{name}")
Reads = Annotated[Call, Depends(Needs("contents"))]
Writes = Annotated[Call, Depends(Needs("contents", level="write", person="write"))]


class NewRef(Sent):
    """A ref to be made."""

    ref: str
    sha: str


class RefMove(Sent):
    """Where a ref is to stand."""

    sha: str
    force: bool = False


class Who(Sent):
    """Author or committer of a commit."""

    name: str
    email: str
    date: str | None = None


class NewCommit(Sent):
    """A commit to be made."""

    message: str
    tree: str
    parents: list[str] = Field(default_factory=list)
    author: Who | None = None
    committer: Who | None = None


class NewBlob(Sent):
    """A blob to be made."""

    content: str
    encoding: Literal["utf-8", "base64"] = "utf-8"


class NewEntry(Sent):
    """One entry of a tree to be made; `sha` null takes the path away."""

    path: str
    mode: Literal["100644", "100755", "040000", "160000", "120000"]
    type: Literal["blob", "tree", "commit"]
    sha: str | None = None
    content: str | None = None


class NewTree(Sent):
    """A tree to be made."""

    tree: list[NewEntry]
    base_tree: str | None = None


# -- Refs ------------------------------------------------------------------------------------------------------------
@router.get("/git/ref/{ref:path}")
async def get_ref(ref: str, call: Reads) -> JSONResponse:
    """One ref, `heads/main` for example."""
    return await _ref(call, f"refs/{ref}", 200)


@router.get("/git/matching-refs/{prefix:path}")
async def match_refs(request: Request, prefix: str, call: Reads) -> JSONResponse:
    """Every ref whose name begins so."""
    found = [item for item in (await Git(call.repository.path).refs()).items() if item[0].startswith(f"refs/{prefix}")]
    shown, headers = page(request, found)
    listed = [commits.git_ref(call.hub.url, call.repository, ref, sha) for ref, sha in shown]
    return JSONResponse(listed, headers=headers)


@router.post("/git/refs")
async def create_ref(call: Writes, body: Annotated[NewRef, Depends(sent(NewRef))]) -> JSONResponse:
    """Make a ref."""
    await call.hub.branches.create(call.repository, call.caller.user, body.ref, body.sha)
    return await _ref(call, body.ref, 201)


@router.patch("/git/refs/{ref:path}")
async def move_ref(ref: str, call: Writes, body: Annotated[RefMove, Depends(sent(RefMove))]) -> JSONResponse:
    """Move a ref, forwards only unless forced."""
    await call.hub.branches.update(call.repository, call.caller.user, f"refs/{ref}", body.sha, force=body.force)
    return await _ref(call, f"refs/{ref}", 200)


@router.delete("/git/refs/{ref:path}")
async def delete_ref(ref: str, call: Writes) -> Response:
    """Remove a ref."""
    await call.hub.branches.delete(call.repository, call.caller.user, f"refs/{ref}")
    return Response(status_code=204)


async def _ref(call: Call, ref: str, status: int) -> JSONResponse:
    sha = (await Git(call.repository.path).refs()).get(ref)
    if sha is None:
        raise not_found()
    return JSONResponse(commits.git_ref(call.hub.url, call.repository, ref, sha), status_code=status)


# -- Objects ---------------------------------------------------------------------------------------------------------
@router.get("/git/commits/{sha}")
async def get_commit(sha: str, call: Reads) -> JSONResponse:
    """One commit object."""
    git = Git(call.repository.path)
    if await git.sha(sha) != sha:
        raise not_found()
    return JSONResponse(commits.git_commit(call.hub.url, call.repository, await git.commit(sha)))


@router.post("/git/commits")
async def create_commit(call: Writes, body: Annotated[NewCommit, Depends(sent(NewCommit))]) -> JSONResponse:
    """A commit object. Who is not told is the caller, as on GitHub."""
    git = Git(call.repository.path)
    if await git.sha(body.tree, "tree") != body.tree:
        raise Refusal(422, "Tree SHA does not exist")
    for parent in body.parents:
        if await git.sha(parent) != parent:
            raise Refusal(422, "Parent SHA does not exist or is not a commit object")
    author = _who(call, body.author)
    committer = _who(call, body.committer) if body.committer else author
    try:
        sha = await git.new_commit(body.tree, body.parents, body.message, author, committer)
    except GitFailed as failed:
        raise Refusal(422, f"Invalid commit: {failed}") from failed
    return JSONResponse(commits.git_commit(call.hub.url, call.repository, await git.commit(sha)), status_code=201)


@router.get("/git/trees/{sha:path}")
async def get_tree(request: Request, sha: str, call: Reads) -> JSONResponse:
    """One tree; `?recursive=1` with everything below."""
    git = Git(call.repository.path)
    tree = await git.sha(sha, "tree")
    if tree is None:
        raise not_found()
    entries = await git.tree(tree, recursive="recursive" in request.query_params)
    return JSONResponse(commits.git_tree(call.hub.url, call.repository, tree, entries))


@router.post("/git/trees")
async def create_tree(call: Writes, body: Annotated[NewTree, Depends(sent(NewTree))]) -> JSONResponse:
    """A tree object."""
    git = Git(call.repository.path)
    base = await git.sha(body.base_tree, "tree") if body.base_tree else None
    if body.base_tree and base is None:
        raise Refusal(422, "base_tree is not a valid tree oid")
    lines = [await _line(git, call.repository, entry) for entry in body.tree]
    try:
        sha = await git.new_tree(base, lines)
    except GitFailed as failed:
        raise Refusal(422, f"Invalid tree info: {failed}") from failed
    return JSONResponse(commits.git_tree(call.hub.url, call.repository, sha, await git.tree(sha)), status_code=201)


@router.get("/git/blobs/{sha}")
async def get_blob(sha: str, call: Reads) -> JSONResponse:
    """One blob, base64."""
    git = Git(call.repository.path)
    if await git.sha(sha, "blob") != sha:
        raise not_found()
    data = await git.run("cat-file", "blob", sha)
    content = base64.encodebytes(data).decode()
    return JSONResponse(_blob(call, sha) | {"size": len(data), "encoding": "base64", "content": content})


@router.post("/git/blobs")
async def create_blob(call: Writes, body: Annotated[NewBlob, Depends(sent(NewBlob))]) -> JSONResponse:
    """A blob object."""
    try:
        data = base64.b64decode(body.content) if body.encoding == "base64" else body.content.encode()
    except binascii.Error as error:
        raise Refusal(422, "content is not valid Base64") from error
    sha = (await Git(call.repository.path).run("hash-object", "-w", "--stdin", stdin=data)).decode().strip()
    return JSONResponse({"sha": sha, "url": _blob(call, sha)["url"]}, status_code=201)


def _blob(call: Call, sha: str) -> dict[str, str | int]:
    api = f"{call.hub.url}/api/v3/repos/{call.repository.full_name}/git/blobs/{sha}"
    return {"sha": sha, "node_id": f"B_{sha}", "url": api}


def _who(call: Call, given: Who | None) -> Signature:
    """Who signs a commit: as given, else the caller with GitHub's noreply address."""
    now = call.hub.ground.now().isoformat()
    if given:
        return Signature(given.name, given.email, given.date or now)
    user = call.caller.user
    return Signature(user.login, f"{user.id}+{user.login}@users.noreply.example.invalid", now)


async def _line(git: Git, repository: Repository, entry: NewEntry) -> str:
    """One line for `update-index --index-info`."""
    if entry.mode == "040000":
        raise Refusal(422, f"This double of GitHub takes no whole trees as entries: list the files of {entry.path}")
    if entry.content is not None:
        sha = (await git.run("hash-object", "-w", "--stdin", stdin=entry.content.encode())).decode().strip()
        return f"{entry.mode} {sha}\t{entry.path}"
    if entry.sha is None:
        return f"0 {'0' * 40}\t{entry.path}"
    if entry.type == "blob" and await git.sha(entry.sha, "blob") != entry.sha:
        raise Refusal(422, f"tree.sha {entry.sha} is not a valid blob of {repository.full_name}")
    return f"{entry.mode} {entry.sha}\t{entry.path}"
