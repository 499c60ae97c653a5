"""The bodies of webhooks. Each function answers with everything but `installation`, which differs from App to App."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.demo.github.ground import node_id, stamp
from app.demo.github.objects import (
    App,
    CheckRun,
    CheckSuite,
    Comment,
    CommitStatus,
    Installation,
    Issue,
    Label,
    Pull,
    Repository,
    Review,
    ReviewComment,
    User,
    WorkflowRun,
)
from app.demo.github.plumbing import NOTHING, Commit
from app.demo.github.shapes import accounts, actions, checks, commits, issues, pulls, repositories, reviews

Json = dict[str, Any]
MOST_BRANCHES = 10
"""That a `status` event names (docs.github.com, webhook "status")."""
ZEN = "Keep it logically awesome."


def context(url: str, repository: Repository, sender: User) -> Json:
    """What every event of a repository carries."""
    shown: Json = {"repository": repositories.repository(url, repository), "sender": accounts.user(url, sender)}
    if repository.owner.type == "Organization":
        shown["organization"] = organization(url, repository.owner)
    return shown


def organization(url: str, owner: User) -> Json:
    """GitHub's `organization-simple-webhooks`."""
    api = f"{url}/api/v3/orgs/{owner.login}"
    return {
        "login": owner.login,
        "id": owner.id,
        "node_id": node_id("Organization", owner.id),
        "url": api,
        "repos_url": f"{api}/repos",
        "events_url": f"{api}/events",
        "hooks_url": f"{api}/hooks",
        "issues_url": f"{api}/issues",
        "members_url": f"{api}/members{{/member}}",
        "public_members_url": f"{api}/public_members{{/member}}",
        "avatar_url": f"{url}/avatars/{owner.id}",
        "description": None,
    }


def ping(url: str, app: App) -> Json:
    """The first delivery of every webhook."""
    hook = {
        "type": "App",
        "id": app.hook_id,
        "name": "web",
        "active": True,
        "events": list(app.events),
        "app_id": app.id,
        "config": {"content_type": "json", "url": app.webhook_url, "insecure_ssl": "0", "secret": "********"},
        "updated_at": stamp(app.created_at),
        "created_at": stamp(app.created_at),
        "deliveries_url": f"{url}/api/v3/app/hook/deliveries",
    }
    return {"zen": ZEN, "hook_id": app.hook_id, "hook": hook, "sender": accounts.user(url, app.owner)}


def issue(
    url: str, action: str, one: Issue, sender: User, *, label: Label | None = None, changes: Json | None = None
) -> Json:
    """`issues`, or for a pull request `pull_request`."""
    shown: Json = {"action": action}
    if one.pull:
        shown |= {"number": one.number, "pull_request": pulls.pull(url, one.pull)}
    else:
        shown["issue"] = issues.issue(url, one)
    if label:
        shown["label"] = issues.label(url, one.repository, label)
    if changes is not None:
        shown["changes"] = changes
    return shown | context(url, one.repository, sender)


def comment(url: str, action: str, one: Comment, sender: User, *, changes: Json | None = None) -> Json:
    """`issue_comment`."""
    shown: Json = {"action": action, "issue": issues.issue(url, one.issue), "comment": issues.comment(url, one)}
    if changes is not None:
        shown["changes"] = changes
    return shown | context(url, one.issue.repository, sender)


def transferred(url: str, one: Issue, sender: User, arrived: Issue) -> Json:
    """`issues` where it was."""
    new = {"new_issue": issues.issue(url, arrived), "new_repository": repositories.repository(url, arrived.repository)}
    return issue(url, "transferred", one, sender, changes=new)


def arrived(url: str, one: Issue, sender: User, former: Issue) -> Json:
    """`issues` where it came to."""
    old = {"old_issue": issues.issue(url, former), "old_repository": repositories.repository(url, former.repository)}
    return issue(url, "opened", one, sender, changes=old)


def review(url: str, action: str, one: Review, sender: User) -> Json:
    """`pull_request_review`. Webhooks tell the state in small letters, unlike the API."""
    shown = reviews.review(url, one)
    shown["state"] = shown["state"].lower()
    pull = {"pull_request": pulls.simple(url, one.pull)}
    return {"action": action, "review": shown} | pull | context(url, one.pull.issue.repository, sender)


def review_comment(url: str, action: str, one: ReviewComment, sender: User, *, changes: Json | None = None) -> Json:
    """`pull_request_review_comment`."""
    shown: Json = {"action": action, "comment": reviews.comment(url, one)}
    if changes is not None:
        shown["changes"] = changes
    pull = one.review.pull
    return shown | {"pull_request": pulls.simple(url, pull)} | context(url, pull.issue.repository, sender)


def synchronize(url: str, one: Pull, sender: User, before: str) -> Json:
    """`pull_request` when its head moved."""
    return issue(url, "synchronize", one.issue, sender) | {"before": before, "after": one.head.sha}


