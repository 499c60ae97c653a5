"""Makes our words of what GitHub tells us. What is not used here is ignored, with a sentence that says what it was."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, Literal

from app.adapters.github import buttons, commands, wire
from app.adapters.github.reading import PayloadError, is_own, person, read, repository, task, unwelcome
from app.core.boxes import ticked
from app.core.events import (
    BranchDeleted,
    ChecksMoved,
    Closed,
    Event,
    Ignored,
    InstallationChanged,
    IssueEdited,
    Noticed,
    Pinged,
    PullReopened,
    Pushed,
    StopRequested,
    WorkRequested,
)
from app.core.hidden import one_line
from app.core.repo_config import Suggestion
from app.core.wording import is_branch_name

_REVERTS: Final = re.compile(
    r"^Reverts (?P<where>[\w.-]+/[\w.-]+|)#(?P<number>[1-9][0-9]{0,8})\s*$", re.ASCII | re.MULTILINE
)
"""What GitHub's button "Revert" writes:
https://docs.github.com/en/pull-requests/how-tos/merge-and-close-pull-requests/reverting-a-pull-request
"""
_TAKES_BACK: Final = re.compile(r"^This reverts commit (?P<sha>[0-9a-f]{7,64})\b", re.ASCII | re.MULTILINE)
"""What `git revert` writes into the message: https://git-scm.com/docs/git-revert; some cut the name short."""
_MOST_REVERTS: Final = 100
"""Of one push; nobody takes back more by hand."""
_Change = Literal["created", "deleted", "suspended", "unsuspended", "permissions", "repositories"]
_INSTALLATION: Final[Mapping[str, _Change]] = {
    "created": "created",
    "deleted": "deleted",
    "suspend": "suspended",
    "unsuspend": "unsuspended",
    "new_permissions_accepted": "permissions",
    "added": "repositories",
    "removed": "repositories",
}


def parse(  # noqa: C901, PLR0911 - a table: one delivery, one event
    event: str,
    payload: Mapping[str, Any],
    *,
    app_id: str,
    label: str = "minion",
    default_blueprint: str = "fix",
    allowed_bots: Collection[int] = (),
) -> Event:
    """Answer with what happened. Raises PayloadError.

    `app_id` is the id or the client id of our own App: its comments are ignored. `label` asks for `default_blueprint`,
    `label:NAME` for the blueprint NAME. `allowed_bots` are ids of bot accounts that may ask for work.
    """
    action = payload.get("action")
    match event, action:
        case "ping", _:
            return Pinged(zen=one_line(str(payload.get("zen") or ""))[:200])
        case "issues", "labeled":
            return _labeled(read(wire.IssueEvent, event, payload), label, default_blueprint, allowed_bots)
        case "issues", "edited":
            return _edited(read(wire.IssueEditedEvent, event, payload), allowed_bots)
        case "issues", "unlabeled" | "closed" | "deleted" | "transferred":
            return _withdrawn(read(wire.IssueEvent, event, payload), str(action), label, allowed_bots)
        case "issue_comment" | "pull_request_review_comment" | "pull_request_review", "created" | "submitted":
            return _said(event, payload, app_id, allowed_bots)
        case "pull_request", "reopened":
            told = read(wire.PullRequestEvent, event, payload)
            return PullReopened(repository=repository(told), number=told.pull_request.number)
        case "pull_request", "labeled" | "unlabeled" | "closed":
            return _pulled(str(action), payload, label, default_blueprint, allowed_bots)
        case "check_run" | "check_suite", "requested_action" | "rerequested":
            return _pressed(event, str(action), payload, app_id, allowed_bots)
        case "push", _:
            return _pushed(read(wire.PushEvent, event, payload))
        case ("check_run" | "check_suite" | "workflow_run", "completed") | ("status", _):
            noticed = _noticed(payload) if event == "workflow_run" else None
            return noticed or _checked(event, payload, app_id)
        case "installation" | "installation_repositories", str() if action in _INSTALLATION:
            return _installed(read(wire.InstallationEvent, event, payload), _INSTALLATION[action])
        case "installation" | "installation_repositories" | "issues" | "issue_comment", None:
            raise PayloadError(f"This {event} delivery has no action.")
    what = f"{event}.{action}" if isinstance(action, str) else event
    return Ignored(reason=f"Nothing is done on {one_line(what)[:100]}.")


