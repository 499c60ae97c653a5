"""What the README shows is what the program does."""

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from app.agent.prompt import load_prompt
from app.cli import cli
from app.core.drawing import mermaid
from app.settings import Settings, table
from blueprints import BLUEPRINTS

pytestmark = pytest.mark.house
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def between(name: str) -> str:
    found = re.search(rf"<!-- {name}:.*? -->\n(.*?)\n<!-- /{name} -->", README, re.DOTALL)
    assert found, f"README.md has no part {name}"
    return found[1]


def test_the_drawing_is_drawn_by_the_program() -> None:
    assert between("drawing") == f"```mermaid\n{mermaid(BLUEPRINTS['fix'])}\n```"


def test_the_settings_are_those_of_the_code() -> None:
    assert between("settings") == table()


def test_every_command_is_documented() -> None:
    """Those that people call, and no others; each says in its help what it does."""
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / "manifests/README.md"]
    told = "\n".join(path.read_text("utf-8") for path in documents)
    program = typer.main.get_command(cli)
    assert isinstance(program, TyperGroup)
    names = []
    for name, command in program.commands.items():
        if isinstance(command, TyperGroup):
            names += [f"{name} {inside}" for inside in command.commands]
        elif not command.hidden:
            names.append(f"minions {name}")
        assert command.help
    assert len(names) > 15
    assert [name for name in names if name not in told] == []
    mentioned = set(re.findall(r"(?:`|\$ (?:\S+=\S+ )*(?:\S*/)?)minions ([a-z][a-z-]*)", told))
    assert len(mentioned) > 10
    assert mentioned - set(program.commands) == set()


def test_the_list_of_commands_is_read_to_its_end() -> None:
    told = CliRunner().invoke(cli, ["--help"], terminal_width=80)
    assert told.exit_code == 0
    assert "..." not in told.stdout.partition("Commands:")[2]


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.fixture
def example(tmp_path: Path) -> Iterator[ModuleType]:
    """The blueprint of the README as a package with its prompt, imported."""
    folder = tmp_path / "spelling_example"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    code = between("blueprint").removeprefix("```python\n").removesuffix("\n```")
    (folder / "blueprint.py").write_text(code)
    (folder / "spelling.md").write_text("# Correct the typing errors\n\n$report\n")
    sys.path.insert(0, str(tmp_path))
    try:
        yield importlib.import_module("spelling_example.blueprint")
    finally:
        sys.path.remove(str(tmp_path))
        for name in [name for name in sys.modules if name.startswith("spelling_example")]:
            del sys.modules[name]


def test_the_blueprint_of_the_readme_is_one(example: ModuleType) -> None:
    blueprint = example.BLUEPRINT
    assert [node.name for node in blueprint.edges] == ["prepare", "check", "correct", "guard", "publish", "explain"]
    assert '-->|"typos"| n_correct' in mermaid(blueprint)
    node = blueprint.node("correct")
    assert load_prompt(node.module, node.agent.prompt).startswith("# Correct")


def test_the_blueprint_of_the_readme_is_short() -> None:
    code = between("blueprint").splitlines()[1:-1]
    assert len([line for line in code if line.strip()]) <= 30


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_links_of_the_readme_lead_somewhere(link: str) -> None:
    assert link.startswith("https://") or (ROOT / link).exists()


@pytest.mark.parametrize(
    "module", ["app.cli", "app.settings", "app.server", "app.worker", "app.web.webhook", "app.agent.minion"]
)
def test_nothing_imports_litellm_before_a_model_is_wanted(module: str) -> None:
    code = f"import sys, {module}; print('litellm' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    assert said.stdout.strip() == "False"
