"""Answer reviewers of a pull request: do what they want, and say so under each remark."""

from typing import Final, Literal

from app.core import wording
from app.core.blueprint import END, Blueprint, agent
from app.core.budget import Budget
from app.core.world import World
from blueprints.review.answers import Answers, answers_in, listen, remarks, reply
from blueprints.steps.ci import watch
from blueprints.steps.delivery import explain, publish
from blueprints.steps.gates import lint
from blueprints.steps.preparation import prepare
from blueprints.steps.ways import to_a_pull_request
from blueprints.steps.work import implemented, issue


@agent("Do what reviewers want", prompt="respond.md", budget=Budget(), role="implement")
async def respond(change: Answers, world: World) -> Literal["changed", "answered", "gave up"]:
    """Let a minion do what was asked for, and find a sentence for each remark; some need no change."""
    outcome = await implemented(change, world, {"issue": issue(change.task), "remarks": remarks(change)})
    change.answers = answers_in(change.summary, len(change.task.remarks))
    if change.explanation == wording.nothing_changed() and any(change.answers):
        change.explanation = ""
        return "answered"
    return outcome


BLUEPRINT: Final[Blueprint[Answers]] = Blueprint(
    name="review",
    summary="Answer what reviewers said about a pull request, in the code and in their threads",
    state=Answers,
    start=listen,
    checks=watch,
    edges={
        listen: {"said": prepare, "nothing": END},
        prepare: {"ready": respond, "cannot": explain},
        respond: {"changed": lint, "answered": reply, "gave up": explain},
        **to_a_pull_request(),
        publish: reply,
        reply: {"checks": watch, "done": END},
    },
)
