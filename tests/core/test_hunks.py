import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.hunks import Line, lines, numbered, places
from app.core.patch import Change, FileChange, Patch

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


def test_each_line_has_its_number_afterwards() -> None:
    assert list(lines(DATA)) == [
        Line("one", " ", 1, "first"),
        Line("one", "-", 0, "old"),
        Line("one", "+", 2, "new"),
        Line("one", " ", 3, "last"),
        Line("one", " ", 9, "same"),
        Line("one", "+", 10, "--- a/not a header"),
        Line("gone", "-", 0, "bye"),
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


@pytest.mark.parametrize("most", [0, 10, 60, 200])
def test_what_is_too_long_says_so(most: int) -> None:
    text = numbered(PATCH, most)
    assert "[the rest of the change is not shown here: read the files]" in text or most == 200
    assert len(text) < most + 400


@given(st.binary())
def test_no_bytes_break_it(data: bytes) -> None:
    assert isinstance(list(lines(data)), list)
