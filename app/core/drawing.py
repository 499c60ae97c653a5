"""Draw a blueprint, and where a run stands in it, as Mermaid.

Node ids are prefixed: Mermaid reserves words such as `end`. Labels are quoted, and what could end a quote or begin an
entity or a tag is written as Mermaid's own entity codes, so that no title can break the drawing.
"""

from collections.abc import Iterator
from typing import Any, Final

from app.core.blueprint import EXHAUSTED, Blueprint, Kind, Node
from app.core.run import Run, Status

STYLES: Final = {
    "done": "fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
    "running": "fill:#fff8c5,stroke:#9a6700,color:#1f2328",
    "failed": "fill:#ffebe9,stroke:#cf222e,color:#1f2328",
}
"""Colours of GitHub's own light theme; the text colour is given so that they read in the dark one, too."""

_SHAPES: Final = {Kind.STEP: ("[", "]"), Kind.AGENT: ("{{", "}}")}


def mermaid(blueprint: Blueprint[Any], run: Run | None = None) -> str:
    """The drawing, one statement a line. Agents are hexagons; the way out of a used-up node is dotted."""
    return "\n".join(["flowchart TD", *(f"    {line}" for line in _statements(blueprint, run))])


def _statements(blueprint: Blueprint[Any], run: Run | None) -> Iterator[str]:
    for node in blueprint.edges:
        opening, closing = _SHAPES[node.kind]
        yield f'{_id(node)}{opening}"{escaped(node.title)}"{closing}'
    yield 'n_END(("end"))'
    for node, word, target in blueprint.arrows():
        line = "-.->" if word == EXHAUSTED else "-->"
        label = f'|"{escaped(word)}"|' if word else ""
        yield f"{_id(node)} {line}{label} {_id(target) if isinstance(target, Node) else 'n_END'}"
    if run is None:
        return
    marks = _marks(blueprint, run)
    for mark, style in STYLES.items():
        yield f"classDef {mark} {style}"
    for name, mark in marks.items():
        yield f"class n_{name} {mark}"


def _marks(blueprint: Blueprint[Any], run: Run) -> dict[str, str]:
    known = {node.name for node in blueprint.edges}
    marks = {visit.node: "done" for visit in run.visits if visit.node in known}
    if run.at in known:
        if run.status in {Status.RUNNING, Status.WAITING}:
            marks[run.at] = "running"
        elif run.status in {Status.FAILED, Status.STOPPED}:
            marks[run.at] = "failed"
    if run.status is Status.DONE:
        marks["END"] = "done"
    return marks


def _id(node: Node[Any]) -> str:
    return f"n_{node.name}"


def escaped(label: str) -> str:
    """`label` for a quoted text of Mermaid, on one line; `#quot;` is its own way to write an entity."""
    words = " ".join(label.split())
    return "".join(f"#{ord(mark)};" if mark in '"#&;<>`|\\%{}' or not mark.isprintable() else mark for mark in words)
