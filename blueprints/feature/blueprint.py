"""Build a small feature: as `fix`, but never without tests of it, and never without a word to those who may use it."""

from typing import ClassVar, Final, Literal

from app.core.blueprint import Blueprint, agent, step
from app.core.budget import Budget
from app.core.guards import Weight
from app.core.kinds import is_document
from app.core.world import World
from blueprints.steps.change import Change, NewTests
from blueprints.steps.ci import watch
from blueprints.steps.delivery import explain
from blueprints.steps.gates import checked, lint
from blueprints.steps.preparation import prepare
from blueprints.steps.ways import to_a_pull_request
from blueprints.steps.work import Worked, implemented

DOCUMENTATION: Final = "documentation"
"""The guard that sees what others use change without a word about it; elsewhere it only tells."""
_SAY_IT: Final = "Say what is new where those who use it look."


class Feature(Change):
    """A feature under way."""

    demands: ClassVar[str] = (
        "It is a feature: the change brings tests that fail without it, and where it changes what others use, the "
        "documentation says so."
    )
    new_tests: ClassVar[NewTests] = "always"


@agent("Build the feature", prompt="implement.md", budget=Budget(), role="implement")
async def implement(feature: Feature, world: World) -> Worked:
    """Let a minion build what the issue describes, or say what is not clear in it."""
    return await implemented(feature, world)


@step("See that it is documented")
async def document(feature: Feature, world: World) -> Literal["pass", "mend", "stop"]:
    """Send back what others use and nobody is told of, where the repository has documents to tell it in."""
    found = [each for each in feature.remarks if each.guard == DOCUMENTATION]
    if not any(is_document(path) for path in await world.workspace.listed()):
        return checked(feature, DOCUMENTATION, found)
    demanded = {"weight": Weight.MEND}
    mended = [each.model_copy(update=demanded | {"sentence": f"{each.sentence} {_SAY_IT}"}) for each in found]
    return checked(feature, DOCUMENTATION, mended)


BLUEPRINT: Final[Blueprint[Feature]] = Blueprint(
    name="feature",
    summary="Build a small feature that the issue describes, with its tests and documentation",
    state=Feature,
    start=prepare,
    checks=watch,
    edges={
        prepare: {"ready": implement, "cannot": explain},
        implement: {"changed": lint, "gave up": explain},
        **to_a_pull_request(checks=[document]),
    },
)
