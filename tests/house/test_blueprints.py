"""What holds for every blueprint in the registry."""

from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import pytest

from app.core.blueprint import END, Blueprint, Node
from app.core.drawing import mermaid
from blueprints import BLUEPRINTS

pytestmark = [pytest.mark.house, pytest.mark.parametrize("name", BLUEPRINTS)]

ROOT = Path(__file__).parents[2] / "blueprints"


def nodes(name: str) -> list[Node[Any]]:
    return list(BLUEPRINTS[name].edges)


def prompt(node: Node[Any]) -> str:
    assert node.agent
    return resources.files(node.module.rpartition(".")[0]).joinpath(node.agent.prompt).read_text(encoding="utf-8")


def test_its_name_is_its_folder(name: str) -> None:
    assert (ROOT / name / "blueprint.py").is_file()
    assert BLUEPRINTS[name].name == name


def test_it_draws(name: str) -> None:
    drawing = mermaid(BLUEPRINTS[name])
    assert all(node.title in drawing for node in nodes(name))


def test_every_node_can_come_to_the_end(name: str) -> None:
    blueprint: Blueprint[Any] = BLUEPRINTS[name]
    ends = {node for node, _, target in blueprint.arrows() if target == END}
    for _ in nodes(name):
        ends |= {node for node, _, target in blueprint.arrows() if target in ends}
    assert ends == set(nodes(name))


def test_its_prompts_are_templates(name: str) -> None:
    for node in nodes(name):
        if node.agent:
            assert Template(prompt(node)).is_valid()
            assert prompt(node).startswith("# ")


def test_its_readme_names_every_node(name: str) -> None:
    readme = (ROOT / name / "README.md").read_text(encoding="utf-8")
    for node in nodes(name):
        kind = node.kind.value
        assert f"| {node.title} | {kind} |" in readme
        assert not node.agent or f"`{node.agent.prompt}`" in readme


def test_the_drawing_in_its_readme_is_drawn_by_the_program(name: str) -> None:
    _, begin, drawing = (ROOT / name / "README.md").read_text(encoding="utf-8").partition(f"minions draw {name} -->\n")
    assert not begin or drawing == f"```mermaid\n{mermaid(BLUEPRINTS[name])}\n```\n"


def test_the_list_of_blueprints_names_it(name: str) -> None:
    listed = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"| [{name}]({name}/README.md) | {BLUEPRINTS[name].summary} |" in listed


def test_no_run_is_endless(name: str) -> None:
    assert BLUEPRINTS[name].most_visits <= 150


def test_every_node_has_a_title_and_a_docstring(name: str) -> None:
    for node in nodes(name):
        assert node.title == node.title.strip().capitalize()
        assert node.run.__doc__