def check_run(url: str, action: str, one: CheckRun, sender: User, *, identifier: str = "") -> Json:
    """`check_run`; `identifier` is that of the button that somebody pressed."""
    shown: Json = {"action": action, "check_run": checks.run(url, one)}
    shown["check_run"]["check_suite"] = {
        name: value
        for name, value in checks.suite(url, one.suite).items()
        if name not in {"head_commit", "latest_check_runs_count", "check_runs_url"}
    }
    if identifier:
        shown["requested_action"] = {"identifier": identifier}
    return shown | context(url, one.suite.repository, sender)


def check_suite(url: str, action: str, one: CheckSuite, sender: User) -> Json:
    """`check_suite`."""
    return {"action": action, "check_suite": checks.suite(url, one)} | context(url, one.repository, sender)


def status(url: str, repository: Repository, one: CommitStatus, commit: Commit, branches: Mapping[str, str]) -> Json:
    """`status`; `branches` are those that stand at the commit."""
    shown = commits.commit(url, repository, commit)
    times = {"created_at": stamp(one.created_at), "updated_at": stamp(one.created_at)}
    page = {"html_url": shown["html_url"], "comments_url": shown["comments_url"], "parents": shown["parents"]}
    return {
        "id": one.id,
        "sha": one.sha,
        "name": repository.full_name,
        "avatar_url": f"{url}/avatars/{one.creator.id}",
        "target_url": one.target_url,
        "context": one.context,
        "description": one.description,
        "state": one.state,
        "commit": {name: shown[name] for name in ("sha", "node_id", "commit", "url", "author", "committer")} | page,
        "branches": [
            {"name": name, "commit": {"sha": sha, "url": f"{url}/commits/{sha}"}, "protected": False}
            for name, sha in list(branches.items())[:MOST_BRANCHES]
        ],
        **times,
    } | context(url, repository, one.creator)


def workflow_run(url: str, action: str, one: WorkflowRun) -> Json:
    """`workflow_run`."""
    shown = {"action": action, "workflow_run": actions.run(url, one), "workflow": actions.workflow(url, one)}
    return shown | context(url, one.suite.repository, one.by)


def push(
    url: str,
    repository: Repository,
    sender: User,
    *,
    ref: str,
    before: str,
    after: str,
    forced: bool,
    commits: Sequence[Json],
) -> Json:
    """`push`. Its repository tells two times as seconds since 1970, unlike everywhere else."""
    page = f"{url}/{repository.full_name}"
    told = [
        commit | {"distinct": True, "url": f"{page}/commit/{commit['id']}", "added": [], "removed": [], "modified": []}
        for commit in commits
    ]
    body = context(url, repository, sender)
    owner = {"name": repository.owner.login, "email": None}
    body["repository"] |= {
        "url": page,
        "created_at": int(repository.created_at.timestamp()),
        "pushed_at": int(repository.pushed_at.timestamp()),
        "stargazers": 0,
        "master_branch": repository.default_branch,
        "owner": body["repository"]["owner"] | owner,
    }
    return body | {
        "ref": ref,
        "before": before,
        "after": after,
        "created": before == NOTHING,
        "deleted": after == NOTHING,
        "forced": forced,
        "base_ref": None,
        "compare": f"{page}/compare/{before[:12]}...{after[:12]}",
        "commits": told,
        "head_commit": told[-1] if told else None,
        "pusher": {"name": sender.login, "email": None},
    }


def create(url: str, repository: Repository, sender: User, ref: str) -> Json:
    """`create` of a branch or tag."""
    more = {"master_branch": repository.default_branch, "description": None}
    return context(url, repository, sender) | _named(ref) | more


def delete(url: str, repository: Repository, sender: User, ref: str) -> Json:
    """`delete` of a branch or tag."""
    return context(url, repository, sender) | _named(ref)


def _named(ref: str) -> Json:
    short = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    return {"ref": short, "ref_type": "tag" if ref.startswith("refs/tags/") else "branch", "pusher_type": "user"}


def _listed(some: Sequence[Repository]) -> list[Json]:
    return [
        {
            "id": one.id,
            "node_id": node_id("Repository", one.id),
            "name": one.name,
            "full_name": one.full_name,
            "private": one.private,
        }
        for one in some
    ]


def installation(url: str, action: str, one: Installation, sender: User) -> Json:
    """`installation`."""
    return {
        "action": action,
        "installation": accounts.installation(url, one),
        "repositories": _listed(one.repositories),
        "requester": None,
        "sender": accounts.user(url, sender),
    }


def installation_repositories(
    url: str, one: Installation, sender: User, added: Sequence[Repository], removed: Sequence[Repository]
) -> Json:
    """`installation_repositories`."""
    return {
        "action": "added" if added else "removed",
        "installation": accounts.installation(url, one),
        "repository_selection": "selected",
        "repositories_added": _listed(added),
        "repositories_removed": _listed(removed),
        "requester": None,
        "sender": accounts.user(url, sender),
    }
