"""GitHub as seen from inside, for one repository."""

import base64
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from github.Repository import Repository as Remote

from app.adapters.github import branches, checks, ci, comments, pulls, reviews, talk
from app.adapters.github.app import App
from app.adapters.github.client import Client
from app.adapters.github.errors import Gone, Moved, present
from app.adapters.github.issues import LOGIN, GitHubTracker
from app.adapters.github.known import Known
from app.adapters.github.merged import GitHubMerged
from app.adapters.github.pace import Paces
from app.adapters.github.tokens import READ_CI, READ_CODE, READ_TALK, WRITE_CODE, Tokens
from app.core import forge
from app.core.errors import NotFound
from app.core.forge import Check, FailedCheck, Head, Permission, Pull, PullRequest, Reaction, Verdict
from app.core.links import Said
from app.core.proposals import Heard
from app.core.run import Run
from app.core.task import Place, Remark, Repository

_MOST_RUNS: Final = 1000
"""Whose tokens are kept: twice as many as one worker can advance at a time. Who was longest away gets new ones."""


class GitHubForge:
    """One repository on GitHub; implements `app.core.forge.Forge`."""

    def __init__(
        self,
        app: App,
        tokens: Tokens,
        client: Client,
        git_url: str,
        on_secret: Callable[[str], None],
        *,
        ci_client: Client,
    ) -> None:
        """`ci_client` reads what others say about commits, by a token of its own."""
        self._ci_client = ci_client
        self._app = app
        self._tokens = tokens
        self._client = client
        self._git_url = git_url
        self._on_secret = on_secret

    async def permission(self, login: str) -> Permission:
        """What `login` may do here."""
        if not LOGIN.fullmatch(login):
            return Permission.NONE
        # First and apart: a repository that is gone says nothing about the person.
        await self._client.locate()
        try:
            told = await self._client.read(
                f"read what {login} may do", lambda remote: present(remote.get_collaborator_permission(login), str)
            )
        except NotFound:
            return Permission.NONE
        # A word that GitHub adds one day is no permission until we know it.
        return Permission(told) if told in list(Permission) else Permission.NONE

    async def default_head(self) -> Head:
        """The default branch and its newest commit."""
        return await branches.default_head(self._client)

    async def issue_is_open(self, number: int) -> bool:
        """Whether the issue or pull request is there and open. One that was moved elsewhere is not there."""
        await self._client.locate()
        try:
            state = await self._client.read(f"read #{number}", lambda remote: _state(remote, number))
        except (NotFound, Gone, Moved):
            return False
        return state == "open"

    async def remote(self, *, write: bool) -> forge.Remote:
        """Where git may fetch or push, with a token for this repository's content alone."""
        await self._client.locate()
        repository = self._client.repository
        token = await self._tokens.token(repository, WRITE_CODE if write else READ_CODE)
        pair = base64.b64encode(f"x-access-token:{token.value}".encode()).decode()
        self._on_secret(pair)
        url = f"{self._git_url}/{repository.full_name}.git"
        return forge.Remote(url=url, header=f"Authorization: Basic {pair}")

    async def react(self, number: int, place: Place | None, reaction: Reaction) -> None:
        """React; GitHub keeps one of a kind, so doing it twice changes nothing."""

        def add(remote: Remote) -> None:
            if place is None:
                remote.get_issue(number).create_reaction(reaction.value)
            elif place.in_review:
                remote.get_pull(number).get_review_comment(place.comment_id).create_reaction(reaction.value)
            else:
                remote.get_issue(number).get_comment(place.comment_id).create_reaction(reaction.value)

        await self._client.overwrite(f"react on #{number}", add)

    async def find_or_create_branch(self, branch: str, *, base_sha: str, message: str) -> str:
        """Make `branch` with one empty commit on `base_sha`."""
        return await branches.find_or_create(self._client, branch, base_sha=base_sha, message=message)

    async def restart_branch(self, branch: str, *, base_sha: str, message: str) -> str:
        """Have `branch`, which holds nothing but its one empty commit, begin on `base_sha`."""
        return await branches.restart(self._client, branch, base_sha=base_sha, message=message)

    async def branch_sha(self, branch: str) -> str:
        """Where `branch` stands; empty if it does not exist."""
        return await branches.branch_sha(self._client, branch)

    async def delete_branch(self, branch: str, *, expected_sha: str) -> bool:
        """Delete `branch` if it stands at `expected_sha`."""
        return await branches.delete(self._client, branch, expected_sha=expected_sha)

    async def pull(self, number: int) -> Pull:
        """The pull request. Raises NotFound."""
        identity = await self._app.identity()
        return await pulls.look(self._client, identity.login, number)

    async def open_pulls(self) -> Mapping[int, datetime]:
        """Every pull request that is open, with when something happened to it last."""
        return await pulls.all_open(self._client)

    async def heard(self, number: int) -> Heard:
        """What was said about the pull request."""
        return await reviews.heard(self._client, (await self._app.identity()).login, number)

    async def close_pull(self, number: int) -> None:
        """Close the pull request, unless it is closed."""
        await self._client.overwrite(f"close #{number}", lambda remote: remote.get_pull(number).edit(state="closed"))

    async def remarks(self, number: int, *, since: datetime) -> Sequence[Remark]:
        """What was said in reviews of the pull request from `since` on, oldest first."""
        return await reviews.remarks(self._client, number, since=since)

    async def reply(self, place: Place, marker: str, text: str) -> None:
        """Answer in the thread of a review comment, once."""
        identity = await self._app.identity()
        await reviews.reply(self._client, identity.login, place, marker, text)

    async def talk(self, number: int, place: Place | None) -> Said:
        """What was said there. Raises NotFound."""
        return await talk.said(self._client, number, place)

    async def file(self, path: str, ref: str) -> bytes:
        """A file of the repository. Raises NotFound."""
        return await talk.file(self._client, path, ref)

    async def put_check(self, sha: str, check: Check, *, check_id: int | None) -> int:
        """Make our check run on `sha` look like `check`."""
        identity = await self._app.identity()
        return await checks.put(self._client, identity.id, sha, check, check_id=check_id)

    async def put_comment(self, number: int, marker: str, text: str, *, comment_id: int | None) -> int:
        """Make our comment that carries `marker` say `text`."""
        identity = await self._app.identity()
        return await comments.put(self._client, identity.login, number, marker, text, comment_id=comment_id)

    async def find_or_create_pull_request(
        self, *, branch: str, base: str, marker: str, title: str, body: str
    ) -> PullRequest:
        """Open our pull request, or bring it up to date."""
        identity = await self._app.identity()
        return await pulls.find_or_create(
            self._client, identity.login, branch=branch, base=base, marker=marker, title=title, body=body
        )

    async def verdict(self, sha: str) -> Verdict:
        """What the checks of this very commit say, ours left out."""
        return await ci.verdict(self._ci_client, (await self._app.identity()).id, sha)

    async def failures(self, sha: str) -> Sequence[FailedCheck]:
        """What failed on this very commit."""
        return await ci.failures(self._ci_client, self._app, self._tokens, sha)


