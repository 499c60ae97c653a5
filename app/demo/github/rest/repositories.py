"""The server, its users, and what a repository holds."""

import base64
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from app.demo.github.auth import Call, Caller, Needs, caller_of, credential, hub_of
from app.demo.github.plumbing import EMPTY_TREE, Commit, Git, TreeEntry
from app.demo.github.refusal import Refusal, not_found
from app.demo.github.rest.wire import page
from app.demo.github.shapes import accounts, commits, repositories
from app.demo.github.state import Hub

router = APIRouter()
here = APIRouter(prefix="/repos/{owner}/{name}")
TheHub = Annotated[Hub, Depends(hub_of)]
TheCaller = Annotated[Caller, Depends(caller_of)]
ReadsMetadata = Annotated[Call, Depends(Needs("metadata"))]
ReadsContents = Annotated[Call, Depends(Needs("contents"))]
MOST_FILES = 300
"""Files that a comparison or a commit shows (docs.github.com, "Compare two commits")."""


@router.get("/user")
async def get_me(request: Request, hub: TheHub) -> JSONResponse:
    """The person who calls, also one who signed in to an App; an App itself is nobody."""
    if signed_in := hub.sign_ins.holder(credential(request.headers.get("authorization", ""))):
        return JSONResponse(accounts.full_user(hub.url, signed_in[1]))
    caller = caller_of(request)
    if caller.token:
        raise Refusal(403, "Resource not accessible by integration")
    private = ("private_gists", "total_private_repos", "owned_private_repos", "disk_usage", "collaborators")
    figures: dict[str, Any] = dict.fromkeys(private, 0)
    return JSONResponse(accounts.full_user(hub.url, caller.user) | figures | {"two_factor_authentication": True})


@router.get("/users/{login}")
async def get_user(login: str, hub: TheHub, _caller: TheCaller) -> JSONResponse:
    """An account."""
    user = hub.accounts.users.get(login.lower())
    if user is None:
        raise not_found()
    return JSONResponse(accounts.full_user(hub.url, user))


@here.get("")
async def get_repository(call: ReadsMetadata) -> JSONResponse:
    """A repository."""
    return JSONResponse(repositories.full(call.hub.url, call.repository, call.caller.role(call.repository)))


@here.get("/collaborators/{login}/permission")
async def get_permission(login: str, call: ReadsMetadata) -> JSONResponse:
    """What somebody may do here. Bots and organisations are no users."""
    user = call.hub.accounts.users.get(login.lower())
    if user is None or user.type != "User":
        raise Refusal(404, f"{login} is not a user")
    return JSONResponse(accounts.collaborator(call.hub.url, call.repository, user))


# -- Files -----------------------------------------------------------------------------------------------------------
@here.get("/contents")
@here.get("/contents/{path:path}")
async def get_contents(request: Request, call: ReadsContents, path: str = "") -> Response:
    """A file, a link or a folder at `?ref=`."""
    ref = request.query_params.get("ref") or call.repository.default_branch
    git = Git(call.repository.path)
    sha = await git.sha(ref)
    path = path.strip("/")
    if sha is None or ".." in path.split("/"):
        raise not_found() if sha is None else Refusal(422, "path contains a malformed path component")
    entries = await git.tree(sha, path) if path else [TreeEntry("040000", "tree", f"{sha}^{{tree}}", None, "")]
    if not entries:
        raise not_found()
    entry = entries[0]
    if entry.type == "tree":
        prefix = f"{path}/" if path else ""
        inside = await git.tree(entry.sha)
        found = [TreeEntry(one.mode, one.type, one.sha, one.size, prefix + one.path) for one in inside]
        return JSONResponse([commits.content(call.hub.url, call.repository, one, ref) for one in found])
    shown = commits.content(call.hub.url, call.repository, entry, ref)
    if entry.type != "blob":
        return JSONResponse(shown | {"submodule_git_url": None})
    data = await git.run("cat-file", "blob", entry.sha)
    if "raw" in request.headers.get("accept", ""):
        return Response(data, media_type="application/vnd.github.raw+json")
    if shown["type"] == "symlink":
        return JSONResponse(shown | {"target": data.decode(errors="replace")})
    return JSONResponse(shown | {"encoding": "base64", "content": base64.encodebytes(data).decode()})


# -- Branches and commits --------------------------------------------------------------------------------------------
@here.get("/branches")
async def list_branches(request: Request, call: ReadsContents) -> JSONResponse:
    """Every branch."""
    heads = await Git(call.repository.path).refs("refs/heads/")
    shown, headers = page(request, sorted(heads))
    root = f"{call.hub.url}/api/v3/repos/{call.repository.full_name}/commits"
    listed = [
        {
            "name": ref.removeprefix("refs/heads/"),
            "commit": {"sha": heads[ref], "url": f"{root}/{heads[ref]}"},
            "protected": ref.removeprefix("refs/heads/") in call.repository.protected,
        }
        for ref in shown
    ]
    return JSONResponse(listed, headers=headers)


