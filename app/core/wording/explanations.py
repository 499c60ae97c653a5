"""Why a run ends without a pull request: what happened, and what a person can do next."""

from collections.abc import Sequence
from typing import Final

from app.core.evidence import Evidence
from app.core.fence import fence_for
from app.core.guards import Finding
from app.core.neutral import code, neutral, neutral_line
from app.core.purse import Held
from app.core.repo_config import PATH
from app.core.visible import visible
from app.core.wording.figures import counted, duration

_TAIL_LINES: Final = 40
_MOST_FINDINGS: Final = 20
_LONGEST_FINDING: Final = 2_000
"""Characters of a sentence: some name ten tests."""

_REASONS: Final = {
    "spec_conflict": "the issue asks for things that cannot be true together",
    "env_broken": "the environment does not work",
    "needs_human": "this needs a decision that people have to make",
    "too_big": "this is too big for one go",
    "turns": "its turns were used up",
    "tokens": "its tokens were used up",
    "dollars": "its money was used up",
    "seconds": "its time was used up",
    "wrap up": "somebody wanted it to come to an end",
    "format": "the model did not keep to the form of its tools",
    "stuck": "the model did the same again and again",
    "refused": "the model refused to work on this",
    "budget of repository": "this month's budget of the repository is used up",
    "budget of requester": "this month's budget of the person who asked is used up",
    "budget of organisation": "this month's budget of the organisation is used up",
    "budget of month": "this month's budget of this installation is used up",
    "budget of campaign": "the budget of its campaign is used up",
}
_KEPT: Final = "The change so far is kept with the run."
_WHAT_NOW: Final = {
    "dollars": f"{_KEPT} `/minion budget 5` adds five dollars and goes on with it.",
    "budget of repository": f"{_KEPT} An operator can raise `MINIONS_REPOSITORY_USD`; then, or next month, "
    f"`/minion budget 1` goes on with it.",
    "budget of requester": f"{_KEPT} An operator can raise `MINIONS_REQUESTER_USD`; then, or next month, "
    f"`/minion budget 1` goes on with it.",
    "budget of organisation": f"{_KEPT} An operator can raise `MINIONS_ORGANISATION_USD`; then, or next month, "
    f"`/minion budget 1` goes on with it.",
    "budget of month": f"{_KEPT} An operator can raise `MINIONS_MONTH_USD`; then, or next month, "
    f"`/minion budget 1` goes on with it.",
    "budget of campaign": f"{_KEPT} On the campaign's issue, `/minion budget +$5` adds five dollars, and "
    f"`/minion retry` begins again.",
}
"""By the word for why it ended; of every other one, people have to say more."""


def no_way_to_test() -> str:
    """No test command, neither said nor found."""
    return (
        f"No way to test this repository was found, and a change that nothing tests is not proposed. "
        f"Say how in `{PATH}` on the default branch, for example `test: pytest -q`; "
        f"`test: []` says that there are no tests and that this is all right."
    )


def set_up_failed(failed: Evidence, output: str) -> str:
    """The install commands do not run through."""
    return (
        f"The set-up stopped at {code(failed.command)}, which {ending(failed)}. Nothing was changed. "
        f"Say in `{PATH}` under `setup` what has to be installed; only package registries can be reached.\n\n"
        f"{output_tail(output)}"
    )


def gave_up(reason: str, detail: str) -> str:
    """The minion, or one of its bounds, ended the work."""
    because = _REASONS.get(reason, code(reason) or "no reason was given")
    now = _WHAT_NOW.get(reason, "Answer the open question in the issue, or split it in smaller ones, and ask again.")
    if reason in _WHAT_NOW:
        return " ".join(part for part in (f"The minion had to stop: {because}.", neutral(detail.strip()), now) if part)
    said = f" In its own words:\n\n{neutral(detail.strip())}\n\n" if detail.strip() else " "
    return f"The minion gave up: {because}.{said}{now}"


def budget_used_up(held: Held) -> str:
    """A run that does not begin, because nothing is left of a budget of this month."""
    reason = f"budget of {held.level}"
    if held.level == "campaign":
        return f"Nothing is begun: {_REASONS[reason]}, {held.limit_usd:.2f} US dollars."
    setting = f"MINIONS_{str(held.level).upper()}_USD"
    return (
        f"Nothing is begun: {_REASONS[reason]}, {held.limit_usd:.2f} US dollars. "
        f"Ask again next month, or when an operator has raised `{setting}`."
    )


def nothing_changed() -> str:
    """The minion said that it was done, but the tree is as it was."""
    return (
        "The minion changed nothing: perhaps the issue is solved already, or it does not say enough. "
        "Say what should be different afterwards, and ask again."
    )


def still_red(failed: Sequence[Evidence], output: str, repairs: int, *, was_red_before: bool) -> str:
    """The tests fail after every repair that was allowed."""
    commands = ", ".join(f"{code(each.command)} {ending(each)}" for each in failed)
    before = (
        f" The same tests failed before anything was changed, too: repair them first, or leave them out in `{PATH}`."
        if was_red_before
        else ""
    )
    return (
        f"The tests are still red after {counted(repairs, 'repair')}: {commands}.{before} "
        f"The change so far is kept with the run; take it from there, or say more in the issue and ask again.\n\n"
        f"{output_tail(output)}"
    )


def stopped_by_guards(findings: Sequence[Finding], *, repairs: int = 0) -> str:
    """The change may not leave the box."""
    tried = f" after {counted(repairs, 'repair')}" if repairs else ""
    return (
        f"The change was made, but guards stopped it{tried}, and nothing of it was pushed:\n\n"
        f"{found_by_gates(findings)}\n\n"
        f"The change so far is kept with the run. {_ALLOWING}"
    )


_ALLOWING: Final = (
    "Where the issue asks for just this, ask again with the word for it, such as `/minion fix allow: tests`; "
    "the words are in the documentation of `allow`."
)


def found_by_gates(findings: Sequence[Finding]) -> str:
    """A list of findings, each with its place."""
    lines = [f"- {found_here(finding)}" for finding in findings[:_MOST_FINDINGS]]
    if more := len(findings) - _MOST_FINDINGS:
        lines += [f"- … and {more} more"] if more > 0 else []
    return "\n".join(lines)


def ending(evidence: Evidence) -> str:
    """How a command ended, behind its name."""
    if evidence.timed_out:
        return f"was stopped after {duration(evidence.seconds)}"
    return f"ended with exit code {evidence.exit_code}"


def output_tail(output: str) -> str:
    """The last lines of a command's output in a fence, or nothing."""
    lines = visible(output).strip("\n").split("\n")[-_TAIL_LINES:]
    tail = "\n".join(line[:500] for line in lines)
    if not tail.strip():
        return ""
    fence = fence_for(tail)
    return f"{fence}\n{tail}\n{fence}"


def found_here(finding: Finding) -> str:
    """A finding on one line, with its place in front."""
    sentence = neutral_line(finding.sentence, limit=_LONGEST_FINDING)
    if not finding.path:
        return sentence
    return f"{code(f'{finding.path}:{finding.line}' if finding.line else finding.path)}: {sentence}"
