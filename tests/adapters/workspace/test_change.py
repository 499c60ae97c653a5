import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.workspace.change import added_lines, line_counts
from app.core.diff import unquoted
from app.core.patch import AddedLine


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (b"b/plain.py", "b/plain.py"),
        (b"b/with space\t", "b/with space"),
        (rb'"b/tab\there"', "b/tab\there"),
        (rb'"b/quote\"and\\back"', 'b/quote"and\\back'),
        (rb'"b/caf\351"', "b/caf\udce9"),
        (rb'"b/\303\251\\303"', "b/é\\303"),
    ],
)
def test_names_are_read_as_git_writes_them(written: bytes, name: str) -> None:
    assert unquoted(written) == name


PATCH = b"""diff --git a/one b/one
index 1..2 100644
--- a/one
+++ b/one
@@ -1 +1,3 @@
-old
+new
+++ b/not a header
+@@ -1 +1 @@
\\ No newline at end of file
@@ -9,2 +11,2 @@ context
 same
--- a/not a header either
+last
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
"""


def test_lines_are_numbered_as_they_stand_afterwards() -> None:
    assert list(added_lines(PATCH)) == [
        AddedLine(path="one", line=1, text="new"),
        AddedLine(path="one", line=2, text="++ b/not a header"),
        AddedLine(path="one", line=3, text="@@ -1 +1 @@"),
        AddedLine(path="one", line=12, text="last"),
        AddedLine(path="t\to", line=1, text="hi"),
    ]


@given(st.binary())
def test_no_bytes_break_the_reader_of_lines(data: bytes) -> None:
    assert isinstance(list(added_lines(data)), list)


def test_binary_files_have_no_count() -> None:
    assert line_counts(b"3\t1\ta\tb\0-\t-\tc\0") == {"a\tb": (3, 1), "c": None}
