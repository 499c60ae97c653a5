"""Where the boxes and lines of a blueprint's drawing stand, and how a run went through them.

The nodes stand one below the other, in the order of the blueprint's table. A way to the next one is a straight line;
every other way leaves a box at its side, forward ones on the right, backward ones on the left, and all that lead to the
same node share one line. So no line crosses a box, whatever the blueprint, and the drawing fits a phone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from app.core.blueprint import EXHAUSTED, Blueprint, Kind, Node
from app.core.run import Run, Status

# Units of the drawing: about pixels on a desktop.
_WIDE: Final = 196
_HIGH: Final = 36
_STEP: Final = 58
_LABELS: Final = 78
"""Room for words beside a box, on each side."""
_LANE: Final = 11
"""Between two lines that run side by side."""
_EXIT: Final = 11
"""Between two lines that leave the same side of a box."""
_MARGIN: Final = 8
_LETTERS: Final = 15
"""Of words on one line beside a box."""


@dataclass
class Box:
    """A node."""

    name: str
    title: str
    kind: Kind
    x: float
    y: float
    """Its middle."""
    mark: str = "ahead"
    times: int = 0
    """How often the run was in it."""
    newest: int | None = None
    """The newest visit, by its index."""


@dataclass
class Way:
    """A line from one box to another."""

    path: str
    words: Sequence[tuple[float, float, str, str]]
    """x, y, where the text is anchored, the text."""
    is_taken: bool
    is_last_resort: bool
    """Taken only where a node was visited as often as it may be."""


@dataclass
class Drawing:
    """All of it, in units of which it is `width` wide and `height` high."""

    title: str
    width: float
    height: float
    boxes: list[Box] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)


@dataclass
class _Lane:
    """A line beside the boxes that leads to one of them."""

    target: int
    low: int
    high: int
    column: int = 0


def drawing(blueprint: Blueprint[Any], run: Run | None = None) -> Drawing:
    """The drawing of a blueprint and, if one is given, of a run's way through it."""
    nodes = list(blueprint.edges)
    places = {node.name: number for number, node in enumerate(nodes)} | {"END": len(nodes)}
    ways: dict[tuple[int, int], list[str]] = {}
    for node, word, target in blueprint.arrows():
        to = places[target.name if isinstance(target, Node) else "END"]
        ways.setdefault((places[node.name], to), []).append(word)
    taken = _taken(blueprint, run, places)
    left = _lanes([(start, end) for start, end in ways if end <= start])
    right = _lanes([(start, end) for start, end in ways if end > start + 1])
    x = _MARGIN + _beside(left)
    width = x + _WIDE + _beside(right) + _MARGIN
    made = Drawing(f"The blueprint {blueprint.name}", width, _STEP * (len(nodes) + 0.8))
    made.boxes = [*(_box(node, places[node.name], x) for node in nodes), _end(x, len(nodes))]
    _mark(made.boxes, run)
    for number in range(len(nodes)):
        for end, path, words in _exits(number, ways, (left, right), x):
            is_last_resort = set(ways[number, end]) == {EXHAUSTED}
            made.ways.append(Way(path, words, (number, end) in taken, is_last_resort))
    return made


def _beside(lanes: dict[int, _Lane]) -> float:
    """Room for words and lines on one side."""
    return _LABELS + _LANE * (1.5 + max((lane.column for lane in lanes.values()), default=0))


def _exits(
    number: int,
    ways: dict[tuple[int, int], list[str]],
    lanes: tuple[dict[int, _Lane], dict[int, _Lane]],
    x: float,
) -> Iterator[tuple[int, str, list[tuple[float, float, str, str]]]]:
    """The lines that leave a box: where each leads, its path, and its words."""
    left, right = lanes
    ahead = sorted(end for start, end in ways if start == number and end > number + 1)
    back = sorted(end for start, end in ways if start == number and end <= number)
    for end in (number + 1, *ahead, *back):
        words = ways.get((number, end))
        if words is None:
            continue
        if end == number + 1:
            path, said = _straight(number, words, x)
        else:
            side, lane, group = (1, right[end], ahead) if end > number else (-1, left[end], back)
            exit_y = _y(number) + _EXIT * (group.index(end) - (len(group) - 1) / 2) + 3
            path, said = _around(side, lane, exit_y, words, x)
        yield end, path, said


