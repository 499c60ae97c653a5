"""The pull request: what was asked, what was done, what shows that it works, and what a reviewer should look at.

Who reads it has a minute: what decides is shown, and what proves it is folded below.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pydantic import BaseModel

from app.core.enclosed import Enclosed
from app.core.evidence import Evidence, Reviews, Where
from app.core.fence import fence_for
from app.core.guards import Finding
from app.core.neutral import code, code_cell, fitted, neutral, neutral_line, neutral_plain, quoted
from app.core.patch import Patch
from app.core.task import Task
from app.core.visible import visible
from app.core.wording.explanations import found_here
from app.core.wording.figures import counted, dollars, duration, table
from app.core.wording.review import folded, review
from app.core.wording.template import filled

_MOST_ASKED: Final = 1_500
_SHORT: Final = 300
"""Characters of an issue's text that are shown at once; more of it is folded, as it stands in the issue, too."""
_MOST_DONE: Final = 8_000
_MOST_ROWS: Final = 40
_MOST_PATHS: Final = 10
_MOST_REMARKS: Final = 20
_MOST_LINES: Final = 6
"""Test commands that are shown at once."""
_HEADINGS: Final = {
    "asked": "What was asked",
    "done": "What was done",
    "evidence": "What shows that it works",
    "review": "Review by another model",
    "risks": "Risks, and what was not done",
}
_TITLE: Final = 120
"""Characters. GitHub takes 256; lists show about this many."""


class PullRequestFacts(BaseModel, frozen=True):
    """What the text of a pull request is made of. Everything that is empty is left out."""

    summary: str
    """The minion's own, in Markdown."""
    risks: str = ""
    evidence: tuple[Evidence, ...] = ()
    patch: Patch = Patch()
    guards: tuple[str, ...] = ()
    """Names of those that looked at the change and let it pass."""
    figures: Mapping[str, str] = {}
    """What gates counted or saw, by their names."""
    remarks: tuple[Finding, ...] = ()
    """What gates found that stops nothing."""
    rules: tuple[str, ...] = ()
    """Rule files of the repository that the minion was given."""
    model: str = ""
    usd: float | None = None
    """Of everything so far, reviews included."""
    repairs: int = 0
    base_branch: str = ""
    """The branch that the change is for, if it moved on since it was begun."""
    conflicts: tuple[str, ...] = ()
    """Paths in which it then came to differ in another way."""
    reviews: Reviews = Reviews()
    most_files: int = 0
    most_lines: int = 0
    """How large the change may be at most; 0 if that is not to be told."""
    template: str = ""
    """The repository's own template for pull requests."""
    enclosed: tuple[Enclosed, ...] = ()


def pull_request_title(task: Task) -> str:
    """The issue's title, on one line, naming nobody."""
    words = " ".join(neutral_plain(task.title).split()) or "What was asked for"
    return words if len(words) <= _TITLE else f"{words[: _TITLE - 1].rstrip()}…"


def pull_request_body(task: Task, facts: PullRequestFacts, *, page_url: str, marker: str) -> str:
    """The repository's own template with our sections in it, then those without a place there, then the marker."""
    sections = {
        "asked": _asked(task),
        "done": _shortened(facts.summary, _MOST_DONE) or "(The minion wrote no summary.)",
        "evidence": _evidence(facts),
        "review": review(facts.reviews),
        "risks": _shortened(facts.risks, _MOST_DONE) or "The minion named none.",
    }
    template, placed = filled(facts.template, sections)
    # Closing is ours, and on purpose: a person reads this, and merges or does not.
    closes = f"Closes #{task.number}" if task.number and not task.is_pull_request else ""
    ours = [f"### {_HEADINGS[name]}\n\n{text}" for name, text in sections.items() if text and name not in placed]
    checklist = f"### For the reviewer\n\n{_checklist(facts)}"
    record = folded("Gates, rules, models and cost", table(("What", "Figures"), _record(facts, page_url)))
    footer = f"<sub>{' · '.join(_footer(task, facts, page_url))}</sub>"
    more = [folded(each.title, _enclosed(each)) for each in facts.enclosed]
    text = fitted("\n\n".join(part for part in (template, closes, *ours, checklist, *more, record, footer) if part))
    left_open = text.count("<details>") - text.count("</details>")  # where it was cut
    return "\n\n".join([text, *["</details>"] * left_open, marker])


def _enclosed(piece: Enclosed) -> str:
    """What others wrote between fences that it cannot close: nothing in it reaches anybody."""
    shown = visible(piece.text).strip("\n")
    fence = fence_for(shown)
    return "\n\n".join(part for part in (piece.said, f"{fence}text\n{shown}\n{fence}" if shown else "") if part)


def _asked(task: Task) -> str:
    asked = f"> **{neutral_line(task.title)}**"
    if body := task.body.strip():
        shown = body if len(body) <= _MOST_ASKED else f"{body[:_MOST_ASKED].rstrip()} …"
        if len(body) <= _SHORT:
            asked += f"\n>\n{quoted(shown)}"
        else:
            asked += f"\n\n{folded('Its text, as it stood when this was asked for', quoted(shown))}"
    if task.instructions.strip():
        asked += f"\n\nwith these words:\n\n{quoted(task.instructions[:_MOST_ASKED])}"
    return asked


