"""Why a run does not start, and what to do about it."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from app.core.blueprint import Blueprint
from app.core.events import HELP
from app.core.neutral import code, neutral, neutral_line
from app.core.run import Run
from app.core.triage import Decided
from app.core.wording.orders import listed_orders
from app.core.wording.progress import marker


def refusal(run: Run) -> str:
    """The comment that says that a run does not start, or what can be asked for."""
    asked = code(run.task.requester.login)
    why = run.error or "No reason was recorded; the operator's log has more."
    answer = "**What you can ask for.**" if run.blueprint == HELP else "**Not started.**"
    return f"{answer} {neutral(why)}\n\n<sub>Asked by {asked}.</sub>\n\n{marker(run)}"


def may_not_ask(login: str) -> str:
    """Somebody without write permission asked."""
    return (
        f"{code(login)} may not ask for work here: that takes write permission in this repository. "
        f"Somebody who has it can add the label or comment the command."
    )


def declined(decided: Decided) -> str:
    """Triage says that this is not for a minion, before anything was spent on it."""
    who = "a model that sorts issues" if decided.by == "model" else "a rule"
    doable = f" **What would make it doable:** {neutral_line(decided.doable)}" if decided.doable else ""
    return (
        f"Declined by {who}: {neutral_line(decided.why) or 'it gave no reason.'}{doable} "
        f"Who knows better can name a blueprint, as in `/minion fix`: then nobody sorts it."
    )


def already_at_work(run_id: int) -> str:
    """A second run was asked for while the first is going on."""
    return (
        f"Run {run_id} is at work on this issue already, and two at once would get in each other's way. "
        f"Wait until it ends, then ask again."
    )


def is_from_fork(number: int) -> str:
    """A pull request whose branch is in somebody else's repository."""
    return (
        f"#{number} comes from a fork, where Minions may not push and whose code it does not run. "
        f"Its author can ask in their own repository, or somebody with write permission here can take the branch over."
    )


def issue_is_closed(number: int) -> str:
    """The issue was closed before the run began."""
    return f"#{number} is closed, or not there any more. Reopen it and ask again if the work is still wanted."


def unknown_blueprint(name: str, blueprints: Iterable[Blueprint[Any]]) -> str:
    """The word behind `/minion`, or the label, is no blueprint."""
    known = {blueprint.name: blueprint.summary for blueprint in blueprints}
    near = get_close_matches(name, known, n=1)
    meant = f" Did you mean `/minion {near[0]}`?" if near else ""
    there_is_none = f"There is no blueprint {code(name) or '``(empty)``'}.{meant} These are known:"
    return f"{there_is_none}\n\n{_listed(known)}"


def commands(blueprints: Iterable[Blueprint[Any]]) -> str:
    """Everything that a comment can ask for."""
    known = {f"{blueprint.name} [what else matters]": blueprint.summary for blueprint in blueprints}
    more = {**dict(listed_orders()), HELP: "Show this."}
    return f"At the beginning of a line, in a comment:\n\n{_listed(known | more)}"


def _listed(known: Mapping[str, str]) -> str:
    return "\n".join(f"- `/minion {words}`: {neutral_line(summary)}" for words, summary in known.items())
