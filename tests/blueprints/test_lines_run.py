"""Which lines tests run: what is read of what commands left, and what is made of it."""

import json

import pytest

from app.core.coverage import ChangedCoverage
from app.core.guards import Weight
from blueprints.tests.lines_run import FOLDER, added, inside, measuring, told
from blueprints.tests.measuring import judged_by_lines

CODE = "def one():\n    return 1\n\n\ndef two(a):\n    if a:\n        return 2\n    return 3\n"


@pytest.mark.parametrize(
    ("command", "ends"),
    [
        ("go test ./...", f"go test -coverpkg=./... -coverprofile={FOLDER}/go.out ./..."),
        ("pytest -q", "MINIONS_LINES_OF='[\"a/b.py\"]'\npytest -q"),
        ("go test ./... | tee log", "\ngo test ./... | tee log"),
    ],
)
def test_the_command_itself_stays(command: str, ends: str) -> None:
    assert measuring(command, ["a/b.py", "it's.py", "a.go"]).endswith(ends)


@pytest.mark.parametrize(
    ("outputs", "measured", "missing"),
    [
        ([json.dumps({"a.py": [[1, 2, 3], [1]]}), json.dumps({"a.py": [[1, 2, 3], [2]]})], 3, (3,)),
        (["mode: set\nexample.com/m/b.go:3.20,5.2 1 1\nexample.com/m/b.go:7.2,8.3 1 0\n"], 5, (7, 8)),
        (["mode: set\nexample.com/m/b.go:3.20,5.2 1 0\nexample.com/m/b.go:3.20,5.2 1 2\n"], 3, ()),
    ],
)
def test_what_several_processes_and_commands_ran_counts_together(
    outputs: list[str], measured: int, missing: tuple[int, ...]
) -> None:
    found = [*told(outputs, ["a.py", "b.go"]).values()]
    assert [(one.measured, [*one.missing.values()]) for one in found] == [(measured, [missing] if missing else [])]


@pytest.mark.parametrize(
    "output",
    [
        "",
        "{",
        "{}",
        '{"a.py": 7}',
        '{"a.py": [["x"], []]}',
        '{"a.py": [[1], [[]]]}',
        '{"a.py": [[1, 2], []]}',
        "{" * 100_000,
        "a.go:1.1,2.2 1 0",
        "other.go:1.1,2.2 1 1",
    ],
)
def test_where_nothing_was_followed_nothing_is_told(output: str) -> None:
    assert told([output], ["a.py", "a.go"]) == {}


def test_functions_that_the_issue_names_are_what_is_meant() -> None:
    assert inside("a.py", CODE, "Test `two` of it") == {6, 7, 8}
    assert (
        inside("a.py", CODE, "Test it") == inside("a.py", "def (", "two") == inside("a.go", CODE, "two") == frozenset()
    )


def test_a_whole_file_is_a_change_to_who_reads_reports() -> None:
    assert added({"a.py": "x = 1\ny = 2\n", 'o"dd': "z"}).endswith(b"+++ b/a.py\n@@ -0,0 +1,2 @@\n+x = 1\n+y = 2\n")


def lines(*missing: int) -> dict[str, ChangedCoverage]:
    return {"a.py": ChangedCoverage(measured=10, missing={"a.py": missing} if missing else {})}


@pytest.mark.parametrize(
    ("before", "after", "meant", "weight", "words"),
    [
        (lines(3, 7), lines(3), (), Weight.REMARK, "tests run 9 (90 %); before it were 8 (80 %)"),
        (lines(3, 7), lines(3, 7), (), Weight.MEND, "run no line that none ran before. Not run: `a.py` 3, 7."),
        (lines(3, 7), lines(3), (3,), Weight.MEND, "Not run: `a.py` 3."),
        (lines(3, 7), lines(3, 7), (4,), Weight.REMARK, "tests run 8 (80 %)"),
        (lines(), lines(), (), Weight.REMARK, "tests run 10 (100 %)"),
        ({}, {}, (), Weight.REMARK, "could not be measured"),
        (lines(3), {}, (), Weight.REMARK, "could not be measured"),
    ],
)
def test_what_runs_no_new_line_goes_back_where_some_are_left(
    before: dict[str, ChangedCoverage],
    after: dict[str, ChangedCoverage],
    meant: tuple[int, ...],
    weight: Weight,
    words: str,
) -> None:
    """Once: some lines cannot be run."""
    (found,) = judged_by_lines(before, after, {"a.py": meant}, is_told=False)
    assert found.weight is weight
    assert words in found.sentence
    (again,) = judged_by_lines(before, after, {"a.py": meant}, is_told=True)
    assert again.weight is Weight.REMARK
