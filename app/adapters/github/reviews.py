"""What reviewers said about a pull request."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from github.NamedUser import NamedUser
from github.PullRequest import PullRequest
from github.PullRequestReview import PullRequestReview
from github.Repository import Repository as Remote

from app.adapters.github.client import Client
from app.adapters.github.comments import marked
from app.adapters.github.errors import present
from app.core.hidden import strip_hidden
from app.core.proposals import Heard
from app.core.task import Person, Place, Remark


async def remarks(client: Client, number: int, *, since: datetime) -> tuple[Remark, ...]:
    """What was said in reviews from `since` on, oldest first: at lines of the change, and about all of it.

    Drafts of reviews are not shown to us: what stands in one was said when the review was sent. Times have no
    fractions here, so what was said within a second goes by the numbers of the reviews. Accounts that are gone have
    said nothing that can be checked.
    """

    def read(remote: Remote) -> tuple[Remark, ...]:
        pull = remote.get_pull(number)
        reviews = {one.id: one for one in pull.get_reviews()}
        found = [*_reviews(reviews.values()), *_at_lines(pull, reviews)]
        return tuple(one for _, one in sorted(found, key=lambda each: (each[1].at, each[0])) if one.at >= since)

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


def _reviews(reviews: Iterable[PullRequestReview]) -> Iterator[tuple[int, Remark]]:
    for said in reviews:
        if said.user is not None and said.body and said.submitted_at is not None:
            at = _with_zone(said.submitted_at)
            yield said.id, Remark(author=_person(said.user), body=strip_hidden(said.body), at=at)


def _at_lines(pull: PullRequest, reviews: Mapping[int, PullRequestReview]) -> Iterator[tuple[int, Remark]]:
    for said in pull.get_review_comments():
        if said.user is None:
            continue
        review = reviews.get(said.pull_request_review_id)
        remark = Remark(
            author=_person(said.user),
            body=strip_hidden(said.body or ""),
            path=said.path or "",
            line=said.line or said.original_line,
            hunk=said.diff_hunk or "",
            comment_id=said.in_reply_to_id or said.id,
            at=_with_zone((review and review.submitted_at) or said.created_at),
        )
        yield said.pull_request_review_id or 0, remark


def _person(user: NamedUser) -> Person:
    return Person(id=user.id, login=user.login, is_bot=user.type != "User")
