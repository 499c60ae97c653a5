"""Commits, refs, trees and file differences as GitHub shows them."""

from collections.abc import Sequence
from typing import Any

from app.demo.github.ground import node_id
from app.demo.github.objects import Repository
from app.demo.github.plumbing import Commit, FileDiff, Signature, TreeEntry

Json = dict[str, Any]
_UNVERIFIED = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def _api(url: str, repository: Repository) -> str:
    return f"{url}/api/v3/repos/{repository.full_name}"


def signature(one: Signature) -> Json:
    """Who and when."""
    return {"name": one.name, "email": one.email, "date": one.date}


def git_ref(url: str, repository: Repository, name: str, sha: str) -> Json:
    """GitHub's `git-ref`."""
    api = f"{_api(url, repository)}/git"
    target = {"type": "commit", "sha": sha, "url": f"{api}/commits/{sha}"}
    return {"ref": name, "node_id": node_id("Ref", name), "url": f"{api}/{name}", "object": target}


def git_commit(url: str, repository: Repository, one: Commit) -> Json:
    """GitHub's `git-commit`, of the Git Data API."""
    api, page = f"{_api(url, repository)}/git", f"{url}/{repository.full_name}/commit"
    return {
        "sha": one.sha,
        "node_id": node_id("Commit", one.sha),
        "url": f"{api}/commits/{one.sha}",
        "html_url": f"{page}/{one.sha}",
        "author": signature(one.author),
        "committer": signature(one.committer),
        "message": one.message,
        "tree": {"sha": one.tree, "url": f"{api}/trees/{one.tree}"},
        "parents": [{"sha": sha, "url": f"{api}/commits/{sha}", "html_url": f"{page}/{sha}"} for sha in one.parents],
        "verification": dict(_UNVERIFIED),
    }


def commit(url: str, repository: Repository, one: Commit) -> Json:
    """GitHub's `commit`. Accounts are not matched by mail address here: `author` and `committer` are null."""
    api, page = _api(url, repository), f"{url}/{repository.full_name}/commit"
    return {
        "sha": one.sha,
        "node_id": node_id("Commit", one.sha),
        "url": f"{api}/commits/{one.sha}",
        "html_url": f"{page}/{one.sha}",
        "comments_url": f"{api}/commits/{one.sha}/comments",
        "commit": {
            "url": f"{api}/git/commits/{one.sha}",
            "author": signature(one.author),
            "committer": signature(one.committer),
            "message": one.message,
            "comment_count": 0,
            "tree": {"sha": one.tree, "url": f"{api}/git/trees/{one.tree}"},
            "verification": dict(_UNVERIFIED),
        },
        "author": None,
        "committer": None,
        "parents": [{"sha": sha, "url": f"{api}/commits/{sha}", "html_url": f"{page}/{sha}"} for sha in one.parents],
    }


def simple_commit(one: Commit) -> Json:
    """GitHub's `simple-commit`, of webhooks."""
    return {
        "id": one.sha,
        "tree_id": one.tree,
        "message": one.message,
        "timestamp": one.committer.date,
        "author": {"name": one.author.name, "email": one.author.email},
        "committer": {"name": one.committer.name, "email": one.committer.email},
    }


def file(url: str, repository: Repository, one: FileDiff, sha: str) -> Json:
    """GitHub's `diff-entry`."""
    page = f"{url}/{repository.full_name}"
    shown: Json = {
        "sha": one.sha,
        "filename": one.path,
        "status": one.status,
        "additions": one.additions,
        "deletions": one.deletions,
        "changes": one.additions + one.deletions,
        "blob_url": f"{page}/blob/{sha}/{one.path}",
        "raw_url": f"{page}/raw/{sha}/{one.path}",
        "contents_url": f"{_api(url, repository)}/contents/{one.path}?ref={sha}",
    }
    if one.patch:
        shown["patch"] = one.patch
    if one.old_path != one.path:
        shown["previous_filename"] = one.old_path
    return shown


def git_tree(url: str, repository: Repository, sha: str, entries: Sequence[TreeEntry]) -> Json:
    """GitHub's `git-tree`."""
    api = f"{_api(url, repository)}/git"
    listed = []
    for entry in entries:
        line: Json = {"path": entry.path, "mode": entry.mode, "type": entry.type, "sha": entry.sha}
        if entry.type != "commit":
            line["url"] = f"{api}/{entry.type}s/{entry.sha}"
        if entry.size is not None:
            line["size"] = entry.size
        listed.append(line)
    return {"sha": sha, "url": f"{api}/trees/{sha}", "tree": listed, "truncated": False}


def content(url: str, repository: Repository, entry: TreeEntry, ref: str) -> Json:
    """What GitHub's contents endpoint says of any entry, without the content itself."""
    kinds = {"tree": "dir", "commit": "submodule"}
    kind = kinds.get(entry.type, "symlink" if entry.mode == "120000" else "file")
    at = f"{_api(url, repository)}/contents/{entry.path}?ref={ref}"
    git_url = f"{_api(url, repository)}/git/{'trees' if kind == 'dir' else 'blobs'}/{entry.sha}"
    page = f"{url}/{repository.full_name}/{'tree' if kind == 'dir' else 'blob'}/{ref}/{entry.path}"
    return {
        "type": kind,
        "size": entry.size or 0,
        "name": entry.path.rpartition("/")[2],
        "path": entry.path,
        "sha": entry.sha,
        "url": at,
        "git_url": git_url,
        "html_url": page,
        "download_url": None,
        "_links": {"self": at, "git": git_url, "html": page},
    }
