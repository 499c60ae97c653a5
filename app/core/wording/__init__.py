"""Every sentence that people read on GitHub, as pure functions. What others wrote goes through `neutral` on the way."""

from app.core.wording.branch import branch_name, commit_message, marker_commit_message
from app.core.wording.explanations import (
    gave_up,
    no_way_to_test,
    nothing_changed,
    set_up_failed,
    still_red,
    stopped_by_guards,
)
from app.core.wording.failures import blueprint_changed, broke, gone, stopped_by, tried_in_vain, went_round
from app.core.wording.progress import check, comment, marker, moved
from app.core.wording.pull_request import PullRequestFacts, pull_request_body, pull_request_title
from app.core.wording.refusals import (
    already_at_work,
    commands,
    issue_is_closed,
    may_not_ask,
    refusal,
    unknown_blueprint,
)

__all__ = [
    "PullRequestFacts",
    "already_at_work",
    "blueprint_changed",
    "branch_name",
    "broke",
    "check",
    "commands",
    "comment",
    "commit_message",
    "gave_up",
    "gone",
    "issue_is_closed",
    "marker",
    "marker_commit_message",
    "may_not_ask",
    "moved",
    "no_way_to_test",
    "nothing_changed",
    "pull_request_body",
    "pull_request_title",
    "refusal",
    "set_up_failed",
    "still_red",
    "stopped_by",
    "stopped_by_guards",
    "tried_in_vain",
    "unknown_blueprint",
    "went_round",
]
