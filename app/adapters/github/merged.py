"""Pull requests of a repository that were merged and closed an issue, with what the issue said."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from github.Issue import Issue
from github.PullRequest import PullRequest as Pull
from github.Repository import Repository as Remote

from app.adapters.github.client import Client
from app.adapters.github.errors import Gone, Moved, present
from app.core.errors import NotFound
from app.core.forms import answered
from app.core.hidden import one_line, strip_hidden
from app.core.merged import Merged, closes

_MOST_LOOKED_AT: Final = 1_000
"""Closed pull requests: ten pages. Whoever merged fewer with an issue among so many has too few to compare with."""


class GitHubMerged:
    """Reads them, and nothing else."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def newest(self, most: int) -> Sequence[Merged]:
        """The last `most` that were merged into the default branch, the newest first. Raises ForgeErrors."""
        await self._client.locate()
        name = self._client.repository.full_name
        found = await self._client.read("read what was merged", lambda remote: _merged(remote, name, most))
        return [await self._told(pull) for pull in found]

    async def _told(self, pull: Pull) -> Merged:
        numbers = closes(f"{pull.title}\n{pull.body or ''}", self._client.repository.full_name)
        known = Merged(number=pull.number, issue=numbers[0], base_sha=pull.base.sha, head_sha=pull.head.sha)
        if len(numbers) > 1:
            return known.model_copy(update={"issue": 0, "why_not": f"closes {len(numbers)} issues at once"})
        doing = f"read #{known.issue}"
        try:
            return await self._client.read(doing, lambda remote: _with_issue(remote, pull, known))
        except (NotFound, Gone, Moved):
            return known.model_copy(update={"why_not": f"closed #{known.issue}, which is not there any more"})


def _merged(remote: Remote, name: str, most: int) -> list[Pull]:
    """Those that say that they close an issue, by the time of their merging.

    GitHub lists by the time of the last change, which is never before that of the merging: so far it is looked.
    """
    branch = present(remote.default_branch, str)
    found: list[tuple[datetime, Pull]] = []
    for seen, pull in enumerate(remote.get_pulls(state="closed", sort="updated", direction="desc")):
        if seen >= _MOST_LOOKED_AT or (len(found) >= most and present(pull.updated_at, datetime) < found[most - 1][0]):
            break
        if pull.merged_at is None or pull.base.ref != branch or not closes(f"{pull.title}\n{pull.body or ''}", name):
            continue
        found.append((pull.merged_at, pull))
        found.sort(key=lambda one: (one[0], one[1].number), reverse=True)
    return [pull for _, pull in found[:most]]


def _with_issue(remote: Remote, pull: Pull, known: Merged) -> Merged:
    issue = remote.get_issue(known.issue).complete()
    said = {
        "title": one_line(_title(issue, pull.created_at)),
        "body": answered(strip_hidden(issue.body or "")),
    }
    why_not = ""
    if issue.pull_request is not None:
        why_not = f"names #{issue.number}, which is a pull request"
    elif issue.state != "closed":
        why_not = f"closed #{issue.number}, which was opened again"
    elif issue.created_at > pull.created_at:
        why_not = f"was there before its issue #{issue.number}"
    return known.model_copy(update=said | {"why_not": why_not})


def _title(issue: Issue, at: datetime) -> str:
    """As it was then: the first change of it since says what it was before."""
    for event in issue.get_events():
        if event.event == "renamed" and event.created_at > at:
            return str(event.rename.get("from") or issue.title)
    return issue.title
