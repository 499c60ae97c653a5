import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.blueprint import END, EXHAUSTED, Blueprint, Node, State, step
from app.core.errors import BlueprintError
from app.core.world import World


def node(name: str, words: Iterable[str] = (), at_most: int | None = None) -> Node[State]:
    async def run(_state: State, _world: World) -> str | None:
        raise NotImplementedError

    run.__name__ = name
    listed = tuple(words)
    run.__annotations__["return"] = Literal[listed] if listed else None
    return step(f"Title of {name}", at_most=at_most)(run)


def blueprint(edges: Mapping[Node[State], Any], start: Node[State]) -> Blueprint[State]:
    return Blueprint(name="tried", summary="", state=State, start=start, edges=edges)


@st.composite
def tables(draw: st.DrawFn) -> tuple[dict[Node[State], Any], Node[State]]:
    """Tables as a person in a hurry writes them: mostly right."""
    nodes = []
    for number in range(draw(st.integers(1, 6))):
        words = draw(st.sets(st.sampled_from(["yes", "no", "maybe"])))
        bound = draw(st.none() | st.integers(1, 3))
        nodes.append(node(f"n{number}", words, bound))
    targets = st.sampled_from([*nodes, END])
    edges: dict[Node[State], Any] = {}
    for each in nodes:
        words = set(each.outcomes)
        if draw(st.integers(0, 19)) == 0:
            words ^= {draw(st.sampled_from(["yes", "no", "extra"]))}
        edges[each] = {word: draw(targets) for word in sorted(words)} if words else draw(targets)
    return edges, nodes[0]


def walk(drawn: Blueprint[State], choice: random.Random) -> int:
    """Visits from start to end, under random answers, with the engine's rule for used-up nodes."""
    at, visits, been = drawn.start, 0, dict.fromkeys(drawn.edges, 0)
    while True:
        visits += 1
        assert visits <= drawn.most_visits
        if at.at_most is not None and been[at] >= at.at_most:
            word = EXHAUSTED
        else:
            been[at] += 1
            word = choice.choice(sorted(at.outcomes - {EXHAUSTED}) or [""])
        target = drawn.after(at, word)
        if not isinstance(target, Node):
            return visits
        at = target


@given(tables(), st.integers())
def test_what_is_accepted_ends_and_what_is_refused_is_named(
    table: tuple[dict[Node[State], Any], Node[State]], seed: int
) -> None:
    edges, start = table
    try:
        drawn = blueprint(edges, start)
    except BlueprintError as error:
        sentence = str(error)
    else:
        sentence = ""
        choice = random.Random(seed)  # noqa: S311 - a test's choice
        for _ in range(20):
            walk(drawn, choice)
    assert not sentence or (sentence.startswith("tried: ") and any(each.name in sentence for each in edges))


A, B = node("a"), node("b")
ASKS = node("asks", ["yes", "no"])
LOOPS = node("loops", ["again", "done"])
BOUND = node("bound", ["again", "done"], at_most=2)


@pytest.mark.parametrize(
    ("edges", "start", "sentence"),
    [
        ({ASKS: {"yes": END}}, ASKS, "tried: asks may answer 'no', which leads nowhere"),
        ({ASKS: {"yes": END, "no": END, "oh": END}}, ASKS, "tried: asks never answers 'oh'"),
        ({A: END, B: END}, A, "tried: nothing leads to 'b'"),
        ({A: B}, A, "tried: a leads to b, which is not in the table"),
        ({A: END, node("a"): END}, A, "tried: two nodes are called 'a'"),
        ({A: END}, B, "tried: the start, b, is not in the table"),
        ({LOOPS: {"again": LOOPS, "done": END}}, LOOPS, "tried: loops → loops may go round for ever"),
        ({BOUND: {"again": BOUND, "done": END}}, BOUND, "tried: bound may answer 'exhausted', which leads nowhere"),
        (
            {BOUND: {"again": BOUND, "done": END, EXHAUSTED: BOUND}},
            BOUND,
            "tried: bound → bound may go round for ever",
        ),
        ({node("none", at_most=0): END}, A, "the start, a, is not in the table"),
    ],
)
def test_each_mistake_has_its_sentence(edges: dict[Node[State], Any], start: Node[State], sentence: str) -> None:
    with pytest.raises(BlueprintError) as caught:
        blueprint(edges, start)
    assert sentence in str(caught.value)


def test_a_bound_of_nothing_is_refused() -> None:
    never = node("never", at_most=0)
    with pytest.raises(BlueprintError, match="never may be visited 0 times"):
        blueprint({never: {EXHAUSTED: END}}, never)


def test_a_bounded_loop_is_accepted() -> None:
    drawn = blueprint({BOUND: {"again": BOUND, "done": END, EXHAUSTED: END}}, BOUND)
    assert drawn.most_visits == 3


@pytest.mark.parametrize(
    ("oldest", "taken"),
    [(None, [False, False, True, False]), (2, [False, True, True, False]), (1, [True] * 3 + [False])],
)
def test_a_table_takes_runs_of_its_version_and_of_those_that_it_goes_on_from(
    oldest: int | None, taken: list[bool]
) -> None:
    table = replace(blueprint({A: END}, A), version=3, goes_on_from=oldest)
    assert [table.takes(version) for version in (1, 2, 3, 4)] == taken


@pytest.mark.parametrize("oldest", [0, 4])
def test_a_table_cannot_go_on_from_a_version_that_never_was(oldest: int) -> None:
    with pytest.raises(BlueprintError, match=f"of version 3, it cannot go on from version {oldest}"):
        replace(blueprint({A: END}, A), version=3, goes_on_from=oldest)


def test_a_word_that_the_table_does_not_know_is_refused() -> None:
    drawn = blueprint({ASKS: {"yes": END, "no": END}}, ASKS)
    with pytest.raises(BlueprintError, match="asks answered 'perhaps'"):
        drawn.after(ASKS, "perhaps")


def test_a_node_that_is_gone_is_said() -> None:
    with pytest.raises(BlueprintError, match="has no node 'old' any more"):
        blueprint({A: END}, A).node("old")
