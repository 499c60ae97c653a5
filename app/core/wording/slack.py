"""What is said in Slack: plain words, and addresses that people can click."""

from typing import Any

from app.core.blueprint import Blueprint
from app.core.campaign import Standing
from app.core.requests import Request
from app.core.run import Run
from app.core.threads import escaped
from app.core.wording.campaign import campaign_elsewhere
from app.core.wording.requests import standing_elsewhere


def unknown_in_slack(user: str) -> str:
    """Nobody knows which GitHub account this is."""
    return (
        f"Whoever asked is not known on GitHub, so nobody can look up what they may do. The operator can add "
        f"{user} to the people in MINIONS_SLACK_FILE."
    )


def no_repository_in_slack() -> str:
    """Neither the channel nor the message says where."""
    return (
        "It is not clear which repository is meant. Say it in the message, such as `in acme/slugs`, or have the "
        "operator add this channel to MINIONS_SLACK_FILE."
    )


def empty_thread() -> str:
    """Nobody said anything that could be worked on."""
    return "There is nothing to work on in this thread: say what is wanted, then ask again."


def standing_in_slack(
    request: Request, work: Run | Standing | None, blueprint: Blueprint[Any] | None, github_url: str
) -> str:
    """The one message that is edited in place."""
    return escaped(standing_elsewhere(request, work, blueprint, github_url))


def end_in_slack(user: str, work: Run | Standing) -> str:
    """The message that reaches who asked."""
    if isinstance(work, Standing):
        return f"<@{user}> {escaped(campaign_elsewhere(work))}"
    run = work
    if run.trail.pull_request_url:
        return f"<@{user}> {escaped(run.trail.pull_request_url)} waits for a review."
    return f"<@{user}> it came to nothing. {escaped(run.error)}".strip()
