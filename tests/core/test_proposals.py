"""When a pull request that nobody looks at is told so, and closed."""

from datetime import UTC, datetime, timedelta

import pytest

from app.core.proposals import Quiet, notice

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.mark.parametrize(
    ("quiet", "after", "due"),
    [
        (Quiet(ago(0), None), 30, ""),
        (Quiet(ago(22.9), None), 30, ""),
        (Quiet(ago(23), None), 30, "warn"),
        (Quiet(ago(300), None), 30, "warn"),  # nobody was there to say it earlier: there is still a word first
        (Quiet(ago(300), ago(6.9)), 30, ""),
        (Quiet(ago(300), ago(7)), 30, "close"),
        (Quiet(ago(29.9), ago(7)), 30, ""),
        (Quiet(ago(1), None), 2, "warn"),  # half of the time, where a week would be more
        (Quiet(ago(2), ago(0.9)), 2, ""),
        (Quiet(ago(2), ago(1)), 2, "close"),
    ],
)
def test_there_is_a_word_first_and_time_to_answer_it(quiet: Quiet, after: float, due: str) -> None:
    assert quiet.due(NOW, timedelta(days=after)) == due


@pytest.mark.parametrize(("after", "before"), [(30, 7), (14, 7), (6, 3), (0, 0)])
def test_it_is_told_a_week_before_or_halfway(after: float, before: float) -> None:
    assert notice(timedelta(days=after)) == timedelta(days=before)