def _said(event: str, payload: Mapping[str, Any], app_id: str, allowed_bots: Collection[int]) -> Event:
    match event, payload.get("action"):
        case "issue_comment", "created":
            return commands.commented(read(wire.CommentEvent, event, payload), app_id, allowed_bots)
        case "pull_request_review_comment", "created":
            return commands.commented_at_line(read(wire.ReviewCommentEvent, event, payload), app_id, allowed_bots)
        case "pull_request_review", "submitted":
            return commands.reviewed(read(wire.ReviewEvent, event, payload), app_id, allowed_bots)
    return Ignored(reason=f"Nothing is done on {event}.{payload.get('action')}.")


def _pulled(
    action: str, payload: Mapping[str, Any], label: str, default_blueprint: str, allowed_bots: Collection[int]
) -> Event:
    if action == "closed":
        return _pull_closed(read(wire.PullRequestEvent, "pull_request", payload))
    # The label of a pull request is told as its own event; what it means is the same as on an issue.
    pull = payload.get("pull_request")
    issue = {**pull, "pull_request": {}} if isinstance(pull, Mapping) else pull
    told = read(wire.IssueEvent, "pull_request", {**payload, "issue": issue})
    if action == "labeled":
        return _labeled(told, label, default_blueprint, allowed_bots)
    return _withdrawn(told, action, label, allowed_bots)


def _pressed(event: str, action: str, payload: Mapping[str, Any], app_id: str, allowed_bots: Collection[int]) -> Event:
    if event == "check_run":
        return buttons.pressed(read(wire.CheckRunEvent, event, payload), action, app_id, allowed_bots)
    return buttons.rerun(read(wire.CheckSuiteEvent, event, payload), app_id, allowed_bots)


def _labeled(event: wire.IssueEvent, label: str, default_blueprint: str, allowed_bots: Collection[int]) -> Event:
    where = f"{event.repository.full_name}#{event.issue.number}"
    name = one_line(event.label.name) if event.label else ""
    ours, _, blueprint = name.partition(":")
    if ours.strip().lower() != label.lower():
        return Ignored(reason=f"The label {name!r} on {where} is not {label!r}.")
    if bot := unwelcome(event.sender, allowed_bots):
        return Ignored(reason=bot)
    if event.issue.state != "open":
        return Ignored(reason=f"{where} is {one_line(event.issue.state)}: a label on it starts nothing.")
    asked_at = event.issue.updated_at
    # The moment is part of the key: whoever takes the label off and adds it again asks anew.
    intent = f"label/{event.repository.id}/{event.issue.number}/{name.lower()}/{asked_at.isoformat()}"
    wish = task(event, event.issue, event.sender, asked_at=asked_at)
    named = blueprint.strip().lower()
    is_open = not named and not wish.is_pull_request
    return WorkRequested(task=wish, blueprint=named or default_blueprint, intent=intent, is_open=is_open)


def _edited(event: wire.IssueEditedEvent, allowed_bots: Collection[int]) -> Event:
    """Whoever edited it: what was asked for stands, and people are told that it is not what they read now.

    In an issue of our own, somebody may have ticked a box instead, which asks for work.
    """
    where = f"{event.repository.full_name}#{event.issue.number}"
    if not event.changes.keys() & {"title", "body"}:
        return Ignored(reason=f"The words of {where} are what they were.")
    if blueprint := _ticked(event):
        if bot := unwelcome(event.sender, allowed_bots):
            return Ignored(reason=bot)
        at = event.issue.updated_at
        intent = f"box/{event.repository.id}/{event.issue.number}/{blueprint}/{at.isoformat()}"
        wish = task(event, event.issue, event.sender, asked_at=at)
        return WorkRequested(task=wish, blueprint=blueprint, intent=intent)
    return IssueEdited(repository=repository(event), number=event.issue.number, at=event.issue.updated_at)


def _ticked(event: wire.IssueEditedEvent) -> str:
    """The blueprint whose box was ticked in an open issue that an App opened, which people cannot write in its name."""
    body, user = event.changes.get("body"), event.issue.user
    before = body.get("from") if isinstance(body, Mapping) else None
    if user is None or user.type != "Bot" or event.issue.state != "open" or not isinstance(before, str):
        return ""
    return ticked(before, event.issue.body or "")


