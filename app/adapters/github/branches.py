"""Branches: where they stand, and ours with its one empty commit."""

from contextlib import suppress

from github.Repository import Repository as Remote

from app.adapters.github.client import Client
from app.adapters.github.errors import Invalid, present
from app.core.errors import Conflict, NotFound, RepositoryError
from app.core.forge import Head


async def default_head(client: Client) -> Head:
    """The default branch and its newest commit. Raises RepositoryError if there is none, or nobody may write."""

    def look(remote: Remote) -> tuple[str, bool]:
        remote.complete()
        return present(remote.default_branch, str), present(remote.archived, bool)

    name, is_archived = await client.read("read the repository", look)
    where = client.repository.full_name
    if is_archived:
        raise RepositoryError(f"{where} is archived: nothing can be changed in it.")
    sha = await branch_sha(client, name)
    if not sha:
        raise RepositoryError(f"{where} has no commit on {name} yet: push a first one, then ask again.")
    return Head(branch=name, sha=sha)


async def branch_sha(client: Client, branch: str) -> str:
    """Where a branch stands; empty if it does not exist or the repository has no commit."""

    def look(remote: Remote) -> str:
        return present(remote.get_git_ref(f"heads/{branch}").complete().object.sha, str)

    try:
        return await client.read(f"read the branch {branch}", look)
    except NotFound:
        return ""
    except Conflict as error:
        if "empty" in error.detail.lower():
            return ""
        raise


async def find_or_create(client: Client, branch: str, *, base_sha: str, message: str) -> str:
    """Make a branch with one empty commit on `base_sha`; answer with its sha.

    A branch that was made so before is kept, even if it was on an older base. Raises Conflict if it is not ours.
    """

    async def find() -> str | None:
        sha = await branch_sha(client, branch)
        if not sha:
            return None
        if not await client.read(f"read the branch {branch}", lambda remote: _is_ours(remote, sha, message)):
            raise Conflict(f"The branch {branch} exists already, with commits that are not ours.", detail=sha)
        return sha

    async def create() -> str:
        sha = await client.overwrite("make a commit", lambda remote: _empty_commit(remote, base_sha, message))
        ref = f"refs/heads/{branch}"
        await client.write(f"make the branch {branch}", lambda remote: remote.create_git_ref(ref, sha))
        return sha

    return await client.find_or_create(find, create)


async def restart(client: Client, branch: str, *, base_sha: str, message: str) -> str:
    """Have a branch of ours that holds nothing but its empty commit begin on `base_sha`; answer with its sha.

    Raises Conflict if it holds anything else. Somebody may push between the look and the move, as with `delete`.
    """
    sha = await find_or_create(client, branch, base_sha=base_sha, message=message)
    if await client.read(f"read the branch {branch}", lambda remote: _base(remote, sha)) == base_sha:
        return sha

    def move(remote: Remote) -> str:
        made = _empty_commit(remote, base_sha, message)
        remote.get_git_ref(f"heads/{branch}").complete().edit(made, force=True)
        return made

    return await client.overwrite(f"move the branch {branch}", move)


async def delete(client: Client, branch: str, *, expected_sha: str) -> bool:
    """Delete a branch if it stands at `expected_sha`, or is gone; False if it stands elsewhere.

    Between the look and the deletion somebody may push: git's own protocol could compare, this call cannot.
    """
    if await branch_sha(client, branch) == expected_sha:
        # Its own address, by which it is deleted, is in the answer only.
        with suppress(NotFound, Invalid):  # somebody was quicker
            await client.overwrite(
                f"delete the branch {branch}", lambda remote: remote.get_git_ref(f"heads/{branch}").complete().delete()
            )
    return not await branch_sha(client, branch)


def _empty_commit(remote: Remote, base_sha: str, message: str) -> str:
    """A commit that is on no branch yet: making it twice does no harm. GitHub signs it, as no author is given."""
    base = remote.get_git_commit(base_sha)
    return present(remote.create_git_commit(message, base.tree, [base]).sha, str)


def _base(remote: Remote, sha: str) -> str:
    return present(remote.get_git_commit(sha).parents[0].sha, str)


def _is_ours(remote: Remote, sha: str, message: str) -> bool:
    """Whether a commit has our message and changes nothing: what anybody else put there would change something."""
    commit = remote.get_git_commit(sha)
    if commit.message.strip() != message.strip() or len(commit.parents) != 1:
        return False
    return remote.get_git_commit(commit.parents[0].sha).tree.sha == commit.tree.sha
