"""Issues that are the record of what was asked for elsewhere, and what is told there of their runs."""

import hashlib
from typing import Any, Final

from app.core.blueprint import Blueprint
from app.core.boxes import box
from app.core.campaign import Standing
from app.core.events import Noticed
from app.core.hidden import one_line
from app.core.neutral import code, fitted, neutral
from app.core.requests import Request, Wanted
from app.core.run import Run, Status
from app.core.wording.campaign import campaign_elsewhere
from app.core.wording.figures import dollars
from app.core.wording.progress import headline

_TITLE: Final = 250
"""Characters; GitHub takes 256."""
_BODY: Final = 50_000
"""Characters; GitHub takes 65,536, and the end says who asked."""
_DOORS: Final = {
    "api": "over the API",
    "slack": "in Slack",
    "schedule": "by a schedule",
    "event": "by nobody",
    "campaign": "in a campaign",
}


def request_marker(request: Request) -> str:
    """By which the issue of a request is found again. Of its key, which no other installation has."""
    return f"<!-- minions:request={hashlib.sha256(request.key.encode()).hexdigest()[:24]} -->"


def issue_title(wanted: Wanted) -> str:
    """One line, as short as GitHub wants it."""
    return one_line(wanted.title)[:_TITLE].strip() or "Work for a minion"


def issue_body(wanted: Wanted) -> str:
    """What was asked for, and by whom. Whoever wrote it elsewhere has no voice on GitHub: nobody is mentioned."""
    more = f"{wanted.body}\n\n{wanted.instructions}".strip() if wanted.instructions else wanted.body.strip()
    if wanted.door == "campaign":  # a link there, which GitHub also shows on the issue of the campaign
        asked = f"<sub>Part of the campaign {wanted.source}, asked for by {code(wanted.login)}.</sub>"
        return f"{fitted(neutral(more), _BODY)}\n\n{asked}".strip()
    how = f"{_DOORS[wanted.door]}{f', {code(wanted.source)}' if wanted.source else ''}"
    asked = f"<sub>Asked for by {code(wanted.login)} {how}, as {code(wanted.blueprint)}.</sub>"
    return f"{fitted(neutral(more), _BODY)}\n\n{asked}".strip()


def noticed_title(event: Noticed) -> str:
    """What was noticed, in one line."""
    said = "failed on the default branch" if event.what == "failed on main" else "is flaky on the default branch"
    return f"{one_line(event.name)} {said}"


def noticed_body(event: Noticed) -> str:
    """What was seen, and what a person can do about it: nothing starts by itself."""
    seen = (
        f"The workflow failed at {event.sha}"
        if event.what == "failed on main"
        else f"The workflow failed at {event.sha}, and passed there when it was run again"
    )
    return f"{seen}: {event.url}"


def suggestion_body(wanted: Wanted, label: str) -> str:
    """The issue that tells of it."""
    blueprint = "flaky" if wanted.suggestion == "flaky" else "fix"
    how = (
        f"Nothing starts by itself. Who may write here ticks the box, puts the label {code(f'{label}:{blueprint}')} on "
        f"this issue, or comments {code(f'/minion {blueprint}')}; close it if nothing is to be done."
    )
    return f"{neutral(wanted.body)}\n\n{box('Have a minion see to it', blueprint)}\n\n{how}"


def suggestion_marker(wanted: Wanted) -> str:
    """By which an issue about the same is found again."""
    said = f"{wanted.full_name.lower()}\n{wanted.suggestion}\n{wanted.source}"
    return f"<!-- minions:noticed={hashlib.sha256(said.encode()).hexdigest()[:24]} -->"


def asked_elsewhere(wanted: Wanted, number: int) -> str:
    """The line of the log."""
    return f"{wanted.login} asked for {wanted.blueprint} {_DOORS[wanted.door]}: {wanted.full_name}#{number}."


def asker_may_not(login: str, full_name: str) -> str:
    """Who is to answer for the request has no right to write, or is nobody."""
    return f"{login} may not ask for work in {full_name}: that takes write permission there."


def schedules_stay_at_home(full_name: str) -> str:
    """Who may change the file can name anybody in it: that must not reach where they themselves may not write."""
    return (
        f"A schedule works in its own repository, which is {full_name}, and this one names others. "
        "A campaign by the clock can have several parts there; one in several repositories is asked for by a person."
    )


def took_too_long(why: str) -> str:
    """What was in the way for a day."""
    return f"It could not be begun within a day. {why}"


def stopped_early(login: str) -> str:
    """Somebody changed their mind before there was a run."""
    return f"{login} stopped it before it began."


def standing_elsewhere(
    request: Request, work: Run | Standing | None, blueprint: Blueprint[Any] | None, github_url: str
) -> str:
    """Where a request stands, in plain words with plain addresses: for a place that is not GitHub."""
    if request.error:
        return f"Not started: {request.error}"
    if request.repository is None or not request.number:
        return "Heard. An issue is opened for it."
    issue = f"{github_url}/{request.repository.full_name}/issues/{request.number}"
    if work is None:
        return f"Issue: {issue}"
    if isinstance(work, Standing):
        return f"{campaign_elsewhere(work)}\nIssue: {issue}"
    run = work
    where = headline(run, blueprint) if blueprint else run.status.value
    if run.status is Status.REFUSED:
        return f"Not started: {run.error}\nIssue: {issue}"
    lines = [where, run.error if run.status.has_ended else "", f"Issue: {issue}"]
    if run.trail.pull_request_url:
        lines.append(f"Pull request: {run.trail.pull_request_url}")
    if run.status.has_ended:
        lines.append(f"Cost: {dollars(run.usage.usd)}")
    return "\n".join(line for line in lines if line)
