"""Looking around, with the real ripgrep, awk and git in a real box."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.workspace.workspaces import Workspaces
from app.core.evidence import Evidence, Where
from app.core.task import Person, Repository, Task
from blueprints.steps.environment import environment
from blueprints.steps.orientation import orientation
from tests.workspaces import Origin

pytestmark = pytest.mark.contract

FILES = {
    "README.md": "# Titles\n",
    "src/app/slug.py": "def makeSlug(title):\n    return title.lower()\n",
    "src/app/unrelated.py": "def other():\n    return None\n" * 50,
    "src/app/title.py": "from app.slug import makeSlug\n\n\ndef emoji(title): return makeSlug(title)\n",
    "node_modules/x/index.js": "makeSlug emoji slug\n" * 10,
    "yarn.lock": "slug\n",
    "odd: name.txt": "emoji\n",
}


@pytest.fixture
def origin(home: Path) -> Origin:
    started = Origin(home / "origin", FILES)
    started.commit({"src/app/slug.py": "def makeSlug(title):\n    return title.lower().strip()\n"}, "Strip slugs (#41)")
    return started


def task(title: str, body: str) -> Task:
    return Task(
        repository=Repository(id=7, full_name="octo/titles", installation_id=1),
        number=1,
        title=title,
        body=body,
        requester=Person(id=1, login="ann"),
        asked_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


async def test_files_that_hold_the_words_are_found_best_first(
    home: Path, boxes: BubblewrapBoxes, origin: Origin
) -> None:
    workspace = Workspaces(home / "data", boxes).open(1, 7, origin.remote)
    await workspace.check_out(origin.head)
    told = (
        await orientation(task("Slugs lose their emoji", "`makeSlug` drops them."), workspace, workspace.sandbox)
    ).told
    hits = told.partition("Files that speak of it most:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.partition(": ")[0] for line in hits[:2]] == ["- src/app/slug.py", "- src/app/title.py"]
    assert any(line.startswith("- odd: name.txt: ") for line in hits)
    assert "unrelated" not in "".join(hits)
    assert "yarn.lock" not in "".join(hits)
    assert ", in #41: Strip slugs (#41) (src/app/slug.py)" in told
    assert (await workspace.patch()).is_empty


async def test_a_task_without_a_word_to_look_for_has_a_view_of_the_repository_all_the_same(
    home: Path, boxes: BubblewrapBoxes, origin: Origin
) -> None:
    workspace = Workspaces(home / "data", boxes).open(1, 7, origin.remote)
    await workspace.check_out(origin.head)
    told = (await orientation(task("It is not", ""), workspace, workspace.sandbox)).told
    assert told.startswith("7 files: Python 3")
    assert "speak of it" not in told


async def test_the_card_tells_versions_of_what_is_in_the_box(
    home: Path, boxes: BubblewrapBoxes, origin: Origin
) -> None:
    workspace = Workspaces(home / "data", boxes).open(1, 7, origin.remote)
    await workspace.check_out(origin.head)
    red = Evidence(command="pytest -q", exit_code=1, seconds=2.4, where=Where.BEFORE)
    lines = (await environment([red], workspace.sandbox)).splitlines()
    assert lines[0].startswith("- ")
    assert "Linux" in lines[0]
    assert "Python 3." in lines[1]
    assert "git 2." in lines[1]
    assert lines[2:] == ["- Before any change: `pytest -q`, exit code 1, 2 s", "- No network, no secrets, no terminal"]