def _withdrawn(event: wire.IssueEvent, action: str, label: str, allowed_bots: Collection[int]) -> Event:
    """The issue is not there any more, or the label is not."""
    where = f"{event.repository.full_name}#{event.issue.number}"
    name = one_line(event.label.name) if event.label else ""
    if action == "unlabeled" and name.partition(":")[0].strip().lower() != label.lower():
        return Ignored(reason=f"The label {name!r} on {where} is not {label!r}.")
    if bot := unwelcome(event.sender, allowed_bots):
        return Ignored(reason=bot)
    at = event.issue.updated_at
    return StopRequested(
        repository=repository(event),
        number=event.issue.number,
        requester=person(event.sender),
        at=at,
        intent=f"{action}/{event.repository.id}/{event.issue.number}/{name.lower()}/{at.isoformat()}",
    )


def _pull_closed(event: wire.PullRequestEvent) -> Event:
    """Whoever closed or merged it, and by whatever right: there is nothing left to work on."""
    pull = event.pull_request
    return StopRequested(
        repository=repository(event),
        number=pull.number,
        requester=None,
        at=pull.updated_at,
        intent=f"pull closed/{event.repository.id}/{pull.number}/{pull.updated_at.isoformat()}",
        pull=Closed(
            is_merged=bool(pull.merged),
            head_sha=pull.head.sha,
            comments=max(pull.review_comments, 0),
            reverts=_reverted(event.repository.full_name, pull.body or ""),
            merge_sha=(pull.merge_commit_sha or "") if pull.merged else "",
        ),
    )


def _reverted(full_name: str, body: str) -> int:
    """The pull request of this repository that one with these words takes back; 0 if it is none."""
    found = _REVERTS.search(body)
    if found is None or found["where"].lower() not in {"", full_name.lower()}:
        return 0
    return int(found["number"])


def _installed(
    event: wire.InstallationEvent,
    change: _Change,
) -> Event:
    account = event.installation.account or wire.Account()
    return InstallationChanged(
        installation_id=event.installation.id,
        account=one_line(account.login or account.slug),
        change=change,
        at=event.installation.updated_at,
    )


def _pushed(event: wire.PushEvent) -> Event:
    """Whoever pushed: what is done about it is the same for a bot's push, and nobody asked for anything."""
    where, branch = event.repository.full_name, event.repository.default_branch
    pushed = event.ref.removeprefix("refs/heads/")
    if event.deleted and is_branch_name(pushed):
        return BranchDeleted(repository=repository(event), branch=pushed)
    if event.ref != f"refs/heads/{branch}":
        return Ignored(reason=f"{one_line(event.ref)[:100]} of {where} is not its default branch.")
    if event.deleted:
        return Ignored(reason=f"The default branch of {where} was deleted: nothing is there to be prepared.")
    reverts = _taken_back(commit.message for commit in event.commits)
    return Pushed(repository=repository(event), branch=one_line(branch), reverts=reverts)


def _taken_back(messages: Iterable[str]) -> tuple[str, ...]:
    """The commits that these messages say to revert, each once."""
    found = dict.fromkeys(match["sha"] for message in messages for match in _TAKES_BACK.finditer(message))
    return tuple(found)[:_MOST_REVERTS]


def _noticed(payload: Mapping[str, Any]) -> Noticed | None:
    """What a workflow of the default branch says that people may want to know; None if it is nothing."""
    try:
        told = read(wire.WorkflowRunEvent, "workflow_run", payload)
    except PayloadError:
        return None  # who needs less of it says what is missing
    run = told.workflow_run
    is_there = run.head_branch == told.repository.default_branch and run.event in {"push", "schedule"}
    if not is_there or not run.name:
        return None
    if run.conclusion == "failure":
        what: Suggestion = "failed on main"
    elif run.conclusion == "success" and run.run_attempt > 1:
        what = "flaky"
    else:
        return None
    name = one_line(run.name)[:200]
    return Noticed(repository=repository(told), what=what, name=name, url=one_line(run.html_url), sha=run.head_sha)


def _checked(event: str, payload: Mapping[str, Any], app_id: str) -> Event:
    """Whoever checked: only what our own App says is no news."""
    subject = payload if event == "status" else payload.get(event)
    told = read(wire.CheckEvent, event, {"repository": payload.get("repository"), "subject": subject})
    if is_own(told.subject.app, app_id):
        return Ignored(reason=f"The {event} is our own.")
    if told.subject.state == "pending":
        return Ignored(reason="Nothing is done on a status that is pending.")
    return ChecksMoved(repository_id=told.repository.id, sha=told.subject.sha)
