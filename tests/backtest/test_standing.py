"""Who stands before whom, by trials: tables."""

import pytest

from app.backtest.standing import by_chance, common, comparisons, ranked, table
from app.evaluation.trial import Trial, Verdict

SOLVED, WRONG, STOPPED, BROKEN, UNPAID = (
    *(Verdict.SOLVED, Verdict.WRONG, Verdict.STOPPED),
    *(Verdict.BROKEN, Verdict.UNPAID),
)
FILES = {"#1": ["a.py"], "#2": ["a.py", "b.py"], "#3": []}


def trials(model: str, *verdicts: Verdict, usd: float = 0.1, touched: tuple[str, ...] = ("a.py",)) -> list[Trial]:
    """One at each of the pairs #1, #2, …"""
    return [
        Trial(task=f"#{at}", kind="", language="", model=model, verdict=verdict, usd=usd, turns=3, touched=touched)
        for at, verdict in enumerate(verdicts, 1)
    ]


def order(*found: list[Trial]) -> list[str]:
    every = [trial for each in found for trial in each]
    return [one.candidate for one in ranked(every, [each[0].model for each in found], FILES)]


def test_who_solved_more_stands_first() -> None:
    assert order(trials("a", WRONG, SOLVED), trials("b", SOLVED, SOLVED, usd=9.0)) == ["b", "a"]


def test_of_equals_the_cheaper_one_stands_first() -> None:
    assert order(trials("a", SOLVED, STOPPED, usd=0.2), trials("b", WRONG, SOLVED)) == ["b", "a"]


@pytest.mark.parametrize("none", [BROKEN, UNPAID])
def test_only_pairs_that_everybody_has_tried_count(none: Verdict) -> None:
    """Else who met only the easy ones would stand first."""
    a, b = trials("a", WRONG, SOLVED, SOLVED), trials("b", SOLVED, SOLVED, none)
    assert common([*a, *b], ["a", "b"]) == ["#1", "#2"]
    first, second = ranked([*a, *b], ["a", "b"], FILES)
    assert [(one.candidate, one.pairs, one.solved, one.usd) for one in (first, second)] == [
        ("b", 2, 2, 0.2),
        ("a", 2, 1, 0.2),
    ]


def test_nearness_is_of_files_that_are_no_tests() -> None:
    (only,) = ranked(trials("a", SOLVED, SOLVED, SOLVED, touched=("a.py", "tests/test_a.py")), ["a"], FILES)
    assert only.near == 0.75, "all of the first, half of the second; the third changed nothing but tests"


def test_without_trials_there_is_a_table_all_the_same() -> None:
    standings = ranked([], ["a", "b"], {})
    assert "0/0" in table(standings)
    assert [one.usd_per_solved for one in standings] == [None, None]


def test_the_table_and_the_sentence_have_the_figures() -> None:
    every = [*trials("good", SOLVED, SOLVED, SOLVED, SOLVED), *trials("worse", SOLVED, WRONG, STOPPED, WRONG)]
    standings = ranked(every, ["worse", "good"], FILES)
    assert [line.split()[:4] for line in table(standings).splitlines()[1:]] == [
        ["1.", "good", "4/4", "0"],
        ["2.", "worse", "1/4", "2"],
    ]
    (sentence,) = comparisons(every, standings)
    assert sentence == (
        "good solved 3 that worse did not, and worse 0 that good did not: chance alone brings that, or more, with a "
        "probability of 0.12."
    )


@pytest.mark.parametrize(
    ("better", "worse", "chance"),
    [(0, 0, 1.0), (1, 1, 0.75), (6, 0, 1 / 64), (8, 2, 56 / 1024), (0, 3, 1.0)],
)
def test_the_chance_is_that_of_coins(better: int, worse: int, chance: float) -> None:
    assert by_chance(better, worse) == pytest.approx(chance)
