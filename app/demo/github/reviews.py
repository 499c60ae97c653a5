"""Reviews of pull requests: a verdict, and remarks on lines of the difference."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from app.demo.github import payloads
from app.demo.github.ground import Ground
from app.demo.github.hooks import Hooks
from app.demo.github.issues import fit, refuse_locked
from app.demo.github.objects import Pull, Repository, Review, ReviewComment, User
from app.demo.github.plumbing import Git
from app.demo.github.refusal import Refusal, invalid, not_found

Verdict = Literal["APPROVE", "REQUEST_CHANGES", "COMMENT"]
STATES: dict[Verdict, Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED"]] = {
    "APPROVE": "APPROVED",
    "REQUEST_CHANGES": "CHANGES_REQUESTED",
    "COMMENT": "COMMENTED",
}
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
Side = Literal["LEFT", "RIGHT"]


@dataclass(frozen=True)
class Remark:
    """What is to be said of a line, or of the lines from `start_line` to it. LEFT counts lines of the base."""

    path: str
    line: int
    body: str
    side: Side = "RIGHT"
    start_line: int | None = None


@dataclass(frozen=True)
class Spot:
    """A line of a file's difference: its text with the mark, how far below the first `@@`, the hunk down to it."""

    text: str
    position: int
    hunk: str


class Reviews:
    """What people say of the difference."""

    def __init__(self, ground: Ground, hooks: Hooks) -> None:
        self._ground = ground
        self._hooks = hooks

    async def submit(
        self,
        pull: Pull,
        by: User,
        verdict: Verdict,
        body: str = "",
        remarks: Sequence[Remark] = (),
        *,
        sha: str | None = None,
    ) -> Review:
        """Review: `pull_request_review.submitted`, and `pull_request_review_comment.created` a remark. Raises Refusal.

        `sha` is the commit that was looked at, by default the head.
        """
        if verdict != "COMMENT" and pull.issue.user is by:
            what = "approve" if verdict == "APPROVE" else "request changes on"
            raise Refusal(422, "Unprocessable Entity", errors=[f"Review Can not {what} your own pull request"])
        if verdict != "APPROVE" and not body.strip() and not remarks:
            raise Refusal(422, "Unprocessable Entity", errors=["Review body can't be blank"])
        fit(body, "PullRequestReview")
        refuse_locked(pull.issue, by)
        sha = sha or pull.head.sha
        spots = await self._spots(pull, sha, remarks)
        review = self._review(pull, by, STATES[verdict], body, sha)
        made = [self._remark(review, one, spot) for one, spot in zip(remarks, spots, strict=True)]
        await outdate(pull)
        self._announce(review, made)
        return review

    def reply(self, comment: ReviewComment, by: User, body: str) -> ReviewComment:
        """Answer the first remark of a thread; GitHub makes a review of it. Raises Refusal."""
        _refuse_empty(body)
        pull = comment.review.pull
        refuse_locked(pull.issue, by)
        if comment.in_reply_to is not None:
            raise invalid("PullRequestReviewComment", "in_reply_to", "invalid")
        spot = Spot("", comment.original_position, comment.diff_hunk)
        remark = Remark(comment.path, comment.original_line, body, comment.side, comment.start_line)
        review = self._review(pull, by, "COMMENTED", "", pull.head.sha)
        made = self._remark(review, remark, spot)
        made.in_reply_to, made.original_sha = comment.id, comment.original_sha
        made.line, made.position = comment.line, comment.position
        self._announce(review, [made])
        return made

    def edit(self, comment: ReviewComment, by: User, body: str) -> None:
        """Change a remark: `edited`. Raises Refusal."""
        _refuse_empty(body)
        refuse_locked(comment.review.pull.issue, by)
        before, comment.body = comment.body, body
        comment.updated_at = self._ground.now()
        self._tell(comment, "edited", by, changes={"body": {"from": before}})

    def delete(self, comment: ReviewComment, by: User) -> None:
        """Take a remark back: `deleted`."""
        comment.review.pull.remarks.remove(comment)
        self._tell(comment, "deleted", by)

    def dismiss(self, review: Review, by: User) -> None:
        """A verdict does not count any more: `pull_request_review.dismissed`. Raises Refusal."""
        if review.state not in {"APPROVED", "CHANGES_REQUESTED"}:
            raise Refusal(422, "Unprocessable Entity", errors=["Can not dismiss a commented pull request review"])
        review.state = "DISMISSED"
        self._tell_review(review, "dismissed", by)

    def by_id(self, pull: Pull, review_id: int) -> Review:
        """The review with this id. Raises Refusal (404)."""
        for review in pull.reviews:
            if review.id == review_id:
                return review
        raise not_found()

    def comment_by_id(self, repository: Repository, comment_id: int) -> ReviewComment:
        """The review comment with this id. Raises Refusal (404)."""
        for pull in repository.pulls:
            for comment in pull.remarks:
                if comment.id == comment_id:
                    return comment
        raise not_found()

    # -- Making --------------------------------------------------------------------------------------------------
    async def _spots(self, pull: Pull, sha: str, remarks: Sequence[Remark]) -> list[Spot]:
        """Where the remarks stand in the difference up to `sha`. Raises Refusal where one stands outside of it."""
        if not remarks:
            return []
        patches = await _patches(pull, sha)
        found = []
        for remark in remarks:
            _refuse_empty(remark.body)
            if remark.path not in patches:
                raise invalid("PullRequestReviewComment", "pull_request_review_thread.path", "invalid")
            spot = find(patches[remark.path], remark.side, remark.line)
            if spot is None:
                words = "pull_request_review_thread.line must be part of the diff"
                raise invalid("PullRequestReviewComment", "pull_request_review_thread.line", "custom", words)
            found.append(spot)
        return found

    def _review(
        self, pull: Pull, by: User, state: Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED"], body: str, sha: str
    ) -> Review:
        review = Review(self._ground.new_id(), pull, by, state, body, sha, self._ground.now())
        pull.reviews.append(review)
        pull.issue.updated_at = review.submitted_at
        return review

    def _remark(self, review: Review, remark: Remark, spot: Spot) -> ReviewComment:
        comment = ReviewComment(
            id=self._ground.new_id(),
            review=review,
            user=review.user,
            body=remark.body,
            path=remark.path,
            diff_hunk=spot.hunk,
            side=remark.side,
            original_line=remark.line,
            original_position=spot.position,
            original_sha=review.sha,
            sha=review.sha,
            line=remark.line,
            position=spot.position,
            start_line=remark.start_line,
            created_at=review.submitted_at,
            updated_at=review.submitted_at,
        )
        review.pull.remarks.append(comment)
        return comment

    # -- Telling -------------------------------------------------------------------------------------------------
    def _announce(self, review: Review, comments: Sequence[ReviewComment]) -> None:
        self._tell_review(review, "submitted", review.user)
        for comment in comments:
            self._tell(comment, "created", comment.user)

    def _tell_review(self, review: Review, action: str, by: User) -> None:
        self._hooks.emit(
            "pull_request_review",
            lambda: payloads.review(self._ground.url, action, review, by),
            repository=review.pull.issue.repository,
        )

    def _tell(self, comment: ReviewComment, action: str, by: User, **more: Any) -> None:
        self._hooks.emit(
            "pull_request_review_comment",
            lambda: payloads.review_comment(self._ground.url, action, comment, by, **more),
            repository=comment.review.pull.issue.repository,
        )


