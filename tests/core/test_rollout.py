"""Who gets a candidate, and when it is taken back: tables, without anything that runs."""

import pytest

from app.core.rollout import Candidate, Figures, Role, arm_of, by_chance, dearer_by_chance, verdict

ROLE = Role(model="a", candidates=(Candidate(model="b", share=0.2), Candidate(model="c", share=0.1, round=2)))


def models(gone: set[tuple[str, int]]) -> list[str]:
    arms = [arm_of(run_id, "implement", ROLE, gone) for run_id in range(2_000)]
    return [arm.model for arm in arms if arm]


def test_each_candidate_gets_its_share() -> None:
    given = models(set())
    assert 0.17 < given.count("b") / 2_000 < 0.23
    assert 0.08 < given.count("c") / 2_000 < 0.12
    assert len(given) == 2_000


def test_the_share_of_one_that_was_rolled_back_goes_to_the_stable_model_alone() -> None:
    before, after = models(set()), models({("b", 1)})
    assert "b" not in after
    assert [was for was, now in zip(before, after, strict=True) if was != now] == ["b"] * before.count("b")
    assert {now for was, now in zip(before, after, strict=True) if was == "b"} == {"a"}


def test_nothing_is_noted_where_nothing_is_tried() -> None:
    assert arm_of(7, "implement", Role(model="a"), set()) is None
    assert models({("b", 1), ("c", 2)}) == []


def test_a_model_is_tried_again_in_another_round() -> None:
    assert "c" in models({("c", 1)})


def test_roles_are_drawn_apart() -> None:
    """Else whoever gets a candidate to implement would always get the one to review, too."""
    half = Role(model="a", candidates=(Candidate(model="b", share=0.5),))
    drawn = [(arm_of(run, "implement", half, ()), arm_of(run, "review", half, ())) for run in range(1_000)]
    assert 400 < sum(one == other for one, other in drawn) < 600


@pytest.mark.parametrize(
    ("stable", "candidate", "is_rolled_back"),
    [
        ((10, 10), (10, 10), False),
        ((100, 90), (10, 4), True),
        ((100, 90), (9, 0), False),  # too few runs of the candidate
        ((9, 9), (100, 10), False),  # too few of the other
        ((20, 18), (20, 10), True),
        ((20, 18), (20, 14), False),  # may well be chance
        ((200, 180), (200, 155), True),
        ((200, 180), (200, 170), False),
        ((50, 10), (50, 45), False),  # better
        ((50, 0), (50, 0), False),
        ((0, 0), (0, 0), False),
    ],
)
def test_a_candidate_is_rolled_back_only_for_what_is_no_chance(
    *, stable: tuple[int, int], candidate: tuple[int, int], is_rolled_back: bool
) -> None:
    first, second = (Figures(runs=runs, well=well) for runs, well in (stable, candidate))
    assert bool(verdict(first, second)) == is_rolled_back


def test_the_sentence_has_both_figures() -> None:
    why = verdict(Figures(runs=20, well=18), Figures(runs=20, well=10))
    assert why == (
        "10 of 20 (50 %) of its runs ended well, and 18 of 20 (90 %) of the other model's in the same time: by mere "
        "chance that happens with a probability of 0.007 (Fisher's exact test; the limit is 0.01)."
    )


@pytest.mark.parametrize(
    ("stable", "candidate", "chance"),
    [
        # The tea-tasting lady, R. A. Fisher, The Design of Experiments, 1935: 17/70 for three of four, 1/70 for all.
        (Figures(runs=4, well=3), Figures(runs=4, well=1), 17 / 70),
        (Figures(runs=4, well=4), Figures(runs=4, well=0), 1 / 70),
        (Figures(runs=4, well=0), Figures(runs=4, well=4), 1.0),
    ],
)
def test_the_chance_is_that_of_the_textbook(stable: Figures, candidate: Figures, chance: float) -> None:
    assert by_chance(stable, candidate) == pytest.approx(chance)


def costing(usd: float, *, runs: int = 20, well: int = 18) -> Figures:
    """Runs of which each costs a little more than the one before, this much on the average."""
    return Figures(runs=runs, well=well, costs=tuple(usd * (0.8 + 0.4 * at / (runs - 1)) for at in range(runs)))


@pytest.mark.parametrize(
    ("stable", "candidate", "limit", "is_rolled_back"),
    [
        (costing(0.5), costing(0.5), 1.5, False),
        (costing(0.5), costing(0.7), 1.5, False),  # dearer, within what is allowed
        (costing(0.5), costing(1.5), 1.5, True),
        (costing(0.5), costing(1.5), 4, False),
        (costing(0.5), costing(0.8), 1.5, False),  # a little beyond, which may be chance
        (costing(0.5), costing(1.5, runs=9, well=9), 1.5, False),  # too few
        (costing(0.5, well=10), costing(0.9, well=20), 1.5, False),  # dearer a run, and not for what it does
        (costing(0.0), costing(1.5), 1.5, False),  # the price of the stable model is not known
        (costing(0.5), costing(0.0), 1.5, False),
        (costing(0.5), costing(0.1), 1.5, False),  # cheaper
    ],
)
def test_a_candidate_is_rolled_back_for_costing_much_more_than_is_allowed(
    *, stable: Figures, candidate: Figures, limit: float, is_rolled_back: bool
) -> None:
    why = verdict(stable, candidate, limit)
    assert bool(why) == is_rolled_back, why
    assert ("3.0 times as much as the other model" in why) == is_rolled_back


def test_one_run_that_went_astray_is_no_dear_model() -> None:
    """Its cost is a hundred times the others', and more than half of all."""
    stray = Figures(runs=20, well=18, costs=(*(0.5,) * 19, 50.0))
    assert verdict(costing(0.5), stray, 1.5) == ""


def test_the_chance_of_costs_is_that_of_the_textbook() -> None:
    """Hollander and Wolfe, 1973, p. 69, as in the documentation of R's `wilcox.test`: 0.1272 by the exact way."""
    term = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
    earlier = [1.15, 0.88, 0.90, 0.74, 1.21]
    assert dearer_by_chance(earlier, term) == pytest.approx(0.1272, abs=0.006)
    assert dearer_by_chance([1.0] * 10, [1.0] * 10) == 1.0
    assert dearer_by_chance([], [1.0]) == 1.0
