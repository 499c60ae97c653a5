"""How far a run is: the one comment that is edited in place, and the check run with a row a node."""

from collections.abc import Iterator
from datetime import UTC
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from app.core.blueprint import Blueprint, Kind, Node
from app.core.drawing import mermaid
from app.core.forge import Annotation, Button, Check
from app.core.neutral import code, fitted, neutral, neutral_line
from app.core.run import Run, Status, Visit
from app.core.wording.checks import HEADLINES
from app.core.wording.figures import counted, dollars, duration, table
from app.core.wording.reviews import in_line, waits_for_reviews

Conclusion = Literal["success", "failure", "neutral", "cancelled", "timed_out", ""]

_KINDS: Final = {Kind.STEP: "⚙️ step", Kind.AGENT: "🤖 agent"}
_ANNOTATIONS: Final = TypeAdapter(tuple[Annotation, ...])
_CHECK: Final = "minions-run-"
_BUTTONS: Final = {
    "retry": Button(label="Retry", description="Go on where it ended, or begin anew", identifier="retry"),
    "fix checks": Button(label="Fix CI", description="See to the checks once more", identifier="fix checks"),
    "discard": Button(label="Discard", description="Close pull request, delete branch", identifier="discard"),
}
"""The identifiers are kinds of orders."""
_ONGOING: Final = {Status.QUEUED: "⏳ Queued", Status.RUNNING: "🏃 At work", Status.WAITING: "⏸️ Waiting"}


def marker(run: Run) -> str:
    """An HTML comment by which everything that the run wrote on GitHub is found again; people do not see it."""
    return f"<!-- minions:run={run.id} -->"


def external_id(run: Run) -> str:
    """By which our check runs of a run are found again, on whatever commit."""
    return f"{_CHECK}{run.id}"


def run_of_check(external_id: str) -> int | None:
    """The run whose check run this is; None if it is not one of ours."""
    number = external_id.removeprefix(_CHECK)
    return int(number) if number != external_id and number.isascii() and number.isdigit() and len(number) < 19 else None


def comment(run: Run, blueprint: Blueprint[Any], page_url: str) -> str:
    """The one comment on the issue: where the run stands, and what it came to."""
    parts = [
        f"**{headline(run, blueprint)}** · `{blueprint.name}`, asked by {code(run.task.requester.login)}",
        _story(run),
        _edited(run),
        _chosen(run),
        _expected(run),
        _links(run, page_url),
        f"<details><summary>{_figures(run)}</summary>\n\n```mermaid\n{mermaid(blueprint, run)}\n```\n\n</details>",
    ]
    text = "\n\n".join(part for part in parts if part)
    return f"{fitted(text)}\n\n{marker(run)}"


def check(run: Run, blueprint: Blueprint[Any], page_url: str) -> Check:
    """The check run: every node of the blueprint from the first second, with figures where it was visited."""
    status: Literal["queued", "in_progress", "completed"] = "in_progress"
    if run.status.has_ended:
        status = "completed"
    elif run.status is Status.QUEUED:
        status = "queued"
    rows = table(("Node", "Kind", "Outcome", "Time:", "Cost:"), _rows(run, blueprint))
    parts = [_story(run), _edited(run), rows, _links(run, page_url), _figures(run)]
    return Check(
        name=f"minions / {blueprint.name}",
        external_id=external_id(run),
        status=status,
        conclusion=_conclusion(run),
        details_url=page_url,
        title=headline(run, blueprint)[:250],
        summary=fitted("\n\n".join(part for part in parts if part)),
        text=str(run.state.get("details", "")) if run.status.has_ended else "",
        buttons=_buttons(run),
        annotations=_annotations(run),
    )


def moved(check: Check, sha: str) -> Check:
    """The check run of a commit that was replaced: closed, and saying where its successor is."""
    sentence = f"The branch moved on: this is carried on at {sha[:10]}."
    return check.model_copy(
        update={
            "status": "completed",
            "conclusion": "neutral",
            "title": "Carried on at the next commit",
            "summary": sentence,
            "text": "",
            "buttons": (),
            "annotations": (),
        }
    )


def _annotations(run: Run) -> tuple[Annotation, ...]:
    """If they are all that there will be: GitHub adds to them, and takes none away."""
    return _ANNOTATIONS.validate_python(run.state.get("annotations", ()) if run.status.has_ended else ())


def _buttons(run: Run) -> tuple[Button, ...]:
    """What can be done with a run that has ended. GitHub shows them only then, and three at most."""
    if not run.status.has_ended or run.status is Status.REFUSED:
        return ()
    if run.trail.pull_request_number:
        return (_BUTTONS["fix checks"], _BUTTONS["discard"])
    return (_BUTTONS["retry"], _BUTTONS["discard"])


def headline(run: Run, blueprint: Blueprint[Any]) -> str:
    """Where a run stands, in a few words."""
    match run.status:
        case Status.DONE if run.trail.pull_request_number:
            return HEADLINES[run.trail.checks].format(number=run.trail.pull_request_number)
        case Status.DONE:
            return "🟡 Ended without a pull request"
        case Status.FAILED:
            return f"❌ Failed at “{_title(run, blueprint)}”"
        case Status.STOPPED:
            return f"⏹️ Stopped at “{_title(run, blueprint)}”"
        case Status.REFUSED:
            return "🚫 Not started"
        case _:
            turn = run.trail.turn if run.status is Status.QUEUED else None
            return f"⏳ {in_line(turn)}" if turn else f"{_ONGOING[run.status]}: {_title(run, blueprint)}"


