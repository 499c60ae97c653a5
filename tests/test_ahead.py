"""What is made ahead of a run, and what is told about it."""

import subprocess
from pathlib import Path

import pytest

from app.adapters.local import LocalForge
from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.workspace.workspaces import Workspaces
from app.ahead import make_ready
from app.core.errors import ConfigError
from app.core.redaction import Redactor
from app.core.task import Repository
from tests.workspaces import made

HELLO = Repository(id=7, full_name="octo/hello", installation_id=0)
SECRET = "ghs_" + "a" * 36


@pytest.fixture
def layered(home: Path, boxes: BubblewrapBoxes) -> Workspaces:
    return made(home / "data", boxes, "layered")


def commit(folder: Path) -> None:
    person = ("-c", "user.name=Ann", "-c", "user.email=ann@localhost")
    for words in (("add", "--all", "--force"), ("commit", "--quiet", "-m", "a commit")):
        subprocess.run(["git", *person, *words], cwd=folder, check=True)


def forge(home: Path, minion: str) -> LocalForge:
    """A repository with this `.github/minion.yml`."""
    folder = home / "origin"
    (folder / ".github").mkdir(parents=True)
    (folder / ".github" / "minion.yml").write_text(minion)
    (folder / "code.py").write_text("one\n")
    subprocess.run(["git", "init", "--quiet", "--initial-branch=trunk"], cwd=folder, check=True)
    commit(folder)
    return LocalForge(folder, home / "report.md")


async def told(workspaces: Workspaces, home: Path, minion: str) -> tuple[bool, list[str]]:
    """Whether it succeeded, and every line."""
    lines: list[str] = []
    return await make_ready(workspaces, HELLO, forge(home, minion), Redactor(), lines.append), lines


async def test_a_repository_without_set_up_is_checked_out(layered: Workspaces, home: Path) -> None:
    is_well, lines = await told(layered, home, "setup: []\ntest: 'true'\nlint: []\n")
    assert is_well
    assert lines[0].startswith("trunk at ")
    assert " is fetched and checked out: " in lines[0]
    assert lines[1:] == ["Ready, with nothing to set up: the next run of octo/hello begins at once."]


async def test_a_set_up_that_fails_is_told_with_the_end_of_its_output(layered: Workspaces, home: Path) -> None:
    command = f"echo begin; yes line | head -3000; echo key {SECRET}; exit 3"
    is_well, lines = await told(layered, home, f"setup: {command}\ntest: 'true'\n")
    assert not is_well
    assert lines[1] == f"{command}: failed with exit code 3"
    assert "begin" not in lines[2]
    assert lines[2].splitlines()[-1].startswith("key ")
    assert SECRET not in lines[2]
    assert list((home / "data" / "runs").iterdir()) == []


async def test_the_repository_says_how_long_its_set_up_may_take(layered: Workspaces, home: Path) -> None:
    is_well, lines = await told(layered, home, "setup: sleep 100\nsetup_timeout_s: 1\ntest: 'true'\n")
    assert not is_well
    assert lines[1].startswith("sleep 100: failed with exit code ")


async def test_a_set_up_that_would_hide_files_is_left_to_each_run(layered: Workspaces, home: Path) -> None:
    """Another commit of the repository has a file where set-up of this one made something."""
    set_up = "python3 -m venv --without-pip .venv"
    assert (await told(layered, home, f"setup: {set_up}\ntest: 'true'\n"))[0]
    origin = home / "origin"
    (origin / ".venv").mkdir()
    (origin / ".venv" / "mine").write_text("tracked\n")
    commit(origin)
    lines: list[str] = []
    assert await make_ready(layered, HELLO, LocalForge(origin, home / "report.md"), Redactor(), lines.append)
    assert lines[-1] == "What set-up makes would hide files of this commit, so each run sets itself up."


async def test_a_file_that_cannot_be_used_is_told(layered: Workspaces, home: Path) -> None:
    with pytest.raises(ConfigError, match="unknown key 'instal'"):
        await told(layered, home, "instal: pip\n")


async def test_where_trees_are_copied_only_the_mirror_is_brought_up_to_date(home: Path, boxes: BubblewrapBoxes) -> None:
    copied = made(home / "data", boxes, "copied")
    is_well, lines = await told(copied, home, "setup: exit 3\ntest: 'true'\n")
    assert is_well
    assert " is fetched: " in lines[0]
    assert lines[1:] == ["Work trees are copied on this machine, so each run sets itself up: not in this test."]
    assert (home / "data" / "mirrors" / "7.git" / "HEAD").exists()
    assert list((home / "data" / "runs").iterdir()) == []
