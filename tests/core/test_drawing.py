import html
import re
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.blueprint import END, EXHAUSTED, Blueprint, Kind, Node, State, agent, step
from app.core.budget import Budget
from app.core.drawing import mermaid
from app.core.run import Run, Status, Visit
from app.core.task import Person, Repository, Task
from app.core.world import World

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LABEL = r'"(?P<label>(?:[^"#&;<>`|\\%{}\n]|#[0-9]+;)*)"'
NODE = re.compile(rf"    (?P<id>n_\w+)(?:\[{LABEL}\]|\{{\{{{LABEL.replace('label', 'agent')}\}}\}}|\(\(\"end\"\)\))")
ARROW = re.compile(rf"    (?P<source>n_\w+) (?P<line>-->|-\.->)(?:\|{LABEL}\|)? (?P<target>n_\w+)")
STYLE = re.compile(r"    classDef (?P<name>\w+) (?:[a-z]+:#[0-9a-f]{6},?)+")
CLASS = re.compile(r"    class (?P<id>n_\w+) (?P<name>\w+)")


def read(drawing: str) -> tuple[dict[str, str], list[tuple[str, str, str, str]], dict[str, str]]:
    """A strict reader of the part of Mermaid that we write: nodes with labels, arrows, classes."""
    first, *lines = drawing.split("\n")
    assert first == "flowchart TD"
    nodes: dict[str, str] = {}
    arrows: list[tuple[str, str, str, str]] = []
    classes: dict[str, str] = {}
    styles: set[str] = set()
    for line in lines:
        if arrow := ARROW.fullmatch(line):
            assert {arrow["source"], arrow["target"]} <= nodes.keys()
            arrows.append((arrow["source"], plain(arrow["label"] or ""), arrow["target"], arrow["line"]))
        elif style := STYLE.fullmatch(line):
            styles.add(style["name"])
        elif mark := CLASS.fullmatch(line):
            assert mark["id"] in nodes
            assert mark["name"] in styles
            classes[mark["id"]] = mark["name"]
        else:
            shape = NODE.fullmatch(line)
            assert shape, line
            assert shape["id"] not in nodes
            nodes[shape["id"]] = plain(shape["label"] or shape["agent"] or "")
    return nodes, arrows, classes


def plain(label: str) -> str:
    return re.sub(r"#([0-9]+);", lambda match: chr(int(match[1])), label)


def node(name: str, title: str, words: list[str], *, is_agent: bool = False, at_most: int | None = None) -> Node[State]:
    async def run(_state: State, _world: World) -> str | None:
        raise NotImplementedError

    run.__name__ = name
    listed = tuple(words)
    run.__annotations__["return"] = Literal[listed] if listed else None
    if is_agent:
        return agent(title, prompt="p.md", budget=Budget(), role="r", at_most=at_most)(run)
    return step(title, at_most=at_most)(run)


def drawn(*titles: str, words: list[str]) -> Blueprint[State]:
    """A chain whose every word but one leads to the end."""
    nodes = [
        node(f"n{at}", title, words, is_agent=bool(at % 2), at_most=1 if words and at % 2 else None)
        for at, title in enumerate(titles)
    ]
    edges: dict[Node[State], Any] = {}
    for at, each in enumerate(nodes):
        ahead: Any = nodes[at + 1] if at + 1 < len(nodes) else END
        edges[each] = {word: (END if word == EXHAUSTED else ahead) for word in sorted(each.outcomes)} or ahead
    return Blueprint(name="drawn", summary="", state=State, start=nodes[0], edges=edges)


def run(status: Status, at: str, *been: str) -> Run:
    task = Task(
        repository=Repository(id=1, full_name="octo/cat", installation_id=1),
        number=7,
        title="t",
        body="b",
        requester=Person(id=1, login="ann"),
        asked_at=NOW,
    )
    visits = tuple(
        Visit(node=name, title=name, kind=Kind.STEP, outcome="", started_at=NOW, seconds=1.0) for name in been
    )
    return Run(
        id=1,
        key="k",
        task=task,
        blueprint="drawn",
        blueprint_version=1,
        status=status,
        at=at,
        state={},
        visits=visits,
        asked_at=NOW,
    )


@given(st.lists(st.text(), min_size=1, max_size=5), st.lists(st.text(min_size=1), unique=True, max_size=3))
def test_whatever_nodes_are_called_the_drawing_can_be_read(titles: list[str], words: list[str]) -> None:
    blueprint = drawn(*titles, words=[word for word in words if word != EXHAUSTED])
    nodes, arrows, _ = read(mermaid(blueprint))
    shown = {each.name: " ".join(each.title.split()) for each in blueprint.edges}
    assert {name.removeprefix("n_"): label for name, label in nodes.items() if name != "n_END"} == shown
    assert len(arrows) == len(list(blueprint.arrows()))


PLAIN = """\
flowchart TD
    n_n0["Look"]
    n_n1{{"Think"}}
    n_END(("end"))
    n_n0 -->|"yes"| n_n1
    n_n1 -.->|"exhausted"| n_END
    n_n1 -->|"yes"| n_END"""


def test_it_is_drawn_as_people_know_it() -> None:
    assert mermaid(drawn("Look", "Think", words=["yes"])) == PLAIN


@pytest.mark.parametrize(
    ("status", "at", "been", "classes"),
    [
        (Status.QUEUED, "n0", [], {}),
        (Status.RUNNING, "n1", ["n0"], {"n_n0": "done", "n_n1": "running"}),
        (Status.WAITING, "n0", ["n0"], {"n_n0": "running"}),
        (Status.FAILED, "n1", ["n0"], {"n_n0": "done", "n_n1": "failed"}),
        (Status.DONE, "n1", ["n0", "n1"], {"n_n0": "done", "n_n1": "done", "n_END": "done"}),
        (Status.RUNNING, "renamed", ["gone", "n0"], {"n_n0": "done"}),
    ],
)
def test_where_a_run_stands_is_coloured(status: Status, at: str, been: list[str], classes: dict[str, str]) -> None:
    assert read(mermaid(drawn("Look", "Think", words=[]), run(status, at, *been)))[2] == classes


def test_a_label_is_no_entity_of_html() -> None:
    label = read(mermaid(drawn("a &lt; b", words=[])))[0]["n_n0"]
    assert html.unescape(label) == "a < b"
    assert "&" not in mermaid(drawn("a &lt; b", words=[]))
