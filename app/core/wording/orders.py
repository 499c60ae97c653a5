"""Answers to what runs are told by people: when there is nothing to do, or something is in the way."""

from collections.abc import Iterable
from typing import Any, Final

from app.core.blueprint import Blueprint
from app.core.neutral import code
from app.core.orders import Given, Order
from app.core.run import Run
from app.core.wording.figures import counted, dollars, duration

_DONE_TO: Final = {
    "stop": "stopped",
    "retry": "done once more",
    "fix checks": "looked after",
    "status": "told about",
    "wrap up": "wrapped up",
    "budget": "given more",
    "discard": "discarded",
}
"""What an order does to a run, by its kind."""


def order_marker(given: Given) -> str:
    """An HTML comment by which the answer to an order is found again."""
    return f"<!-- minions:order={given.id} -->"


def answer(given: Given, text: str) -> str:
    """The comment that answers an order."""
    asked = f"\n\n<sub>Asked by {code(given.requester.login)}.</sub>" if given.requester else ""
    return f"{text}{asked}\n\n{order_marker(given)}"


def nothing_there(kind: str, number: int) -> str:
    """An order for a run where there was none."""
    done = _DONE_TO.get(kind, "done")
    return (
        f"No minion has worked on #{number}, so there is nothing to be {done}. "
        f"`/minion help` says what can be asked for."
    )


def has_ended(order: Order, run: Run) -> str:
    """An order that only a run at work can heed."""
    return (
        f"Nothing is at work here: run {run.id} has ended already, so there is nothing to be {_DONE_TO[order.kind]}. "
        f"`/minion retry` begins again."
    )


def is_at_work(run: Run) -> str:
    """A run that has not ended cannot begin again."""
    return f"Run {run.id} is still at work on this. `/minion stop` ends it, `/minion status` says where it stands."


def has_result(run: Run) -> str:
    """There is a pull request: what is missing in it is said there."""
    number = run.trail.pull_request_number
    return (
        f"Run {run.id} has brought its result, #{number}. To have it changed, say what in a review or a comment there "
        f"and add `/minion fix`. To have it done anew from the start, close #{number} and comment `/minion "
        f"{run.blueprint}` here."
    )


def unknown_node(name: str, blueprint: Blueprint[Any]) -> str:
    """`/minion retry NAME` with a name that is none."""
    rows = "\n".join(f"- `/minion retry {node.name}`: {node.title}" for node in blueprint.edges)
    return f"`{blueprint.name}` has no node {code(name)}. These it has:\n\n{rows}"


def no_checks_to_fix(blueprint: str) -> str:
    """A blueprint that does not look after checks."""
    return f"`{blueprint}` does not look after checks. Comment `/minion fix` on the pull request, and say what is red."


def moved_by_others(run: Run) -> str:
    """Somebody else has pushed to our branch."""
    return (
        f"Somebody else has pushed to {code(run.trail.branch)} since, and what they did is not touched. "
        f"On a pull request, `/minion fix` works on top of it."
    )


def discarded(run: Run, *, is_branch_gone: bool) -> str:
    """What a run left is taken back."""
    number = run.trail.pull_request_number
    closed = f"#{number} is closed. " if number else ""
    branch = code(run.trail.branch)
    if not run.trail.branch:
        return f"{closed}There was no branch to be deleted."
    if is_branch_gone:
        return f"{closed}The branch {branch} is deleted; the change stays on the page of the run for a while."
    return f"{closed}The branch {branch} stays: somebody else has pushed to it."


def standing(run: Run, headline: str, page_url: str) -> str:
    """Where a run stands, in a line or two."""
    seconds = sum(visit.seconds for visit in run.visits)
    figures = f"{counted(len(run.visits), 'node')} visited, {duration(seconds)}, {dollars(run.usage.usd)}"
    more = f" · [what it reads, runs and changes]({page_url})" if page_url else ""
    return f"**{headline}** · {figures}{more}"


def listed_orders() -> Iterable[tuple[str, str]]:
    """What runs can be told, for people."""
    yield "stop", "End the run that is at work here; the change so far is kept."
    yield "status", "Say where it stands."
    yield "wrap up", "Have the minion come to an end with what it has, within a few turns."
    yield "budget +$5", "Let it use this much more."
    yield "retry [node]", "Go on where it was ended, or from the node with that name."
    yield "discard", "Close the pull request that it opened, and delete its branch."
