"""The pull request: what was asked, what was done, what shows that it works, and what a reviewer should look at."""

from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel

from app.core.evidence import Evidence, Where
from app.core.neutral import code, code_cell, fitted, neutral, neutral_line, neutral_plain, quoted
from app.core.patch import Patch
from app.core.task import Task
from app.core.wording.explanations import found_here
from app.core.wording.figures import counted, dollars, duration, table
from app.core.wording.template import filled
from app.core.world import Finding

_MOST_ASKED: Final = 1_500
_MOST_DONE: Final = 8_000
_MOST_ROWS: Final = 40
_MOST_PATHS: Final = 10
_MOST_REMARKS: Final = 20
_HEADINGS: Final = {
    "asked": "What was asked",
    "done": "What was done",
    "evidence": "What shows that it works",
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
    remarks: tuple[Finding, ...] = ()
    """What gates found that stops nothing."""
    rules: tuple[str, ...] = ()
    """Rule files of the repository that the minion was given."""
    model: str = ""
    usd: float | None = None
    repairs: int = 0
    base_branch: str = ""
    """The branch that the change is for, if it moved on since it was begun."""
    conflicts: tuple[str, ...] = ()
    """Paths in which it then came to differ in another way."""
    template: str = ""
    """The repository's own template for pull requests."""


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
        "risks": _shortened(facts.risks, _MOST_DONE) or "The minion named none.",
    }
    template, placed = filled(facts.template, sections)
    # Closing is ours, and on purpose: a person reads this, and merges or does not.
    closes = f"Closes #{task.number}" if task.number and not task.is_pull_request else ""
    ours = [f"### {_HEADINGS[name]}\n\n{text}" for name, text in sections.items() if name not in placed]
    review = f"### For the reviewer\n\n{_checklist(facts)}"
    footer = f"<sub>{' · '.join(_footer(task, facts, page_url))}</sub>"
    text = "\n\n".join(part for part in (template, closes, *ours, review, footer) if part)
    return f"{fitted(text)}\n\n{marker}"


def _asked(task: Task) -> str:
    asked = f"> **{neutral_line(task.title)}**"
    if body := task.body.strip():
        shown = body if len(body) <= _MOST_ASKED else f"{body[:_MOST_ASKED].rstrip()} …"
        asked += f"\n>\n{quoted(shown)}"
    if task.instructions.strip():
        asked += f"\n\nwith these words:\n\n{quoted(task.instructions[:_MOST_ASKED])}"
    return asked


def _evidence(facts: PullRequestFacts) -> str:
    if not facts.evidence:
        return "Nothing was run: this repository says that it has no tests."
    rows = [
        (each.where.value, code_cell(each.command[:200]), _exit(each), duration(each.seconds))
        for each in facts.evidence[-_MOST_ROWS:]
    ]
    return f"{table(('When', 'Command', 'Exit code:', 'Time:'), rows)}\n\n{_box(facts)}"


def _box(facts: PullRequestFacts) -> str:
    """Where it was run. Only set-up has a network, and that one leads to registries."""
    proof = "an exit code is the proof, not a model's word."
    if not any(each.where is Where.SET_UP for each in facts.evidence):
        return f"Run in a box without network and without secrets; {proof}"
    return (
        f"Run in a box without secrets and, after set-up, without network; {proof} "
        f"The set-up could reach package registries only."
    )


def _exit(evidence: Evidence) -> str:
    return "timed out" if evidence.timed_out else str(evidence.exit_code)


def _checklist(facts: PullRequestFacts) -> str:
    patch = facts.patch
    size = f"{counted(len(patch.files), 'file')}, +{patch.added:,} -{patch.deleted:,}"
    lines = [
        "It does what was asked, and nothing else",
        "The tests would fail without the change",
        f"Every changed file was read ({size})" if patch.files else "Every changed file was read",
    ]
    if facts.repairs:
        repairs = "The repair" if facts.repairs == 1 else f"Each of the {facts.repairs} repairs"
        lines.append(f"{repairs} after red tests mended the code rather than the tests")
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


def _footer(task: Task, facts: PullRequestFacts, page_url: str) -> Iterator[str]:
    yield f"Asked by {code(task.requester.login)}"
    if facts.guards:
        yield f"guards passed: {', '.join(neutral_line(name) for name in facts.guards)}"
    if facts.rules:
        yield f"rules applied: {', '.join(code(rule) for rule in facts.rules)}"
    if facts.model:
        yield f"model {code(facts.model)}"
    if facts.usd is not None:
        yield f"cost {dollars(facts.usd)}"
    if page_url:
        yield f"[everything that was read, run and changed]({page_url})"


def _shortened(text: str, limit: int) -> str:
    text = text.strip()
    return neutral(text if len(text) <= limit else f"{text[:limit].rstrip()} …")
