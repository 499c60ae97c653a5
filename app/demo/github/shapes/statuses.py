"""Commit statuses as GitHub shows them."""

from collections.abc import Sequence
from typing import Any

from app.demo.github.ground import node_id, stamp
from app.demo.github.objects import CommitStatus, Repository
from app.demo.github.shapes.accounts import user
from app.demo.github.shapes.repositories import minimal

Json = dict[str, Any]


def simple(url: str, repository: Repository, one: CommitStatus) -> Json:
    """GitHub's `simple-commit-status`."""
    return {
        "id": one.id,
        "node_id": node_id("StatusContext", one.id),
        "url": f"{url}/api/v3/repos/{repository.full_name}/statuses/{one.sha}",
        "avatar_url": f"{url}/avatars/{one.creator.id}",
        "state": one.state,
        "context": one.context,
        "description": one.description,
        "target_url": one.target_url,
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.created_at),
    }


def full(url: str, repository: Repository, one: CommitStatus) -> Json:
    """GitHub's `status`."""
    return simple(url, repository, one) | {"creator": user(url, one.creator)}


def combined(url: str, repository: Repository, sha: str, latest: Sequence[CommitStatus], total: int) -> Json:
    """GitHub's `combined-commit-status`: `pending` also where there are none."""
    states = {one.state for one in latest}
    state = "failure" if states & {"failure", "error"} else "success" if states == {"success"} else "pending"
    api = f"{url}/api/v3/repos/{repository.full_name}/commits/{sha}"
    return {
        "state": state,
        "statuses": [simple(url, repository, one) for one in latest],
        "sha": sha,
        "total_count": total,
        "repository": minimal(url, repository),
        "commit_url": api,
        "url": f"{api}/status",
    }
