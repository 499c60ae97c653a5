"""What a pull request says of the review by a second model: what it found, what was seen to fail, what came of it."""

from collections.abc import Iterator
from typing import Final

from app.core.evidence import Reviews
from app.core.neutral import code, neutral, neutral_line
from app.core.reviewer import Review, ReviewFinding
from app.core.wording.figures import counted

_NONE: Final = {
    "no reviewer": "this installation has no model for it",
    "no model": "the operator wants none",
    "turns": "its turns were used up",
    "tokens": "its tokens were used up",
    "dollars": "its money was used up",
    "seconds": "its time was used up",
    "format": "the model did not keep to the form of its tools",
    "failed": "it could not be carried out",
}
_MOST: Final = 1_500
"""Characters of one piece of evidence."""


def no_review(reason: str, detail: str) -> str:
    """Why nobody but people reads the change; `reason` is a word of `GaveUp`."""
    said = f" {neutral_line(detail, 300)}" if detail.strip() and reason not in {"no reviewer", "no model"} else ""
    return f"There was no review by a second model: {_NONE.get(reason, 'it gave up')}.{said}"


def review(reviews: Reviews) -> str:
    """The section about the review; empty if none was due."""
    if reviews.newest is None:
        return reviews.why_none and f"{reviews.why_none} Read it all the more carefully."
    parts = [_came_to(reviews.newest, reviews), *(_line(one) for one in reviews.newest.findings)]
    text = "\n".join(parts[:1]) + ("\n\n" + "\n".join(parts[1:]) if parts[1:] else "")
    settled = "\n".join(_settled(one) for one in reviews.settled)
    disputed = reviews.disputed and f"The minion did not mend it. {reviews.disputed}"
    return "\n\n".join(part for part in (text, settled, disputed, _details(reviews.newest)) if part)


def _came_to(newest: Review, reviews: Reviews) -> str:
    reader = f"A reader that did not know how the change was made ({code(newest.model) or 'a model'})"
    if not newest.findings:
        return f"{reader} found nothing to say."
    blockers = sum(one.severity == "blocker" for one in newest.findings)
    shown = sum(one.severity == "blocker" and one.is_reproduced for one in newest.findings)
    which = "no blocker"
    if blockers:
        which = f"{counted(blockers, 'blocker')}, of which {shown} {'was' if shown == 1 else 'were'} seen to fail"
    found = f"{reader} noted {counted(len(newest.findings), 'thing')}, {which}."
    return f"{found} **Something is open that should be decided before this is merged.**" if reviews.open else found


def _line(finding: ReviewFinding) -> str:
    return f"- **{finding.severity}** at {_place(finding)}: {neutral_line(finding.claim, 400)}{_seen(finding)}"


def _seen(finding: ReviewFinding) -> str:
    if finding.severity != "blocker":
        return ""
    if finding.exit_code is None:
        return " (not shown by a command)"
    return f" ({code(_short(finding.reproduction))} ends with exit code {finding.exit_code})"


def _settled(finding: ReviewFinding) -> str:
    """A blocker of an earlier change, and what its command says of this one."""
    what = f"A blocker was sent back to the minion: {neutral_line(finding.claim, 400)}"
    if finding.exit_code is None:
        return f"- ❔ {what} Its command was not run again."
    if finding.exit_code == 0:
        return f"- ✅ {what} Its command ends with exit code 0 now."
    return f"- ❌ {what} Its command still ends with exit code {finding.exit_code}."


def _details(newest: Review) -> str:
    parts = [f"What it looked at: {neutral(newest.summary.strip())}" if newest.summary.strip() else ""]
    parts += ["\n\n".join(_evidence(one)) for one in newest.findings]
    text = "\n\n".join(part for part in parts if part)
    return folded("What the reader looked at, and what it saw", text) if text else ""


def _evidence(finding: ReviewFinding) -> Iterator[str]:
    yield f"**{finding.severity}** at {_place(finding)}"
    yield neutral(finding.evidence.strip()[:_MOST])
    if finding.reproduction.strip():
        yield f"To see it: {code(finding.reproduction[:_MOST])}"
    if finding.suggestion.strip():
        yield f"It suggests: {neutral(finding.suggestion.strip())}"


def folded(title: str, text: str) -> str:
    """`text` below a line that people open. `title` is ours."""
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def _place(finding: ReviewFinding) -> str:
    return code(f"{finding.path}:{finding.line}" if finding.line else finding.path)


def _short(command: str) -> str:
    first, *more = command.strip().split("\n")
    return f"{first[:100]} …" if more or len(first) > 100 else first
