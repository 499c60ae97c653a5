"""Budgets of a month, and what a run is likely to cost: tables."""

import pytest

from app.core.purse import Caps, Estimate, Level, Used, estimated, weighed

CAPS = Caps(repository=10, organisation=100)


def used(spent: float, held: float = 0.0) -> Used:
    return Used(spent_usd=spent, held_usd=held)


@pytest.mark.parametrize(
    ("caps", "there", "usd", "is_granted", "level", "left"),
    [
        (Caps(), {}, 5.0, True, None, 0),
        (CAPS, {}, 5.0, True, "repository", 5),
        (CAPS, {"repository": used(6)}, 5.0, False, "repository", 4),
        (CAPS, {"repository": used(3, held=3)}, 5.0, False, "repository", 4),
        (CAPS, {"repository": used(5)}, 5.0, True, "repository", 0),
        (CAPS, {"repository": used(2), "organisation": used(94)}, 5.0, True, "organisation", 1),
        (CAPS, {"repository": used(2), "organisation": used(90, held=6)}, 5.0, False, "organisation", 4),
        (Caps(month=1), {"month": used(1.2)}, 0.0, False, "month", -0.2),
        (Caps(requester=1), {"repository": used(50)}, 1.0, True, "requester", 0),
    ],
)
def test_money_is_set_aside_at_every_level_or_at_none(
    caps: Caps, there: dict[Level, Used], usd: float, *, is_granted: bool, level: Level | None, left: float
) -> None:
    """And what is said of it is of the level where least is left."""
    held = weighed(caps, there, usd)
    assert (held.is_granted, held.level) == (is_granted, level)
    assert held.left_usd == pytest.approx(left)


@pytest.mark.parametrize(
    ("costs", "estimate"),
    [
        ([], None),
        ([1.0, 2.0], None),
        ([3.0, 1.0, 2.0], Estimate(runs=3, usd=2.0, most_usd=3.0)),
        ([4.0, 1.0, 2.0, 9.0], Estimate(runs=4, usd=3.0, most_usd=9.0)),
    ],
)
def test_an_estimate_is_the_median_of_three_runs_or_more(costs: list[float], estimate: Estimate | None) -> None:
    assert estimated(costs) == estimate
