"""How issues leave a repository: deleted, transferred to another, or made a discussion."""

from app.demo.github import payloads
from app.demo.github.ground import Ground
from app.demo.github.hooks import Hooks
from app.demo.github.issues import Issues
from app.demo.github.objects import Issue, Repository, User
from app.demo.github.refusal import Refusal


class Departures:
    """What was there is found no more, or elsewhere. Pull requests cannot leave."""

    def __init__(self, ground: Ground, hooks: Hooks, issues: Issues) -> None:
        self._ground = ground
        self._hooks = hooks
        self._issues = issues

    def delete(self, issue: Issue, by: User) -> None:
        """Remove it for good: `issues.deleted`. Its number is not given again. Raises Refusal."""
        _refuse_pull(issue)
        self._hooks.emit(
            "issues",
            lambda: payloads.issue(self._ground.url, "deleted", issue, by),
            repository=issue.repository,
        )
        del issue.repository.issues[issue.number]
        issue.repository.gone[issue.number] = None

    def transfer(self, issue: Issue, by: User, target: Repository) -> Issue:
        """Move it to another repository of the same owner, under a new number; labels stay behind. Raises Refusal.

        `issues.transferred` here, `issues.opened` there. Answers with what it became.
        """
        _refuse_pull(issue)
        source = issue.repository
        if target.owner is not source.owner or target is source:
            raise Refusal(422, "Issues can only be transferred to another repository of the same owner.")
        arrived = self._issues.new(target, issue.user, issue.title, issue.body, app=issue.app)
        for comment in issue.comments:
            comment.issue = arrived
        arrived.comments, issue.comments = issue.comments, []
        self._hooks.emit(
            "issues", lambda: payloads.transferred(self._ground.url, issue, by, arrived), repository=source
        )
        self._hooks.emit("issues", lambda: payloads.arrived(self._ground.url, arrived, by, issue), repository=target)
        del source.issues[issue.number]
        source.gone[issue.number] = arrived
        return arrived

    def make_discussion(self, issue: Issue, by: User) -> None:
        """It goes on as a discussion; what is left is a closed and locked issue. Raises Refusal."""
        _refuse_pull(issue)
        self._issues.happened(issue, "converted_to_discussion", by)
        self._issues.close(issue, by)
        self._issues.lock(issue, by)


def _refuse_pull(issue: Issue) -> None:
    if issue.pull:
        raise Refusal(422, "Pull requests can be closed only.")
