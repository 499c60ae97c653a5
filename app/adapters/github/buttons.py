"""What people press: the buttons of our check runs, and "Re-run"."""

from collections.abc import Collection, Mapping
from typing import Final

from app.adapters.github import wire
from app.adapters.github.reading import is_own, person, repository, unwelcome
from app.core.events import Event, Ignored, OrderGiven
from app.core.orders import Discard, FixChecks, Order, Retry
from app.core.wording import run_of_check

_ORDERS: Final[Mapping[str, Order]] = {"retry": Retry(), "fix checks": FixChecks(), "discard": Discard()}
"""By the identifiers that `core/wording` gives the buttons: the kinds of the orders."""


def pressed(event: wire.CheckRunEvent, action: str, app_id: str, allowed_bots: Collection[int]) -> Event:
    """A button of one of our check runs was pressed, or its "Re-run"."""
    check = event.check_run
    run_id = run_of_check(check.external_id or "")
    if not is_own(check.app, app_id) or run_id is None:
        return Ignored(reason=f"That check run on {check.head_sha[:10]} is not one of ours.")
    if bot := unwelcome(event.sender, allowed_bots):
        return Ignored(reason=bot)
    identifier = event.requested_action.identifier if event.requested_action else ""
    order = Retry() if action == "rerequested" else _ORDERS.get(identifier)
    if order is None:
        return Ignored(reason=f"There is no button {identifier[:20]!r} on our check runs.")
    # Pressed by another, or after the next end of the run, it is another wish; delivered anew it is the same.
    ended = check.completed_at.isoformat() if check.completed_at else ""
    return OrderGiven(
        repository=repository(event),
        run_id=run_id,
        order=order,
        requester=person(event.sender),
        intent=f"button/{event.repository.id}/{check.id}/{event.sender.id}/{action}/{order.kind}/{ended}",
    )


def rerun(event: wire.CheckSuiteEvent, app_id: str, allowed_bots: Collection[int]) -> Event:
    """Somebody wants all of our checks of a commit once more: there is one."""
    suite = event.check_suite
    if not is_own(suite.app, app_id):
        return Ignored(reason=f"That check suite on {suite.head_sha[:10]} is not ours.")
    if bot := unwelcome(event.sender, allowed_bots):
        return Ignored(reason=bot)
    return OrderGiven(
        repository=repository(event),
        check_sha=suite.head_sha,
        order=Retry(),
        requester=person(event.sender),
        intent=f"suite/{event.repository.id}/{suite.id}/{event.sender.id}/{suite.updated_at.isoformat()}",
    )
