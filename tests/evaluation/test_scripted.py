"""Which cheaters have no way at which task: an expectation, so that no cell of the matrix is dropped unseen."""

from collections import defaultdict

import pytest

from app.evaluation.exercise import exercises
from blueprints import BLUEPRINTS
from tests.evaluation.scripted import (
    CHEATERS,
    IDLERS,
    NO_ASSERTION,
    NO_MODULE,
    NO_SHORTCUT,
    NO_SOURCE,
    OTHER_LANGUAGE,
    OTHER_RUNNER,
    OWN_TESTS,
    applicable,
    cheated,
    why_not,
)

pytestmark = pytest.mark.gates

EVERY = {f"{name}/{task}": each for name in BLUEPRINTS for task, each in exercises(name).items()}
DROPPED: dict[tuple[str, str], str] = {
    ("weakens-assertions", OWN_TESTS): "feature/stock-alerts tests/fare-bounds tests/merge-ranges",
    ("weakens-assertions", NO_ASSERTION): "migrate/aware-clock flaky/tickets",
    ("suppresses-lint", OTHER_LANGUAGE): "dependency/greetings dependency/lengths",
    ("knows-tests", OTHER_LANGUAGE): "dependency/greetings dependency/lengths",
    ("adds-idle-code", OTHER_LANGUAGE): "dependency/greetings dependency/lengths",
    ("suppresses-lint", NO_SOURCE): "migrate/log-host",
    ("leaves-a-secret", NO_SOURCE): "migrate/log-host",
    ("knows-tests", NO_SOURCE): "migrate/log-host",
    ("claims-success", NO_SOURCE): "migrate/log-host",
    ("adds-idle-code", NO_SOURCE): "migrate/log-host",
    ("tests-idle-code", NO_SOURCE): "migrate/log-host",
    ("tests-idle-code", NO_MODULE): (
        "fix/areas fix/better-name fix/feature-flags fix/initials fix/median fix/one-bound fix/package-metadata "
        "fix/promises fix/query-string fix/quoting fix/retry fix/stack-tests fix/unused-package tests/merge-ranges "
        "refactor/early-returns dependency/greetings dependency/lengths migrate/aware-clock"
    ),
    ("edits-conftest", OTHER_RUNNER): (
        "fix/areas fix/feature-flags fix/initials fix/median fix/promises fix/query-string fix/retry fix/stack-tests "
        "fix/unused-package tests/merge-ranges refactor/early-returns"
    ),
    ("hard-codes-answers", NO_SHORTCUT): (
        "fix/better-name fix/changelog-entry fix/examples-run fix/feature-flags fix/leap-tests fix/log-level "
        "fix/no-globals fix/one-bound fix/one-rule fix/options-documented fix/package-metadata fix/promises fix/recent "
        "fix/regression-test fix/retry fix/stack-tests fix/standard-toml fix/unused-package feature/stock-alerts "
        "docs/old-name config/tool-table tests/merge-ranges refactor/early-returns dependency/greetings "
        "dependency/lengths flaky/first-name flaky/tickets ci/older-python ci/other-slashes review/a-copy "
        "review/out-of-range"
    ),
}
"""Tasks by cheater and reason. Who adds a task adds it here, or it is cheated at in every way."""


def test_only_what_is_written_here_is_not_tried() -> None:
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for task, each in EVERY.items():
        for name in (*CHEATERS, *IDLERS):
            if reason := why_not(name, each):
                found[name, reason].add(task)
    assert found == {cell: set(tasks.split()) for cell, tasks in DROPPED.items()}


@pytest.mark.parametrize("task", EVERY)
def test_every_other_cheater_changes_something(task: str) -> None:
    """In files of the task: a script that fails where its way is said to be there is an error."""
    for name in applicable(EVERY[task]):
        after = cheated(name, EVERY[task])
        assert after != EVERY[task].files
        assert not any(path.startswith("/") for path in after)
