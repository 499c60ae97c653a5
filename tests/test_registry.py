"""Blueprints of teams: found in packages and in a folder, and refused with whose they are."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Template

import pytest

from app.agent.prompt import load_prompt
from app.core.errors import BlueprintError, SettingsError
from app.evaluation.evaluation import Plan, listed
from app.new_blueprint.new_blueprint import write
from app.registry import GROUP, load, package_of
from blueprints import BLUEPRINTS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one blueprint, `tidy`, as `minions new-blueprint` makes it."""
    write("tidy", tmp_path / "blueprints")
    return tmp_path / "blueprints"


def test_without_a_folder_there_are_ours() -> None:
    assert load() == dict(BLUEPRINTS)


def test_a_blueprint_of_a_folder_stands_beside_ours(folder: Path) -> None:
    found = load(folder)
    assert set(found) == {*BLUEPRINTS, "tidy"}
    node = found["tidy"].node("change")
    assert node.agent
    assert Template(load_prompt(node.module, node.agent.prompt)).is_valid()


def test_two_folders_do_not_mix(folder: Path, tmp_path: Path) -> None:
    load(folder)
    write("tidy", tmp_path / "others")
    text = (tmp_path / "others/tidy/blueprint.py").read_text().replace('summary="Tidy', 'summary="Another')
    (tmp_path / "others/tidy/blueprint.py").write_text(text)
    assert load(tmp_path / "others")["tidy"].summary.startswith("Another")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('name="tidy"', 'name="tidier"', "the blueprint calls itself 'tidier'"),
        ("BLUEPRINT: Blueprint[Tidy] =", "OTHER =", "blueprint.py has no BLUEPRINT"),
        ("BLUEPRINT: Blueprint[Tidy] = Blueprint(", "BLUEPRINT = dict(", "is no Blueprint, but of the type dict"),
        ('"red": change}', '"pink": change}', "tidy: test may answer 'red', which leads nowhere"),
        ("from app.core.world import World", "import nonsense", "it cannot be imported: ModuleNotFoundError"),
        ("from app.core.world import World", "raise SystemError('x')", "it cannot be imported: SystemError: x"),
        ('prompt="change.md"', 'prompt="chnge.md"', "wants the prompt chnge.md"),
        ('role="implement"', 'role="implement", tools=("bsh",)', "bsh"),
        (", at_most=3", "", "change never answers 'exhausted'"),
    ],
)
def test_what_is_wrong_is_told_with_whose_it_is(folder: Path, old: str, new: str, told: str) -> None:
    file = folder / "tidy/blueprint.py"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(BlueprintError) as raised:
        load(folder)
    assert str(raised.value).startswith(f"Folder {folder / 'tidy'}: ")
    assert told in str(raised.value)


def test_a_name_that_is_taken_is_refused(folder: Path) -> None:
    (folder / "tidy").rename(folder / "fix")
    file = folder / "fix/blueprint.py"
    file.write_text(file.read_text().replace('name="tidy"', 'name="fix"'))
    with pytest.raises(BlueprintError, match="Minions itself has a blueprint 'fix' already"):
        load(folder)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="which is no folder"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["Tidy", "ti-dy", "1tidy", "fix", "../tidy", ""])
def test_a_name_that_cannot_be_used_writes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError):
        write(name, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.fixture
def installed(folder: Path, tmp_path: Path) -> Iterator[Path]:
    """The same blueprint as a package that is installed beside ours, as pip lays one down."""
    site = tmp_path / "site"
    site.mkdir()
    (folder / "tidy").rename(site / "acme_tidy")
    (site / "acme_tidy/__init__.py").touch()
    information = site / "acme_blueprints-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-blueprints\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[{GROUP}]\ntidy = acme_tidy.blueprint:BLUEPRINT\n")
    sys.path.insert(0, str(site))
    yield site
    sys.path.remove(str(site))
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_tidy"]:
        del sys.modules[name]


def test_a_package_brings_a_blueprint_by_its_entry_point(installed: Path) -> None:
    assert (installed / "acme_tidy").is_dir()
    assert set(load()) == {*BLUEPRINTS, "tidy"}


def test_what_a_package_has_wrong_is_told_with_its_name(installed: Path) -> None:
    (installed / "acme_tidy/change.md").unlink()
    with pytest.raises(BlueprintError, match=r"^Package acme-blueprints, blueprint tidy: .*change\.md"):
        load()


TASK = """
kind: bug fix
language: Python
title: Say goodbye
body: Nobody says goodbye.
files: {a.py: "x = 1\\n"}
hidden: {files: {test_a.py: ""}, commands: ["true"]}
solution: [{path: a.py, new: "x = 2\\n"}]
"""


def test_evaluation_tasks_lie_beside_the_blueprint_of_a_folder(folder: Path) -> None:
    assert listed("tidy", folder) == ""
    (folder / "tidy/tasks").mkdir()
    (folder / "tidy/tasks/goodbye.yaml").write_text(TASK)
    assert listed("tidy", folder).split(maxsplit=1)[0] == "goodbye"


def test_evaluation_tasks_lie_beside_the_blueprint_of_a_package(installed: Path) -> None:
    assert package_of("tidy") == "acme_tidy"
    (installed / "acme_tidy/tasks").mkdir()
    (installed / "acme_tidy/tasks/goodbye.yaml").write_text(TASK)
    assert [task.name for task in Plan(blueprint="tidy").chosen(package_of("tidy"))] == ["goodbye"]


@pytest.mark.timeout(300)
def test_what_new_blueprint_writes_passes_its_own_test(folder: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder / "tidy")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
