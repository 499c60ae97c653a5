"""What is said when a run follows up somebody's pull request: its red checks, or what reviewers said."""

from collections.abc import Sequence
from typing import Final

from app.core.neutral import code, neutral
from app.core.visible import visible
from app.core.wording.figures import counted

_MOST: Final = 1_500
"""Characters of one answer."""
_MOST_NAMES: Final = 10


def only_on_pull_requests(blueprint: str) -> str:
    """It was asked for on an issue."""
    return f"{code(f'/minion {blueprint}')} is for pull requests, and this is an issue. Ask for it on the pull request."


def nothing_is_red(state: str) -> str:
    """Why there is nothing to repair; `state` as in `Verdict`."""
    why = {
        "green": "All checks of its newest commit are green",
        "never": "Nobody checks commits in this repository",
        "none": "No check of its newest commit has started",
    }
    return f"{why.get(state, 'No check of its newest commit is red')}, so there is nothing to repair."


def did_not_end(names: Sequence[str]) -> str:
    """Nothing failed so far, and not all ended in time."""
    named = ", ".join(code(name) for name in names[:_MOST_NAMES])
    return f"Nothing has failed so far, but these checks have not ended in the time there is: {named}. Ask again later."


def nothing_was_said() -> str:
    """No remark since the branch moved last."""
    return (
        "Nobody who may write here has said anything in a review since the newest commit, so there is nothing to "
        "answer. Remarks of others are not worked on: say in a review what is to be done about them."
    )


def reply_marker(marker: str, number: int) -> str:
    """By which the answer of a run to a remark is found again."""
    return marker.replace(" -->", f" answer={number} -->")


def reply(text: str, sha: str, number: int | None) -> str:
    """The answer to one remark: a sentence, and the commit. `number` is the pull request that holds it, if another."""
    said = neutral(visible(text).strip()[:_MOST])
    if not sha:
        return f"{said}\n\nNothing was changed for it."
    where = f" in #{number}" if number else ""
    return f"{said}\n\nSee {sha}{where}."


def replies(answers: Sequence[tuple[str, str]], sha: str) -> str:
    """The answers to what was said about all of a change: each (who, sentence), in one comment."""
    lines = [f"- To {code(login)}: {neutral(' '.join(visible(text).split())[:_MOST])}" for login, text in answers]
    where = f"See {sha}." if sha else "Nothing was changed for it."
    return f"What was said about all of it, {counted(len(answers), 'remark')}:\n\n" + "\n".join(lines) + f"\n\n{where}"


def done(summary: str) -> str:
    """In the place of a sentence that the minion did not give."""
    first = visible(summary).strip().partition("\n\n")[0]
    return first or "It was looked at with the rest."
