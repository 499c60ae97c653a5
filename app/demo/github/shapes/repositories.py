"""Repositories as GitHub shows them."""

from typing import Any

from app.demo.github.ground import node_id, stamp
from app.demo.github.objects import Repository, Role
from app.demo.github.shapes.accounts import abilities, user

Json = dict[str, Any]
_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


def minimal(url: str, one: Repository) -> Json:
    """GitHub's `minimal-repository`: who and where."""
    api, page = f"{url}/api/v3/repos/{one.full_name}", f"{url}/{one.full_name}"
    return {
        "id": one.id,
        "node_id": node_id("Repository", one.id),
        "name": one.name,
        "full_name": one.full_name,
        "private": one.private,
        "owner": user(url, one.owner),
        "html_url": page,
        "description": None,
        "fork": False,
        "url": api,
        **{name: api + tail for name, tail in _LINKS.items()},
    }


def repository(url: str, one: Repository, role: Role | None = None) -> Json:
    """GitHub's `repository`; `role` adds what the caller may do."""
    page = f"{url}/{one.full_name}"
    open_issues = sum(issue.state == "open" for issue in one.issues.values())
    return minimal(url, one) | {
        "git_url": f"{page}.git",
        "ssh_url": f"{page}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "size": 0,
        "forks_count": 0,
        "forks": 0,
        "stargazers_count": 0,
        "watchers_count": 0,
        "watchers": 0,
        "open_issues_count": open_issues,
        "open_issues": open_issues,
        "is_template": False,
        "topics": [],
        "has_issues": True,
        "has_projects": False,
        "has_wiki": False,
        "has_pages": False,
        "has_downloads": False,
        "has_discussions": False,
        "archived": one.archived,
        "disabled": False,
        "visibility": "private" if one.private else "public",
        "allow_forking": True,
        "web_commit_signoff_required": False,
        "license": None,
        "default_branch": one.default_branch,
        "pushed_at": stamp(one.pushed_at),
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.updated_at),
        **({"permissions": abilities(role)} if role else {}),
    }


def full(url: str, one: Repository, role: Role) -> Json:
    """GitHub's `full-repository`, the answer on one repository."""
    extra = {
        "network_count": 0,
        "subscribers_count": 0,
        "allow_squash_merge": True,
        "allow_merge_commit": True,
        "allow_rebase_merge": True,
        "allow_auto_merge": False,
        "allow_update_branch": False,
        "delete_branch_on_merge": False,
        "organization": user(url, one.owner) if one.owner.type == "Organization" else None,
    }
    return repository(url, one, role) | {name: value for name, value in extra.items() if value is not None}
