"""What was said in one place: an issue, a pull request, a comment; and what a file holds."""

from datetime import UTC, datetime

from github.ContentFile import ContentFile
from github.IssueComment import IssueComment
from github.NamedUser import NamedUser
from github.Organization import Organization
from github.PullRequestComment import PullRequestComment
from github.Repository import Repository as Remote

from app.adapters.github.client import Client
from app.adapters.github.errors import present
from app.core.errors import NotFound
from app.core.hidden import one_line, strip_hidden
from app.core.links import Said
from app.core.task import Person, Place

_MOST_BYTES = 1_000_000
"""What GitHub gives in one answer: https://docs.github.com/en/rest/repos/contents"""


async def said(client: Client, number: int, place: Place | None) -> Said:
    """The issue or pull request, or the comment at `place`. Raises NotFound."""

    def read(remote: Remote) -> Said:
        if place is None:
            return _issue(remote, number)
        if place.in_review:
            return _comment(remote.get_pull(number).get_review_comment(place.comment_id).complete())
        return _comment(remote.get_issue(number).get_comment(place.comment_id).complete())

    return await client.read(f"read #{number}", read)


async def file(client: Client, path: str, ref: str) -> bytes:
    """A file at a branch, tag or commit. Raises NotFound for a folder, a link or a huge file, too."""

    def read(remote: Remote) -> bytes:
        found = remote.get_contents(path, ref=ref)
        if not isinstance(found, ContentFile) or found.type != "file" or found.encoding != "base64":
            raise NotFound(f"{path} at {ref} is no file that can be read.")
        return present(found.decoded_content, bytes)[:_MOST_BYTES]

    return await client.read(f"read {path}", read)


def _issue(remote: Remote, number: int) -> Said:
    issue = remote.get_issue(number).complete()
    return Said(
        url=issue.html_url,
        author=_person(issue.user),
        title=one_line(issue.title),
        state=issue.state,
        body=strip_hidden(issue.body or ""),
        at=_aware(issue.created_at),
    )


def _comment(comment: IssueComment | PullRequestComment) -> Said:
    return Said(
        url=comment.html_url,
        author=_person(comment.user),
        body=strip_hidden(comment.body or ""),
        at=_aware(comment.created_at),
        edited_at=_aware(comment.updated_at),
    )


def _person(user: NamedUser | Organization | None) -> Person | None:
    return Person(id=user.id, login=user.login, is_bot=user.type != "User") if user else None


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
