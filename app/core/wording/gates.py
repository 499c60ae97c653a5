"""What was tried with a change in clean trees, for the minion that mends it and for people who review it."""

from collections.abc import Sequence
from typing import Final

from app.core.coverage import ChangedCoverage
from app.core.evidence import Evidence
from app.core.neutral import code
from app.core.wording.explanations import ending
from app.core.wording.figures import counted

_MOST_NAMES: Final = 10


def named(names: Sequence[str]) -> str:
    """Some names, and how many more there are."""
    shown = ", ".join(code(name[:200]) for name in names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{shown} and {more:,} more" if more > 0 else shown


def red_in_a_clean_tree(commands: Sequence[str]) -> str:
    """What passed in the minion's tree does not pass elsewhere."""
    return (
        f"{named(commands)} passed in the tree that the change was made in, but not in a clean one with nothing but "
        f"the change in it. Something that it needs is not part of the change: a file that git ignores, or one that "
        f"was made by hand. Make it part of the change, or do without."
    )


def fails_as_before(names: Sequence[str]) -> str:
    """The tests are red, and were so before."""
    return f"These tests fail, and failed before anything was changed: {named(names)}"


def claim_failed(claim: Evidence) -> str:
    """A command that was said to show that it works does not."""
    return (
        f"The command {code(claim.command[:500])} was named as one that shows that the change works. In a clean tree "
        f"with the change in it, it {ending(claim)}. Make it true, or name only commands that succeed."
    )


def tests_not_counted() -> str:
    """No way to list the tests is known."""
    return "Whether there are as many tests as before was not told: the test commands do not list them"


def fewer_tests(before: int, now: int, gone: Sequence[str]) -> str:
    """Tests are gone."""
    return (
        f"There were {counted(before, 'test')}, and there are {now:,} with the change. These are gone: {named(gone)}. "
        f"Bring them back; if the issue asks for it, a person can allow it by `allow: tests`."
    )


def tests_hidden(gone: Sequence[str]) -> str:
    """As many tests as before, and some that nobody took out are not run any more."""
    return (
        f"These tests are not found any more, and no line of theirs was taken out: {named(gone)}. Have them found "
        f"again; if the issue asks for it, a person can allow it by `allow: tests`."
    )


def tests_counted(before: int, now: int) -> str:
    """How many tests there are, as a figure."""
    return f"{before:,} before, {now:,} now"


def edited_tests_pass_as_they_were(files: int) -> str:
    """What was edited in tests changed nothing of what they state, as a figure."""
    passes = "passes as it was, too" if files == 1 else "pass as they were, too"
    return f"{counted(files, 'edited file')} {passes}"


def seen_to_differ(*, by_tests: bool, is_mended: bool) -> str:
    """What was seen to be different with the change, as a figure."""
    if by_tests:
        return "something in them fails without the change, and passes with it"
    return "what failed before passes now" if is_mended else "a named command fails without the change"


def lines_run(told: ChangedCoverage) -> str:
    """How much of the change tests run, as a figure."""
    run = told.measured - sum(map(len, told.missing.values()))
    return f"{run:,} of {counted(told.measured, 'changed line')} run by tests ({told.per_cent:.0f} %)"


def no_test_fails_without_it(has_tests: bool, *, or_a_command: bool = False) -> str:  # noqa: FBT001 - a fact
    """Nothing shows that the change does something."""
    tests = "All tests of the change pass without it, too" if has_tests else "The change brings no test"
    else_ = ", or name a command that does so as verification" if or_a_command else ""
    return f"{tests}. Add one that fails on the code as it was, and passes now{else_}."


def claims_show_nothing(commands: Sequence[str]) -> str:
    """What was named succeeds in either case."""
    return (
        f"Named as what shows that the change works, these succeed without it, too, and so show nothing: "
        f"{named(commands)}."
    )


def test_made_to_pass(names: Sequence[str]) -> str:
    """A red test was edited instead of the code."""
    return (
        f"{named(names)} failed before the change. The code still fails it as it was written; it passes only because "
        f"the test was edited. Give the test its old contents and mend the code."
    )


def tests_rewritten(names: Sequence[str], commands: Sequence[str]) -> str:
    """Tests were edited along with what they state."""
    what = named(names) or named(commands)
    return (
        f"As they were before the change, these do not pass with its code, so they were rewritten to state something "
        f"else: {what}. See whether the issue asks for that."
    )


def lines_not_run(told: ChangedCoverage, least: float) -> str:
    """Lines of the change that no test runs; `least` per cent are wanted, if it is not 0."""
    missing = sum(map(len, told.missing.values()))
    files = list(told.missing.items())[:_MOST_NAMES]
    places = ", ".join(f"{code(path)} {', '.join(map(str, lines[:_MOST_NAMES]))}" for path, lines in files)
    wanted = f" At least {least:g} % are wanted: add tests that run them." if least else ""
    return (
        f"Tests run {told.measured - missing:,} of the {counted(told.measured, 'changed line')} that are measured "
        f"({told.per_cent:.0f} %). Not run: {places}.{wanted}"
    )
