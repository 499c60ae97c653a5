from datetime import UTC, datetime
from itertools import pairwise

import pytest

from app.core.blueprint import Kind
from app.core.run import Run, Status, Visit
from app.core.task import Person, Repository, Task
from app.web.drawing import drawing
from blueprints import BLUEPRINTS

AT = datetime(2026, 1, 2, tzinfo=UTC)
TASK = Task(
    repository=Repository(id=5, full_name="octo/cat", installation_id=3),
    number=7,
    title="Broken",
    body="",
    requester=Person(id=1, login="ann"),
    asked_at=AT,
)


def run(at: str, status: Status, *went: tuple[str, str]) -> Run:
    visits = tuple(
        Visit(node=node, title=node, kind=Kind.STEP, outcome=outcome, started_at=AT, seconds=1)
        for node, outcome in went
    )
    facts = {"id": 1, "key": "k", "blueprint": "fix", "blueprint_version": 1, "state": {}, "asked_at": AT}
    return Run.model_validate({**facts, "task": TASK, "status": status, "at": at, "visits": visits})


@pytest.mark.parametrize("blueprint", BLUEPRINTS.values(), ids=BLUEPRINTS)
def test_every_box_and_way_of_a_blueprint_is_drawn_within_the_drawing(blueprint: object) -> None:
    made = drawing(BLUEPRINTS[blueprint.name])  # type: ignore[attr-defined]
    assert [box.title for box in made.boxes][-1] == "end"
    assert all(0 < box.x < made.width and 0 < box.y < made.height for box in made.boxes)
    assert all(lower.y - upper.y >= 50 for upper, lower in pairwise(made.boxes))
    arrows = {(node.name, str(target)) for node, _, target in BLUEPRINTS["fix"].arrows()}
    assert len(made.ways) >= len(arrows) // 2


def test_lines_beside_each_other_do_not_lie_on_each_other() -> None:
    made = drawing(BLUEPRINTS["fix"])
    columns: dict[str, set[str]] = {}
    for way in made.ways:
        if "Q" in way.path:
            away, entry = way.path.split("Q")[1].split()[0], way.path.rsplit("H", 1)[0].rsplit(" ", 1)[1]
            columns.setdefault(entry, set()).add(away)
    assert all(len(aways) <= 2 for aways in columns.values()), columns


@pytest.mark.parametrize(
    ("status", "at", "mark"),
    [
        (Status.RUNNING, "repair", "at-work"),
        (Status.WAITING, "watch", "waiting"),
        (Status.FAILED, "repair", "failed"),
        (Status.STOPPED, "repair", "failed"),
        (Status.DONE, "explain", "ahead"),
    ],
)
def test_a_run_is_marked_where_it_stands_and_where_it_went(status: Status, at: str, mark: str) -> None:
    made = drawing(BLUEPRINTS["fix"], run(at, status, ("prepare", "ready"), ("implement", "changed"), ("lint", "")))
    marks = {box.name: box for box in made.boxes}
    assert marks[at].mark == mark
    assert [marks[name].mark for name in ("prepare", "implement", "lint", "guard")] == ["done", "done", "done", "ahead"]
    assert sum(way.is_taken for way in made.ways) == 3
    assert marks["END"].mark == ("done" if status is Status.DONE else "ahead")


def test_a_run_that_went_through_a_node_twice_says_so() -> None:
    went = (("prepare", "ready"), ("lint", ""), ("test", "red"), ("repair", "changed"), ("lint", ""))
    made = drawing(BLUEPRINTS["fix"], run("test", Status.RUNNING, *went))
    assert {box.name: box.times for box in made.boxes if box.times > 1} == {"lint": 2, "test": 2}


def test_a_run_of_a_node_that_is_gone_is_drawn_without_it() -> None:
    made = drawing(BLUEPRINTS["fix"], run("gone", Status.RUNNING, ("nowhere", "odd")))
    assert {box.mark for box in made.boxes} == {"ahead"}
