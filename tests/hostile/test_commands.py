"""The abuse table, on every sandbox, as root and as an ordinary user."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.sandbox.bubblewrap import BubblewrapBoxes
from tests.hostile.commands import CASES
from tests.hostile.conftest import LIMITS
from tests.hostile.ordinary import Child
from tests.hostile.surroundings import Surroundings, dead_children
from tests.hostile.table.case import Case
from tests.hostile.trial import Boxes, tried

pytestmark = pytest.mark.hostile

HERE = os.uname().machine
AT_ONCE = 4
"""Most cases wait for something; more at a time would only wait for each other."""


def marks(case: Case) -> list[pytest.MarkDecorator]:
    elsewhere = pytest.mark.skipif(case.only_on not in {"", HERE}, reason=f"its numbers are those of {case.only_on}")
    return [elsewhere, *([pytest.mark.xfail(reason=case.hole, strict=True)] if case.hole else [])]


ROWS = [pytest.param(case, id=case.name, marks=marks(case)) for case in CASES]
Found = dict[str, list[str]]


def test_the_table_is_long_and_has_no_name_twice() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)) >= 60


@pytest.fixture(scope="session")
def ordinary_server(reachable_folder: Path, around: Surroundings, ordinary_user: int) -> Iterator[Child]:
    """The whole table, tried by a server that is an ordinary user, while root tries it, too: most of it is waiting."""
    home = reachable_folder / "ordinary"
    (home / "trees").mkdir(parents=True)
    for folder in (home, home / "trees"):
        shutil.chown(folder, ordinary_user, ordinary_user)

    async def attack() -> Found:
        boxes = BubblewrapBoxes(home / "boxes", limits=LIMITS)
        room = asyncio.Semaphore(AT_ONCE)

        async def attempt(case: Case) -> list[str]:
            async with room:
                return await tried(case, boxes, home / "trees", around, "bubblewrap")

        cases = [case for case in CASES if case.only_on in {"", HERE}]
        together = [case for case in cases if not case.is_crowd]
        found = dict(zip([case.name for case in together], await asyncio.gather(*map(attempt, together)), strict=True))
        return found | {case.name: await attempt(case) for case in cases if case.is_crowd}

    child = Child(ordinary_user, attack)
    yield child
    child.end()


@pytest.fixture(scope="session")
def found_as_an_ordinary_user(ordinary_server: Child) -> Found:
    """What went wrong, by the name of the case."""
    return ordinary_server.answer(within_s=170)  # type: ignore[return-value] # what `attack` answers


@pytest.mark.usefixtures(*(["ordinary_server"] if os.geteuid() == 0 else []))
@pytest.mark.parametrize("case", ROWS)
async def test_nothing_comes_of(
    case: Case, hostile_boxes: Boxes, sandbox_kind: str, trees: Path, around: Surroundings
) -> None:
    assert await tried(case, hostile_boxes, trees, around, sandbox_kind) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="the tests themselves run as an ordinary user")
@pytest.mark.parametrize("case", ROWS)
def test_nothing_comes_of_it_for_an_ordinary_user(case: Case, found_as_an_ordinary_user: Found) -> None:
    assert found_as_an_ordinary_user[case.name] == []


def test_no_dead_process_was_left() -> None:
    assert dead_children() == []