@here.get("/branches/{branch:path}")
async def get_branch(branch: str, call: ReadsContents) -> JSONResponse:
    """One branch and its newest commit."""
    git = Git(call.repository.path)
    sha = (await git.refs(f"refs/heads/{branch}")).get(f"refs/heads/{branch}")
    if sha is None:
        raise Refusal(404, "Branch not found")
    url, repository = call.hub.url, call.repository
    api = f"{url}/api/v3/repos/{repository.full_name}/branches/{branch}"
    body = {
        "name": branch,
        "commit": commits.commit(url, repository, await git.commit(sha)),
        "_links": {"self": api, "html": f"{url}/{repository.full_name}/tree/{branch}"},
        "protected": branch in repository.protected,
        "protection": {"enabled": branch in repository.protected},
        "protection_url": f"{api}/protection",
    }
    return JSONResponse(body)


@here.get("/commits")
async def list_commits(request: Request, call: ReadsContents) -> JSONResponse:
    """Commits of `?sha=` (a branch or a commit), newest first; `?path=` narrows."""
    git = Git(call.repository.path)
    start = await git.sha(request.query_params.get("sha") or call.repository.default_branch)
    if start is None:
        raise Refusal(409, "Git Repository is empty.") if not await git.refs() else not_found()
    path = request.query_params.get("path")
    found = await git.log(start, "--", *([f":(literal){path}"] if path else []))
    shown, headers = page(request, found)
    return JSONResponse([commits.commit(call.hub.url, call.repository, one) for one in shown], headers=headers)


@here.get("/commits/{ref:path}")
async def get_commit(request: Request, ref: str, call: ReadsContents) -> Response:
    """One commit with its difference from its first parent."""
    commit = await commit_named(call, ref)
    base = commit.parents[0] if commit.parents else EMPTY_TREE
    if "diff" in request.headers.get("accept", ""):
        return PlainTextResponse(await Git(call.repository.path).diff(base, commit.sha))
    files = await Git(call.repository.path).files(base, commit.sha)
    added, deleted = sum(one.additions for one in files), sum(one.deletions for one in files)
    shown = commits.commit(call.hub.url, call.repository, commit) | {
        "stats": {"additions": added, "deletions": deleted, "total": added + deleted},
        "files": [commits.file(call.hub.url, call.repository, one, commit.sha) for one in files[:MOST_FILES]],
    }
    return JSONResponse(shown)


@here.get("/compare/{basehead:path}")
async def compare(request: Request, basehead: str, call: ReadsContents) -> Response:
    """What `head` has that `base` lacks, for `base...head`."""
    base_name, dots, head_name = basehead.partition("...")
    if not dots:
        raise not_found()
    base, head = await commit_named(call, base_name), await commit_named(call, head_name)
    git, url, repository = Git(call.repository.path), call.hub.url, call.repository
    fork = await git.merge_base(base.sha, head.sha)
    if fork is None:
        raise Refusal(404, f"No common ancestor between {base_name} and {head_name}.")
    if "diff" in request.headers.get("accept", ""):
        return PlainTextResponse(await git.diff(fork, head.sha))
    ahead, behind = await git.ahead_behind(base.sha, head.sha)
    words = {(False, False): "identical", (True, False): "ahead", (False, True): "behind", (True, True): "diverged"}
    found = [commits.commit(url, repository, one) for one in reversed(await git.log(head.sha, f"^{base.sha}"))]
    files = await git.files(fork, head.sha)
    page_url = f"{url}/{repository.full_name}/compare/{base.sha}...{head.sha}"
    body = {
        "url": f"{url}/api/v3/repos/{repository.full_name}/compare/{basehead}",
        "html_url": page_url,
        "permalink_url": page_url,
        "diff_url": f"{page_url}.diff",
        "patch_url": f"{page_url}.patch",
        "base_commit": commits.commit(url, repository, base),
        "merge_base_commit": commits.commit(url, repository, await git.commit(fork)),
        "status": words[bool(ahead), bool(behind)],
        "ahead_by": ahead,
        "behind_by": behind,
        "total_commits": ahead,
        "commits": found,
        "files": [commits.file(url, repository, one, head.sha) for one in files[:MOST_FILES]],
    }
    return JSONResponse(body)


async def commit_named(call: Call, ref: str) -> Commit:
    """The commit that a branch, tag or sha names. Raises Refusal (422)."""
    git = Git(call.repository.path)
    sha = await git.sha(ref.removeprefix("heads/").removeprefix("tags/"))
    if sha is None:
        raise Refusal(422, f"No commit found for SHA: {ref}")
    return await git.commit(sha)
