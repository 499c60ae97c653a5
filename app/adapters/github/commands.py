"""What people say: commands in comments on issues and pull requests, at lines of a change, and in reviews."""

from collections.abc import Collection

from app.adapters.github import wire
from app.adapters.github.reading import Somewhere, is_own, person, repository, task, unwelcome
from app.core import command
from app.core.events import HELP, Event, Ignored, OrderGiven, WorkRequested
from app.core.hidden import strip_hidden
from app.core.orders import WORDS, ordered
from app.core.task import Place, Remark, Task


def commented(event: wire.CommentEvent, app_id: str, allowed_bots: Collection[int]) -> Event:
    """A comment on an issue, or in the conversation of a pull request."""
    said, issue = event.comment, event.issue
    asked = _heard(event, issue, said.body, said.performed_via_github_app, app_id=app_id, bots=allowed_bots)
    if isinstance(asked, Ignored):
        return asked
    place = Place(number=issue.number, comment_id=said.id)
    wish = task(event, issue, event.sender, asked_at=said.created_at, instructions=asked.instructions, place=place)
    return _wish(event, asked, wish, f"comment/{event.repository.id}/{said.id}")


def commented_at_line(event: wire.ReviewCommentEvent, app_id: str, allowed_bots: Collection[int]) -> Event:
    """A comment at a line of a pull request's change: the line belongs to what is asked for."""
    said, issue = event.comment, event.pull_request
    asked = _heard(event, issue, said.body, said.performed_via_github_app, app_id=app_id, bots=allowed_bots)
    if isinstance(asked, Ignored):
        return asked
    wish = task(
        event,
        issue,
        event.sender,
        asked_at=said.created_at,
        instructions=asked.instructions,
        place=Place(number=issue.number, comment_id=said.id, in_review=True),
        remarks=(remark(said, event.sender),),
    )
    return _wish(event, asked, wish, f"review comment/{event.repository.id}/{said.id}")


def reviewed(event: wire.ReviewEvent, app_id: str, allowed_bots: Collection[int]) -> Event:
    """A review with words for all of the change. Reviews cannot be reacted to, so the answer goes to the request."""
    said, issue = event.review, event.pull_request
    asked = _heard(event, issue, said.body, said.performed_via_github_app, app_id=app_id, bots=allowed_bots)
    if isinstance(asked, Ignored):
        return asked
    at = said.submitted_at or issue.updated_at
    wish = task(event, issue, event.sender, asked_at=at, instructions=asked.instructions)
    return _wish(event, asked, wish, f"review/{event.repository.id}/{said.id}")


def remark(said: wire.ReviewComment, by: wire.User) -> Remark:
    """What somebody said at a line of a change."""
    return Remark(
        author=person(by),
        body=strip_hidden(said.body or ""),
        path=said.path,
        line=said.line or said.original_line,
        hunk=said.diff_hunk,
        comment_id=said.in_reply_to_id or said.id,
        at=said.created_at,
    )


def _heard(
    event: wire.CommentEvent | wire.PullRequestEvent,
    issue: wire.Issue,
    text: str | None,
    via: wire.App | None,
    *,
    app_id: str,
    bots: Collection[int],
) -> command.Command | Ignored:
    """The command in somebody's words, or why nothing is done on them."""
    where = f"{event.repository.full_name}#{issue.number}"
    if is_own(via, app_id):
        return Ignored(reason=f"The comment on {where} is our own.")
    asked = command.parse(text or "")
    if asked is None:
        return Ignored(reason=f"The comment on {where} holds no command.")
    bot = unwelcome(event.sender, bots)
    return Ignored(reason=bot) if bot else asked


def _wish(event: Somewhere, asked: command.Command, wish: Task, intent: str) -> Event:
    """An order, or work, or help: also for an order that cannot be understood."""
    order = ordered(asked)
    if order is None:
        word = asked.word
        return WorkRequested(task=wish, blueprint=HELP if word in WORDS or not word else word, intent=intent)
    return OrderGiven(
        repository=repository(event),
        number=wish.number,
        order=order,
        requester=wish.requester,
        place=wish.place,
        at=wish.asked_at,
        intent=intent,
        task=wish,
    )
