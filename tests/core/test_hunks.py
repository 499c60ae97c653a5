import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.hunks import Line, afterwards, around, before, by_file, lines, numbered, places
from app.core.patch import Change, FileChange, Patch
from tests.guards.changes import patch_of

DATA = b"""diff --git a/one b/one
index 1..2 100644
--- a/one
+++ b/one
@@ -1,3 +1,3 @@
 first
-old
+new
 last
@@ -9,1 +9,2 @@ context
 same
+--- a/not a header
\\ No newline at end of file
diff --git a/gone b/gone
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-bye
diff --git "a/t\\to" "b/t\\to"
--- /dev/null
+++ "b/t\\to"
@@ -0,0 +1 @@
+hi
diff --git a/x.bin b/x.bin
Binary files differ
"""


def file(path: str, change: Change = Change.MODIFIED) -> FileChange:
    return FileChange(path=path, change=change, old_mode="100644", new_mode="100644", binary=False, added=1, deleted=1)


PATCH = Patch(data=DATA, files=(file("one"), file("gone", Change.DELETED), file("t\to"), file("x.bin")))


def test_each_line_has_its_number_before_and_afterwards() -> None:
    assert list(lines(DATA)) == [
        Line("one", " ", 1, "first", 1),
        Line("one", "-", 0, "old", 2),
        Line("one", "+", 2, "new"),
        Line("one", " ", 3, "last", 3),
        Line("one", " ", 9, "same", 9),
        Line("one", "+", 10, "--- a/not a header"),
        Line("gone", "-", 0, "bye", 1),
        Line("t\to", "+", 1, "hi"),
    ]


def test_a_place_in_a_change_is_a_line_that_its_diff_shows() -> None:
    assert places(PATCH) == {
        "one": frozenset({1, 2, 3, 9, 10}),
        "gone": frozenset(),
        "t\to": frozenset({1}),
        "x.bin": frozenset(),
    }


def test_a_reader_sees_numbers_and_where_lines_are_left_out() -> None:
    assert numbered(PATCH, 10_000).split("\n") == [
        "== one (modified, +1 -1)",
        "     1   first",
        "       - old",
        "     2 + new",
        "     3   last",
        "   …",
        "     9   same",
        "    10 + --- a/not a header",
        "== gone (deleted, +1 -1)",
        "       - bye",
        "== t\to (modified, +1 -1)",
        "     1 + hi",
        "== x.bin (modified, +1 -1), without lines to show",
    ]


OLD = "".join(f"{number}\n" for number in range(1, 41))
NEW = OLD.replace("5\n6\n", "five\nsix\nand\n", 1).replace("20\n", "", 1).replace("35\n", "35\nmore\n", 1)
SHOWN = by_file(patch_of({"a": OLD}, {"a": NEW}).data)["a"]


@pytest.mark.parametrize(
    ("now", "was"),
    [(1, 1), (5, 5), (6, 5), (7, 5), (8, 7), (15, 14), (20, 19), (21, 21), (30, 30), (36, 35), (40, 39), (41, 40)],
)
def test_a_line_is_found_on_the_other_side_of_a_change(now: int, was: int) -> None:
    """What came instead of something is found where that stood; what came in between, behind what stands above."""
    assert before(SHOWN, now) == was
    assert OLD.split("\n")[was - 1] == NEW.split("\n")[now - 1] or now in {5, 6, 7, 36}


@pytest.mark.parametrize(("was", "now"), [(1, 1), (5, 5), (6, 5), (7, 8), (19, 20), (20, 20), (21, 21), (40, 41)])
def test_a_line_that_was_there_is_found_now(was: int, now: int) -> None:
    assert afterwards(SHOWN, was) == now


def test_in_a_new_file_and_in_one_that_went_there_is_no_other_side() -> None:
    came, went = by_file(patch_of({}, {"a": OLD}).data)["a"], by_file(patch_of({"a": OLD}, {}).data)["a"]
    assert before(came, 7) == afterwards(went, 7) == 1


def test_what_stands_around_a_line_ends_where_lines_are_left_out() -> None:
    assert [f"{one.mark}{one.text}" for one in around(SHOWN, 6)] == ["-5", "-6", "+five", "+six", "+and", " 7", " 8"]
    assert [f"{one.mark}{one.text}" for one in around(SHOWN, 20, is_before=True, most=1)] == [" 19", "-20", " 21"]
    assert [one.text for one in around(SHOWN, 2)] == ["2", "3", "4", "5"]
    assert around(SHOWN, 0) == around(SHOWN, 14) == around((), 1) == ()


@pytest.mark.parametrize("most", [0, 10, 60, 200])
def test_what_is_too_long_says_so(most: int) -> None:
    text = numbered(PATCH, most)
    assert "[the rest of the change is not shown here: read the files]" in text or most == 200
    assert len(text) < most + 400


@given(st.binary())
def test_no_bytes_break_it(data: bytes) -> None:
    for shown in by_file(data).values():
        assert all(before(shown, number) > 0 < afterwards(shown, number) for number in (1, 7))
