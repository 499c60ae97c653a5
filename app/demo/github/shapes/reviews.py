"""Reviews and review comments as GitHub shows them."""

from typing import Any

from app.demo.github.ground import node_id, stamp
from app.demo.github.objects import Pull, Review, ReviewComment
from app.demo.github.shapes.accounts import user
from app.demo.github.shapes.issues import association, issue_page, rollup

Json = dict[str, Any]


def _api(url: str, pull: Pull) -> str:
    return f"{url}/api/v3/repos/{pull.issue.repository.full_name}/pulls"


def review(url: str, one: Review) -> Json:
    """GitHub's `pull-request-review`."""
    page = f"{issue_page(url, one.pull.issue)}#pullrequestreview-{one.id}"
    api = f"{_api(url, one.pull)}/{one.pull.issue.number}"
    return {
        "id": one.id,
        "node_id": node_id("PullRequestReview", one.id),
        "user": user(url, one.user),
        "body": one.body,
        "state": one.state,
        "html_url": page,
        "pull_request_url": api,
        "_links": {"html": {"href": page}, "pull_request": {"href": api}},
        "submitted_at": stamp(one.submitted_at),
        "commit_id": one.sha,
        "author_association": association(one.pull.issue.repository, one.user),
    }


def comment(url: str, one: ReviewComment) -> Json:
    """GitHub's `pull-request-review-comment`."""
    pull = one.review.pull
    api, on = f"{_api(url, pull)}/comments/{one.id}", f"{_api(url, pull)}/{pull.issue.number}"
    page = f"{issue_page(url, pull.issue)}#discussion_r{one.id}"
    shown = {
        "id": one.id,
        "node_id": node_id("PullRequestReviewComment", one.id),
        "url": api,
        "html_url": page,
        "pull_request_url": on,
        "pull_request_review_id": one.review.id,
        "diff_hunk": one.diff_hunk,
        "path": one.path,
        "position": one.position,
        "original_position": one.original_position,
        "commit_id": one.sha,
        "original_commit_id": one.original_sha,
        "user": user(url, one.user),
        "body": one.body,
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.updated_at),
        "author_association": association(pull.issue.repository, one.user),
        "_links": {"self": {"href": api}, "html": {"href": page}, "pull_request": {"href": on}},
        "start_line": one.start_line if one.line else None,
        "original_start_line": one.start_line,
        "start_side": one.side if one.start_line else None,
        "line": one.line,
        "original_line": one.original_line,
        "side": one.side,
        "subject_type": "line",
        "reactions": rollup(api, one.reactions),
    }
    return shown if one.in_reply_to is None else shown | {"in_reply_to_id": one.in_reply_to}