def find(patch: str, side: Side, line: int) -> Spot | None:
    """The line with this number in a file's difference, which begins at its first `@@`."""
    old = new = began = 0
    rows = patch.split("\n")
    for at, row in enumerate(rows):
        if found := _HUNK.match(row):
            old, new, began = int(found[1]), int(found[2]), at
            continue
        mark = row[:1]
        number = old if side == "LEFT" else new
        if number == line and mark in {" ", "-" if side == "LEFT" else "+"}:
            return Spot(row, at, "\n".join(rows[began : at + 1]))
        old += mark in {" ", "-"}
        new += mark in {" ", "+"}
    return None


async def outdate(pull: Pull) -> None:
    """Remarks whose line is not in the difference any more as it was stand nowhere. GitHub also follows moved lines."""
    standing = [remark for remark in pull.remarks if remark.line is not None]
    if not standing:
        return
    patches = await _patches(pull, pull.head.sha)
    for remark in standing:
        spot = find(patches.get(remark.path, ""), remark.side, remark.original_line)
        if spot and spot.text == remark.diff_hunk.rpartition("\n")[2]:
            remark.position, remark.sha = spot.position, pull.head.sha
        else:
            remark.line = remark.position = None


async def _patches(pull: Pull, sha: str) -> dict[str, str]:
    """The difference of each file, from where the branches parted to `sha`. Raises Refusal if it is none of ours."""
    git = Git(pull.base.repository.path)
    if await git.sha(sha) != sha:
        raise Refusal(422, "Unprocessable Entity", errors=["Commit is not part of the pull request"])
    fork = await git.merge_base(pull.base.sha, sha)
    return {one.path: one.patch for one in await git.files(fork or pull.base.sha, sha)}


def _refuse_empty(body: str) -> None:
    if not body.strip():
        raise invalid("PullRequestReviewComment", "body", "custom", "body cannot be blank")
    fit(body, "PullRequestReviewComment")
