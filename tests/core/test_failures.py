import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.failures import failures


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("FAILED tests/test_a.py::test_x - AssertionError: 1 == 2\n1 failed in 0.1s", {"tests/test_a.py::test_x"}),
        ("FAILED tests/test_a.py::test_x", {"tests/test_a.py::test_x"}),
        ("ERROR tests/test_a.py", {"tests/test_a.py"}),
        ("FAIL: test_x (tests.test_a.Case.test_x)\n-----", {"test_x (tests.test_a.Case.test_x)"}),
        ("--- FAIL: TestX (0.00s)\n--- FAIL: TestY", {"TestX", "TestY"}),
        ("test tests::it_works ... FAILED", {"tests::it_works"}),
        ("not ok 3 - adds numbers", {"adds numbers"}),
        ("  \u2715 adds numbers (12 ms)", {"adds numbers"}),
        ("\x1b[31mFAILED\x1b[0m tests/test_a.py::test_x", {"tests/test_a.py::test_x"}),
        ("Ran 3 tests in 0.001s\n\nOK", set()),
    ],
)
def test_the_names_are_found(output: str, expected: set[str]) -> None:
    assert failures(output) == expected


@given(st.text())
def test_any_output_is_taken(output: str) -> None:
    failures(output)
