"""What a patch says about lines is what git made of the files."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.diff import file_diffs, sections

LINES = st.lists(st.sampled_from(["a", "b", "--- a/x", "+++ b/x", "@@ -1 +1 @@", "diff --git a/x b/x", "\\ No", ""]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("diff")
    subprocess.run(["git", "init", "-q", made], check=True)
    return made


def diff(folder: Path, before: dict[str, str], after: dict[str, str]) -> bytes:
    for side, files in (("a", before), ("b", after)):
        subprocess.run(["rm", "-rf", folder / side], check=True)
        (folder / side).mkdir()
        for name, text in files.items():
            (folder / side / name).write_bytes(text.encode())
    words = ["git", "-C", str(folder), "diff", "--no-index", "--no-renames", "--full-index", "--binary", "a", "b"]
    out = subprocess.run(words, check=False, capture_output=True).stdout
    return out.replace(b"a/a/", b"a/").replace(b"b/b/", b"b/").replace(b"a/b/", b"a/").replace(b"b/a/", b"b/")


@settings(max_examples=60, deadline=None)
@given(before=LINES, after=LINES)
def test_what_a_patch_makes_of_a_text_is_the_text_afterwards(folder: Path, before: list[str], after: list[str]) -> None:
    old, new = ("".join(f"{line}\n" for line in lines) for lines in (before, after))
    told = file_diffs(diff(folder, {"x": old}, {"x": new}))
    if old != new:
        assert told["x"].applied(old) == new
        assert all(new.split("\n")[line.number - 1] == line.text for line in told["x"].added)
        assert all(old.split("\n")[line.number - 1] == line.text for line in told["x"].removed)


def test_a_patch_is_its_sections(folder: Path) -> None:
    before = {"gone": "x\n", "kept": "1\n", "two words": "1\n", "bin": "\0\1"}
    after = {"kept": "2\n", "two words": "2\n", "caf\u00e9": "x\n", "bin": "\0\2"}
    data = diff(folder, before, after)
    parts = list(sections(data))
    assert b"".join(part for _, part in parts) == data
    assert {path for path, _ in parts} == {"gone", "kept", "two words", "caf\u00e9", "bin"}
    assert list(sections(b"")) == []


def test_a_last_line_without_its_end_is_counted_right() -> None:
    data = b"--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n-a\n\\ No newline at end of file\n+a\n+b\n\\ No newline at end of file\n"
    assert file_diffs(data)["x"].applied("a") == "a\nb"