def _title(run: Run, blueprint: Blueprint[Any]) -> str:
    return next((node.title for node in blueprint.edges if node.name == run.at), run.at)


def _story(run: Run) -> str:
    if run.status is Status.QUEUED and run.trail.turn and not run.tries:
        return waits_for_reviews(run.trail.turn)
    if run.status is Status.WAITING and run.wait:
        return f"Waiting for {neutral_line(run.wait.what)}, until {run.wait.deadline:%Y-%m-%d %H:%M %Z} at the latest."
    if run.status.has_ended and run.error:
        kept = (
            " The change so far is kept on the run's page."
            if run.status in {Status.FAILED, Status.STOPPED} and run.visits
            else ""
        )
        return f"{neutral(run.error)}{kept}"
    if run.tries and not run.status.has_ended:
        why = neutral(run.error) or "Something outside does not answer."
        tried = f"Tried {counted(run.tries, 'time')} so far; it is tried again for an hour or so."
        return f"{why} {tried}"
    return ""


def _edited(run: Run) -> str:
    """That the issue does not say any more what this goes by."""
    if run.edited_at is None:
        return ""
    return (
        f"The issue was edited at {run.edited_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC, after this was asked for: it "
        f"goes by the words from before. Whoever wants the new ones asks again when it has ended, or after "
        f"`/minion stop`."
    )


def _chosen(run: Run) -> str:
    """Why it is this blueprint, if nobody named it and somebody looked."""
    decided = run.terms.triage
    if decided is None or (decided.by == "nobody" and not decided.why):
        return ""
    sure = f", {100 * decided.sure:.0f} % sure" if decided.by == "model" else ""
    why = f": {neutral_line(decided.why)}" if decided.why else "."
    return f"Nobody named a blueprint; `{run.blueprint}` was chosen{sure}{why}"


def _expected(run: Run) -> str:
    """What it is likely to cost, as long as nobody knows what it does."""
    estimate = run.terms.estimate
    if estimate is None or run.status.has_ended:
        return ""
    return (
        f"Likely to cost {dollars(estimate.usd)}: the median of the last {estimate.runs} runs of `{run.blueprint}` "
        f"here; the dearest did {dollars(estimate.most_usd)}."
    )


def _links(run: Run, page_url: str) -> str:
    what = "What it read, ran and changed" if run.status.has_ended else "What it reads, runs and changes"
    links = [f"[{what}]({page_url})"] if page_url else []
    if run.trail.branch:
        links.append(f"branch `{run.trail.branch}`")
    if run.trail.pull_request_number:
        links.append(f"pull request #{run.trail.pull_request_number}")
    return " · ".join(links)


def _figures(run: Run) -> str:
    seconds = sum(visit.seconds for visit in run.visits)
    return f"{counted(len(run.visits), 'node')} visited, {duration(seconds)}, {dollars(run.usage.usd)}"


def _conclusion(run: Run) -> Conclusion:
    match run.status:
        case Status.DONE:
            # A red check is red by itself. Ours is no gate: it says that people have to go on.
            is_well = run.trail.pull_request_number and run.trail.checks in {"", "green", "none", "unreadable"}
            return "success" if is_well else "neutral"
        case Status.FAILED:
            return "failure"
        case Status.STOPPED:
            return "cancelled"
        case Status.REFUSED:
            return "neutral"
        case _:
            return ""


def _rows(run: Run, blueprint: Blueprint[Any]) -> Iterator[tuple[str, ...]]:
    for node in blueprint.edges:
        visits = [visit for visit in run.visits if visit.node == node.name]
        is_agent = node.kind is Kind.AGENT
        usd = sum(visit.usage.usd for visit in visits)
        yield (
            neutral_line(node.title),
            _KINDS[node.kind],
            _outcome(run, node, visits),
            duration(sum(visit.seconds for visit in visits)) if visits else "",
            dollars(usd) if visits and is_agent else "",
        )


def _outcome(run: Run, node: Node[Any], visits: list[Visit]) -> str:
    if run.at == node.name and not run.status.has_ended:
        again = f", time {len(visits) + 1}" if visits else ""
        return f"{_ONGOING[run.status].lower()}{again}"
    if run.at == node.name and run.status is Status.FAILED:
        return "❌ failed"
    if run.at == node.name and run.status is Status.STOPPED:
        return "⏹️ stopped"
    if not visits:
        return "not needed" if run.status is Status.DONE else "" if run.status.has_ended else "ahead"
    said = [neutral_line(visit.outcome) or "done" for visit in visits]
    if len(set(said)) == 1:
        return f"✔️ {_times(said[0], len(said))}"
    earlier = [_times(word, said[:-1].count(word)) for word in dict.fromkeys(said[:-1])]
    return f"✔️ {said[-1]}, before that {', '.join(earlier)}"


def _times(word: str, number: int) -> str:
    return f"{word} ({number} times)" if number > 1 else word
