"""The abuse table, on every sandbox, as root and as an ordinary user."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.sandbox.bubblewrap.cgroups import find
from tests.hostile.commands import CASES
from tests.hostile.conftest import LIMITS
from tests.hostile.ordinary import Child
from tests.hostile.surroundings import Surroundings, dead_children
from tests.hostile.table.case import Case
from tests.hostile.trial import Boxes, all_tried

pytestmark = [pytest.mark.hostile, pytest.mark.timeout(400)]  # the first test of a sandbox waits for its whole table

HERE = os.uname().machine


def marks(case: Case) -> list[pytest.MarkDecorator]:
    elsewhere = pytest.mark.skipif(case.only_on not in {"", HERE}, reason=f"its numbers are those of {case.only_on}")
    return [elsewhere, *([pytest.mark.xfail(reason=case.hole, strict=True)] if case.hole else [])]


ROWS = [pytest.param(case, id=case.name, marks=marks(case)) for case in CASES]
Found = dict[str, list[str]]


def test_the_table_is_long_and_has_no_name_twice() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)) >= 60


@pytest.fixture(scope="session")
def cases(request: pytest.FixtureRequest) -> list[Case]:
    """Those that tests were chosen for, and that can be tried here."""
    chosen = [item.callspec.params.get("case") for item in request.session.items if hasattr(item, "callspec")]
    return [case for case in CASES if case in chosen and case.only_on in {"", HERE}]


@pytest.fixture(scope="session")
def ordinary_server(
    reachable_folder: Path, trees: Path, around: Surroundings, ordinary_user: int, cases: list[Case]
) -> Iterator[Child]:
    """The table, tried by a server that is an ordinary user, while root tries it, too: most of it is waiting."""
    home, own_trees = reachable_folder / "ordinary", trees / "ordinary"
    for folder in (home, own_trees):
        folder.mkdir()
        shutil.chown(folder, ordinary_user, ordinary_user)

    async def attack() -> Found:
        return await all_tried(
            possible(cases), BubblewrapBoxes(home / "boxes", limits=LIMITS), own_trees, around, "bubblewrap"
        )

    child = Child(ordinary_user, attack)
    yield child
    child.end()


@pytest.fixture(scope="session")
def found_as_an_ordinary_user(ordinary_server: Child) -> Found:
    """What went wrong, by the name of the case."""
    return ordinary_server.answer(within_s=300)  # type: ignore[return-value] # what `attack` answers


@pytest.fixture(scope="session")
async def found(cases: list[Case], hostile_boxes: Boxes, sandbox_kind: str, trees: Path, around: Surroundings) -> Found:
    """What went wrong as the user who runs the tests, by the name of the case."""
    return await all_tried(possible(cases), hostile_boxes, trees, around, sandbox_kind)


def possible(cases: list[Case]) -> list[Case]:
    """Those that something ends, for the user who asks."""
    has_groups = "memory" not in find().lacking
    return [case for case in cases if has_groups or not case.needs_group]


def result(case: Case, found: Found) -> list[str]:
    if case.name not in found:
        pytest.skip("this user can make no control group, so nothing limits the memory of a whole box")
    return found[case.name]


@pytest.mark.usefixtures(*(["ordinary_server"] if os.geteuid() == 0 else []))
@pytest.mark.parametrize("case", ROWS)
def test_nothing_comes_of(case: Case, found: Found) -> None:
    assert result(case, found) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="the tests themselves run as an ordinary user")
@pytest.mark.parametrize("case", ROWS)
def test_nothing_comes_of_it_for_an_ordinary_user(case: Case, found_as_an_ordinary_user: Found) -> None:
    assert result(case, found_as_an_ordinary_user) == []


def test_no_dead_process_was_left() -> None:
    assert dead_children() == []
