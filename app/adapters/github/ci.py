"""What others say about a commit: check runs, commit statuses and workflow runs; and why what failed did.

https://docs.github.com/en/rest/checks/runs#list-check-runs-for-a-git-reference
"""

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from github import UnknownObjectException
from github.CheckRun import CheckRun
from github.CommitStatus import CommitStatus
from github.PaginatedList import PaginatedList
from github.Repository import Repository as Remote

from app.adapters.github.app import App
from app.adapters.github.client import Client
from app.adapters.github.errors import Invalid, Unauthorized, present
from app.adapters.github.tokens import READ_CI, Tokens
from app.core.errors import ForgeError, NotFound, RateLimited
from app.core.forge import FailedCheck, Verdict
from app.core.job_log import trimmed

_ACTIONS: Final = "github-actions"
"""Slug of GitHub's own App, whose check runs are jobs with logs; nobody else can have it."""
_MOST_FAILED: Final = 20
"""Checks that are told of. Who has more of them red has one reason, or no use for a minion."""
_MOST_LOGS: Final = 4
_MOST_ANNOTATIONS: Final = 20
_MOST_SUMMARY: Final = 1_500
"""Characters of what a check says of itself."""
_LOG_BYTES: Final = 4 * 1024 * 1024
"""Of the end of a log; what a job prints before that much is hardly what it failed at."""

State = Literal["open", "red", "unclear", "green"]

_CONCLUSIONS: Final[dict[str, State]] = {
    "success": "green",
    "neutral": "green",
    "skipped": "green",
    "failure": "red",
    "timed_out": "red",
    "startup_failure": "red",
    # Nothing in the commit is said to be wrong, and nothing to be right: a person has to look.
    "cancelled": "unclear",
    "action_required": "unclear",
    "stale": "unclear",
}
_STATES: Final[dict[str, State]] = {"success": "green", "pending": "open", "failure": "red", "error": "red"}


@dataclass(frozen=True)
class _Seen:
    """One check run, status or workflow run."""

    name: str
    state: State
    mark: str


async def verdict(client: Client, app_id: int, sha: str) -> Verdict:
    """What everybody but our own App says about this very commit.

    Check runs alone do not do: a workflow may be about to start, or wait for a runner, without one. A commit that is
    not there yet for GitHub's API, just after its push, has none.
    """
    try:
        seen = await client.read(f"read the checks of {sha[:10]}", lambda remote: list(_seen(remote, app_id, sha)))
    except (NotFound, Invalid):
        return Verdict(state="none")
    return _together(seen)


def _together(seen: Sequence[_Seen]) -> Verdict:
    """One verdict. A job that was cancelled for the sake of another one of its name says nothing."""
    decided = {one.name for one in seen if one.state in {"red", "green"}}
    names = {
        state: tuple(dict.fromkeys(one.name for one in seen if one.state == state and not _is_moot(one, decided)))
        for state in ("open", "red", "unclear")
    }
    state: Literal["none", "pending", "red", "unclear", "green"] = "green"
    if not seen:
        state = "none"
    elif names["open"]:
        state = "pending"
    elif names["red"]:
        state = "red"
    elif names["unclear"]:
        state = "unclear"
    mark = hashlib.sha256("\n".join(sorted(one.mark for one in seen)).encode()).hexdigest()[:16] if seen else ""
    return Verdict(state=state, mark=mark, red=names["red"], unclear=names["unclear"], open=names["open"])


def _is_moot(one: _Seen, decided: Iterable[str]) -> bool:
    return one.state == "unclear" and one.name in decided


def _seen(remote: Remote, app_id: int, sha: str) -> Iterator[_Seen]:
    for run in _check_runs(remote, app_id, sha):
        is_open = run.status != "completed"
        state = "open" if is_open else _CONCLUSIONS.get(run.conclusion or "", "unclear")
        yield _Seen(run.name, state, f"check {run.id} {run.status} {run.conclusion}")
    for status in _statuses(remote, sha):
        yield _Seen(status.context, _STATES.get(status.state, "unclear"), f"status {status.id} {status.state}")
    for name, state, mark in _workflows(remote, sha):
        yield _Seen(name, state, mark)


