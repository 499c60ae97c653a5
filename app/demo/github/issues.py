"""The conversation: issues, labels, comments and reactions. Every change is told to the webhooks."""

from collections.abc import Sequence
from typing import Any, Literal

from app.demo.github import payloads
from app.demo.github.ground import Ground
from app.demo.github.hooks import Hooks
from app.demo.github.objects import (
    ROLES,
    App,
    Comment,
    HistoryWord,
    Issue,
    IssueEvent,
    Label,
    Reaction,
    Reason,
    Repository,
    ReviewComment,
    User,
)
from app.demo.github.refusal import Refusal, invalid, not_found
from app.demo.github.shapes.issues import REACTIONS

LONGEST_BODY = 65_536
"""Characters; GitHub's own sentence names this number."""
LONGEST_TITLE = 256
Reacted = Issue | Comment | ReviewComment
"""What people put emojis on."""


class Issues:
    """What people and Apps say to each other."""

    def __init__(self, ground: Ground, hooks: Hooks) -> None:
        self._ground = ground
        self._hooks = hooks

    # -- Issues --------------------------------------------------------------------------------------------------
    def new(self, repository: Repository, user: User, title: str, body: str | None, *, app: App | None) -> Issue:
        """The next number of the repository; nobody is told yet. Raises Refusal."""
        if not title.strip():
            raise invalid("Issue", "title", "missing_field")
        if len(title) > LONGEST_TITLE:
            raise invalid("Issue", "title", "custom", f"title is too long (maximum is {LONGEST_TITLE} characters)")
        fit(body, "Issue")
        refuse_archived(repository)
        now = self._ground.now()
        issue = Issue(
            id=self._ground.new_id(),
            repository=repository,
            number=max([0, *repository.issues, *repository.gone]) + 1,
            title=title,
            body=body,
            user=user,
            created_at=now,
            updated_at=now,
            app=app,
        )
        repository.issues[issue.number] = issue
        return issue

    def open(
        self,
        repository: Repository,
        by: User,
        title: str,
        body: str | None,
        *,
        labels: Sequence[str] = (),
        app: App | None = None,
    ) -> Issue:
        """Open an issue: `issues.opened`, then `issues.labeled` for each label. Raises Refusal."""
        issue = self.new(repository, by, title, body, app=app)
        issue.labels = [self.label_named(repository, name) for name in dict.fromkeys(labels)]
        self._tell(issue, "opened", by)
        for label in issue.labels:
            self.happened(issue, "labeled", by, label)
            self._tell(issue, "labeled", by, label=label)
        return issue

    def edit(self, issue: Issue, by: User, *, title: str | None = None, body: str | None = None) -> None:
        """Change the words. Raises Refusal."""
        if title is not None and not title.strip():
            raise invalid("Issue", "title", "missing_field")
        fit(body, "Issue")
        changes: dict[str, Any] = {}
        if title is not None and title != issue.title:
            changes["title"] = {"from": issue.title}
            issue.title = title
        if body is not None and body != issue.body:
            changes["body"] = {"from": issue.body or ""}
            issue.body = body
        if changes:
            self._touch(issue)
            if "title" in changes:
                self.happened(issue, "renamed", by, rename=(changes["title"]["from"], issue.title))
            self._tell(issue, "edited", by, changes=changes)

    def close(self, issue: Issue, by: User, reason: str = "completed") -> None:
        """Close it, unless it is closed."""
        if issue.state == "open":
            issue.state, issue.state_reason = "closed", None if issue.pull else reason
            issue.closed_at, issue.closed_by = self._ground.now(), by
            self._touch(issue)
            self.happened(issue, "closed", by)
            self._tell(issue, "closed", by)

    def reopen(self, issue: Issue, by: User) -> None:
        """Open it again, unless it is open."""
        if issue.state == "closed":
            issue.state, issue.state_reason = "open", None if issue.pull else "reopened"
            issue.closed_at = issue.closed_by = None
            self._touch(issue)
            self.happened(issue, "reopened", by)
            self._tell(issue, "reopened", by)

    def set_state(self, issue: Issue, by: User, state: Literal["open", "closed"], reason: str | None = None) -> None:
        """Close or reopen."""
        if state == "closed":
            self.close(issue, by, reason or "completed")
        else:
            self.reopen(issue, by)

    def lock(self, issue: Issue, by: User, reason: Reason | None = None) -> None:
        """From now on only people who may write can speak here: `locked`, unless it is."""
        if not issue.locked:
            issue.locked, issue.lock_reason = True, reason
            self._touch(issue)
            self.happened(issue, "locked", by)
            self._tell(issue, "locked", by)

    def unlock(self, issue: Issue, by: User) -> None:
        """Everybody may speak again: `unlocked`, unless it is."""
        if issue.locked:
            issue.locked, issue.lock_reason = False, None
            self._touch(issue)
            self.happened(issue, "unlocked", by)
            self._tell(issue, "unlocked", by)

    # -- Labels --------------------------------------------------------------------------------------------------
    def label_named(self, repository: Repository, name: str) -> Label:
        """The repository's label of this name; one that does not exist is made, as GitHub does."""
        if not name.strip() or len(name) > 50:
            raise invalid("Label", "name", "invalid")
        return repository.labels.setdefault(name.lower(), Label(self._ground.new_id(), name))

    def add_labels(self, issue: Issue, by: User, names: Sequence[str]) -> None:
        """Put labels on; those that are there already are not told again."""
        for label in [self.label_named(issue.repository, name) for name in names]:
            if label not in issue.labels:
                issue.labels.append(label)
                self._touch(issue)
                self.happened(issue, "labeled", by, label)
                self._tell(issue, "labeled", by, label=label)

    def remove_label(self, issue: Issue, by: User, name: str) -> None:
        """Take a label off. Raises Refusal (404) if it is not on."""
        label = next((label for label in issue.labels if label.name.lower() == name.lower()), None)
        if label is None:
            raise Refusal(404, "Label does not exist")
        issue.labels.remove(label)
        self._touch(issue)
        self.happened(issue, "unlabeled", by, label)
        self._tell(issue, "unlabeled", by, label=label)

    def set_labels(self, issue: Issue, by: User, names: Sequence[str]) -> None:
        """Exactly these labels."""
        wanted = {name.lower() for name in names}
        for label in [label for label in issue.labels if label.name.lower() not in wanted]:
            self.remove_label(issue, by, label.name)
        self.add_labels(issue, by, names)

    # -- Comments ------------------------------------------------------------------------------------------------
    def comment(self, issue: Issue, by: User, body: str, *, app: App | None = None) -> Comment:
        """Say something. Raises Refusal."""
        if not body.strip():
            raise invalid("IssueComment", "body", "custom", "body cannot be blank")
        fit(body, "IssueComment")
        refuse_archived(issue.repository)
        refuse_locked(issue, by)
        now = self._ground.now()
        comment = Comment(self._ground.new_id(), issue, by, body, now, now, app)
        issue.comments.append(comment)
        self._touch(issue)
        self._tell_comment(comment, "created", by)
        return comment

    def edit_comment(self, comment: Comment, by: User, body: str) -> None:
        """Change what was said. Raises Refusal."""
        if not body.strip():
            raise invalid("IssueComment", "body", "custom", "body cannot be blank")
        fit(body, "IssueComment")
        refuse_locked(comment.issue, by)
        before, comment.body = comment.body, body
        comment.updated_at = self._ground.now()
        self._tell_comment(comment, "edited", by, changes={"body": {"from": before}})

    def delete_comment(self, comment: Comment, by: User) -> None:
        """Take back what was said."""
        comment.issue.comments.remove(comment)
        self._tell_comment(comment, "deleted", by)

    def comment_by_id(self, repository: Repository, comment_id: int) -> Comment:
        """The comment with this id. Raises Refusal (404)."""
        for issue in repository.issues.values():
            for comment in issue.comments:
                if comment.id == comment_id:
                    return comment
        raise not_found()

    # -- Reactions -----------------------------------------------------------------------------------------------
    def react(self, thing: Reacted, by: User, content: str) -> tuple[Reaction, bool]:
        """Put an emoji on; answers with it and whether it is new. Nobody is told. Raises Refusal."""
        if content not in REACTIONS:
            raise invalid("Reaction", "content", "invalid")
        refuse_locked(_conversation(thing), by)
        for there in thing.reactions:
            if there.user is by and there.content == content:
                return there, False
        reaction = Reaction(self._ground.new_id(), by, content, self._ground.now())
        thing.reactions.append(reaction)
        return reaction, True

    # -- Telling -------------------------------------------------------------------------------------------------
    def _touch(self, issue: Issue) -> None:
        issue.updated_at = self._ground.now()

    def happened(
        self,
        issue: Issue,
        event: HistoryWord,
        by: User,
        label: Label | None = None,
        *,
        rename: tuple[str, str] | None = None,
    ) -> None:
        """Write it into the issue's history."""
        issue.events.append(IssueEvent(self._ground.new_id(), event, by, issue.updated_at, label, rename))

    def _tell(self, issue: Issue, action: str, by: User, **more: Any) -> None:
        event = "pull_request" if issue.pull else "issues"
        self._hooks.emit(
            event,
            lambda: payloads.issue(self._ground.url, action, issue, by, **more),
            repository=issue.repository,
        )

    def _tell_comment(self, comment: Comment, action: str, by: User, **more: Any) -> None:
        self._hooks.emit(
            "issue_comment",
            lambda: payloads.comment(self._ground.url, action, comment, by, **more),
            repository=comment.issue.repository,
        )


def fit(body: str | None, resource: str) -> None:
    """Raise Refusal if a body is longer than GitHub takes."""
    if body is not None and len(body) > LONGEST_BODY:
        raise invalid(resource, "body", "custom", f"Body is too long (maximum is {LONGEST_BODY} characters)")


def refuse_archived(repository: Repository) -> None:
    """Raise Refusal (403) if nothing can be changed any more."""
    if repository.archived:
        raise Refusal(403, "Repository was archived so is read-only.")


def refuse_locked(issue: Issue, by: User) -> None:
    """Raise Refusal (403) if the conversation is locked for this account: it is for bots, whatever their App may do."""
    if issue.locked and ROLES.index(issue.repository.role_of(by)) < ROLES.index("write"):
        raise Refusal(403, "Unable to create comment because issue is locked.")


def _conversation(thing: Reacted) -> Issue:
    """Where it stands."""
    if isinstance(thing, Issue):
        return thing
    return thing.issue if isinstance(thing, Comment) else thing.review.pull.issue
