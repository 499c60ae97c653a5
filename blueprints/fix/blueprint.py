"""Fix an issue: change the code, tidy and test it, guard and prove it, have it read, propose it, mend what CI finds."""

from typing import Final

from app.core.blueprint import Blueprint, agent
from app.core.budget import Budget
from app.core.world import World
from blueprints.steps.change import Change
from blueprints.steps.ci import watch
from blueprints.steps.delivery import explain
from blueprints.steps.gates import lint
from blueprints.steps.preparation import prepare
from blueprints.steps.ways import to_a_pull_request
from blueprints.steps.work import Worked, implemented


class Fix(Change):
    """A fix under way."""


@agent("Change the code", prompt="implement.md", budget=Budget(), role="implement")
async def implement(fix: Fix, world: World) -> Worked:
    """Let a minion do what the issue asks for."""
    return await implemented(fix, world)


BLUEPRINT: Final[Blueprint[Fix]] = Blueprint(
    name="fix",
    summary="Do what the issue asks for, and open a pull request",
    state=Fix,
    start=prepare,
    checks=watch,
    edges={
        prepare: {"ready": implement, "cannot": explain},
        implement: {"changed": lint, "gave up": explain},
        **to_a_pull_request(),
    },
)
