# ruff: noqa: E501 - a case is a line
"""What tasks allow, what they are about, which files are tests, and how tests are listed."""

import pytest

from app.core.allowances import ALLOWANCES, allowed
from app.core.collection import listing, narrowed, stands_alone
from app.core.defects import is_about_a_defect, is_about_something_new
from app.core.errors import ConfigError
from app.core.kinds import is_document, is_snapshot, is_source, is_test
from app.core.repo_config import RepoConfig
from app.core.task import Task
from tests.tasks import ANN, task


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (task(instructions="allow: tests"), {"tests"}),
        (task(instructions="only the parser, allow: tests, Locks and no more"), {"tests", "locks"}),
        (task(instructions="ALLOW: everything, secrets"), set()),
        (task(instructions="disallow: tests"), set()),
        (task(instructions="allow:tests"), {"tests"}),
        (task(body="Please.\n\nallow: tests\n", author=ANN), {"tests"}),
        (task(body="Please allow: tests\n", author=ANN), set()),
        (task(body="    allow: tests\n", author=ANN), set()),
        (task(body="> allow: tests\n", author=ANN), set()),
        (task(body="allow: tests"), set()),
        (task(body="allow: tests", author=None), set()),
        (task(title="allow: tests"), set()),
    ],
)  # fmt: skip
def test_only_who_asks_allows(asked: Task, words: set[str]) -> None:
    assert allowed(asked) == words


@pytest.mark.parametrize("word", ALLOWANCES)
def test_a_repository_may_allow_each(word: str) -> None:
    assert RepoConfig.parse({"allow": word}).allow == (word,)


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"allow": ["secrets"]}, "must be one of `tests`"),
        ({"rewritten_tests": "maybe"}, "must be `report` or `stop`"),
        ({"tests_for_bugs": "no"}, "must be `true` or `false`"),
        ({"tests_for_features": 1}, "must be `true` or `false`"),
        ({"max_suppressions": -1}, "must be at least 0"),
        ({"min_changed_coverage": 101}, "must be at most 100"),
        ({"licences": [1]}, "must be"),
    ],
)
def test_what_a_repository_says_wrong_is_told(said: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        RepoConfig.parse(said)


@pytest.mark.parametrize(
    ("title", "body", "expected"),
    [
        ("Greeting forgets the name", "", True),
        ("TypeError when the list is empty", "", True),
        ("Slugs", "Traceback (most recent call last):\n", True),
        ("Dates", "### Steps to reproduce\n1. …", True),
        ("Fix typo in README", "", False),
        ("Fix the flaky test", "", False),
        ("Add a flag for colours", "", False),
        ("Prefix each line", "", False),
    ],
)
def test_defects_are_told_by_their_words(title: str, body: str, expected: bool) -> None:  # noqa: FBT001 - a table
    assert is_about_a_defect(task(title, body)) is expected
    assert not is_about_a_defect(task(title, body, is_pull_request=True))


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Add a flag for colours", True),
        ("Let `--level` be a setting", True),
        ("Please support TOML", True),
        ("Let it not crash: fix the TypeError", False),
        ("Add type hints", False),
        ("Add tests for colours", False),
        ("Make it faster", False),
        ("Refactor the counters", False),
        ("Use tomllib", False),
    ],
)
def test_what_is_new_is_told_by_the_title(title: str, expected: bool) -> None:  # noqa: FBT001 - a table
    assert is_about_something_new(task(title)) is expected
    assert not is_about_something_new(task(title, is_pull_request=True))


@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        ("src/shop.py", "source"),
        ("contest.py", "source"),
        ("src/latest/a.py", "source"),
        ("test_shop.py", "test"),
        ("shop_test.go", "test"),
        ("tests/data/a.json", "test"),
        ("src/a.spec.tsx", "test"),
        ("src/__tests__/a.js", "test"),
        ("ShopTest.java", "test"),
        ("conftest.py", "test"),
        ("a/__snapshots__/b.snap", "snapshot test"),
        ("tests/a.ambr", "snapshot test"),
        ("README.md", "document"),
        ("docs/conf.py", "source document"),
        ("requirements.txt", ""),
        ("Makefile", ""),
    ],
)
def test_files_are_told_by_their_names(path: str, kinds: str) -> None:
    told = {"source": is_source, "snapshot": is_snapshot, "test": is_test, "document": is_document}
    assert {kind for kind, is_it in told.items() if is_it(path)} == set(kinds.split())


@pytest.mark.parametrize(
    ("command", "lists", "output", "names"),
    [
        (".venv/bin/python -m pytest -q", ".venv/bin/python -m pytest --collect-only -q -p no:cacheprovider", "tests/a.py::test_x[1 2]\n\n1 test collected in 0.1s\n", {"tests/a.py::test_x[1 2]"}),
        ("go test ./...", "go test -list . ./...", "TestA\nExampleB\nok  \tx\t0.1s\n", {"TestA", "ExampleB"}),
        ("cargo test --offline", "cargo test --offline -- --list", "a::b: test\nc: benchmark\n", {"a::b"}),
    ],
)  # fmt: skip
def test_runners_are_asked_for_their_tests(command: str, lists: str, output: str, names: set[str]) -> None:
    how = listing(command)
    assert how is not None
    assert how.command == lists
    assert how.read(output) == names


def test_unittest_is_asked_with_its_own_arguments() -> None:
    how = listing("PYTHONPATH=src python3 -m unittest discover -s tests")
    assert how is not None
    assert how.command.startswith("PYTHONPATH=src python3 -c '")
    assert how.command.endswith("' discover -s tests")
    assert how.read("test: tests.a.A.test_x\ntest: unittest.loader._FailedTest.b\n") == {"tests.a.A.test_x"}


@pytest.mark.parametrize(
    "command", ["npm test", "make test", "pytest && echo done", "cd x; pytest", "pytest > log", "$(x)"]
)
def test_of_others_it_is_not_known(command: str) -> None:
    assert listing(command) is None


@pytest.mark.parametrize(
    ("command", "alone"),
    [
        (".venv/bin/python -m pytest -q", ".venv/bin/python -m pytest -q tests/test_a.py"),
        ("pytest", "pytest tests/test_a.py"),
        ("pytest -q tests/unit", ""),
        ("pytest -n 2", ""),
        ("pytest; true", ""),
        ("npm test", ""),
    ],
)
def test_some_files_of_tests_can_be_run_by_themselves(command: str, alone: str) -> None:
    assert narrowed(command, ["tests/test_a.py"]) == alone
    assert narrowed(command, []) == ""


def test_files_that_others_need_do_not_stand_alone() -> None:
    assert [
        path for path in ("a_test.py", "x/test_a.py", "conftest.py", "tests/a.json", "tests/x.py") if stands_alone(path)
    ] == ["a_test.py", "x/test_a.py"]
