"""What a reviewer is told of a run first."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.core.evidence import Evidence, Reviews, Where
from app.core.reviewer import Review, ReviewFinding
from app.core.run import Run, Status
from app.core.task import Person, Repository, Task
from app.web.gist import MOST, gist

AT = datetime(2026, 1, 2, tzinfo=UTC)
TASK = Task(
    repository=Repository(id=5, full_name="octo/cat", installation_id=3),
    number=7,
    title="Broken",
    body="",
    requester=Person(id=1, login="ann"),
    asked_at=AT,
)
BLOCKER = ReviewFinding(
    path="x", line=1, severity="blocker", claim="It breaks", evidence="", reproduction="false", exit_code=1
)
MINOR = ReviewFinding(path="x", line=1, severity="minor", claim="A name", evidence="")
OPEN = "Something is open that should be decided before this is merged."


def run(**state: Any) -> Run:
    """One that is done."""
    return Run(
        id=1,
        key="k",
        intent="one",
        task=TASK,
        blueprint="fix",
        blueprint_version=1,
        status=Status.DONE,
        at="watch",
        state=state,
        asked_at=AT,
    )


def ran(where: Where, exit_code: int = 0, *, timed_out: bool = False, command: str = "pytest") -> dict[str, Any]:
    one = Evidence(command=command, exit_code=exit_code, seconds=1, where=where, timed_out=timed_out)
    return one.model_dump(mode="json")


@pytest.mark.parametrize(
    ("evidence", "shown"),
    [
        ([], []),
        ([ran(Where.NEW_TESTS, 1)], ["The new tests fail without the change."]),
        ([ran(Where.NEW_TESTS, 0)], []),
        ([ran(Where.NEW_TESTS, 124, timed_out=True)], []),
        ([ran(Where.UNCLAIMED, 2)], ["A command that the minion named fails without the change."]),
        ([ran(Where.NEW_TESTS, 1), ran(Where.UNCLAIMED, 2)], ["The new tests fail without the change."]),
        (
            [ran(Where.BEFORE, 1), ran(Where.AFTER)],
            ["What failed before the change passes with it.", "After the change 1 command ended well."],
        ),
        ([ran(Where.BEFORE, 1), ran(Where.AFTER, command="tox")], ["After the change 1 command ended well."]),
        ([ran(Where.AFTER), ran(Where.CLEAN), ran(Where.CLAIMED)], ["In a clean tree 2 commands ended well."]),
        ([ran(Where.CLEAN), ran(Where.CLAIMED, 1)], ["In a clean tree 1 of 2 commands failed."]),
        ([ran(Where.OLD_TESTS)], ["The tests as they were pass with the new code."]),
        ([ran(Where.OLD_TESTS, 1)], ["The tests as they were fail with the new code."]),
    ],
)
def test_what_was_seen_is_said_in_sentences(evidence: list[dict[str, Any]], shown: list[str]) -> None:
    found = gist(run(summary="Accents are kept.", evidence=evidence))
    assert found
    assert found.shown == shown


@pytest.mark.parametrize(
    ("reviews", "said"),
    [
        (Reviews(), ""),
        (Reviews(why_none="There was no review by a second model."), "There was no review by a second model."),
        (Reviews(newest=Review(model="m/1")), "m/1 read the change, and found nothing to say."),
        (Reviews(newest=Review(findings=(MINOR,))), "Another model read the change, and noted 1 thing: no blocker."),
        (
            Reviews(newest=Review(findings=(MINOR, BLOCKER), model="m/1")),
            f"m/1 read the change, and noted 2 things: 1 blocker. {OPEN}",
        ),
    ],
)
def test_what_another_model_says_is_told_in_one_line(reviews: Reviews, said: str) -> None:
    found = gist(run(summary="Accents are kept.", reviews=reviews.model_dump(mode="json")))
    assert found
    assert found.review == said


@pytest.mark.parametrize("state", [{}, {"summary": "  "}, {"summary": 3}, {"summary": ["a"]}])
def test_nothing_is_told_in_short_while_nothing_was_done(state: dict[str, Any]) -> None:
    assert gist(run(**state)) is None


def test_a_blueprint_that_keeps_other_things_is_told_as_far_as_it_goes() -> None:
    found = gist(run(summary="a" * 9_000, evidence="a sentence", reviews="none", risks=4))
    assert found
    assert (len(found.done), found.done[-1], found.shown, found.review, found.risks) == (MOST, "…", [], "", "")
