"""Before anybody works: a tree in which the repository's own tests run, and what they say about the base."""

from typing import Literal

from app.core import wording
from app.core.blueprint import step
from app.core.errors import ConfigError
from app.core.evidence import Where, evidence
from app.core.redaction import Redactor
from app.core.world import World
from blueprints.steps.change import Change
from blueprints.steps.commands import report, run
from blueprints.steps.configuration import configuration
from blueprints.steps.environment import environment
from blueprints.steps.hydration import hydrated
from blueprints.steps.leftovers import tidy
from blueprints.steps.orientation import orientation


@step("Prepare the work tree")
async def prepare(change: Change, world: World) -> Literal["ready", "cannot"]:
    """Check out the base, find the commands, install what they need, and run the tests once before any change."""
    change.linked = await hydrated(change.task, world, base=(change.base_branch, change.base_sha))
    await world.workspace.check_out(change.base_sha)
    try:
        config = await configuration(world.workspace)
    except ConfigError as error:
        change.explanation = str(error)
        return "cannot"
    if config.test is None and change.needs_tests:
        change.explanation = wording.no_way_to_test()
        return "cannot"
    change.config = config if config.test is not None else config.model_copy(update={"test": ()})
    found = await orientation(change.task, world.workspace, world.sandbox, world.forge, world.meaning)
    change.orientation, change.near = found.told, found.near
    if not await _set_up(change, world):
        return "cannot"
    await _run_before(change, world)
    change.environment = await environment(change.evidence, world.sandbox)
    change.generated = await tidy(world.workspace)
    return "ready"


async def _set_up(change: Change, world: World) -> bool:
    if not change.config.setup:
        return True
    results = await world.sandbox.set_up(change.config.setup, timeout_s=change.config.setup_timeout_s)
    change.keep([evidence(result, Where.SET_UP) for result in results], Where.SET_UP)
    for result in results:
        if not result.ok:
            output = Redactor().redact(result.output)
            change.explanation = wording.set_up_failed(evidence(result, Where.SET_UP), output)
            return False
    return True


async def _run_before(change: Change, world: World) -> None:
    """What fails before is not the change's fault, and people should know it."""
    results = await run(change, world.sandbox, change.config.test, Where.BEFORE)
    change.failed_before = tuple(result.command for result in results if not result.ok)
    change.report_before = report(results)
