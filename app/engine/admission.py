"""Whether a run that was asked for may start. Asked again at each start: permission can be gone since the event."""

from app.core import wording
from app.core.events import HELP
from app.core.forge import Forge
from app.core.orders import KINDS
from app.core.run import Run
from app.engine.dispatch import Blueprints


async def refusal(run: Run, forge: Forge, blueprints: Blueprints) -> str:
    """Why the run may not start, as a sentence for people; empty if it may. Raises ForgeError if GitHub cannot say."""
    if run.blueprint == HELP:
        return wording.commands(blueprints.values())
    if run.blueprint in KINDS:
        return wording.nothing_there(run.blueprint, run.task.number)
    if run.blueprint not in blueprints:
        return wording.unknown_blueprint(run.blueprint, blueprints.values())
    if run.task.is_pull_request and (await forge.pull(run.task.number)).is_from_fork:
        return wording.is_from_fork(run.task.number)
    if not await forge.issue_is_open(run.task.number):
        return wording.issue_is_closed(run.task.number)
    return ""


async def may_ask(run: Run, forge: Forge) -> bool:
    """Whether who asked may write in the repository. Looked up, never inferred from a label, login or association."""
    return (await forge.permission(run.task.requester.login)).may_write
