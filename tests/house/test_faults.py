"""Every fault of the list has a test that is named after it, or a reason why it has none."""

import pytest

from tests.house import faults

pytestmark = pytest.mark.house

STILL_TO_COME: set[int] = set()
"""Faults that may be without a test. This set may only become smaller."""


def test_the_list_is_whole() -> None:
    assert list(faults.written()) == list(range(1, 75))


def test_every_fault_has_a_test_or_a_reason() -> None:
    tested = {number for _, numbers, _ in faults.tests() for number in numbers}
    reasoned = {number for number, (_, cell) in faults.written().items() if cell.startswith(faults.IMPOSSIBLE)}
    assert tested <= set(faults.written()), "a test is named after a fault that is not on the list"
    assert set(faults.written()) - tested - reasoned <= STILL_TO_COME


def test_every_test_of_a_fault_carries_its_marker() -> None:
    assert [test for test, _, is_marked in faults.tests() if not is_marked] == []


def test_the_list_names_the_tests_that_there_are() -> None:
    assert faults.README.read_text("utf-8") == faults.table(), "run `python -m tests.house.faults`"
