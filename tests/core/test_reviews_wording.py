"""What people are told where there is more to be reviewed than they get round to."""

import pytest

from app.core.places import Turn
from app.core.wording import waits_for_reviews

LATER = " It begins by itself when one of them is merged or closed."


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (
            Turn(at=3, of=7, whose="repository", open=5, coming=0, most=5),
            "3rd of 7; 5 pull requests of minions wait for review here, at most 5.",
        ),
        (
            Turn(at=1, of=1, whose="repository", open=1, coming=1, most=2),
            "1st of 1; 1 pull request of minions waits for review here and 1 run is at work on more, at most 2.",
        ),
        (
            Turn(at=12, of=22, whose="requester", open=2, coming=3, most=5),
            (
                "12th of 22; 2 pull requests of minions that the same person asked for wait for review"
                " and 3 runs are at work on more, at most 5."
            ),
        ),
        (
            Turn(at=22, of=22, whose="repository", open=0, coming=1, most=1),
            "22nd of 22; 0 pull requests of minions wait for review here and 1 run is at work on more, at most 1.",
        ),
    ],
)
def test_a_place_in_line_is_told_with_what_it_waits_for(turn: Turn, words: str) -> None:
    assert waits_for_reviews(turn) == words + LATER
