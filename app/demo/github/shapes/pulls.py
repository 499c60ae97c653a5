"""Pull requests as GitHub shows them."""

from typing import Any

from app.demo.github.ground import node_id, stamp, stamp_or_none
from app.demo.github.objects import Pull, Side
from app.demo.github.shapes.accounts import user
from app.demo.github.shapes.issues import association, issue_page, label
from app.demo.github.shapes.repositories import repository

Json = dict[str, Any]


def side(url: str, one: Side) -> Json:
    """Head or base."""
    return {
        "label": one.label,
        "ref": one.branch,
        "sha": one.sha,
        "user": user(url, one.repository.owner),
        "repo": repository(url, one.repository),
    }


def minimal(url: str, one: Pull) -> Json:
    """GitHub's `pull-request-minimal`, of check runs and suites."""

    def brief(at: Side) -> Json:
        where = f"{url}/api/v3/repos/{at.repository.full_name}"
        return {
            "ref": at.branch,
            "sha": at.sha,
            "repo": {"id": at.repository.id, "name": at.repository.name, "url": where},
        }

    number = one.issue.number
    api = f"{url}/api/v3/repos/{one.base.repository.full_name}/pulls/{number}"
    return {"id": one.id, "number": number, "url": api, "head": brief(one.head), "base": brief(one.base)}


def simple(url: str, one: Pull) -> Json:
    """GitHub's `pull-request-simple`, as lists have it."""
    issue = one.issue
    home = f"{url}/api/v3/repos/{issue.repository.full_name}"
    api, page = f"{home}/pulls/{issue.number}", issue_page(url, issue)
    assignees = [user(url, account) for account in issue.assignees]
    links = {
        "comments_url": f"{home}/issues/{issue.number}/comments",
        "commits_url": f"{api}/commits",
        "review_comments_url": f"{api}/comments",
        "review_comment_url": f"{home}/pulls/comments{{/number}}",
        "statuses_url": f"{home}/statuses/{one.head.sha}",
        "issue_url": f"{home}/issues/{issue.number}",
    }
    hrefs = {name.removesuffix("_url"): {"href": target} for name, target in links.items()}
    return {
        "id": one.id,
        "node_id": node_id("PullRequest", one.id),
        "number": issue.number,
        "url": api,
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        **links,
        "_links": {"self": {"href": api}, "html": {"href": page}, **hrefs},
        "state": issue.state,
        "locked": issue.locked,
        "active_lock_reason": issue.lock_reason,
        "title": issue.title,
        "body": issue.body,
        "user": user(url, issue.user),
        "labels": [label(url, issue.repository, there) for there in issue.labels],
        "milestone": None,
        "draft": one.draft,
        "created_at": stamp(issue.created_at),
        "updated_at": stamp(issue.updated_at),
        "closed_at": stamp_or_none(issue.closed_at),
        "merged_at": stamp_or_none(one.merged_at),
        "merge_commit_sha": one.merge_commit_sha,
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "requested_reviewers": [],
        "requested_teams": [],
        "head": side(url, one.head),
        "base": side(url, one.base),
        "author_association": association(issue.repository, issue.user),
        "auto_merge": None,
    }


def pull(url: str, one: Pull) -> Json:
    """GitHub's `pull-request`. Mergeability is never computed here: it stays "unknown", as GitHub says at first."""
    return simple(url, one) | {
        "merged": one.merged_at is not None,
        "merged_by": user(url, one.merged_by) if one.merged_by else None,
        "mergeable": None,
        "rebaseable": None,
        "mergeable_state": "unknown",
        "comments": len(one.issue.comments),
        "review_comments": len(one.remarks),
        "maintainer_can_modify": one.maintainer_can_modify,
        "commits": one.commits,
        "additions": one.additions,
        "deletions": one.deletions,
        "changed_files": one.changed_files,
    }
