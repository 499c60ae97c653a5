"""The abuse table, on every sandbox, as root and as an ordinary user."""

import os
from pathlib import Path

import pytest

from tests.hostile.commands import CASES
from tests.hostile.surroundings import Surroundings
from tests.hostile.table.case import Case
from tests.hostile.trial import Boxes, tried

pytestmark = pytest.mark.hostile

HERE = os.uname().machine


def rows(cases: tuple[Case, ...] = CASES) -> list[object]:
    return [
        pytest.param(
            case,
            id=case.name,
            marks=pytest.mark.skipif(case.only_on not in {"", HERE}, reason=f"its numbers are those of {case.only_on}"),
        )
        for case in cases
    ]


def test_the_table_is_long_and_has_no_name_twice() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)) >= 60


@pytest.mark.parametrize("case", rows())
async def test_nothing_comes_of(
    case: Case, hostile_boxes: Boxes, sandbox_kind: str, trees: Path, around: Surroundings
) -> None:
    assert await tried(case, hostile_boxes, trees, around, sandbox_kind) == []
