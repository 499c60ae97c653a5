"""Make a test steady that fails at times: reproduce it by repetition, mend it, prove it by repetition."""

from typing import Final

from app.core.blueprint import Blueprint, agent
from app.core.budget import Budget
from app.core.fence import fenced
from app.core.world import World
from blueprints.flaky.repeating import Flaky, look, repeat, reproduce
from blueprints.steps.ci import watch
from blueprints.steps.delivery import explain
from blueprints.steps.gates import lint
from blueprints.steps.preparation import prepare
from blueprints.steps.ways import to_a_pull_request
from blueprints.steps.work import Worked, implemented


@agent("Make it steady", prompt="steady.md", budget=Budget(), role="implement")
async def steady(flaky: Flaky, world: World) -> Worked:
    """Let a minion find what is not the same each time, and take it away."""
    measured = flaky.measured
    facts = {
        "measured": f"- `{flaky.repeated}`: {measured.failed} of {measured.runs} runs failed",
        "report": fenced(flaky.report, "the end of the output of the last run that failed"),
        "needed": str(measured.enough),
    }
    return await implemented(flaky, world, facts)


BLUEPRINT: Final[Blueprint[Flaky]] = Blueprint(
    name="flaky",
    summary="Make a test steady that fails at times, shown by repeating it before and after",
    state=Flaky,
    start=prepare,
    checks=watch,
    edges={
        prepare: {"ready": reproduce, "cannot": explain},
        reproduce: {"flaky": steady, "cannot": explain},
        steady: {"changed": lint, "gave up": explain},
        **to_a_pull_request(checks=(look,), proofs=(repeat,)),
    },
)
