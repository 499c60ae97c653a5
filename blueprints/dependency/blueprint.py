"""Update dependencies: by the ecosystem's own tool, and by a model only what then breaks."""

from typing import Final, Literal

from app.core import wording
from app.core.blueprint import Blueprint, agent
from app.core.budget import Budget
from app.core.fence import fenced
from app.core.minion import GaveUp
from app.core.redaction import Redactor
from app.core.world import World
from blueprints.dependency.updating import Dependency, find, hold, update
from blueprints.steps.ci import watch
from blueprints.steps.delivery import explain
from blueprints.steps.gates import lint
from blueprints.steps.preparation import prepare
from blueprints.steps.ways import to_a_pull_request
from blueprints.steps.work import REPAIRS, Worked, repaired, told

_MOST_LOG: Final = 12_000
"""Characters of change logs that a minion is told, some 3,000 tokens."""


@agent(
    "Choose what is to be updated",
    prompt="choose.md",
    budget=Budget(turns=8, tokens=200_000, usd=0.2, seconds=180),
    role="implement",
    tools=("read", "search", "submit", "give_up"),
)
async def choose(change: Dependency, world: World) -> Literal["chosen", "gave up"]:
    """Let a minion say which packages are meant, where the words do not. What it says is looked up."""
    facts = told(change)
    result = await world.minion.work({name: facts[name] for name in ("issue", "instructions")})
    change.usage, change.model = change.usage + result.usage, result.model or change.model
    if isinstance(result, GaveUp):
        change.explanation = wording.gave_up(result.reason, Redactor().redact(result.detail))
        return "gave up"
    change.chosen = result.summary
    return "chosen"


@agent(
    "Adapt the code",
    prompt="repair.md",
    budget=Budget(turns=80, tokens=4_000_000, usd=3.0, seconds=1_800),
    role="implement",
    at_most=REPAIRS,
)
async def repair(change: Dependency, world: World) -> Worked:
    """Let a minion see what failed with the new version, and adapt the code."""
    log = "\n\n".join(f"{piece.title}\n\n{piece.text}" for piece in change.enclosed)[:_MOST_LOG]
    facts = {
        "updated": change.summary.partition("\n")[0],
        "changelog": fenced(log, "an excerpt of their change log") if log else "Their change log could not be had.",
    }
    return await repaired(change, world, facts, after="Adapted to it")


BLUEPRINT: Final[Blueprint[Dependency]] = Blueprint(
    name="dependency",
    summary="Update dependencies by their ecosystem's own tool, and adapt the code to what that breaks",
    state=Dependency,
    start=prepare,
    checks=watch,
    edges={
        prepare: {"ready": find, "cannot": explain},
        find: {"known": update, "unclear": choose},
        choose: {"chosen": update, "gave up": explain},
        update: {"updated": lint, "cannot": explain},
        **to_a_pull_request(checks=(hold,), repair=repair),
    },
)
