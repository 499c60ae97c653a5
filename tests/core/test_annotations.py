"""What gates and reviewer say about places of a change, on its check run."""

import pytest

from app.core.forge import Annotation
from app.core.guards import Finding, Weight
from app.core.patch import AddedLine
from app.core.reviewer import ReviewFinding
from app.core.wording import annotations, annotations_of_a_stop
from app.core.wording.annotations import MOST_ANNOTATIONS
from tests.guards.changes import patch_of

PATCH = patch_of({"a.py": "a\n", "gone.py": "b\n"}, {"a.py": "c\n"})


def remark(path: str = "a.py", line: int = 1, sentence: str = "Look at it.") -> Finding:
    return Finding(guard="answers", sentence=sentence, path=path, line=line, weight=Weight.REMARK)


def test_what_is_found_stands_beside_its_line_the_reviewers_first() -> None:
    read = ReviewFinding(path="a.py", line=7, severity="major", claim="It is wrong.", evidence="See @ann.")
    assert annotations(PATCH, [remark()], [read]) == (
        Annotation(path="a.py", line=7, level="warning", title="Review: major", message="It is wrong. See `@ann`."),
        Annotation(path="a.py", line=1, level="notice", title="Gate: answers", message="Look at it."),
    )


def test_what_is_about_a_whole_file_stands_at_its_first_line() -> None:
    assert [one.line for one in annotations(PATCH, [remark(line=0)], [])] == [1]


def test_what_is_about_a_whole_file_that_was_there_stands_where_the_change_begins() -> None:
    lines = tuple(AddedLine(path="a.py", line=line, text="x") for line in (31, 32))
    patch = PATCH.model_copy(update={"added_lines": lines})
    assert [one.line for one in annotations(patch, [remark(line=0), remark(line=7)], [])] == [31, 7]


def test_what_is_not_in_the_change_has_no_place() -> None:
    assert annotations(PATCH, [remark("b.py"), remark("gone.py")], []) == ()


@pytest.mark.parametrize(
    ("sentence", "path"),
    [
        ("`python3 -m unittest` fails in a clean tree.", "tests/test_a.py"),
        ("`node b/c.js` was named as one that shows that the change works.", "b/c.js"),
        ("`node sub/b/c.js` was named as one that shows that the change works.", "tests/test_a.py"),
        ("`test -e b/c.jsx` was named as one that shows that the change works.", "tests/test_a.py"),
    ],
)
def test_what_is_about_the_whole_change_stands_at_a_file_that_it_names_or_at_a_test(sentence: str, path: str) -> None:
    patch = patch_of({}, {"a.py": "a\n", "b/c.js": "b\n", "tests/test_a.py": "c\n"})
    assert [(one.path, one.line) for one in annotations(patch, [remark("", 0, sentence)], [])] == [(path, 1)]


def test_without_a_test_it_stands_where_the_change_begins() -> None:
    assert [one.path for one in annotations(PATCH, [remark("", 0)], [])] == ["a.py"]
    assert annotations(patch_of({"a.py": "a\n"}, {}), [remark("", 0)], []) == ()


OLD = "".join(f"{number}\n" for number in range(1, 21))
NEW = OLD.replace("5\n6\n", "five\n", 1).replace("15\n", "15\nmore\n", 1)
LATER = patch_of({"a.py": OLD, "gone.py": "b\n"}, {"a.py": NEW, "new.py": "c\n"})


def test_what_is_about_a_line_that_went_stands_where_it_was() -> None:
    gone = remark(line=6).model_copy(update={"is_before": True})
    assert [one.line for one in annotations(LATER, [gone, remark(line=15)], [])] == [5, 15]


def test_why_a_change_stopped_stands_at_the_lines_of_the_commit_that_it_was_made_from() -> None:
    """The change itself is not on GitHub: what came to its line 15 is behind line 15 of what was there."""
    gone = remark(line=6).model_copy(update={"is_before": True})
    away = remark("gone.py", 1).model_copy(update={"is_before": True})
    found = [remark(line=5), gone, remark(line=15), remark(line=19), away, remark("new.py", 1)]
    told = annotations_of_a_stop(LATER, found)
    assert [(one.path, one.line) for one in told] == [
        *(("a.py", line) for line in (5, 6, 15, 19)),
        ("gone.py", 1),
    ]
    assert {one.level for one in told} == {"failure"}
    whole = [remark(line=0), remark("", 0, "`python3 a.py` fails in a clean tree.")]
    assert [(one.path, one.line) for one in annotations_of_a_stop(LATER, whole)] == [("a.py", 5), ("a.py", 5)]


def test_there_are_not_too_many_and_none_is_there_twice() -> None:
    many = [remark(line=line) for line in (1, *range(1, 500))]
    assert [one.line for one in annotations(PATCH, many, [])] == list(range(1, MOST_ANNOTATIONS + 1))