def _check_runs(remote: Remote, app_id: int, sha: str) -> Iterator[CheckRun]:
    """Of each name in each suite the newest; a check run's App may be deleted."""
    for run in remote.get_commit(sha).get_check_runs(filter="latest"):
        if run.app is None or run.app.id != app_id:
            yield run


def _statuses(remote: Remote, sha: str) -> Iterator[CommitStatus]:
    """The newest of each context: they come newest first."""
    contexts: set[str] = set()
    for status in PaginatedList(CommitStatus, remote.requester, f"{remote.url}/commits/{sha}/statuses", None):
        if status.context not in contexts:
            contexts.add(status.context)
            yield status


def _workflows(remote: Remote, sha: str) -> Iterator[tuple[str, State, str]]:
    """Workflow runs that say more than their jobs: those that are under way, and those that have none."""
    try:
        for run in remote.get_workflow_runs(head_sha=sha):
            name, mark = f"workflow {run.name or run.id}", f"workflow {run.id} {run.run_attempt} {run.status}"
            if run.status != "completed":
                yield name, "open", mark
            elif run.conclusion in {"startup_failure", "action_required"}:
                yield name, _CONCLUSIONS[run.conclusion], f"{mark} {run.conclusion}"
    except UnknownObjectException:
        return  # a server without Actions


async def failures(client: Client, app: App, tokens: Tokens, sha: str) -> Sequence[FailedCheck]:
    """What failed on this very commit, and why; jobs with logs first."""
    app_id = (await app.identity()).id
    doing = f"read what failed at {sha[:10]}"
    found = await client.read(doing, lambda remote: _failed(remote, app_id, sha))
    logs = [await _log(client, app, tokens, job_id) for _, job_id in found[:_MOST_LOGS]]
    more = [""] * (len(found) - len(logs))
    return [one.model_copy(update={"log": log}) for (one, _), log in zip(found, [*logs, *more], strict=True)]


def _failed(remote: Remote, app_id: int, sha: str) -> list[tuple[FailedCheck, int | None]]:
    """Each with the id of its job, if it has one."""
    found: list[tuple[FailedCheck, int | None]] = []
    for run in _check_runs(remote, app_id, sha):
        if run.status == "completed" and _CONCLUSIONS.get(run.conclusion or "") == "red":
            is_job = run.app is not None and run.app.slug == _ACTIONS
            found.append((_told(run, has_notes=len(found) < _MOST_FAILED), run.id if is_job else None))
    for status in _statuses(remote, sha):
        if _STATES.get(status.state) == "red":
            said = status.description or ""
            found.append(
                (FailedCheck(name=status.context, url=status.target_url or "", summary=said[:_MOST_SUMMARY]), None)
            )
    for name, state, _ in _workflows(remote, sha):
        if state == "red":
            found.append((FailedCheck(name=name, summary="It could not be started."), None))
    found.sort(key=lambda each: each[1] is None)
    return found[:_MOST_FAILED]


def _told(run: CheckRun, *, has_notes: bool) -> FailedCheck:
    output = run.output
    said = [output.title, output.summary, output.text] if output else []
    notes: list[str] = []
    if has_notes and output and output.annotations_count:
        for note in run.get_annotations():
            if len(notes) == _MOST_ANNOTATIONS:
                break
            notes.append(f"{note.path}:{note.start_line}: {note.message or note.title or ''}"[:500])
    return FailedCheck(
        name=present(run.name, str),
        url=run.html_url or "",
        summary="\n\n".join(part.strip() for part in said if part)[:_MOST_SUMMARY],
        annotations=tuple(notes),
    )


async def _log(client: Client, app: App, tokens: Tokens, job_id: int | None) -> str:
    """What matters of a job's log; empty where it cannot be had. Its absence stops nothing."""
    if job_id is None:
        return ""
    path = f"/repos/{client.repository.full_name}/actions/jobs/{job_id}/logs"
    try:
        async with client.pace.read():
            token = await tokens.token(client.repository, READ_CI)
            data = await app.download_as(token.value, path, "read the log of a job", most_bytes=_LOG_BYTES)
    except (RateLimited, Unauthorized):
        raise
    except ForgeError:
        return ""
    return await asyncio.to_thread(trimmed, data.decode(errors="replace"))
