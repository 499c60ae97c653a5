"""Issues, comments, labels and reactions as GitHub shows them."""

from collections.abc import Sequence
from typing import Any

from app.demo.github.ground import node_id, stamp, stamp_or_none
from app.demo.github.objects import Comment, Issue, IssueEvent, Label, Reaction, Repository, User
from app.demo.github.shapes.accounts import app, user

Json = dict[str, Any]
REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")


def association(repository: Repository, account: User) -> str:
    """How an author stands to the repository. As on GitHub, it says nothing of what he may do."""
    if account is repository.owner:
        return "OWNER"
    return "COLLABORATOR" if account.login.lower() in repository.collaborators else "NONE"


def label(url: str, repository: Repository, one: Label) -> Json:
    """GitHub's `label`."""
    return {
        "id": one.id,
        "node_id": node_id("Label", one.id),
        "url": f"{url}/api/v3/repos/{repository.full_name}/labels/{one.name}",
        "name": one.name,
        "color": one.color,
        "default": False,
        "description": one.description,
        "archived_at": None,
        "archived_by": None,
    }


def reaction(url: str, one: Reaction) -> Json:
    """GitHub's `reaction`."""
    return {
        "id": one.id,
        "node_id": node_id("Reaction", one.id),
        "user": user(url, one.user),
        "content": one.content,
        "created_at": stamp(one.created_at),
    }


def rollup(at: str, reactions: Sequence[Reaction]) -> Json:
    """GitHub's `reaction-rollup` of what stands at the address `at`."""
    counts = {content: sum(one.content == content for one in reactions) for content in REACTIONS}
    return {"url": f"{at}/reactions", "total_count": len(reactions), **counts}


def comment(url: str, one: Comment) -> Json:
    """GitHub's `issue-comment`."""
    repository = one.issue.repository
    base = f"{url}/api/v3/repos/{repository.full_name}/issues"
    return {
        "id": one.id,
        "node_id": node_id("IssueComment", one.id),
        "url": f"{base}/comments/{one.id}",
        "html_url": f"{issue_page(url, one.issue)}#issuecomment-{one.id}",
        "issue_url": f"{base}/{one.issue.number}",
        "body": one.body,
        "user": user(url, one.user),
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.updated_at),
        "author_association": association(repository, one.user),
        "performed_via_github_app": app(url, one.app) if one.app else None,
        "reactions": rollup(f"{base}/comments/{one.id}", one.reactions),
    }


def event(url: str, issue: Issue, one: IssueEvent) -> Json:
    """GitHub's `issue-event-for-issue`."""
    api = f"{url}/api/v3/repos/{issue.repository.full_name}/issues/events/{one.id}"
    shown: Json = {
        "id": one.id,
        "node_id": node_id("IssueEvent", one.id),
        "url": api,
        "actor": user(url, one.actor),
        "event": one.event,
        "commit_id": None,
        "commit_url": None,
        "created_at": stamp(one.created_at),
        "performed_via_github_app": None,
    }
    if one.label:
        shown["label"] = {"name": one.label.name, "color": one.label.color}
    if one.rename:
        shown["rename"] = {"from": one.rename[0], "to": one.rename[1]}
    return shown


def issue_page(url: str, one: Issue) -> str:
    """Where people read the issue or pull request."""
    return f"{url}/{one.repository.full_name}/{'pull' if one.pull else 'issues'}/{one.number}"


def issue(url: str, one: Issue) -> Json:
    """GitHub's `issue`; a pull request is one, too."""
    repository = one.repository
    api = f"{url}/api/v3/repos/{repository.full_name}/issues/{one.number}"
    assignees = [user(url, account) for account in one.assignees]
    shown: Json = {
        "id": one.id,
        "node_id": node_id("Issue", one.id),
        "number": one.number,
        "url": api,
        "repository_url": f"{url}/api/v3/repos/{repository.full_name}",
        "labels_url": f"{api}/labels{{/name}}",
        "comments_url": f"{api}/comments",
        "events_url": f"{api}/events",
        "timeline_url": f"{api}/timeline",
        "html_url": issue_page(url, one),
        "title": one.title,
        "body": one.body,
        "user": user(url, one.user),
        "labels": [label(url, repository, there) for there in one.labels],
        "state": one.state,
        "state_reason": one.state_reason,
        "locked": one.locked,
        "active_lock_reason": one.lock_reason,
        "assignee": assignees[0] if assignees else None,
        "assignees": assignees,
        "milestone": None,
        "comments": len(one.comments),
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.updated_at),
        "closed_at": stamp_or_none(one.closed_at),
        "closed_by": user(url, one.closed_by) if one.closed_by else None,
        "author_association": association(repository, one.user),
        "performed_via_github_app": app(url, one.app) if one.app else None,
        "reactions": rollup(api, one.reactions),
    }
    if one.pull:
        page = issue_page(url, one)
        shown["draft"] = one.pull.draft
        shown["pull_request"] = {
            "url": f"{url}/api/v3/repos/{repository.full_name}/pulls/{one.number}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": stamp_or_none(one.pull.merged_at),
        }
    return shown