def _straight(number: int, words: Sequence[str], x: float) -> tuple[str, list[tuple[float, float, str, str]]]:
    middle, top, bottom = x + _WIDE / 2, _y(number) + _HIGH / 2, _y(number + 1) - _HIGH / 2
    said = _listed(words)
    return f"M{middle} {top}V{bottom}", [(middle + 7, (top + bottom) / 2 + 3.5, "start", said)] if said else []


def _around(
    side: int, lane: _Lane, exit_y: float, words: Sequence[str], x: float
) -> tuple[str, list[tuple[float, float, str, str]]]:
    edge = x + _WIDE if side > 0 else x
    away = edge + side * (_LABELS + _LANE * (lane.column + 1))
    entry_y = _y(lane.target) - _HIGH / 2 + 7
    bend = 6 if entry_y > exit_y else -6
    path = (
        f"M{edge} {exit_y}H{away - side * 6}Q{away} {exit_y} {away} {exit_y + bend}"
        f"V{entry_y - bend}Q{away} {entry_y} {away - side * 6} {entry_y}H{edge}"
    )
    anchor = "start" if side > 0 else "end"
    return path, [(edge + side * 5, exit_y - 2.5, anchor, _listed(words))]


def _lanes(ways: Sequence[tuple[int, int]]) -> dict[int, _Lane]:
    """One line for each target, the short ones nearest to the boxes, none on top of another."""
    lanes: dict[int, _Lane] = {}
    for start, end in ways:
        lane = lanes.setdefault(end, _Lane(end, min(start, end), max(start, end)))
        lane.low, lane.high = min(lane.low, start), max(lane.high, start)
    placed: list[_Lane] = []
    for lane in sorted(lanes.values(), key=lambda one: (one.high - one.low, one.low)):
        beside = {other.column for other in placed if other.low <= lane.high and lane.low <= other.high}
        lane.column = next(column for column in range(len(beside) + 1) if column not in beside)
        placed.append(lane)
    return lanes


def _taken(blueprint: Blueprint[Any], run: Run | None, places: dict[str, int]) -> set[tuple[int, int]]:
    """The ways that the run took, as the words of its visits tell."""
    went: set[tuple[int, int]] = set()
    leads = {(node.name, word): target for node, word, target in blueprint.arrows()}
    for visit in run.visits if run else ():
        target = leads.get((visit.node, visit.outcome))
        if target is not None:
            went.add((places[visit.node], places[target.name if isinstance(target, Node) else "END"]))
    return went


def _box(node: Node[Any], number: int, x: float) -> Box:
    return Box(node.name, node.title, node.kind, x, _y(number))


def _end(x: float, number: int) -> Box:
    return Box("END", "end", Kind.STEP, x, _y(number))


def _mark(boxes: Sequence[Box], run: Run | None) -> None:
    if run is None:
        return
    by_name = {box.name: box for box in boxes}
    for number, visit in enumerate(run.visits):
        if box := by_name.get(visit.node):
            box.mark, box.newest, box.times = "done", number, box.times + 1
    ends = {Status.FAILED: "failed", Status.STOPPED: "failed", Status.WAITING: "waiting", Status.RUNNING: "at-work"}
    here = by_name.get(run.at)
    if here and run.status in ends:
        here.mark, here.newest, here.times = ends[run.status], len(run.visits), here.times + 1
    if run.status is Status.DONE:
        by_name["END"].mark = "done"


def _y(number: int) -> float:
    return _STEP * (number + 0.5)


def _listed(words: Sequence[str]) -> str:
    """As many words as there is room for."""
    said = [word for word in words if word]
    line = ", ".join(said)
    if len(line) <= _LETTERS or len(said) < 2:
        return line
    return f"{said[0]}, +{len(said) - 1}" if len(said[0]) < _LETTERS - 4 else said[0]
