"""What reviewers said about a pull request."""

from collections.abc import Iterator
from datetime import UTC, datetime

from github.NamedUser import NamedUser
from github.Repository import Repository as Remote

from app.adapters.github.client import Client
from app.adapters.github.comments import marked
from app.adapters.github.errors import present
from app.core.hidden import strip_hidden
from app.core.proposals import Heard
from app.core.task import Person, Place, Remark


async def remarks(client: Client, number: int, *, since: datetime) -> tuple[Remark, ...]:
    """What was said in reviews from `since` on, oldest first: at lines of the change, and about all of it.

    Drafts of reviews are not shown to us. Accounts that are gone have said nothing that can be checked.
    """

    def read(remote: Remote) -> tuple[Remark, ...]:
        found = [*_reviews(remote, number), *_at_lines(remote, number, since)]
        return tuple(sorted((one for one in found if one.at >= since), key=lambda one: one.at))

    return await client.read(f"read the reviews of #{number}", read)


async def reply(client: Client, login: str, place: Place, marker: str, text: str) -> None:
    """Answer in the thread of a review comment, unless there is an answer by `login` that carries `marker`."""
    doing = f"answer a remark on #{place.number}"

    def look(remote: Remote) -> int | None:
        for said in remote.get_pull(place.number).get_review_comments():
            if marker in (said.body or "") and said.user is not None and said.user.login == login:
                return said.id
        return None

    def make(remote: Remote) -> int:
        made = remote.get_pull(place.number).create_review_comment_reply(place.comment_id, marked(text, marker))
        return present(made.id, int)

    await client.find_or_create(lambda: client.read(doing, look), lambda: client.write(doing, make, notifies=True))


async def heard(client: Client, login: str, number: int) -> Heard:
    """When a person said something about a pull request last, and what `login` did.

    An account that is gone may have been a person's.
    """

    def read(remote: Remote) -> Heard:
        pull = remote.get_pull(number)
        comments = list(remote.get_issue(number).get_comments())
        said = [(one.user, one.created_at) for one in (*comments, *pull.get_review_comments())]
        said += [(one.user, one.submitted_at) for one in pull.get_reviews() if one.submitted_at is not None]
        by_persons = [_with_zone(at) for user, at in said if user is None or user.type == "User"]
        ours = [one for one in comments if one.user is not None and one.user.login == login]
        return Heard(
            person_at=max(by_persons, default=None),
            ours=tuple((_with_zone(one.created_at), one.body or "") for one in ours),
        )

    return await client.read(f"read what was said about #{number}", read)


def _with_zone(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _at_lines(remote: Remote, number: int, since: datetime) -> Iterator[Remark]:
    for said in remote.get_pull(number).get_review_comments(since=since):
        if said.user is not None:
            yield Remark(
                author=_person(said.user),
                body=strip_hidden(said.body or ""),
                path=said.path or "",
                line=said.line or said.original_line,
                hunk=said.diff_hunk or "",
                comment_id=said.in_reply_to_id or said.id,
                at=said.created_at,
            )


def _reviews(remote: Remote, number: int) -> Iterator[Remark]:
    for said in remote.get_pull(number).get_reviews():
        if said.user is not None and said.body and said.submitted_at is not None:
            yield Remark(author=_person(said.user), body=strip_hidden(said.body), at=_with_zone(said.submitted_at))


def _person(user: NamedUser) -> Person:
    return Person(id=user.id, login=user.login, is_bot=user.type != "User")