def _evidence(facts: PullRequestFacts) -> str:
    if not facts.evidence:
        return "Nothing was run: this repository says that it has no tests, or none were found."
    rows = [
        (each.where.value, code_cell(each.command[:200]), _exit(each), duration(each.seconds))
        for each in facts.evidence[-_MOST_ROWS:]
    ]
    all_of_it = f"{table(('When', 'Command', 'Exit code:', 'Time:'), rows)}\n\n{_box(facts)}"
    what = counted(len(facts.evidence), "command")
    shown = list(_proofs(facts.evidence))
    return "\n\n".join(filter(None, ("\n".join(shown), folded(f"What was run: {what} with exit codes", all_of_it))))


def _proofs(ran: Sequence[Evidence]) -> Iterator[str]:
    """Each test command: what it ends with now, and what it ended with before."""
    before = {each.command: each for each in ran if each.where is Where.BEFORE}
    after = [each for each in ran if each.where is Where.AFTER]
    for each in after[:_MOST_LINES]:
        was = before.get(each.command)
        earlier = f"; before the change {_told(was)}" if was else ""
        yield f"- {'✅' if each.ok else '❌'} {code(each.command[:200])}: {_told(each)}{earlier}"
    if len(after) > _MOST_LINES:
        yield f"- and {len(after) - _MOST_LINES} more"


def _box(facts: PullRequestFacts) -> str:
    """Where it was run. Only set-up has a network, and that one leads to registries."""
    proof = "an exit code is the proof, not a model's word."
    if not any(each.where is Where.SET_UP for each in facts.evidence):
        return f"Run in a box without network and without secrets; {proof}"
    return (
        f"Run in a box without secrets and, after set-up, without network; {proof} "
        f"The set-up could reach package registries only."
    )


def _told(evidence: Evidence) -> str:
    return "timed out" if evidence.timed_out else f"exit code {evidence.exit_code}"


def _exit(evidence: Evidence) -> str:
    return "timed out" if evidence.timed_out else str(evidence.exit_code)


def _size(patch: Patch) -> str:
    return f"{counted(len(patch.files), 'file')}, +{patch.added:,} -{patch.deleted:,}"


def _checklist(facts: PullRequestFacts) -> str:
    lines = [
        "It does what was asked, and nothing else",
        "The tests would fail without the change",
        f"Every changed file was read ({_size(facts.patch)})" if facts.patch.files else "Every changed file was read",
    ]
    if facts.repairs:
        repairs = "The repair" if facts.repairs == 1 else f"Each of the {facts.repairs} repairs"
        lines.append(f"{repairs} after red tests mended the code rather than the tests")
    if facts.reviews.open:
        lines.append("What the review left open was decided on")
    if facts.base_branch:
        lines.append(_moved_on(facts))
    lines += [found_here(remark) for remark in facts.remarks[:_MOST_REMARKS]]
    if len(facts.remarks) > _MOST_REMARKS:
        lines.append(f"… and {len(facts.remarks) - _MOST_REMARKS:,} more of the kind")
    return "\n".join(f"- [ ] {line}" for line in lines)


def _moved_on(facts: PullRequestFacts) -> str:
    branch, paths = code(facts.base_branch), facts.conflicts
    if not paths:
        return f"It fits {branch}, which moved on meanwhile: git merges both, but nobody tested them together"
    named = ", ".join(code(path) for path in paths[:_MOST_PATHS])
    more = f" and {len(paths) - _MOST_PATHS:,} more" if len(paths) > _MOST_PATHS else ""
    return f"Its conflicts with {branch}, which moved on meanwhile, were solved: {named}{more}"


def _record(facts: PullRequestFacts, page_url: str) -> Iterator[tuple[str, str]]:
    """Everything that was looked at and used, a row for each kind."""
    tests = [each for each in facts.evidence if each.where is Where.AFTER]
    if tests:
        green = sum(each.ok for each in tests)
        after = f", after {counted(facts.repairs, 'repair')}" if facts.repairs else ""
        yield "Tests", f"{green} of {counted(len(tests), 'command')} ended with 0{after}"
    if facts.guards:
        yield "Guards", f"{len(facts.guards)} let it pass: {', '.join(neutral_line(name) for name in facts.guards)}"
    for gate, figure in facts.figures.items():
        yield neutral_line(gate).capitalize(), neutral_line(figure)
    if facts.patch.files:
        most = f" (at most {facts.most_files} files, {facts.most_lines:,} lines)" if facts.most_files else ""
        yield "Size", f"{_size(facts.patch)}{most}"
    if facts.reviews.newest:
        back = f", sent back {counted(facts.reviews.sent_back, 'time')}" if facts.reviews.sent_back else ""
        yield "Review", f"{counted(len(facts.reviews.newest.findings), 'finding')}{back}"
    if facts.rules:
        yield "Rules applied", ", ".join(code_cell(rule) for rule in facts.rules)
    if facts.model:
        by = f"; review {code_cell(facts.reviews.newest.model)}" if facts.reviews.newest else ""
        yield "Models", f"change {code_cell(facts.model)}{by}"
    if facts.usd is not None:
        part = f", of which review {dollars(facts.reviews.usage.usd)}" if facts.reviews.usage.turns else ""
        yield "Cost so far", f"{dollars(facts.usd)}{part}"
    if page_url:
        yield "Signed statement", f"[of all this]({page_url}/statement); `minions verify` checks it"


def _footer(task: Task, facts: PullRequestFacts, page_url: str) -> Iterator[str]:
    yield f"Asked by {code(task.requester.login)}"
    if facts.model:
        yield f"model {code(facts.model)}"
    if facts.usd is not None:
        yield f"cost {dollars(facts.usd)}"
    if page_url:
        yield f"[everything that was read, run and changed]({page_url})"


def _shortened(text: str, limit: int) -> str:
    text = text.strip()
    return neutral(text if len(text) <= limit else f"{text[:limit].rstrip()} …")
