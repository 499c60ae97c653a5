"""What to do about an event, and why. A decision is a value; the store carries it out together with the delivery."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from app.core.blueprint import Blueprint
from app.core.campaign import CampaignDraft
from app.core.campaign_wish import NAME, wish_of
from app.core.events import (
    BranchDeleted,
    ChecksMoved,
    Event,
    Ignored,
    InstallationChanged,
    IssueEdited,
    Noticed,
    OrderGiven,
    Pinged,
    PullReopened,
    Pushed,
    StopRequested,
    WorkRequested,
)
from app.core.store import Act, Draft

Blueprints = Mapping[str, Blueprint[Any]]


class Decision(BaseModel, frozen=True):
    """What to do, if anything, and the sentence that says why: the answer to GitHub and the line in the log."""

    act: Act | None
    reason: str


def decide(event: Event, blueprints: Blueprints) -> Decision:  # noqa: C901, PLR0911, PLR0912 - one event, one decision
    """What to do about `event`. Whether the requester may ask is not known here: admission looks it up."""
    match event:
        case WorkRequested() if campaign := _campaign(event, blueprints):
            return Decision(act=campaign, reason=_accepted(event))
        case WorkRequested():
            return Decision(act=draft(event, blueprints), reason=_accepted(event))
        case StopRequested():
            return Decision(act=event, reason=_stopping(event))
        case IssueEdited():
            where = f"{event.repository.full_name}#{event.number}"
            return Decision(act=event, reason=f"{where} was edited: work on it goes by the words from before.")
        case PullReopened():
            where = f"{event.repository.full_name}#{event.number}"
            return Decision(act=event, reason=f"{where} waits for review again, if a minion opened it.")
        case OrderGiven():
            return Decision(act=event, reason=_told(event))
        case BranchDeleted():
            return Decision(act=event, reason=f"{event.branch} was deleted: work on it ends.")
        case InstallationChanged():
            return Decision(
                act=event, reason=f"Installation {event.installation_id} of {event.account}: {event.change}."
            )
        case Pushed():
            where = f"{event.branch} of {event.repository.full_name}"
            return Decision(act=event, reason=f"{where} moved: it is fetched and set up ahead of the next run.")
        case ChecksMoved():
            return Decision(act=None, reason=f"Who waits for the checks of {event.sha[:10]} looks at them.")
        case Noticed():
            where = f"{event.name} of {event.repository.full_name} at {event.sha[:10]}"
            return Decision(
                act=event, reason=f"{where}: {event.what}. An issue tells of it, if the repository wants that."
            )
        case Pinged():
            return Decision(act=None, reason="Minions is here.")
        case Ignored():
            return Decision(act=None, reason=event.reason)


def draft(event: WorkRequested, blueprints: Blueprints) -> Draft:
    """The run that was asked for. A blueprint that does not exist gets one, too: its refusal is told on the issue."""
    blueprint = blueprints.get(event.blueprint)
    return Draft(
        intent=event.intent,
        task=event.task,
        blueprint=event.blueprint,
        blueprint_version=blueprint.version if blueprint else 0,
        start=blueprint.start.name if blueprint else "",
        is_open=event.is_open,
    )


def _campaign(event: WorkRequested, blueprints: Blueprints) -> CampaignDraft | None:
    """The campaign that was asked for, if the issue names more places than its repository."""
    if event.blueprint != NAME or NAME not in blueprints or event.task.is_pull_request:
        return None
    wish = wish_of(event.task)
    return CampaignDraft(intent=event.intent, task=event.task, wish=wish) if wish else None


def _accepted(event: WorkRequested) -> str:
    task = event.task
    return (
        f"{task.requester.login} asked for {event.blueprint} on {task.repository.full_name}#{task.number}: "
        f"queued, starts if {task.requester.login} may write there."
    )


def _told(event: OrderGiven) -> str:
    who, where = event.requester.login, event.repository.full_name
    meant = f"#{event.number}" if event.number else f" run {event.run_id or event.check_sha[:10]}"
    return f"{who} says {event.order.kind!r} to {where}{meant}: it is heeded if {who} may write there."


def _stopping(event: StopRequested) -> str:
    where = f"{event.repository.full_name}#{event.number}"
    if event.requester is None:
        return f"{where}, its branch or its pull request is not there any more: work on it ends."
    who = event.requester.login
    return f"{who} wants no work on {where}: it ends if {who} may write there."
