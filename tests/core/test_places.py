"""How many runs may be at work at once."""

import pytest

from app.core.places import NO_LIMITS, Limits, Load, MostOpen, Room, Seat, fitting

ANN, BEA = 1, 2
CATS, DOGS = 10, 20


@pytest.mark.parametrize(
    ("limits", "at_work", "held", "begin"),
    [
        (NO_LIMITS, [(CATS, ANN)] * 100, [(CATS, ANN)], [0]),
        (Limits(installation=2), [(CATS, ANN)], [(DOGS, BEA), (DOGS, BEA)], [0]),
        (Limits(installation=2), [(CATS, ANN)] * 3, [(DOGS, BEA)], []),  # lowered, or some waited and came back
        (Limits(repository=1), [(CATS, ANN)], [(CATS, BEA), (DOGS, ANN), (DOGS, BEA)], [1]),
        (Limits(requester=1), [(CATS, ANN)], [(DOGS, ANN), (CATS, BEA), (DOGS, BEA)], [1]),
        (Limits(installation=2, repository=1), [(CATS, ANN)], [(CATS, BEA), (DOGS, ANN), (DOGS, ANN)], [1]),
        (Limits(repository=1, requester=1), [], [(CATS, ANN), (CATS, BEA), (DOGS, ANN), (DOGS, BEA)], [0, 3]),
    ],
)
def test_a_free_place_goes_to_the_first_whom_it_fits(
    limits: Limits, at_work: list[tuple[int, int]], held: list[tuple[int, int]], begin: list[int]
) -> None:
    waiting = [(number, Seat(*seat)) for number, seat in enumerate(held)]
    assert fitting(limits, [Seat(*seat) for seat in at_work], waiting) == begin


@pytest.mark.parametrize(
    ("limits", "smallest"), [(NO_LIMITS, 0), (Limits(5, 0, 3), 3), (Limits(2, 4, 3), 2), (Limits(requester=7), 7)]
)
def test_the_smallest_limit_bounds_what_is_alike(limits: Limits, smallest: int) -> None:
    assert limits.smallest == smallest


CAT_CALLS, DOG_CALLS = Seat(CATS, ANN, proposes=True), Seat(DOGS, ANN, proposes=True)
BEAS = Seat(CATS, BEA, proposes=True)
FOLLOWS_UP = Seat(CATS, ANN)


@pytest.mark.parametrize(
    ("most", "load", "at_work", "held", "begin"),
    [
        (MostOpen(), Load(proposed=[CAT_CALLS] * 99), [], [CAT_CALLS], [0]),
        (MostOpen(repository=2), Load(proposed=[CAT_CALLS]), [], [CAT_CALLS, CAT_CALLS, DOG_CALLS], [0, 2]),
        (MostOpen(repository=2), Load(parked=[CAT_CALLS]), [CAT_CALLS], [CAT_CALLS, DOG_CALLS], [1]),
        (MostOpen(repository=2), Load(proposed=[CAT_CALLS]), [FOLLOWS_UP], [CAT_CALLS], [0]),
        (MostOpen(repository=1), Load(proposed=[CAT_CALLS]), [], [FOLLOWS_UP, CAT_CALLS], [0]),
        (MostOpen(requester=1), Load(proposed=[DOG_CALLS]), [], [CAT_CALLS, BEAS], [1]),
        (MostOpen(), Load(proposed=[BEAS], own={CATS: MostOpen(repository=1)}), [], [CAT_CALLS, DOG_CALLS], [1]),
        (MostOpen(repository=1), Load(proposed=[BEAS], own={CATS: MostOpen(repository=9)}), [], [CAT_CALLS], []),
    ],
)
def test_who_would_propose_one_too_many_has_to_wait(
    most: MostOpen, load: Load, at_work: list[Seat], held: list[Seat], begin: list[int]
) -> None:
    assert fitting(Limits(open=most), at_work, list(enumerate(held)), load) == begin


def test_a_place_in_line_is_among_those_that_wait_for_the_same() -> None:
    held = [(1, CAT_CALLS), (2, FOLLOWS_UP), (3, DOG_CALLS), (4, BEAS), (5, CAT_CALLS)]
    room = Room(Limits(open=MostOpen(repository=2)), [CAT_CALLS], Load(proposed=[BEAS]))
    turns = [room.turn(seat, held, run_id) for run_id, seat in held]
    found = [turn and (turn.at, turn.of, turn.open, turn.coming, turn.most) for turn in turns]
    assert found == [(1, 3, 1, 1, 2), None, None, (2, 3, 1, 1, 2), (3, 3, 1, 1, 2)]


@pytest.mark.parametrize(
    ("wanted", "ceiling", "holds"),
    [((0, 0), (0, 0), (0, 0)), ((3, 0), (5, 2), (3, 2)), ((9, 4), (5, 0), (5, 4)), ((0, 1), (5, 9), (5, 1))],
)
def test_a_repository_can_want_less_than_the_operator_and_never_more(
    wanted: tuple[int, int], ceiling: tuple[int, int], holds: tuple[int, int]
) -> None:
    assert MostOpen(*wanted).within(MostOpen(*ceiling)) == MostOpen(*holds)
