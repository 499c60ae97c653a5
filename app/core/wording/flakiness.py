"""What is said about a test that fails at times."""

from collections.abc import Sequence
from typing import Final

from app.core.neutral import code
from app.core.repetition import CONFIDENCE, Measured, at_most, seen_by_now
from app.core.repo_config import PATH
from app.core.wording.explanations import output_tail
from app.core.wording.figures import counted

_MOST: Final = 5
_PER_CENT: Final = f"{CONFIDENCE:.0%}".replace("%", " %")


def _rate(value: float) -> str:
    return f"{value:.1%}".replace("%", " %")


def which_one(tests: Sequence[str]) -> str:
    """What is repeated."""
    shown = ", ".join(code(test[:200]) for test in tests[:_MOST])
    return f"{shown} and {len(tests) - _MOST} more" if len(tests) > _MOST else shown


def nothing_to_repeat() -> str:
    """There is no test command."""
    return f"This repository says in `{PATH}` that it has no tests, so there is none that could fail at times."


def did_not_fail(command: str, runs: int) -> str:
    """It could not be reproduced."""
    return (
        f"{code(command[:300])} did not fail in {counted(runs, 'run')}. So it fails, here, in less than "
        f"{_rate(at_most(runs))} of all runs ({_PER_CENT} sure), or under conditions that there are not here: another "
        f"order, a slower machine, the network. Nothing was changed, as nothing could show that a change helps. Name "
        f"the test in the issue as its runner does, and say under what conditions it was seen to fail."
    )


def failed_each_time(command: str, runs: int, output: str) -> str:
    """It is red, not flaky."""
    return (
        f"{code(command[:300])} failed in each of {counted(runs, 'run')}, so it is not flaky but red. Ask for that "
        f"with `/minion fix`.\n\n{output_tail(output)}"
    )


def too_slow(command: str, done: int, needed: int) -> str:
    """The proof would take longer than there is time for."""
    return (
        f"To show that {code(command[:300])} does not fail any more takes {counted(needed, 'run')}, and only {done} "
        f"fit in the time there is. Name the one test in the issue, as its runner does, so that it can be run alone."
    )


def fails_still(command: str, failed_at: int, needed: int) -> str:
    """Said to a minion: it is not mended."""
    return (
        f"{code(command[:300])} failed again, in run {failed_at} of {needed} in a clean tree with the change. Find "
        f"what is still not the same each time"
    )


def slower_now(command: str, done: int, needed: int, seconds: float) -> str:
    """Said to a minion: with its change the proof does not come to an end."""
    return (
        f"{code(command[:300])} takes {seconds / done:.0f} seconds a run with the change, so that only {done} of the "
        f"{needed} runs fit in the time there is for the proof. Make it as fast as it was."
    )


def proved(command: str, before: Measured, runs: int) -> str:
    """For the pull request: how it was shown, with the formula."""
    return (
        f"{code(command[:300])} failed in {before.failed} of {counted(before.runs, 'run')} before the change, and in "
        f"none of {counted(runs, 'run')} in a clean tree with it. At the old rate (p = {_rate(before.rate)}) at least "
        f"one would have failed with a probability of 1 - (1 - p)^{runs} = {_rate(seen_by_now(before.rate, runs))}."
    )