def _state(remote: Remote, number: int) -> str:
    return present(remote.get_issue(number).complete().state, str)


class GitHubForges:
    """Opens forges; what is shared is shared: tokens, the pace of each installation, and answers that are known."""

    def __init__(
        self,
        app: App,
        tokens: Tokens,
        *,
        api_url: str,
        git_url: str,
        on_secret: Callable[[str], None],
        paces: Paces,
    ) -> None:
        """Addresses have no slash at their end; `git_url` is that of the pages, too: `https://github.com`."""
        self._app = app
        self._tokens = tokens
        self._api_url = api_url
        self._git_url = git_url
        self._on_secret = on_secret
        self._paces = paces
        self._known = Known()
        self._of_runs: OrderedDict[int, Tokens] = OrderedDict()

    async def find(self, full_name: str) -> Repository:
        """The repository `OWNER/NAME`. Raises NotFound if the App is not installed on it."""
        return await self._tokens.find(full_name)

    def open(self, repository: Repository) -> GitHubForge:
        """The forge of one repository, for one task: it finds out the repository's present name once."""
        return self._open(repository, self._tokens)

    def tracker(self, repository: Repository) -> GitHubTracker:
        """The issues of one repository."""
        pace = self._paces.of(repository.installation_id)
        return GitHubTracker(self._app, Client(self._api_url, self._tokens, pace, self._known, repository))

    def merged(self, repository: Repository) -> GitHubMerged:
        """What was merged in one repository."""
        pace = self._paces.of(repository.installation_id)
        client = Client(self._api_url, self._tokens, pace, self._known, repository, permissions=READ_TALK)
        return GitHubMerged(client)

    def of(self, run: Run) -> GitHubForge:
        """The forge of a run's repository, for one visit. The visits of a run share their tokens with no other run."""
        tokens = self._of_runs.pop(run.id, None) or self._tokens.apart()
        self._of_runs[run.id] = tokens
        if len(self._of_runs) > _MOST_RUNS:
            self._of_runs.popitem(last=False)
        return self._open(run.task.repository, tokens)

    async def leave(self, run: Run) -> None:
        """Have the tokens of a run end that is over, as far as GitHub can be told."""
        if tokens := self._of_runs.pop(run.id, None):
            await tokens.end()

    def _open(self, repository: Repository, tokens: Tokens) -> GitHubForge:
        pace = self._paces.of(repository.installation_id)
        client = Client(self._api_url, tokens, pace, self._known, repository)
        ci_client = Client(self._api_url, tokens, pace, self._known, repository, permissions=READ_CI)
        return GitHubForge(self._app, tokens, client, self._git_url, self._on_secret, ci_client=ci_client)
