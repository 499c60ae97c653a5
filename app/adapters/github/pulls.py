"""Pull requests: ours from one of our branches, opened once."""

from collections.abc import Mapping
from datetime import UTC, datetime

from github.PullRequest import PullRequest as Pull
from github.Repository import Repository as Remote

from app.adapters.github.client import Client
from app.adapters.github.comments import marked
from app.adapters.github.errors import Invalid, present
from app.core import forge
from app.core.errors import Conflict
from app.core.forge import PullRequest
from app.core.wording import is_branch_name

_TITLE_CHARACTERS = 250
"""GitHub takes 256."""


async def find_or_create(
    client: Client, login: str, *, branch: str, base: str, marker: str, title: str, body: str
) -> PullRequest:
    """Open a pull request by `login` from `branch`, or bring the one there is up to date.

    Raises Conflict if it was closed, is somebody else's, or would be empty. A merged one is left as it is.
    """
    title = " ".join(title.split())[:_TITLE_CHARACTERS]
    body = marked(body, marker)
    doing = f"open a pull request from {branch}"

    async def find() -> PullRequest | None:
        return await client.read(doing, lambda remote: _find(remote, client.repository.id, login, branch))

    async def create() -> PullRequest:
        try:
            return await _create(client, doing, branch=branch, base=base, title=title, body=body, draft=True)
        except Invalid as error:
            if "draft" not in error.detail.lower():
                raise
        return await _create(client, doing, branch=branch, base=base, title=title, body=body, draft=False)

    found = await client.find_or_create(find, create)
    await client.overwrite(doing, lambda remote: _bring_up_to_date(remote.get_pull(found.number), title, body))
    return found


async def _create(
    client: Client, doing: str, *, branch: str, base: str, title: str, body: str, draft: bool
) -> PullRequest:
    try:
        return await client.write(
            doing,
            lambda remote: _told(remote.create_pull(base=base, head=branch, title=title, body=body, draft=draft)),
            notifies=True,
        )
    except Invalid as error:
        if "no commits between" in error.detail.lower():
            raise Conflict(f"There is nothing in {branch} that {base} does not have.", detail=error.detail) from None
        raise


async def look(client: Client, login: str, number: int) -> forge.Pull:
    """A pull request as it stands; it is ours if `login` opened it from a branch with a name of ours."""

    def read(remote: Remote) -> forge.Pull:
        pull = remote.get_pull(number).complete()
        here = pull.head.repo is not None and pull.head.repo.id == client.repository.id
        commit = remote.get_git_commit(pull.head.sha)
        return forge.Pull(
            number=pull.number,
            url=pull.html_url,
            head=forge.Head(branch=pull.head.ref, sha=pull.head.sha),
            base=pull.base.ref,
            is_open=pull.state == "open",
            is_merged=pull.merged_at is not None,
            is_ours=here and pull.user is not None and pull.user.login == login and is_branch_name(pull.head.ref),
            is_from_fork=not here,
            moved_at=present(commit.committer.date, datetime),
        )

    return await client.read(f"read #{number}", read)


async def all_open(client: Client) -> Mapping[int, datetime]:
    """Every pull request that is open, with when something happened to it last."""

    def read(remote: Remote) -> Mapping[int, datetime]:
        return {pull.number: _with_zone(present(pull.updated_at, datetime)) for pull in remote.get_pulls(state="open")}

    return await client.read("read the open pull requests", read)


def _with_zone(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _find(remote: Remote, repository_id: int, login: str, branch: str) -> PullRequest | None:
    owner = remote.url.split("/")[-2]
    others = ""
    for pull in remote.get_pulls(state="all", head=f"{owner}:{branch}"):
        # A fork of the same owner may have a branch of that name; a deleted fork has no repository.
        if pull.head.ref != branch or pull.head.repo is None or pull.head.repo.id != repository_id:
            continue
        if pull.user is None or pull.user.login != login:
            others = others or f"Somebody else opened #{pull.number} from our branch {branch}."
        elif pull.state == "open" or pull.merged_at is not None:
            return _told(pull)
        else:
            others = f"#{pull.number}, the pull request of this run, was closed; it is not opened again."
    if others:
        raise Conflict(others)
    return None


def _bring_up_to_date(pull: Pull, title: str, body: str) -> None:
    if pull.state == "open" and ((pull.body or "").replace("\r\n", "\n") != body or pull.title != title):
        pull.edit(title=title, body=body)


def _told(pull: Pull) -> PullRequest:
    return PullRequest(number=pull.number, url=pull.html_url)
