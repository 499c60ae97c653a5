"""Who gets a candidate, and when it is taken back: tables, without anything that runs."""

import pytest

from app.core.rollout import Candidate, Figures, Role, arm_of, by_chance, verdict

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
    figures = [Figures(runs=runs, well=well) for runs, well in (stable, candidate)]
    assert bool(verdict(*figures)) == is_rolled_back


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
