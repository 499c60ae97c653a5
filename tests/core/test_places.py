"""How many runs may be at work at once."""

import pytest

from app.core.places import NO_LIMITS, Limits, Seat, fitting

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
